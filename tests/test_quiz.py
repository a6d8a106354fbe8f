"""The quiz: what a good reader of the chapter can answer, computed, and where it is taught."""

import functools
import importlib
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
MODULES = ["access", "initialization", "custom", "sharing", "training"]
EVERY = {
    f"{name}-{i}": quiz
    for name in MODULES
    for i, quiz in enumerate(importlib.import_module(f"quiz.{name}").QUIZ, start=1)
}


def agree(answer, computed, within):
    """Return whether an answer is what was computed: numbers up to a share of the answer, anything else exactly."""
    if isinstance(answer, (tuple, list)):
        same = isinstance(computed, (tuple, list)) and len(answer) == len(computed)
        return same and all(agree(a, c, within) for a, c in zip(answer, computed, strict=True))
    if isinstance(answer, bool) or not isinstance(answer, (int, float)):
        return type(answer) is type(computed) and answer == computed
    number = isinstance(computed, (int, float)) and not isinstance(computed, bool)
    return number and abs(computed - answer) <= (within + 1e-9) * abs(answer)


@functools.cache
def headings(stem):
    """Return a notebook's headings, of every level; none if there is no such notebook."""
    path = NOTEBOOKS / f"{stem}.ipynb"
    cells = nbformat.read(path, as_version=4).cells if path.is_file() else []
    lines = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    return {line.lstrip("#").strip() for line in lines if line.startswith("#")}


def is_taught(place):
    """Return whether "4-sharing: Add up the gradients" is there."""
    stem, _, heading = place.partition(": ")
    return heading in headings(stem)


@pytest.mark.parametrize("name", EVERY)
def test_the_answer_is_what_running_code_says(name):
    quiz = EVERY[name]
    computed = quiz.computed()
    assert agree(quiz.answer, computed, quiz.within), f"{quiz.asks} {quiz.answer!r}, and running code says {computed!r}"


def test_every_question_is_taught_under_a_heading_that_is_there():
    assert {name: quiz.taught for name, quiz in EVERY.items() if not is_taught(quiz.taught)} == {}


def test_there_are_fifty_questions_no_two_alike():
    asked = [" ".join(quiz.asks.lower().split()) for quiz in EVERY.values()]
    assert len(asked) >= 50
    assert len(set(asked)) == len(asked)
    assert [text for text in asked if not text.endswith("?")] == []


@pytest.mark.parametrize(
    ("answer", "computed", "within", "same"),
    [
        (121, 121, 0, True),
        (121, 193, 0, False),
        (0.5, 0.52, 0.05, True),
        (0.5, 0.53, 0.05, False),
        (-2, -2.1, 0.1, True),
        (1, True, 0, False),
        (True, True, 0, True),
        (True, 1, 0, False),
        ("tied", "tied", 0, True),
        ("tied", "Tied", 0, False),
        (3, "3", 0, False),
        ((1, 2.0), [1, 2.1], 0.1, True),
        ((1, 2.0), (1, 3.0), 0.1, False),
        ((1, 2), (1,), 0, False),
        (0.5, float("nan"), 0.5, False),
    ],
)
def test_when_an_answer_is_what_was_computed(answer, computed, within, same):
    assert agree(answer, computed, within) == same


def test_what_is_not_taught_is_found():
    stem = min(path.stem for path in NOTEBOOKS.glob("1-*.ipynb"))
    heading = min(headings(stem))
    assert is_taught(f"{stem}: {heading}")
    assert [is_taught(place) for place in (f"{stem}: {heading}!", f"9-{stem}: {heading}", heading, "")] == [False] * 4
