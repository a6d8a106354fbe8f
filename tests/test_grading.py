"""From an answer's cell to its entry in the record: how it is run, and what is made of the bytes that come back."""

import time

import pytest
from sandboxed import CASES, Q1, RIGHT, facts, verdict

from d2lparams.course import grading, replies, sandbox
from d2lparams.course.sandbox import Limits, Sandbox
from d2lparams.course.submissions import Cell, Submission
from d2lparams.exercises.question import Verdict

# What comes back


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"3",
        b'"facts"',
        b"\xff\xfe",
        b'{"a": 1} {"a": 1}',
        b'{"a": 1, "a": 2}',
        b'{"a": [{"b": 1, "b": 1}]}',
        b'{"a": ' + b"9" * 4000 + b"}",
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": \x00}',
    ],
)
def test_facts_that_no_probe_would_write_are_refused(text):
    with pytest.raises((ValueError, RecursionError)):
        replies.plain_facts(text)


def test_a_long_number_takes_no_time():
    started = time.monotonic()
    with pytest.raises(ValueError, match="digits"):
        replies.plain_facts(b'{"a": ' + b"9" * (4 << 20) + b"}")
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("time", -9, "stopped after 20 s"),
        ("memory", -9, "stopped: it took more than 2048 MB of memory"),
        ("output", -9, "stopped: what it returned takes more than 4 MB"),
        ("lost", 0, "the sandbox ended before the answer did"),
        ("exited", -11, "its process was ended by Segmentation fault"),
        ("exited", 3, "it ended its own process, with status 3"),
        ("exited", 0, "it ended its own process before it was done"),
    ],
)
def test_an_end_without_a_result_has_its_reason(end, status, reason):
    reply = sandbox.Reply(end, status, b"" if status == 0 else b'{"outcome": "ran"}')
    assert replies.read_reply(reply, Limits()) == {"outcome": "could not run", "reason": reason}


# How an answer is run


def grade(box, source, **options):
    """Grade a submission that is nothing but an answer to the first question, and return the entries by question."""
    handed_in = Submission("ada", cells=[Cell("code", source, "q1")])
    return grading.grade(handed_in, box, **options)["questions"]


@pytest.mark.parametrize(
    "before",
    [
        "%matplotlib inline\n!pip install nothing\nfiles = !ls\n",
        "%%time\n",
        "%%capture out\n",
        "from IPython.display import display\ndisplay(3)\nprint(3)\n",
        "get_ipython().system('ls')\nget_ipython().ast_node_interactivity\n",
        "from d2lparams.exercises import q1, q2\nq1.hint()\nq2.check(None)\nq1.solution()\n",
        "import warnings, sys\nwarnings.warn('x')\nsys.stderr.write('noise' * 1000)\n",
        "import sys\nsys.stdout.buffer.write(b'x' * 100_000_000)\n",
        "torch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float64)\n",
    ],
)
def test_honest_work_with_other_things_around_it_is_correct(box, before):
    assert verdict(box, before + RIGHT) == Verdict("q1", "correct", "", Q1.points)


def test_time_magic_runs_its_line(box):
    assert verdict(box, f"%time f = lambda net: net[1][0].weight\n{Q1.answer} = f").outcome == "correct"


def test_other_cells_run_before_it_whether_they_fail_or_not(box):
    source = f"def {Q1.answer}(net): return reach(net)"
    assert verdict(box, source).message.startswith("NameError")
    cells = ["1 / 0", "while True: pass", "%%time\ndef reach(net): return net[1][0].weight", "raise SystemExit"]
    assert verdict(box, source, *cells).outcome == "correct"


def test_one_new_definition_under_another_name_is_taken(box):
    renamed = RIGHT.replace(Q1.answer, "mine")
    returned = facts(box, renamed)
    assert (Q1.verdict(CASES, returned).outcome, returned["renamed"]) == ("correct", "mine")
    two = renamed + "\ndef other(net): pass"
    assert verdict(box, two).message == f"NameError: the cell defines no {Q1.answer}"


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ('assert second_block_weight(q1.example()["net"]).shape == (4, 6)', "AssertionError (line 4 of the cell)"),
        ("from nowhere import nothing", "ModuleNotFoundError: No module named 'nowhere' (line 4 of the cell)"),
    ],
)
def test_an_answer_stands_though_a_line_below_it_fails(box, below, said):
    entry = grade(box, f"{RIGHT}\n\n{below}")["q1"]
    assert entry["points"] == Q1.points
    assert entry["message"].startswith("what stands below the definition failed, and was left out: ")
    assert said.split(" (")[0] in entry["message"]
    assert grade(box, f"{RIGHT}\nimport sys; sys.exit()")["q1"]["points"] == Q1.points  # a notebook only says it
    assert grade(box, f"{RIGHT}\nraise MemoryError")["q1"]["points"] == 0


def test_what_stands_in_for_a_module_that_is_missing_is_named_if_it_spoils_the_answer(box):
    entry = grade(box, f"from helpers import reach\n\ndef {Q1.answer}(net):\n    return reach(net)")["q1"]
    assert (entry["points"], entry["message"].splitlines()[-1]) == (
        0, "not there where answers are graded, and left out: helpers",
    )  # fmt: skip
    entry = grade(box, f"from helpers import {Q1.answer}")["q1"]
    assert entry["message"] == "ModuleNotFoundError: No module named 'helpers' (line 1 of the cell)"
    assert grade(box, f"import piplite\nawait piplite.install('torch')\n{RIGHT}")["q1"]["points"] == Q1.points


def test_a_line_that_tries_the_answer_on_the_example_has_what_it_has_in_the_notebook(box):
    entry = grade(box, f'{RIGHT}\nassert {Q1.answer}(q1.example()["net"]).shape == (6, 4)')["q1"]
    assert (entry["points"], entry["message"]) == (Q1.points, "")


def test_what_another_cell_defined_is_no_answer(box):
    assert verdict(box, "1 / 0", RIGHT).message.startswith("ZeroDivisionError")


def test_the_time_of_a_whole_submission_is_limited(box):
    entries = grade(box, RIGHT, seconds_for_all=0)
    assert entries["q1"]["outcome"] == "could not run"
    assert "time for the whole submission" in entries["q1"]["message"]
    assert entries["q2"]["outcome"] == "not attempted"


def test_an_answer_is_run_again_when_the_sandbox_was_lost(box, monkeypatch):
    lost = [sandbox.Reply("lost", 0, b"")]
    monkeypatch.setattr(box, "run", lambda request: lost.pop() if lost else Sandbox.run(box, request))
    assert grade(box, RIGHT)["q1"]["points"] == Q1.points
    assert not lost
