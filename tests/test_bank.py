"""The bank of exercises: one folder makes an exercise, everything else finds it there, and learners' code sees none."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from sandboxed import needs_walls, see

import d2lparams
from d2lparams import exercises
from d2lparams.course import authoring, grading
from d2lparams.exercises import bank
from d2lparams.exercises.bank import EXERCISES, PROSE, QUESTIONS, chapter

PACKAGE = Path(d2lparams.__file__).parent
TESTS = Path(__file__).parent

# An exercise that is not there, with a net of its own in its probe
NEW = {
    "__init__.py": '''
"""Name a thing twice."""

from ...compare import Wrong, names
from ...question import Case, Question
from ..case_parts import integer
from .probe import Tower, probe


def make_cases(rng):
    floors = [integer(rng, 2, 4), integer(rng, 5, 7)]
    return [Case(f"{n} floors", {"net": Tower(n)}, sorted(Tower(n).state_dict())) for n in floors]


def judge(expected, facts):
    actual = names(facts["names"], "what was returned")
    if actual != expected:
        raise Wrong("names", actual, expected, "biases were left out" if len(actual) < len(expected) else "")


question = Question(
    name="q15",
    section="training",
    title="Name the floors of a tower",
    points=3,
    task="Return the names of all that `net` holds.",
    answer="floor_names",
    stub="""
def floor_names(net: nn.Module) -> list[str]:
    # your turn
    return ...
""",
    solution_code="""
def floor_names(net: nn.Module) -> list[str]:
    return list(net.state_dict())
""",
    hints=("It has a `state_dict()`.", "Its keys are the names."),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
''',
    "probe.py": '''
"""What runs beside an answer to q15, in the sandbox too."""

from torch import nn

from d2lparams.exercises.inside.plain_data import describe


class Tower(nn.Sequential):
    """Layers on top of each other."""

    def __init__(self, floors):
        super().__init__(*(nn.Linear(2, 2) for _ in range(floors)))


def probe(answer, net):
    """The names that the answer found."""
    return {"names": describe(answer(net))}
''',
    "mistakes.py": '''
"""Answers to q15."""

from ...question import Mistake

def mistakes(question):
    return {
        "weights alone": Mistake(
            ["names", "biases were left out"],
            """
def floor_names(net):
    return [name for name in net.state_dict() if name.endswith("weight")]
""",
        ),
        "none": Mistake(["names"], "def floor_names(net): return []"),
        "a number": Mistake(["type of what was returned", "an int"], "def floor_names(net): return 3"),
    }


def others(question):
    return {"from parameters": "def floor_names(net): return [name for name, _ in net.named_parameters()]"}
''',
}

USE = """
import json
from d2lparams import exercises
from d2lparams.course import authoring, grading, submissions
from d2lparams.course.sandbox import Sandbox, missing
from d2lparams.exercises import q15
from d2lparams.exercises.bank import typical_mistakes

learner, course = authoring.learner_notebook().cells, authoring.source_notebook().cells
found = {
    "checked": [repr(q15.check()), repr(q15.check(lambda net: list(net.state_dict())))],
    "in dir": "q15" in dir(exercises),
    "exported": exercises.__all__[-1],
    "begins": learner[0].source.splitlines()[2],
    "imported": "    q15,\\n" in learner[1].source,
    "cells": [cell.id for cell in learner if cell.id.startswith("q15")],
    "section": [cell.id for cell in learner if cell.id in ("training", "q13-check", "q15-task", "explain")],
    "solved": [cell.source for cell in course if cell.id == "q15"],
    "format": grading._format(),
}
if not missing():
    with Sandbox() as box:
        for name, source in (("right", q15.solution_code), ("wrong", typical_mistakes("q15")["weights alone"].source)):
            handed_in = submissions.Submission("ada", cells=[submissions.Cell("code", source, "q15")])
            entry = grading.grade(handed_in, box)["questions"]["q15"]
            found[name] = [entry["outcome"], entry["points"], entry["max"]]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the package and its exercises' tests, with one folder more in the bank, and nothing else changed."""
    house = tmp_path_factory.mktemp("house")
    shutil.copytree(PACKAGE, house / "d2lparams", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TESTS, house / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    folder = house / "d2lparams" / "exercises" / "bank" / "q15"
    folder.mkdir()
    for name, text in NEW.items():
        (folder / name).write_text(text.lstrip())
    return house


def run(house, *command):
    """Run Python in the copy and return what it printed."""
    done = subprocess.run([sys.executable, *command], cwd=house, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_folder_of_the_bank_is_a_new_exercise_everywhere(house):
    found = json.loads(run(house, "-c", USE))
    assert found["checked"] == ["q15: not attempted", "q15: correct"]
    assert (found["in dir"], found["exported"]) == (True, "q15")
    assert found["begins"].startswith("**What you'll do.** Fourteen exercises, ")
    assert found["imported"]
    assert found["cells"] == ["q15-task", "q15", "q15-check"]
    assert found["section"] == ["training", "q13-check", "q15-task", "explain"]
    assert "### BEGIN SOLUTION\n    return list(net.state_dict())" in found["solved"][0]
    assert found["format"] != grading._format()
    needs_walls()
    assert found["right"] == ["correct", 3, 3]
    assert found["wrong"] == ["incorrect", 0, 3]


def test_a_new_exercises_mistakes_are_tested(house):
    said = run(house, "-m", "pytest", "-v", "-p", "no:cacheprovider", "tests/test_exercises.py", "-k", "q15")
    for test in ("a_mistake_is_named[q15: weights alone]", "another_good_way_is_correct[q15: from parameters]"):
        assert f"test_exercises.py::test_{test} PASSED" in said
    assert "failed" not in said


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "q2"}, "bank/q1 holds a question with the name 'q2': call it 'q1'"),
        ({"section": "end"}, "q1 names the section 'end', but chapter.py has access, "),
    ],
)
def test_an_exercise_that_does_not_fit_the_bank_says_why(monkeypatch, change, why):
    monkeypatch.setattr(bank.q1, "question", dataclasses.replace(exercises.q1, **change))
    with pytest.raises(ValueError, match=f"^{why}"):
        importlib.reload(bank)


