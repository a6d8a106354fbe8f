"""From a platform's download to the files that go back to it, by the command that a teacher runs."""

import contextlib
import csv
import errno
import io
import json
import shutil
import sqlite3
import zipfile

import class_forms
import honest
import pytest
import sqlalchemy

from d2lparams.course import __main__ as command
from d2lparams.course import gradebook, grading, records, roster
from d2lparams.course.submissions import read
from d2lparams.exercises.bank import PROSE, QUESTIONS

PEOPLE = class_forms.people(5)
POINTS = [QUESTIONS[0].points, QUESTIONS[0].points + QUESTIONS[1].points, 0, 0]


def notebook(*right, prose=""):
    made = honest.notebook(answered=False)
    for question in right:
        honest.cell(made, question.name)["source"] = question.solution_code
    honest.cell(made, PROSE[0].name)["source"] = prose or PROSE[0].stub
    return json.dumps(made).encode()


NOTEBOOKS = [notebook(QUESTIONS[0], prose=honest.TEXT), notebook(*QUESTIONS[:2]), notebook(), b"no notebook"]


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    return gradebook.release(folder)


@pytest.fixture
def quick(box, form, monkeypatch):
    """Grade in one sandbox that runs already, and release a notebook that was released once."""

    def pool(todo, out, *_):
        for entry in todo:
            records.write_record(grading.grade(read(entry), box), out)

    def release(folder):
        shutil.copytree(form.parent.parent.parent, folder, dirs_exist_ok=True)
        return folder / "release" / "parameters" / "6-exercises.ipynb"

    monkeypatch.setattr(grading, "_grade_in_pool", pool)
    made = gradebook.release
    monkeypatch.setattr(
        gradebook,
        "release",
        lambda folder, *draw: made(folder, *draw) if (folder / "gradebook.db").exists() else release(folder),
    )


def run(*arguments):
    assert command.main([str(argument) for argument in arguments]) == 0


def column(path, name, id_):
    """Return a column of a table by another one."""
    content = path.read_bytes()
    text = content.decode("utf-16" if content[:2] == b"\xff\xfe" else "utf-8-sig")
    lines = csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in text else ",")
    return {line[id_]: line[name] for line in lines}


@pytest.mark.parametrize(
    ("name", "id_", "points"),
    [
        ("moodle", "Identifier", "Grade"),
        ("canvas", "ID", "Exercises (411)"),
        ("blackboard", "Username", "Exercises_6 [Total Pts: 100 Score] |12345"),
        ("ilias", "usr_id", "mark"),
        ("github", "github_username", "points"),
        ("nbgrader", "id", "points"),
    ],
)
def test_grades_and_feedback_come_out_in_the_platforms_own_form(name, id_, points, quick, tmp_path, capsys):
    download, table = class_forms.write(name, PEOPLE, NOTEBOOKS, tmp_path / "in")
    out = tmp_path / "out"
    run("grade", download, out)
    said = capsys.readouterr().out
    calls = {"moodle": "Participant {}", "canvas": "{}", "ilias": "{}"}
    rows = [calls[name].format(p.number) if name in calls else p.user for p in PEOPLE]
    wanted = {row: f"{earned:g}" for row, earned in zip(rows, POINTS, strict=False)}
    got = column(out / "upload" / table.name, points, id_)
    assert {key: value for key, value in got.items() if key in wanted} == wanted
    scores = column(out / "scores.csv", "points", "learner")
    assert sorted(scores.values()) == sorted(wanted.values())
    assert f"{len(NOTEBOOKS)} rows filled" in said
    assert [line for line in said.splitlines() if line.startswith("no submission")] != []
    assert got[rows[-1]] in ("", None)
    with zipfile.ZipFile(out / "upload" / "feedback.zip") as archive:
        pages = {entry: archive.read(entry).decode() for entry in archive.namelist()}
    assert len(pages) == len(NOTEBOOKS)
    assert sum(f"{POINTS[1]} of 100 points" in page for page in pages.values()) == 1
    if name != "moodle":
        return
    late = {learner: said for learner, said in column(out / "scores.csv", "late", "learner").items() if said}
    assert late == {f"Grace Lovelace_{PEOPLE[1].number}": "Submitted for grading - 2 days 1 hour late"}
    assert sum("2 days 1 hour late" in page for page in pages.values()) == 1
    with gradebook.Gradebook(f"sqlite:///{out / 'gradebook.db'}") as book:
        grade = book.find_grade(PROSE[0].name, "6-exercises", "parameters", f"Ada Lovelace_{PEOPLE[0].number}")
        grade.manual_score, grade.needs_manual_grade = 5.5, False
        book.db.commit()
    run("collect", out)
    got = column(out / "upload" / table.name, points, id_)
    assert got[f"Participant {PEOPLE[0].number}"] == f"{POINTS[0] + 5.5:g}"


