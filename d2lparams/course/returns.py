"""The way back: a platform's own file with the points in it, and the pages of feedback in the platform's form.

What is known of the learners comes from the names in the download, see `platforms`; the file's rows are found by the
platform's ids, never by what a learner may choose. `forms` knows where things stand in each platform's file.
"""

import io
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .._files import write_whole
from .forms import IDS, IDS_ALONE, form_of, platform_of
from .names import as_compared, shown
from .tables import Table

DECIMAL = re.compile(r"\d+,\d+")  # a number as it is written where the comma parts the decimals


class Result(NamedTuple):
    """What a learner earned.

    ids: all that a platform's file may call the learner by, the surest first; pending: if somebody must read an answer;
    members: the platform's ids of the people, if the learner is a team of them.
    """

    learner: str
    ids: tuple[str, ...]
    points: float
    most: float
    pending: bool = False
    members: tuple[str, ...] = ()


class Filled(NamedTuple):
    """A file that was filled: how many rows, whom it names without a submission, who stands in no row of it."""

    path: Path
    kind: str
    rows: int
    without_submission: list[str]
    not_in_file: list[str]
    remarks: list[str]


def fill(path: Path, results: list[Result], out: Path, column: str | None = None) -> Filled:
    """Write a platform's file anew into the folder `out`, with the points in it.

    column: the name of the column for points, where there are several.
    Raises ValueError if the file is not one that can be filled, and says what was wanted.
    """
    table = Table(path)
    form = form_of(table, {id_ for result in results for id_ in result.ids}, column)
    people: dict[str, Result] = {}
    twice = set()
    for result in results:
        ids_of_it = result.ids if form.kind == IDS_ALONE else (*result.ids[:1], *result.members)
        for id_ in map(as_compared, set(ids_of_it)):
            twice |= {id_} if id_ in people and people[id_] is not result else set()
            people[id_] = result
    ids = [as_compared(form.id(row)) for row in form.rows]
    counts = Counter(ids)
    twice |= {id_ for id_ in ids if id_ and counts[id_] > 1}
    remarks = [f"{shown(id_)} stands for several: left as it is" for id_ in sorted(twice)]
    cells = (table.value(row, c) for row in form.rows for c in range(len(table.header)))
    comma = any(form.comma(row) for row in form.rows) or (table.separator != "," and any(map(DECIMAL.fullmatch, cells)))
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
        table.fill(row, form.points, text.replace(".", ",") if comma else text)
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


def late_in(path: Path) -> dict[str, str]:
    """Return what a platform's file says of those who were late, by their ids; nothing where it says none of that."""
    try:
        table = Table(path)
        form = form_of(table, set(), None) if platform_of(table) else None
    except (ValueError, OSError):
        return {}
    return {form.id(row): late for row in form.rows if (late := form.late(row))} if form else {}


def is_known(path: Path) -> bool:
    """Say whether a file is one that a platform exports for grades."""
    try:
        return platform_of(Table(path)) is not None
    except (ValueError, OSError):
        return False


def names_some(path: Path, ids: set[str]) -> bool:
    """Say whether a file is a table with a column of ids, some of which are these."""
    wanted = set(map(as_compared, ids))
    try:
        table = Table(path)
        columns = [c for c, name in enumerate(table.header) if name.lower() in IDS]
        return any(as_compared(table.value(row, c)) in wanted for c in columns for row in range(1, len(table)))
    except (ValueError, OSError):
        return False


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