def test_names_of_exercises_are_offered_and_others_refused():
    assert set(EXERCISES) <= set(dir(exercises))
    assert exercises.q1 is QUESTIONS[0]
    space = {}
    exec("from d2lparams.exercises import *", space)
    assert [space[name] for name in EXERCISES] == [*QUESTIONS, *PROSE]
    with pytest.raises(ImportError, match="cannot import name 'q99'"):
        exec("from d2lparams.exercises import q99")


def test_exercises_stand_in_the_order_of_their_numbers_and_in_their_sections():
    assert [int(name[1:]) for name in EXERCISES] == list(range(1, len(EXERCISES) + 1))
    ids = [cell.id for cell in authoring.learner_notebook().cells]
    sections = [section.name for section in chapter.SECTIONS]
    assert [cell_id for cell_id in ids if cell_id in sections] == sections
    for name, question in EXERCISES.items():
        above = [cell_id for cell_id in ids[: ids.index(name)] if cell_id in sections]
        assert above[-1] == question.section


def test_a_learners_code_sees_the_probes_and_nothing_else_of_the_bank(box):
    source = """
import os, sys
seen = {"modules": sorted(name for name in sys.modules if name.startswith("d2lparams.exercises.bank"))}
seen["names"] = sorted({name for m in seen["modules"] for name in vars(sys.modules[m]) if not name.startswith("_")})
seen["files"] = sorted(os.listdir("/course/probes"))
paths = [os.path.join(folder, file) for folder, _, files in os.walk("/course") for file in files]
texts = {path: open(path, "rb").read() for path in paths}
seen["telling"] = [path for path, text in texts.items() if b"your turn" in text or b"solution_code" in text]
seen["telling"] += [path for path, text in texts.items() if b"MISTAKES" in text or b"def judge" in text]
places = ["/course/probes", *(f"/course/probes/{file}" for file in seen["files"])]
seen["written"] = [place for place in places if not os.statvfs(place).f_flag & os.ST_RDONLY]
"""
    seen = see(box, source)
    names = sorted(question.name for question in QUESTIONS)
    assert seen["modules"] == sorted(f"d2lparams.exercises.bank.{name}.probe" for name in names)
    assert seen["files"] == sorted(f"{name}.py" for name in names)
    nets = {"Fancy", "Parallel", "Speller"}
    tools = {"Any", "Callable", "F", "Tensor", "copy", "describe", "nn", "step", "torch"}
    assert set(seen["names"]) == nets | tools | {"probe"}
    assert seen["telling"] == []
    assert seen["written"] == []


def modules():
    """Every module of the exercises, imported."""
    yield exercises
    for module in pkgutil.walk_packages(exercises.__path__, f"{exercises.__name__}."):
        yield importlib.import_module(module.name)


def functions(holder, module):
    """Every function and method that is written in a module, private ones too."""
    for value in list(vars(holder).values()):
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            yield value
            yield from functions(value, module)
        elif inspect.isfunction(value):
            yield value


def test_every_annotation_names_something():
    found = [value for module in modules() for value in functions(module, module)]
    assert len(found) > 150
    for value in found:
        typing.get_type_hints(value)
