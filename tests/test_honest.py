"""Honest work, as tools write it and people leave it, is found and earns what it deserves; nothing else waits."""

import base64
import json
import struct

import honest
import honest_tools  # noqa: F401  # enters more of them
import pytest

from d2lparams.course import grading
from d2lparams.course.answers import find_answers, find_prose
from d2lparams.course.figures import checked_figure
from d2lparams.course.landmarks import lines_of_code
from d2lparams.course.notebooks import Cell, cells_of
from d2lparams.course.submissions import Submission
from d2lparams.exercises.bank import PROSE, QUESTIONS

NAMES = list(honest.WAYS)


def graded(cells, box):
    return grading.grade(Submission("ada", cells=cells), box)["questions"]


def test_there_are_enough_of_them():
    assert len(NAMES) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_prose_reaches_its_reader(name):
    entry = find_prose(PROSE[0], cells_of(honest.handed_in(name)))
    assert entry["attempted"]
    assert (entry["answer"] or entry["measured"]).count(honest.TEXT) == 1
    assert not any(line in entry["answer"] for line in ("## On your own", "Answer in half a page", PROSE[0].stub))


@pytest.mark.parametrize("name", NAMES)
def test_who_wrote_nothing_is_not_waited_for(name):
    cells = cells_of(honest.handed_in(name, answered=False))
    assert not find_prose(PROSE[0], cells)["attempted"]


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_answers_earn_full_marks(number, box):
    """Two of the answers each, in turn: every question comes up nine times."""
    two = {QUESTIONS[number % len(QUESTIONS)], QUESTIONS[(3 * number + 1) % len(QUESTIONS)]}
    cells = cells_of(honest.handed_in(NAMES[number], answered={question.name for question in two}))
    entries = graded(cells, box)
    for question in two:
        entry = entries[question.name]
        assert (entry["outcome"], entry["points"]) == ("correct", question.points), entry


@pytest.mark.parametrize("name", NAMES)
def test_all_answers_are_found(name):
    cells = cells_of(honest.handed_in(name))
    for question in QUESTIONS:
        found = find_answers(question, cells)
        last = lines_of_code(question.solution_code)[-1]
        assert any(last in lines_of_code(cell.source.replace("my_", "")) for cell in found), question.name


def test_figures_and_what_was_printed_reach_the_reader():
    made = honest.notebook()
    scaffold = honest.cell(made, f"{PROSE[0].name}-measure")
    scaffold["outputs"] = [
        honest._plotted(),
        {"output_type": "execute_result", "data": {"text/plain": ["(121, 193)"]}, "metadata": {}},
        {"output_type": "stream", "name": "stderr", "text": ["slow\n"]},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["\x1b[31m"]},
    ]
    entry = find_prose(PROSE[0], cells_of(json.dumps(made).encode()))
    assert entry["printed"] == "(121, 193)\nslow\nValueError: no\n"
    assert entry["figures"] == [("image/png", honest.PICTURE)]
    pasted = find_prose(PROSE[0], cells_of(honest.handed_in("prose with pictures pasted")))
    assert pasted["figures"] == [("image/png", honest.PICTURE)]
    assert pasted["answer"].endswith("![a.png](attachment:a.png) ![b](figure)")
    alone = honest.notebook(answered=False)
    honest.cell(alone, PROSE[0].name)["attachments"] = {"page.png": {"image/png": honest.PICTURE}}
    entry = find_prose(PROSE[0], cells_of(json.dumps(alone).encode()))
    assert (entry["attempted"], entry["answer"], len(entry["figures"])) == (True, "", 1)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("image/png", b"<script>alert(1)</script>"),
        ("image/png", honest.png(3)[:12]),
        ("image/png", honest.png(3).replace(struct.pack(">II", 3, 3), struct.pack(">II", 90_000, 90_000))),
        ("image/png", honest.png(3) + b"0" * (2 << 20)),
        ("image/jpeg", b"\xff\xd8\xff\xe0" * 1000),
        ("image/jpeg", honest.png(3)),
    ],
)
def test_what_is_no_picture_reaches_nobody(kind, content):
    assert checked_figure("image/png", base64.b64encode(honest.png(3)).decode())
    assert checked_figure(kind, base64.b64encode(content).decode()) is None
    assert checked_figure(kind, "no base64 !") is None


def first_try(where):
    """Return a notebook in which the first answer is right and a wrong one stands somewhere else, or the reverse."""
    made = honest.notebook(answered={"q1"})
    wrong = "def second_block_weight(net):\n    return net[0][0].weight"
    made["cells"].insert(where(made), honest.code(wrong))
    return cells_of(json.dumps(made).encode())


def test_the_definition_that_the_notebooks_own_check_meets_is_the_one_that_counts(box):
    def earned(cells):
        entry = graded(cells, box)["q1"]
        assert ("2 cells define second_block_weight" in entry["message"]) == (entry["points"] == 0)
        return entry["points"]

    assert earned(first_try(lambda made: honest.place(made, "q1"))) == QUESTIONS[0].points
    assert earned(first_try(lambda made: honest.place(made, "q1") + 1)) == 0  # the check below says so too
    assert earned(first_try(lambda made: honest.place(made, "q1-check") + 1)) == QUESTIONS[0].points


def test_cells_above_an_answer_run_before_it_and_those_below_do_not_spoil_it(box):
    answer = "def second_block_weight(net):\n    return reach(net)"
    good = "def reach(net):\n    return net[1][0].weight"
    for order in ([good, answer, "reach = None"], [answer, good], ["raise SystemExit", good, "1 / 0", answer]):
        cells = [Cell("code", source, "q1" if source == answer else None) for source in order]
        entry = graded(cells, box)["q1"]
        assert entry["outcome"] == "correct", order