@pytest.fixture
def graded(quick, tmp_path):
    """A plain class of three, graded."""
    folder = tmp_path / "class"
    folder.mkdir()
    for learner, content in zip(("ada", "bob", "cyd"), NOTEBOOKS, strict=False):
        (folder / f"{learner}.ipynb").write_bytes(content)
    run("grade", folder, tmp_path / "out")
    return folder, tmp_path / "out"


def test_who_left_the_class_leaves_the_table_and_a_damaged_record_is_graded_again(graded, capsys):
    folder, out = graded
    (folder / "cyd.ipynb").unlink()
    records.record_path(out, "cyd").write_text('{"learner": "cy')
    for content in ("null", "[]", "3", '{"learner": "ad', "{}", "\x00" * 100):
        records.record_path(out, "ada").write_text(content)
        run("grade", folder, out)
        assert column(out / "scores.csv", "points", "learner") == {"ada": f"{POINTS[0]}", "bob": f"{POINTS[1]}"}
        assert "1 records of learners who are not in these submissions: cyd" in capsys.readouterr().out
    records.record_path(out, "ada").unlink()
    records.record_path(out, "ada").mkdir()
    with pytest.raises(SystemExit):
        command.main(["collect", str(out)])
    assert "ada.json is not a record of grading: grade that submission again, or remove it" in capsys.readouterr().err
    assert column(out / "scores.csv", "points", "learner") == {"bob": f"{POINTS[1]}"}


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["questions"].update(q1=None),
        lambda record: record["questions"]["q1"].update(points="3"),
        lambda record: record["questions"]["q1"].update(points=True),
        lambda record: record["prose"].update(q14=[]),
        lambda record: record["prose"]["q14"].update(figures=[["image/png", "PHNjcmlwdD4="]]),
        lambda record: record["prose"]["q14"].update(figures=[3]),
        lambda record: record.update(who=[]),
        lambda record: record.update(remarks=[1]),
        lambda record: record.update(more=1),
        lambda record: record.update(learner=None),
    ],
)
def test_a_record_of_another_shape_is_told_from_one(change, tmp_path):
    record = {
        "learner": "ada", "file": "ada.ipynb", "sha256": "0", "format": "3", "seed": 1, "note": None, "seconds": 0.1,
        "questions": {"q1": {"outcome": "correct", "message": "", "points": 3, "max": 3, "answer": ""}},
        "prose": {"q14": {"answer": "", "measured": "", "attempted": False, "max": 8}},
        "who": {"id": "1"}, "remarks": [],
    }  # fmt: skip
    records.write_record(record, tmp_path)
    assert records.read_record(records.record_path(tmp_path, "ada")) == record
    change(record)
    (tmp_path / "records" / "ada.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="is not a record of grading"):
        records.read_record(tmp_path / "records" / "ada.json")


def test_a_damaged_gradebook_is_left_as_it_is(graded, capsys):
    folder, out = graded
    base = out / "gradebook.db"
    good = base.read_bytes()
    for content in (b"no database", good[:5000], good[:4096] + b"\0" * (len(good) - 4096)):
        base.write_bytes(content)
        with pytest.raises(SystemExit):
            command.main(["grade", str(folder), str(out)])
        assert "gradebook.db is damaged" in capsys.readouterr().err
        assert base.read_bytes() == content
    base.write_bytes(good)
    run("grade", folder, out)
    with sqlite3.connect(base) as locked:
        locked.execute("BEGIN EXCLUSIVE")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                gradebook, "release", lambda folder, *_: folder / "release" / "parameters" / "6-exercises.ipynb"
            )
            with pytest.raises(SystemExit):
                command.main(["collect", str(out)])
        locked.rollback()
    locked.close()
    assert "gradebook.db" in capsys.readouterr().err


