"""Where things stand in the files that platforms export for grades, in whatever language.

Most platforms translate the names of their columns. So a file is known by what cannot be translated: the ids, and what
stands in which order.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .names import as_compared, shown
from .tables import Table

OUR_WORDS = ("exercise", "parameter", "d2l")  # in the name of the column that is meant
SUMS = ("current ", "final ", "unposted ", "override ", "total", "weighted total")  # columns that platforms compute
TOTAL = re.compile(
    r"\[[^\]:\[]+:\D*?([\d.,]+)[^\]]*\](?:\s*\|\s*\d+)?\s*$"
)  # Blackboard's: "[Total Pts: 100 Score] |12"
BLACKBOARDS = re.compile(r"\[Total Pts: |\]\s*\|\s*\d+\s*$", re.IGNORECASE)
ASSIGNMENT = re.compile(r"\(\d+\)$")  # how Canvas ends the name of one
LATE = re.compile(
    r"\blate\b|versp(?:ä|ae?)t|zu spät|retard|retraso|después|tarde|atras|ritardo|te laat|逾期|迟|遲|遅|опозд",
    re.IGNORECASE,
)
STATUS = re.compile(r"stat|estad|stav|状态|狀態|ステータス|상태|durum|tila|статус|состояние", re.IGNORECASE)
IDS = ("id", "identifier", "username", "user", "login", "email", "student", "student_id", "learner", "github_username")
IDS_ALONE = "a table of ids"
POINTS = ("points", "grade", "score", "mark", "points_awarded")


class Form(NamedTuple):
    """Where things stand in a platform's file.

    id: reads it off a row; points: the column; most: off a row, what the platform takes as the most, if it says so;
    also: other columns that must be filled, with what; late: off a row, what it says of that; comma: whether the row
    writes numbers with a decimal comma.
    """

    kind: str
    id: Callable[[int], str]
    name: Callable[[int], str]
    points: int
    rows: Iterable[int]
    most: Callable[[int], float | None] = lambda row: None
    also: dict[int, str] = {}  # noqa: RUF012
    late: Callable[[int], str] = lambda row: ""
    comma: Callable[[int], bool] = lambda row: False


def platform_of(table: Table) -> str | None:
    """Return the platform that a table is of, or None."""
    names = [name.lower() for name in table.header]
    if {"identifier", "grade"} <= {*names} or {"identifier", "maximum grade"} <= {*names}:
        return "Moodle"
    if {"student", "id", "section"} <= {*names} or (names[1:2] == ["id"] and any(map(ASSIGNMENT.search, names))):
        return "Canvas"
    if any(TOTAL.search(name) and BLACKBOARDS.search(name) for name in names):
        return "Blackboard"
    if {"update", "mark"} <= {*names} and {"usr_id", "team_id"} & {*names}:
        return "ILIAS"
    return "Moodle" if _most_of_a_worksheet(table) else None


def form_of(table: Table, ids: set[str], column: str | None) -> Form:
    """Return the form of a table; ids: of all learners; column: the name of the one for points, where it is given."""
    kind = platform_of(table)
    forms = {"Moodle": _moodle, "Canvas": _canvas, "Blackboard": _blackboard, "ILIAS": _ilias}
    return forms[kind](table, column) if kind else _plain(table, ids, column)


def _most_of_a_worksheet(table: Table) -> int | None:
    """Return the column of the largest grade in Moodle's worksheet, which has its neighbors in any language.

    In the first column stands one word and a number, "Teilnehmer/in 17"; the grade, if any, stands left of the largest
    grade, which is the same in all rows; right of it a word for yes or no.
    """
    rows = [row for row in range(1, len(table)) if table.value(row, 0).strip()]
    numbered = [re.fullmatch(r"(\D*[^\W\d]\D*)\d+", table.value(row, 0).strip()) for row in rows]
    if not rows or len({match and match[1] for match in numbered}) != 1 or not numbered[0]:
        return None
    for c in range(2, len(table.header) - 1):
        before, here, after = ({table.value(row, place).strip() for row in rows} for place in (c - 1, c, c + 1))
        numbers = all(text in ("", "-") or _number(text) is not None for text in before - {"0", "0.00", "0,00"})
        words = len(after) <= 2 and all(re.fullmatch(r"[^\W\d_]+", text) for text in after)
        if len(here) == 1 and _number(*here) and numbers and words:
            return c
    return None


def _moodle(table: Table, column: str | None) -> Form:
    id_, most, name = table.column("Identifier"), table.column("Maximum grade"), table.column("Full name")
    points = table.column(column or "Grade")
    if id_ is None:
        id_, name, most = 0, 1, _most_of_a_worksheet(table)
        assert most is not None
        points = table.column(column) if column else most - 1
    if points is None:
        points = _named(table, column or "Grade")  # which says that there is none
    status = next((c for c in range(1, points) if STATUS.search(table.header[c])), None)

    def number(row: int) -> str:
        match = re.search(r"(\d+)\s*$", _at(table, row, id_))
        return match[1] if match else ""

    def late(row: int) -> str:
        said = shown(_at(table, row, status).strip())
        return said if LATE.search(said) else ""

    return Form(
        "Moodle", number, lambda row: _at(table, row, name), points, range(1, len(table)),
        most=lambda row: _number(_at(table, row, most)),
        late=late,
        comma=lambda row: re.fullmatch(r"\d+,\d+", _at(table, row, most).strip()) is not None,
    )  # fmt: skip


def _canvas(table: Table, column: str | None) -> Form:
    names = [title.lower() for title in table.header]
    id_ = names.index("id")
    name = names.index("student") if "student" in names else 0
    heads = range(1, next((row for row in range(1, min(len(table), 5)) if _at(table, row, id_).strip()), 1))
    first = max(c for c, title in enumerate(names) if title in ("section", "id", "student"))
    own = [
        c
        for c in range(first + 1, len(names))
        if not names[c].startswith(SUMS) and not any("read only" in table.value(row, c).lower() for row in heads)
    ]
    points = _meant(table, [c for c in own if ASSIGNMENT.search(names[c])] or own, column)
    most = next((number for row in heads if (number := _number(table.value(row, points)))), None)
    return Form(
        "Canvas", lambda row: _at(table, row, id_).strip(), lambda row: _at(table, row, name), points,
        range(heads.stop, len(table)),
        most=lambda row: most,
    )  # fmt: skip


def _blackboard(table: Table, column: str | None) -> Form:
    user = table.column("Username", "User Name", "Benutzername", "Nombre de usuario", "Nom d'utilisateur")
    graded = [c for c, title in enumerate(table.header) if TOTAL.search(title)]
    if user is None and min(graded) >= 3 and not {"last name", "first name"} & {t.lower() for t in table.header}:
        user = 2  # after the last and the first name, in a language that we don't know
    if user is None:
        raise ValueError(f"{table.path} has no column Username: wanted Blackboard's file for working offline")
    points = _meant(table, [c for c in graded if not table.header[c].lower().startswith(SUMS)] or graded, column)
    match = TOTAL.search(table.header[points])
    most = _number(match[1]) if match else None
    names = [c for c in (1, 0) if c < user]
    return Form(
        "Blackboard", lambda row: _at(table, row, user).strip(),
        lambda row: " ".join(_at(table, row, c) for c in names).strip(), points, range(1, len(table)),
        most=lambda row: most,
    )  # fmt: skip


def _ilias(table: Table, column: str | None) -> Form:
    id_, login, update = table.column("usr_id", "team_id"), table.column("login", "logins"), table.column("update")
    assert update is not None
    return Form(
        "ILIAS", lambda row: _at(table, row, id_).strip(), lambda row: _at(table, row, login),
        _named(table, column or "mark"), range(1, len(table)), also={update: "1"},
    )  # fmt: skip


def _plain(table: Table, ids: set[str], column: str | None) -> Form:
    """Return the form of any other table: the column that names most of the learners, and one for points."""
    columns, ids = range(len(table.header)), set(map(as_compared, ids))
    hits = {c: sum(as_compared(table.value(row, c)) in ids for row in range(1, len(table))) for c in columns}
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
    return Form(
        IDS_ALONE, lambda row: table.value(row, best).strip(), lambda row: table.value(row, best), points,
        range(1, len(table)),
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
