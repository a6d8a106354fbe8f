"""The exercises themselves, a folder for each. Never in reach of a learner's code while it is graded.

    q1/__init__.py    the question: task, stub, solution, hints, cases and judge, with its section in the notebook
    q1/probe.py       what runs beside the learner's code, in the sandbox too: imports torch and `inside` alone
    q1/mistakes.py    typical mistakes, which the judge must refuse and name, and other right answers

A new folder with the next number is a new exercise: the names to import, the notebook, the grading and the tests find
it. All their points add up to 100. QUESTIONS are judged by what an answer does, PROSE by people, which needs neither a
probe nor mistakes.
"""

import importlib
import pkgutil
import re

from ..question import Mistake, Prose, Question
from .chapter import SECTIONS


def _found() -> dict[str, Question | Prose]:
    """Return the exercise in each folder by name, in the order of their numbers."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if re.fullmatch(r"q[1-9]\d*", module.name)]
    sections = [section.name for section in SECTIONS]
    found: dict[str, Question | Prose] = {}
    for name in sorted(names, key=lambda name: int(name[1:])):
        found[name] = question = importlib.import_module(f"{__name__}.{name}").question
        if question.name != name:
            raise ValueError(f"bank/{name} holds a question with the name {question.name!r}: call it {name!r}")
        if question.section not in sections:
            raise ValueError(f"{name} names the section {question.section!r}, but chapter.py has {', '.join(sections)}")
    return found


EXERCISES = _found()
QUESTIONS = tuple(question for question in EXERCISES.values() if isinstance(question, Question))
PROSE = tuple(question for question in EXERCISES.values() if isinstance(question, Prose))


def typical_mistakes(name: str) -> dict[str, Mistake]:
    """Return wrong answers to a question, by what the mistake is.

    >>> typical_mistakes("q1")["the layer"].words
    ['type of the returned weight', 'Linear']
    """
    mistakes: dict[str, Mistake] = importlib.import_module(f"{__name__}.{name}.mistakes").MISTAKES
    return mistakes


def other_answers(name: str) -> dict[str, str]:
    """Return right answers to a question besides its solution, as code, by what they do otherwise."""
    others: dict[str, str] = importlib.import_module(f"{__name__}.{name}.mistakes").OTHERS
    return others
