"""A graded class in nbgrader's formats: the release, and what became of the submissions.

`grading` writes one record for each submission; everything here is made from records, again and again with the same
result. The folder that holds them is an nbgrader course: the formgrader, manual grading, `nbgrader generate_feedback`
and `nbgrader export` work on it. What a teacher entered by hand stays.
"""

import contextlib
import csv
import io
import logging
import os
import re
import shutil
import sqlite3
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from .._files import write_whole
from ..exercises.bank import EXERCISES
from ..exercises.question import NOT_ATTEMPTED, Verdict
from . import needs_extra
from .names import few_marks
from .records import GradingRecord, Mark, ProseEntry, read_record, record_paths
from .returns import Result, late_in
from .roster import read_roster, working
from .tables import harmless
from .variants import BOOK, Draw

with needs_extra():
    import nbformat
    from nbformat import NotebookNode
    from nbformat.v4 import new_markdown_cell, new_output
    from nbgrader.api import Gradebook, InvalidEntry
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import NbGraderPreprocessor
    from nbgrader.utils import capture_log
    from sqlalchemy.exc import SQLAlchemyError
    from traitlets.config.loader import PyFileConfigLoader

    from . import authoring, feedback

COURSE_ID, ASSIGNMENT_ID, NOTEBOOK_ID = "d2lparams", "parameters", "6-exercises"  # as nbgrader calls them
CONFIG = f'''c = get_config()
c.CourseDirectory.course_id = "{COURSE_ID}"
c.ClearSolutions.code_stub = {{"python": {authoring.CODE_STUB!r}}}
c.ClearSolutions.text_stub = {authoring.TEXT_STUB!r}
c.CourseDirectory.feedback_directory = "feedback-nbgrader"  # beside feedback/, which `make grade` writes
# `nbgrader autograde`, and the formgrader's button of that name, would run learners' code with this folder in its
# reach. The next line makes them refuse; without it they work, for submissions that you trust.
c.Autograde.sanitize_preprocessors = ["d2lparams.course.gradebook.Refuse"]
'''
UNPRINTABLE = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")


class Refuse(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Stands where nbgrader would start a learner's code."""

    def preprocess(self, notebook: NotebookNode, resources: object) -> None:
        raise RuntimeError(
            "nbgrader would run this submission with the gradebook in its reach: grade with `make grade` instead, or "
            "remove the line about Autograde from nbgrader_config.py if you trust every submission"
        )


def release(folder: Path, draw: Draw = BOOK) -> Path:
    """Write an nbgrader course, let nbgrader make the learners' version, and return that notebook's path.

    folder: gets nbgrader_config.py, gradebook.db, source/ (with solutions, for the course's staff) and release/.
    A changed notebook can be released again until there are submissions; nbgrader then keeps its cells as they are.
    """
    config = folder / "nbgrader_config.py"
    source = folder / "source" / ASSIGNMENT_ID / f"{NOTEBOOK_ID}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    _write(source, nbformat.writes(authoring.source_notebook(draw)) + "\n")
    settings = PyFileConfigLoader(config.name, str(folder)).load_config()
    settings.CourseDirectory.update(root=str(folder.resolve()), assignment_id=ASSIGNMENT_ID)
    if not shutil.which("alembic"):  # nbgrader calls it by name, and an environment that isn't activated is on no PATH
        os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    done = capture_log(GenerateAssignment(coursedir=CourseDirectory(config=settings), config=settings, force=True))
    if not done["success"]:
        raise RuntimeError(f"nbgrader cannot release {source}:\n{done['log']}")
    return folder / "release" / ASSIGNMENT_ID / f"{NOTEBOOK_ID}.ipynb"


def collect(folder: Path, draw: Draw = BOOK) -> Path:
    """Merge the records in `folder` into scores, gradebook and feedback; return the path of scores.csv.

    folder: holds records/<learner>.json; gets scores.csv, feedback/<learner>.html, gradebook.db and autograded/. Of a
    class that `grade` saw, only the learners who are still in it are merged.
    Raises FileNotFoundError if there are no records, RuntimeError if the gradebook can't be used; also at the end, when
    all others are merged, if a record is damaged or belongs to other exercises than these.
    """
    merge(folder, draw)
    return folder / "scores.csv"


def merge(folder: Path, draw: Draw = BOOK) -> list[Result]:
    """Do what `collect` does, and return what each learner earned, by the names that the learner's files have."""
    with working(folder):
        records, broken = _records(folder, draw)
        if not records:
            nothing = f"{folder / 'records'} holds no records: grade submissions into {folder} first"
            raise RuntimeError("\n".join(broken)) if broken else FileNotFoundError(nothing)
        base = folder / "gradebook.db"
        _refuse_damaged(base)
        form = release(folder, draw).read_text(encoding="utf-8")
        late = {id_: said for path in (folder / "platform").glob("*") for id_, said in late_in(path).items() if id_}
        rows, results = [], []
        try:
            with _silent("tornado.application"), Gradebook(f"sqlite:///{base.resolve()}", COURSE_ID) as gradebook:
                for learner, record in records.items():  # learner: as the files are named
                    if said := late.get(record.get("who", {}).get("id", "")):
                        record["who"]["late"] = said
                    copy_path = folder / "autograded" / learner / ASSIGNMENT_ID / f"{NOTEBOOK_ID}.ipynb"
                    if draw.each:
                        form = nbformat.writes(authoring.learner_notebook(draw, record["learner"]))
                    copy = graded_copy(nbformat.reads(form, as_version=4), record)
                    marks = enter_marks(gradebook, learner, record, changed_answers(copy_path, copy))
                    _write(copy_path, nbformat.writes(copy) + "\n")
                    _write(folder / "feedback" / f"{learner}.html", feedback.page(_titles(draw, record), record, marks))
                    rows.append(score_row(record, marks))
                    results.append(_result(learner, record, marks))
        except (SQLAlchemyError, InvalidEntry) as error:
            said = str(error).splitlines()[0]
            raise RuntimeError(
                f"{base} can't be written: {said}. Nothing in it was lost; run `collect` again"
            ) from error
        table = io.StringIO()
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: spreadsheet_value(value) for key, value in row.items()} for row in rows)
        _write(folder / "scores.csv", table.getvalue())
    if broken:
        raise RuntimeError("\n".join([*broken, f"the other {len(records)} learners' grades are merged"]))
    return results


