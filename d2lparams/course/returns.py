"""The way back: a platform's own file with the points in it, and the pages of feedback in the platform's form.

What is known of the learners comes from the names in the download, see `platforms`; the file's rows are found by the
platform's ids, never by what a learner may choose.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .._files import write_whole
from .names import shown
from .tables import Table

OUR_WORDS = ("exercise", "parameter", "d2l")  # in the name of the column that is meant
SUMS = ("current ", "final ", "unposted ", "override ", "total")  # columns that a platform computes itself
TOTAL = re.compile(r"\[Total Pts: (?:up to )?([\d.,]+)[^\]]*\]")
IDS = ("id", "identifier", "username", "user", "login", "email", "student", "student_id", "learner", "github_username")
IDS_ALONE = "a table of ids"
POINTS = ("points", "grade", "score", "mark", "points_awarded")


class Result(NamedTuple):
    """What a learner earned.

    ids: all that a platform's file may call the learner by, the surest first; pending: if somebody must read an answer.
    """

    learner: str
    ids: tuple[str, ...]
    points: float
    most: float
    pending: bool = False


class Filled(NamedTuple):
    """A file that was filled: how many rows, whom it names without a submission, who stands in no row of it."""

    path: Path
    kind: str
    rows: int
    without_submission: list[str]
    not_in_file: list[str]
    remarks: list[str]


class _Form(NamedTuple):
    """Where things stand in a platform's file.

    id: reads it off a row; points: the column; most: off a row, what the platform takes as the most, if it says so.
    """

    kind: str
    id: Callable[[int], str]
    name: Callable[[int], str]
    points: int
    most: Callable[[int], float | None]
    rows: Iterable[int]
    also: dict[int, str]  # other columns that must be filled, with what


def fill(path: Path, results: list[Result], out: Path, column: str | None = None) -> Filled:
    """Write a platform's file anew into the folder `out`, with the points in it.

    column: the name of the column for points, where there are several.
    Raises ValueError if the file is not one that can be filled, and says what was wanted.
    """
    table = Table(path)
    form = _form(table, results, column)
    people: dict[str, Result] = {}
    twice = set()
    for result in results:
        for id_ in set(result.ids if form.kind == IDS_ALONE else result.ids[:1]):
            twice |= {id_} if id_ in people and people[id_] is not result else set()
            people[id_] = result
    ids = [form.id(row) for row in form.rows]
    twice |= {id_ for id_ in ids if id_ and ids.count(id_) > 1}
    remarks = [f"{shown(id_)} stands for several: left as it is" for id_ in sorted(twice)]
    comma = any(re.fullmatch(r"\d+,\d+", table.value(row, c)) for row in form.rows for c in range(len(table.header)))
    found: set[str] = set()
    nobody: list[str] = []
    scaled: set[tuple[float, float]] = set()
    rows = 0
    for row, id_ in zip(form.rows, ids, strict=True):
        if id_ in twice or not id_:
            continue
        if id_ not in people:
            nobody.append(form.name(row) or id_)
            continue
        result = people[id_]
        most = form.most(row) or result.most
        points = result.points if most == result.most else round(result.points * most / result.most, 2)
        scaled |= {(result.most, most)} if most != result.most else set()
        text = f"{points:.10g}"
        table.fill(row, form.points, text.replace(".", ",") if comma and table.separator != "," else text)
        for other, value in form.also.items():
            table.fill(row, other, value)
        found.add(result.learner)
        rows += 1
    remarks += [f"points were scaled from {ours:g} to the file's {theirs:g}" for ours, theirs in sorted(scaled)]
    out.mkdir(parents=True, exist_ok=True)
    content = table.content()
    write_whole(out / path.name, lambda file: file.write(content))
    strangers = [result.learner for result in results if result.learner not in found]
    return Filled(out / path.name, form.kind, rows, nobody, strangers, remarks)


def is_known(path: Path) -> bool:
    """Say whether a file is one that a platform exports for grades."""
    try:
        return _platform(Table(path)) is not None
    except (ValueError, OSError):
        return False


def names_some(path: Path, ids: set[str]) -> bool:
    """Say whether a file is a table with a column of ids, some of which are these."""
    try:
        table = Table(path)
        columns = [c for c, name in enumerate(table.header) if name.lower() in IDS]
        return any(table.value(row, c).strip() in ids for c in columns for row in range(1, len(table)))
    except (ValueError, OSError):
        return False


def _platform(table: Table) -> str | None:
    names = {name.lower() for name in table.header}
    if {"identifier", "grade"} <= names or {"identifier", "maximum grade"} <= names:
        return "Moodle"
    if {"student", "id", "section"} <= names:
        return "Canvas"
    if any(TOTAL.search(name) for name in table.header):
        return "Blackboard"
    return "ILIAS" if {"update", "usr_id", "login", "mark"} <= names else None


def _form(table: Table, results: list[Result], column: str | None) -> _Form:
    kind = _platform(table)
    forms = {"Moodle": _moodle, "Canvas": _canvas, "Blackboard": _blackboard, "ILIAS": _ilias}
    return forms[kind](table, column) if kind else _plain(table, results, column)


def _moodle(table: Table, column: str | None) -> _Form:
    id_, most = table.column("Identifier"), table.column("Maximum grade")
    name, points = table.column("Full name"), _named(table, column or "Grade")

    def number(row: int) -> str:
        match = re.search(r"(\d+)\s*$", _at(table, row, id_))
        return match[1] if match else ""

    return _Form(
        "Moodle", number, lambda row: _at(table, row, name), points,
        lambda row: _number(_at(table, row, most)), range(1, len(table)), {},
    )  # fmt: skip


def _canvas(table: Table, column: str | None) -> _Form:
    id_, name = table.column("ID"), table.column("Student")
    head = [row for row in range(1, min(len(table), 5)) if _at(table, row, name).strip().lower() == "points possible"]
    heads = range(1, head[0] + 1) if head else range(0)
    first = max(c for c, title in enumerate(table.header) if title.lower() in ("section", "id", "student"))
    own = [
        c
        for c in range(first + 1, len(table.header))
        if not table.header[c].lower().startswith(SUMS)
        and not any("read only" in table.value(row, c).lower() for row in heads)
    ]
    points = _meant(table, own, column)
    most = _number(table.value(head[0], points)) if head else None
    rows = range(heads.stop if head else 1, len(table))
    return _Form(
        "Canvas", lambda row: _at(table, row, id_).strip(), lambda row: _at(table, row, name), points, lambda row: most,
        rows, {},
    )  # fmt: skip


def _blackboard(table: Table, column: str | None) -> _Form:
    user = table.column("Username", "User Name", "Benutzername", "Nombre de usuario", "Nom d'utilisateur")
    if user is None:
        raise ValueError(f"{table.path} has no column Username: wanted Blackboard's file for working offline")
    last, first = table.column("Last Name"), table.column("First Name")
    points = _meant(table, [c for c, title in enumerate(table.header) if TOTAL.search(title)], column)
    match = TOTAL.search(table.header[points])
    most = _number(match[1]) if match else None
    return _Form(
        "Blackboard", lambda row: _at(table, row, user).strip(),
        lambda row: f"{_at(table, row, first)} {_at(table, row, last)}".strip(), points, lambda row: most,
        range(1, len(table)), {},
    )  # fmt: skip


def _ilias(table: Table, column: str | None) -> _Form:
    id_, login, update = table.column("usr_id"), table.column("login"), table.column("update")
    assert update is not None
    return _Form(
        "ILIAS", lambda row: _at(table, row, id_).strip(), lambda row: _at(table, row, login),
        _named(table, column or "mark"), lambda row: None, range(1, len(table)), {update: "1"},
    )  # fmt: skip


def _plain(table: Table, results: list[Result], column: str | None) -> _Form:
    """Return the form of any other table: the column that names most of the learners, and one for points."""
    ids = {id_ for result in results for id_ in result.ids}
    hits = {
        c: sum(table.value(row, c).strip() in ids for row in range(1, len(table))) for c in range(len(table.header))
    }
    best = max(hits, key=lambda c: (hits[c], table.header[c].lower() in IDS), default=0)
    if not hits.get(best):
        raise ValueError(
            f"no column of {table.path} holds ids of these learners: wanted Moodle's grading worksheet, the gradebook "
            f"of Canvas or Blackboard, or a table with one of {', '.join(sorted(ids)[:3])} ... in a column"
        )
    points = table.column(*([column] if column else POINTS))
    if points is None or points == best:
        points = len(table.header)
        table.fill(0, points, column or "points")
    return _Form(
        IDS_ALONE, lambda row: table.value(row, best).strip(), lambda row: table.value(row, best), points,
        lambda row: None, range(1, len(table)), {},
    )  # fmt: skip


def _at(table: Table, row: int, column: int | None) -> str:
    return "" if column is None else table.value(row, column)


def _number(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) and float(text) > 0 else None


def _named(table: Table, name: str) -> int:
    column = table.column(name)
    if column is None:
        raise ValueError(f"{table.path} has no column {name!r}, but {', '.join(map(repr, table.header))}")
    return column


def _meant(table: Table, columns: list[int], column: str | None) -> int:
    """Return the column for the points: the one that is named, or the only one that can be meant."""
    if column is not None:
        hits = [c for c in columns if column.lower() == table.header[c].lower()]
        columns = hits or [c for c in columns if column.lower() in table.header[c].lower()]
    elif len(columns) > 1:
        columns = [c for c in columns if any(word in table.header[c].lower() for word in OUR_WORDS)] or columns
    if len(columns) != 1:
        there = ", ".join(repr(shown(table.header[c], 60)) for c in columns) or "none"
        raise ValueError(f"which column of {table.path} takes the points? Name one with --column: {there}")
    return columns[0]


def zip_feedback(pages: dict[str, Path], path: Path) -> None:
    """Write pages into a zip, by the names that the platform takes them back under; the same for the same pages."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, page in sorted(pages.items()):
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, page.read_bytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.write(content.getvalue()))
