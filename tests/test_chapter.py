"""What the chapter costs its readers: cells, words, minutes, and how often it shows only that something is so."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
PATH = [path for path in NOTEBOOKS if path.stem[0].isdigit()]  # that every reader takes; the appendices are looked up
WORDS_A_MINUTE, SECONDS_A_CELL = 180, 27
TRUTH = re.compile(r"\b(?:True|False)\b")


@dataclass
class Cost:
    """What a notebook costs: taught are its code cells but for the guesses and the score."""

    taught: int
    guesses: int
    words: int
    boolean: int

    @property
    def minutes(self):
        return self.words / WORDS_A_MINUTE + self.taught * SECONDS_A_CELL / 60


def cost(cells):
    """Count what a notebook's cells cost. How long a training runs is not counted, its cell is."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    guesses = [cell for cell in code if re.match(r"guess\(", cell.source)]
    scores = [cell for cell in code if re.match(r"score\(", cell.source)]
    return Cost(
        taught=len(code) - len(guesses) - len(scores),
        guesses=len(guesses),
        words=sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown"),
        boolean=sum(any(map(only_truth, cell.outputs)) for cell in code),
    )


def only_truth(output):
    """Return whether an output shows True and False and nothing else; labels are no numbers."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    if not TRUTH.search(text) or "image/png" in output.get("data", {}):
        return False
    try:
        return all(isinstance(value, bool) for value in leaves(ast.literal_eval(text.strip())))
    except (SyntaxError, ValueError):
        return not re.search(r"\w", re.sub(r"\b(?:True|False|tensor|array)\b", "", text))


def leaves(value):
    """Return what a nest of tuples, lists, sets and dictionaries holds; of a dictionary, the values."""
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, (tuple, list, set)) else [value]


def faults(name, cost):
    """Return which bounds a notebook of the path does not keep, a line each."""
    kept = {
        f"{cost.taught} code cells, and 35 are the most": cost.taught <= 35,
        f"{cost.minutes:.1f} minutes, and 25 are the most": cost.minutes <= 25,
        f"{cost.boolean} outputs show only True or False, and one may": cost.boolean <= 1,
        f"{cost.guesses} guesses, and it takes 6 to 10": 6 <= cost.guesses <= 10 or name.startswith("6"),
    }
    return [fault for fault, keeps in kept.items() if not keeps]


@pytest.mark.parametrize("path", PATH, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_bounds(path):
    assert faults(path.stem, cost(nbformat.read(path, as_version=4).cells)) == []


def test_the_chapter_keeps_its_bound():
    assert [path.stem[0] for path in PATH] == list("123456")
    assert sum(cost(nbformat.read(path, as_version=4).cells).taught for path in PATH) <= 210


def result(text):
    return new_output("execute_result", {"text/plain": text})


def code(source="1", *outputs):
    return new_code_cell(source, outputs=list(outputs))


def test_what_is_counted():
    cells = [
        new_markdown_cell("# Two words\n\nand three\tmore words"),
        code("guess('1.a')"),
        code('guess("1.b")'),
        code("from d2lparams.chapter.guesses import guess, score"),
        new_code_cell("train()", metadata={"tags": ["train"]}),
        code("x", result("True"), new_output("stream", text="False\n")),
        code("y", result("2")),
        code('score("1")'),
    ]
    counted = cost(cells)
    assert counted == Cost(taught=4, guesses=2, words=7, boolean=1)
    assert counted.minutes == pytest.approx(7 / 180 + 4 * 0.45)


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("True", True),
        ("(True, (False, [True]))", True),
        ("{'shares': True, 'equal': False}", True),
        ("tensor([True, False])", True),
        ("tensor(True)", True),
        ("(True, 0.5)", False),
        ("{'shares': True, 'numbers': 121}", False),
        ("'True'", False),
        ("True and more", False),
        ("1", False),
        ("True False\n", True),
        ("()", False),
        ("", False),
    ],
)
def test_an_output_that_shows_only_that_something_is_so(text, only):
    assert only_truth(result(text)) == only
    assert only_truth(new_output("stream", text=text)) == only
    assert not only_truth(new_output("display_data", {"text/plain": text, "image/png": "x"}))


@pytest.mark.parametrize(
    ("name", "counted", "fault"),
    [
        ("1-access", Cost(35, 6, 1600, 1), None),
        ("5-training", Cost(33, 10, 1500, 0), None),
        ("6-exercises", Cost(35, 0, 1000, 0), None),
        ("1-access", Cost(36, 6, 1000, 0), "36 code cells, and 35 are the most"),
        ("1-access", Cost(35, 6, 1700, 0), "25.2 minutes, and 25 are the most"),
        ("6-exercises", Cost(1, 0, 4600, 0), "26.0 minutes, and 25 are the most"),
        ("2-init", Cost(1, 6, 1, 2), "2 outputs show only True or False, and one may"),
        ("3-custom", Cost(1, 5, 1, 0), "5 guesses, and it takes 6 to 10"),
        ("4-sharing", Cost(1, 11, 1, 0), "11 guesses, and it takes 6 to 10"),
    ],
)
def test_each_broken_bound_is_found(name, counted, fault):
    assert faults(name, counted) == [fault] * (fault is not None)