def _records(folder: Path, draw: Draw) -> tuple[dict[str, GradingRecord], list[str]]:
    """Return the class's records by the names of their files, and what is wrong with the others."""
    roster = read_roster(folder)
    records, broken = {}, []
    for path in record_paths(folder):
        if roster is None or path.stem in roster["learners"]:
            try:
                records[path.stem] = _record_of_these_exercises(path, draw)
            except RuntimeError as error:
                broken.append(str(error))
    return records, broken


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a logger, to which nbgrader tells errors that it raises, too, from telling them."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _refuse_damaged(base: Path) -> None:
    """Raise RuntimeError if there is a gradebook that can't be read: it holds what teachers entered by hand."""
    if not base.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(f"file:{base.resolve().as_posix()}?mode=ro", uri=True)) as opened:
            said = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise RuntimeError(
            f"{base} is damaged ({said}). It holds the marks that were given by hand, so nothing was changed: put a "
            f"good copy in its place, or move it away to start without them; the records are whole"
        )


def _record_of_these_exercises(path: Path, draw: Draw) -> GradingRecord:
    advice = "grade that submission again, or remove it"
    try:
        record = cast(GradingRecord, printable(read_record(path)))
    except (ValueError, FileNotFoundError) as error:
        raise RuntimeError(f"{error}: {advice}") from error
    if {*record["questions"], *record["prose"]} != set(EXERCISES):
        raise RuntimeError(f"{path} is of other exercises than these: {advice}")
    if str(record["format"]).partition("+")[2] != draw.mark:
        raise RuntimeError(f"{path} is of another draw than this key's: {advice}, or give the key it was graded with")
    return record


def _titles(draw: Draw, record: GradingRecord) -> dict[str, str]:
    return {name: exercise.title for name, exercise in draw.exercises(record["learner"]).items()}


def _result(learner: str, record: GradingRecord, marks: dict[str, Mark]) -> Result:
    who = record.get("who", {})
    ids = dict.fromkeys(filter(None, (who.get("id"), who.get("login"), record["learner"], learner)))
    points, most = sum(mark.points for mark in marks.values()), sum(mark.max for mark in marks.values())
    pending, members = any(mark.pending for mark in marks.values()), who.get("members", "").split()
    return Result(learner, tuple(ids), points, most, pending, tuple(members))


class Grade(Protocol):
    """What is used of nbgrader's grade of a cell."""

    name: str
    auto_score: float | None
    manual_score: float | None
    extra_credit: float | None
    needs_manual_grade: bool


class Comment(Protocol):
    """What is used of nbgrader's comment on a cell."""

    name: str
    auto_comment: str | None
    manual_comment: str | None


def enter_marks(gradebook: Gradebook, learner: str, record: GradingRecord, changed: set[str]) -> dict[str, Mark]:
    """Enter a record into the gradebook and return the marks, those given by hand among them.

    changed: the questions whose answers are new; a mark given by hand stays, and is shown for review if it is older.
    """
    gradebook.update_or_create_student(learner)  # by the name of the learner's files, as nbgrader wants it
    with gradebook.db.no_autoflush:
        (notebook,) = gradebook.update_or_create_submission(ASSIGNMENT_ID, learner).notebooks
    grades = cast(list[Grade], notebook.grades)
    comments = {comment.name: comment for comment in cast(list[Comment], notebook.comments)}
    marks = {}
    for grade in grades:
        name = grade.name.removesuffix("-check")
        most, attempted, grade.auto_score = _judged(record, name)
        if grade.manual_score is None:
            grade.needs_manual_grade = grade.auto_score is None
        elif name in changed:
            grade.needs_manual_grade = True
        comment = comments[name]
        comment.auto_comment = None if attempted else "No response."
        points = grade.auto_score if grade.manual_score is None else grade.manual_score
        earned = (points or 0) + (grade.extra_credit or 0)
        marks[name] = Mark(earned, most, grade.needs_manual_grade, comment.manual_comment)
    gradebook.db.commit()
    return {name: marks[name] for name in (*record["questions"], *record["prose"])}