def test_two_who_grade_into_one_folder_do_not_meet(graded, capsys):
    folder, out = graded
    capsys.readouterr()
    with roster.working(out):
        for arguments in (["grade", str(folder), str(out)], ["collect", str(out)]):
            with pytest.raises(SystemExit):
                command.main(arguments)
            assert "somebody else is grading into" in capsys.readouterr().err
    run("collect", out)


@pytest.mark.parametrize("after", [1, 6])
def test_a_full_disk_or_an_interruption_costs_nothing_that_was_there(after, graded, monkeypatch, capsys):
    """`after` files of the merge are written, then no more."""
    folder, out = graded
    before = {path.name: path.read_bytes() for path in (out / "scores.csv", *(out / "feedback").iterdir())}
    (folder / "cyd.ipynb").write_bytes(NOTEBOOKS[1])
    whole = gradebook.write_whole
    for error, said in (
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (KeyboardInterrupt(), "inter"),
    ):
        written = []

        def stop(path, write, error=error, written=written):
            written.append(path)
            if len(written) > after:
                raise error
            return whole(path, write)

        with monkeypatch.context() as patch:
            patch.setattr(gradebook, "write_whole", stop)
            with pytest.raises(SystemExit):
                command.main(["grade", str(folder), str(out)])
        assert said in capsys.readouterr().err
        now = {path.name: path.read_bytes() for path in (out / "scores.csv", *(out / "feedback").iterdir())}
        assert now.keys() == before.keys()
        assert now["scores.csv"] == before["scores.csv"]
        assert not list(out.rglob("*.part"))
    run("grade", folder, out)
    assert column(out / "scores.csv", "points", "learner")["cyd"] == f"{POINTS[1]}"


def test_a_disk_that_is_full_when_the_gradebook_grows_is_named_in_a_line(graded, monkeypatch, capsys):
    folder, out = graded
    for name in ("dan", "eve", "fay"):
        (folder / f"{name}.ipynb").write_bytes(NOTEBOOKS[1])
    with contextlib.closing(sqlite3.connect(out / "gradebook.db")) as base:
        base.execute("VACUUM")

    def bound(connection, _):  # as if there were no more room than it takes now
        connection.execute("PRAGMA max_page_count = 1")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", bound)
    try:
        with pytest.raises(SystemExit):
            command.main(["grade", str(folder), str(out)])
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", bound)
    said = capsys.readouterr().err
    assert "gradebook.db can't be written: " in said
    assert "database or disk is full. Nothing in it was lost; run `collect` again" in said
    assert "Traceback" not in said
    run("collect", out)
    assert column(out / "scores.csv", "points", "learner")["dan"] == f"{POINTS[1]}"


def test_what_learners_put_into_the_download_is_no_table_of_grades(quick, tmp_path, capsys):
    people = PEOPLE[:2]
    download, table = class_forms.write("canvas", people, NOTEBOOKS[:2], tmp_path / "in", zipped=False)
    forged = table.read_bytes().replace(b"Exercises", b"Exercises, forged")
    (download / "hoppergrace_70007_9100_Grades.csv").write_bytes(forged)
    run("grade", download, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out" / "upload").iterdir()} == {"feedback.zip", table.name}
    assert "rows filled, Canvas" in capsys.readouterr().out


def test_what_is_printed_does_nothing_to_a_terminal(quick, tmp_path, capsys):
    folder = tmp_path / "class"
    folder.mkdir()
    for name in ("\x1b[2J\x9b31m.ipynb", "Z" + "\u0301" * 100 + ".ipynb", "\x1b]0;owned\x07.docx", "\u202ecod.exe"):
        (folder / name).write_bytes(b"\x1b[2J")
    run("grade", folder, tmp_path / "out")
    said = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in said.out)
    assert "\u0301" * 6 not in said.out
    for entry in ("\x1b[2J\x9b31m.ipynb", "nothing\x1b[2J"):
        with pytest.raises(SystemExit) if "nothing" in entry else contextlib.nullcontext():
            command.main(
                ["grade", str(folder / entry), str(tmp_path / "one")]
                if "nothing" in entry
                else ["grade-one", str(folder / entry), str(tmp_path / "one")]
            )
        said = capsys.readouterr()
        assert all(c.isprintable() or c == "\n" for c in said.out + said.err)
    table = (tmp_path / "out" / "scores.csv").read_text()
    assert all(c.isprintable() or c == "\n" for c in table)
    assert "\u0301" * 6 not in table
