"""What was handed in: whose it is, which file counts, and which cell answers a question."""

import os
import shutil

import pytest
from sandboxed import Q1, RIGHT, STUB

from d2lparams.course import submissions
from d2lparams.course.answers import find_answer, find_prose
from d2lparams.exercises.bank import PROSE


def test_learners_names_become_names_of_files():
    names = [
        "ada",
        "Ada Lovelace",
        "Эйлер",
        "..",
        "../x",
        "-rf",
        "",
        "a/b",
        "x" * 300,
        "a\nb",
        "a\udce9",
        "ada.json",
        ".x",
        "ada~1",
        "ada ",
    ]
    plain = [submissions.plain_name(name) for name in names]
    assert plain[:3] == names[:3]
    assert len(set(plain)) == len(plain)
    assert all(submissions.PLAIN_NAME.fullmatch(name.replace("~", "_")) for name in plain)
    assert all(len(os.fsencode(name)) < 200 for name in plain)


def test_each_learner_has_one_entry(tmp_path):
    (tmp_path / "ada").mkdir()
    for name in ("ada.ipynb", "bob.ipynb", "readme.txt", ".hidden"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "eve").symlink_to(tmp_path / "ada")
    found = submissions.entries(tmp_path)
    assert {name: path.name for name, path in found.items()} == {
        "ada": "ada",
        "ada.ipynb": "ada.ipynb",
        "bob": "bob.ipynb",
        "eve": "eve",
    }
    assert "link" in submissions.read(found["eve"]).note


def test_a_notebook_is_one_whatever_the_case_of_its_ending(tmp_path):
    for name in ("dan.IPYNB", "eve.zip", "ada.ipynb", ".hidden"):
        (tmp_path / name).write_text('{"cells": []}')
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "6.Ipynb").write_text('{"cells": []}')
    found = submissions.entries(tmp_path)
    assert list(found) == ["bob", "ada", "dan"]
    assert submissions.passed_over(tmp_path) == ["eve.zip"]
    assert [submissions.read(entry).note for entry in found.values()] == [None] * 3


def test_of_several_files_the_notebook_is_taken(tmp_path):
    ada = tmp_path / "ada"
    for path in (
        "parameters/6-exercises.ipynb",
        "parameters/a.ipynb",
        ".ipynb_checkpoints/6-exercises.ipynb",
        "a.ipynb",
    ):
        (ada / path).parent.mkdir(parents=True, exist_ok=True)
        (ada / path).write_text("{}")
    assert submissions.read(ada).file == "ada/parameters/6-exercises.ipynb"
    shutil.rmtree(ada / "parameters")
    assert submissions.read(ada).file == "ada/a.ipynb"


def code(*sources):
    """Return cells of code from pairs (grade_id, source)."""
    return [submissions.Cell("code", source, grade_id) for grade_id, source in sources]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (code(("q1", RIGHT)), 0),
        (code(("q1", "# mine" + RIGHT), ("q1", RIGHT)), 1),
        (code(("q1", RIGHT), ("q1", STUB + "\n  # a remark\n")), 0),
        (code(("q1", STUB), (None, RIGHT)), 1),
        (code((None, "x = 1"), (None, RIGHT), (None, "y = 1")), 1),
        (code(("q1", "def count_trainable(): pass"), ("q2", RIGHT)), 1),
        (code(("q1", "def mine(net): return 3")), 0),
        (code(("q1", STUB), (None, "x = 1")), 0),
        (code((None, f"{Q1.answer} = lambda net: 3")), 0),
        (code((None, f"# {Q1.answer}(net)"), (None, f"{Q1.answer}(net)")), None),
    ],
)
def test_the_answer_is_found(found, wanted):
    cell, remark = find_answer(Q1, found)
    assert cell is (None if wanted is None else found[wanted])
    assert (remark == "") == (cell is not None)


def test_what_measured_is_the_code_right_above_the_prose():
    prose = PROSE[0]
    cells = code(("q1", RIGHT), (None, "far = 0"), (None, "x = 1"), (None, "y = 2"))
    cells.insert(2, submissions.Cell("markdown", "### 14", None))
    cells.append(submissions.Cell("markdown", "I measured 3.", prose.name))
    entry = find_prose(prose, cells)
    assert (entry["answer"], entry["measured"], entry["attempted"]) == ("I measured 3.", "x = 1\n\ny = 2", True)
    entry = find_prose(prose, cells[:-3])
    assert (entry["answer"], entry["measured"], entry["attempted"]) == ("", "", False)