def _judged(record: GradingRecord, name: str) -> tuple[int, bool, float | None]:
    """Return the most points of a question, whether it was attempted, and its points; None if somebody must read it."""
    if name in record["questions"]:
        entry = record["questions"][name]
        return entry["max"], entry["outcome"] != NOT_ATTEMPTED, entry["points"]
    prose = record["prose"][name]
    return prose["max"], prose["attempted"], None if prose["attempted"] else 0


def graded_copy(form: NotebookNode, record: GradingRecord) -> NotebookNode:
    """Return the course's notebook with a learner's answers in their cells, and the verdicts as what the checks said.

    Nothing of the learner's but these answers gets in, and none of it as HTML or Markdown that a page would render.
    """
    questions, prose = record["questions"], record["prose"]
    if record["note"]:
        form.cells.insert(0, new_markdown_cell(fenced(record["note"]), id="note"))
    for cell in form.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        checked, measured = name.removesuffix("-check"), cell.id.removesuffix("-measure")
        if name in questions:
            cell.source = questions[name]["answer"] or ""
        elif name in prose and prose[name]["attempted"]:
            remark = prose[name].get("remark")
            cell.source = (f"{remark}:\n\n" if remark else "") + fenced(prose[name]["answer"] or "")
        elif measured in prose and prose[measured]["attempted"]:
            cell.source, cell.outputs = prose[measured]["measured"], _seen(prose[measured])
        elif checked in questions:
            said = Verdict(checked, questions[checked]["outcome"], questions[checked]["message"])
            cell.outputs = [new_output("execute_result", {"text/plain": repr(said)})]
    return form


def _seen(prose: ProseEntry) -> list[NotebookNode]:
    """Return what a learner's measuring cells printed and plotted, as outputs; pictures were checked."""
    printed, figures = prose.get("printed"), prose.get("figures", [])
    outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
    return outputs + [new_output("display_data", {kind: data}) for kind, data in figures]


def changed_answers(path: Path, notebook: NotebookNode) -> set[str]:
    """Return the questions whose answers differ from the notebook that was stored at `path`; all, if none was."""

    def answers(notebook: NotebookNode) -> dict[str, str]:
        named = ((cell.metadata.get("nbgrader", {}), cell.source) for cell in notebook.cells)
        return {data["grade_id"]: source for data, source in named if data.get("solution")}

    try:
        before = answers(nbformat.read(path, as_version=4)) if path.exists() else {}
    except Exception:  # nbformat's own kinds of error are many, and the file is written anew
        before = {}
    return {name for name, source in answers(notebook).items() if before.get(name) != source}


def score_row(record: GradingRecord, marks: dict[str, Mark]) -> dict[str, object]:
    """Return one line of scores.csv: the sum, the points of each question, then how each one ended."""
    row: dict[str, object] = {
        "learner": record["learner"],
        "points": sum(mark.points for mark in marks.values()),
        "max": sum(mark.max for mark in marks.values()),
        "to be read": " ".join(name for name, mark in marks.items() if mark.pending),
    }
    row |= {name: mark.points for name, mark in marks.items()}
    row |= {f"{name} outcome": entry["outcome"] for name, entry in record["questions"].items()}
    nothing = all(entry["answer"] is None for entry in record["questions"].values())
    strange = ["no cell of it answers a question: is it another notebook?"] if nothing else []
    who = record.get("who", {})
    row |= {"id": who.get("id", ""), "name": who.get("name", ""), "late": who.get("late", "")}
    said = [record["note"]] if record["note"] else strange
    return row | {"file": record["file"] or "", "note": "; ".join([*said, *record.get("remarks", [])])}


def spreadsheet_value(value: object) -> str:
    """Return a value for a spreadsheet, a string that one would run as a formula with an apostrophe before it."""
    return harmless(value) if isinstance(value, str) else f"{value:g}"


def fenced(text: str) -> str:
    """Return text as Markdown that shows it letter by letter: in a fence longer than any run of backticks in it.

    >>> print(fenced("<script>```"))
    ````text
    <script>```
    ````
    """
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def printable(value: object) -> object:
    """Return plain data with every string free of control characters, piled marks, and what UTF-8 cannot hold.

    >>> printable({"a": ["1\\x1b[2J", "\\ud800"]})
    {'a': ['1�[2J', '�']}
    """
    if isinstance(value, dict):
        return {key: printable(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [printable(entry) for entry in value]
    return few_marks(UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)) if isinstance(value, str) else value


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.write(text.encode()))
