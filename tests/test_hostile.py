"""A whole class of cheats, crashes and broken files, graded at once with honest learners among them."""

import hashlib
import json
import os
import shutil
import socket
import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace

import hostile
import hostile_files  # noqa: F401  # enters more of them
import pytest
from sandboxed import needs_walls

from d2lparams.course import grading, submissions
from d2lparams.course.sandbox import Limits

SECONDS = 2 + os.getpid() * 1e-6  # which also tells our processes from others', by what they were started with
LIMITS = Limits(seconds=SECONDS, memory=1 << 30)
JOBS = 4  # at a time, also on fewer cores: many of them only wait to be ended


def snapshot(folder):
    """Return what stands at every path of a folder: kind, rights, time, and content or target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        now = path.lstat()
        content = os.readlink(path) if path.is_symlink() else None
        if path.is_file() and content is None:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(folder))] = now.st_mode, now.st_mtime_ns, now.st_uid, content
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    needs_walls()
    root = tmp_path_factory.mktemp("class")
    folder, out, scratch = root / "submitted", root / "graded", root / "scratch"
    folder.mkdir()
    scratch.mkdir()
    gradebook = root / "gradebook.db"
    with sqlite3.connect(gradebook) as base:
        base.execute("CREATE TABLE grade (auto_score, manual_score)")
        base.execute("INSERT INTO grade VALUES (0, 0)")
    base.close()
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.MonkeyPatch.context() as patch:
        listener.settimeout(0.1)
        deserves = hostile.build(folder, hostile.form(), gradebook, listener.getsockname()[1])
        patch.setenv("TMPDIR", str(scratch))
        patch.setenv("SECRET_OF_THE_GRADER", "1")
        before, mounts = snapshot(root), Path("/proc/self/mountinfo").read_text()
        grading.grade_all(folder, out, JOBS, limits=LIMITS)
        try:
            listener.accept()[0].close()
            called = True
        except TimeoutError:
            called = False
    records = {}
    for learner in deserves:
        path = out / "records" / f"{submissions.plain_name(learner)}.json"
        records[learner] = json.loads(path.read_text()) if path.exists() else None
    yield SimpleNamespace(
        root=root, folder=folder, out=out, scratch=scratch, deserves=deserves, records=records,
        before=before, mounts=mounts, called=called,
    )  # fmt: skip
    shutil.rmtree(root)


def test_there_are_enough_of_them():
    assert len(hostile.CHEATS) + len(hostile.CRASHES) + len(hostile.NOISE) + len(hostile.FILES) > 100


def test_each_learner_gets_one_record(graded):
    assert [learner for learner, record in graded.records.items() if record is None] == []
    assert len(list((graded.out / "records").iterdir())) == len(graded.deserves)
    assert all(record["learner"] == learner for learner, record in graded.records.items())


def test_nobody_earns_more_or_less_than_deserved(graded):
    most = {question.name: question.points for question in hostile.QUESTIONS}
    wrong = {}
    for learner, record in graded.records.items():
        earned = {name: entry["points"] for name, entry in record["questions"].items()}
        wanted = {name: most[name] if name in graded.deserves[learner] else 0 for name in most}
        if earned != wanted:
            wrong[learner] = {name: record["questions"][name] for name in most if earned[name] != wanted[name]}
    assert wrong == {}


def test_every_question_that_earned_nothing_has_a_reason(graded):
    for learner, record in graded.records.items():
        for name, entry in record["questions"].items():
            assert set(entry) == {"outcome", "message", "points", "max", "answer"}
            assert entry["outcome"] == "correct" if entry["points"] else entry["message"], (learner, name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "the file is empty"),
        ("cut-short", "not a notebook: JSONDecodeError"),
        ("deep-file", "not a notebook: its JSON is nested too deeply"),
        ("not-a-notebook", "no list of cells"),
        ("huge", "larger than 20 MB"),
        ("something-else", "there is no notebook in the folder, but 'essay.docx'"),
        ("link-to-a-peer", "links are not followed"),
        ("link-to-passwd", "links are not followed"),
        ("link-to-a-folder", "there is no notebook"),
        ("pipe", "not a plain file"),
        pytest.param("a-device", "not a plain file", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root")),
        ("a-folder", "there is no notebook"),
    ],
)
def test_a_file_that_cannot_be_graded_has_its_reason(graded, name, reason):
    record = graded.records[f"file-{name}"]
    assert reason in record["note"]
    assert {entry["message"] for entry in record["questions"].values()} == {record["note"]}


def test_nobody_got_hold_of_anything(graded):
    said = {
        f"{learner}: {entry['message']}"
        for learner, record in graded.records.items()
        for entry in record["questions"].values()
    }
    assert [line for line in said if "Got" in line] == []
    assert not graded.called


def test_messages_are_short_and_printable(graded):
    for learner, record in graded.records.items():
        for entry in record["questions"].values():
            assert len(entry["message"]) < 1000, learner
            assert all(line.isprintable() for line in entry["message"].splitlines()), learner


def test_everything_else_is_as_it_was(graded):
    now = snapshot(graded.root)
    now = {path: what for path, what in now.items() if path.startswith(("submitted/", "gradebook"))}
    assert now == {path: what for path, what in graded.before.items() if path != "submitted" and path != "scratch"}


def test_no_process_mount_or_file_is_left(graded):
    deadline = time.monotonic() + 5
    while left := [pid for pid in Path("/proc").glob("[0-9]*") if _ours(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert Path("/proc/self/mountinfo").read_text() == graded.mounts
    assert list(graded.scratch.iterdir()) == []
    assert [path for path in (graded.out / "records").iterdir() if path.suffix != ".json"] == []


def _ours(pid):
    try:
        return str(SECONDS).encode() in (pid / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return False


def test_nobody_waits_for_a_hostile_learner_beyond_its_limit(graded):
    limits = {"crash": 2 * SECONDS + 8, "honest": 8}  # a wide margin, for a machine that is busy with other things
    slow = {
        learner: record["seconds"]
        for learner, record in graded.records.items()
        if record["seconds"] > limits.get(learner.split("-")[0], grading.SECONDS_FOR_ALL + SECONDS)
    }
    assert slow == {}


def test_what_was_graded_is_not_graded_again(graded):
    before = snapshot(graded.out)
    assert grading.grade_all(graded.folder, graded.out, limits=LIMITS) == 0
    assert snapshot(graded.out) == before
