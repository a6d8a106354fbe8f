"""What was handed in: whose it is, which file counts, and which cell answers a question."""

import json
import os
import shutil
import time
from pathlib import Path

import honest
import pytest
from sandboxed import Q1, RIGHT, STUB

from d2lparams.course import submissions
from d2lparams.course.answers import find_answer, find_prose, work_in
from d2lparams.course.notebooks import cells_of
from d2lparams.exercises.bank import PROSE, QUESTIONS


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


def worked(*names, prose=False):
    """Return a notebook's bytes in which some questions are answered."""
    made = honest.notebook(answered=False)
    for question in QUESTIONS:
        if question.name in names:
            honest.cell(made, question.name)["source"] = question.solution_code
    if prose:
        honest.cell(made, PROSE[0].name)["source"] = honest.TEXT
    return json.dumps(made).encode()


NONE, FIRST, TWO, TEXT = worked(), worked("q1"), worked("q1", "q2"), worked(prose=True)


@pytest.mark.parametrize(
    ("files", "taken", "said"),
    [
        # names with what they hold, and seconds after the first was written
        ({"6-exercises.ipynb": (NONE, 9), "6-exercises-Copy1.ipynb": (FIRST, 0)}, 1, "(as it was handed out)"),
        ({"6-exercises.ipynb": (FIRST, 0), "6-exercises-Copy1.ipynb": (TWO, 60)}, 1, "(older)"),
        ({"6-exercises.ipynb": (TWO, 0), "6-exercises-Copy1.ipynb": (FIRST, 60)}, 1, "(older)"),
        ({"6-exercises.ipynb": (FIRST, 60), "6-exercises-Copy1.ipynb": (TWO, 0)}, 0, "(older)"),
        ({"6-exercises.ipynb": (FIRST, 0), "6-exercises (1).ipynb": (TWO, 1)}, 1, "(older)"),
        ({"6-exercises.ipynb": (FIRST, 0), "6-exercises-Copy1.ipynb": (FIRST, 1)}, 0, "(older)"),
        ({"20261120102030_6.ipynb": (TWO, 60), "20261122102030_6.ipynb": (FIRST, 0)}, 1, "(older)"),
        ({"20261120102030_6.ipynb": (FIRST, 0), "20261122102030_6.ipynb": (NONE, 60)}, 0, "(as it was handed out)"),
        ({"6-exercises.ipynb": (NONE, 60), "b.ipynb": (TEXT, 0)}, 1, "(as it was handed out)"),
        ({"6-exercises.ipynb": (b"{", 60), "week 1/draft.ipynb": (FIRST, 0)}, 1, "(the file is not a notebook"),
        ({"6-exercises.ipynb": (NONE, 0), "lecture.ipynb": (b'{"cells": []}', 60)}, 0, "(as it was handed out)"),
        ({"6-exercises.ipynb": (b"", 0), "b.ipynb": (b"", 60)}, 0, "(the file is empty)"),
        ({"deep/er/still/x.ipynb": (FIRST, 0)}, 0, None),
    ],
)
def test_of_several_notebooks_the_latest_counts_that_was_worked_on_and_the_learner_is_told(
    files, taken, said, tmp_path
):
    for name, (content, later) in files.items():
        path = tmp_path / "ada" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_790_000_000 + later, 1_790_000_000 + later))
    submission = submissions.read(tmp_path / "ada")
    names = [f"ada/{name}" for name in files]
    assert submission.file == names[taken]
    if said is None:
        assert submission.remarks == ()
        return
    (remark,) = submission.remarks
    assert remark.startswith(f"graded: {names[taken]}; passed over: {names[1 - taken]} {said}")
    assert submissions.digest(tmp_path / "ada") == submission.digest
    (tmp_path / submission.file).write_bytes(b"another")
    assert submissions.digest(tmp_path / "ada") != submission.digest


def test_nobody_worked_on_the_exercises_in_the_chapters_own_notebooks():
    for path in sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb")):
        assert work_in(cells_of(path.read_bytes())) == 0, path


@pytest.mark.parametrize(
    "text",
    [
        '{"cells": [' + "{}," * 600_000 + "{}]}",
        '{"cells": [' + "[]," * 600_000 + "[]]}",
        '{"cells": [' + "[0]," * 600_000 + "[]]}",
        '{"cells": [], "x": [' + "1," * 2_100_000 + "1]}",
    ],
)
def test_what_would_take_far_more_memory_than_its_text_is_refused_unread(text):
    started = time.process_time()
    with pytest.raises(submissions.Unreadable, match="too many parts for a notebook: clear its outputs"):
        cells_of(text.encode())
    assert time.process_time() - started < 1
    quoted = json.dumps({"cells": [{"cell_type": "markdown", "source": text[:3_000_000]}]})
    assert cells_of(quoted.encode())[0].source == text[: 1 << 18]


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
