"""The exercises themselves, a folder for each. Never in reach of a learner's code while it is graded.

    q1/__init__.py    the question: task, stub, solution, hints and cases, with its section in the notebook
    q1/judge.py       what compares the facts of an answer with what is true; knows no solution
    q1/probe.py       what runs beside the learner's code, in the sandbox too: imports torch and `inside` alone
    q1/mistakes.py    typical mistakes, which the judge must refuse and name, and other right answers

A folder's `variants` ask for different things by the same code, and no answer is right for two of them. The book asks
the first, which is also the folder's `question`; a course may draw from the others, see `course.variants`.

A new folder with the next number is a new exercise: the names to import, the notebook, the grading and the tests find
it. All their points add up to 100. QUESTIONS are judged by what an answer does, PROSE by people, which needs no judge,
no probe, no mistakes and no variants.
"""

import importlib
import pkgutil
import re
from pathlib import Path

from ..question import Mistake, Prose, Question
from .chapter import SECTIONS


def _found() -> dict[str, tuple[Question | Prose, ...]]:
    """Return the variants of the exercise in each folder by name, in the order of their numbers."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if re.fullmatch(r"q[1-9]\d*", module.name)]
    sections = [section.name for section in SECTIONS]
    found: dict[str, tuple[Question | Prose, ...]] = {}
    for name in sorted(names, key=lambda name: int(name[1:])):
        module = importlib.import_module(f"{__name__}.{name}")
        found[name] = (module.question, *getattr(module, "variants", ())[1:])
        for question in found[name]:
            if question.name != name:
                raise ValueError(f"bank/{name} holds a question with the name {question.name!r}: call it {name!r}")
            if question.section not in sections:
                there = ", ".join(sections)
                raise ValueError(f"{name} names the section {question.section!r}, but chapter.py has {there}")
    return found


COURSE_FILE = "course.txt"  # of a package that a course handed out: which one it is
COURSE = path.read_text() if (path := Path(__file__).with_name(COURSE_FILE)).exists() else ""
VARIANTS = _found()
EXERCISES = {name: variants[0] for name, variants in VARIANTS.items()}
QUESTIONS = tuple(question for question in EXERCISES.values() if isinstance(question, Question))
PROSE = tuple(question for question in EXERCISES.values() if isinstance(question, Prose))


def typical_mistakes(name: str, variant: int = 0) -> dict[str, Mistake]:
    """Return wrong answers to a variant of a question, by what the mistake is.

    >>> typical_mistakes("q1")["the layer"].words
    ['type of the returned weight', 'Linear']
    """
    module = importlib.import_module(f"{__name__}.{name}.mistakes")
    mistakes: dict[str, Mistake] = module.mistakes(VARIANTS[name][variant])
    return mistakes


def other_answers(name: str, variant: int = 0) -> dict[str, str]:
    """Return right answers to a variant of a question besides its solution, as code, by what they do otherwise."""
    module = importlib.import_module(f"{__name__}.{name}.mistakes")
    others: dict[str, str] = module.others(VARIANTS[name][variant])
    return others
