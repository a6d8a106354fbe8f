"""Read a notebook's cells from bytes that anybody may have written, in bounded time and memory.

Formats 2 to 4.5 are read, whatever tool wrote them; what is no notebook gets a reason.
"""

import json
import re
from dataclasses import dataclass, field

from .figures import Figure, checked_figure, pasted_figures

LARGEST_FILE = 20 << 20  # bytes; a notebook with all its figures has a tenth of that
LONGEST_CELL = 1 << 18  # characters of a cell that are read
LONGEST_OUTPUT = 20_000  # characters of what one cell printed
MOST_BRACES, MOST_COMMAS = 500_000, 2_000_000  # outside of strings: what JSON makes of them takes up to 500 bytes each
MOST_FIGURES = 8  # of one cell


class Unreadable(Exception):
    """A submission that cannot be graded; the message says why."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    kind: "code", "markdown", ...; grade_id: nbgrader's name for it, or None; id: the notebook format's own, or None;
    printed: what it wrote as text, when it was run; figures: what it plotted, and what was pasted into it;
    locked: whether nbgrader was to keep it as it was handed out.
    """

    kind: str
    source: str
    grade_id: str | None
    id: str | None = None
    printed: str = ""
    figures: tuple[Figure, ...] = field(default=(), repr=False)
    locked: bool = False


def cells_of(content: bytes) -> list[Cell]:
    """Return a notebook's cells. Raises Unreadable with the reason if it is none."""
    if not content.strip():
        raise Unreadable("the file is empty")
    try:
        text = content.decode(json.detect_encoding(content), "replace")
        _refuse_too_many(text)
        notebook = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"the file is not a notebook: {type(error).__name__}: {error}"[:300]) from error
    except RecursionError as error:  # its own text differs from run to run
        raise Unreadable("the file is not a notebook: its JSON is nested too deeply") from error
    sheets = notebook.get("worksheets") if isinstance(notebook, dict) else None  # formats 2 and 3 had several
    holders = [notebook, *sheets] if isinstance(sheets, list) else [notebook]
    found = [holder.get("cells") for holder in holders if isinstance(holder, dict)]
    lists = [cells for cells in found if isinstance(cells, list)]
    if not lists:
        raise Unreadable("the file is not a notebook: it has no list of cells")
    return [_cell(cell) for cells in lists for cell in cells if isinstance(cell, dict)]


def _refuse_too_many(text: str) -> None:
    """Raise Unreadable for JSON that would take far more memory than its text: a million empty cells, for example."""
    if text.count("{") + text.count("[") <= MOST_BRACES and text.count(",") <= MOST_COMMAS:
        return
    bare = re.sub('"[^"]*"', "", text.replace("\\\\", "").replace('\\"', ""))
    if bare.count("{") + bare.count("[") > MOST_BRACES or bare.count(",") > MOST_COMMAS:
        raise Unreadable("the file has too many parts for a notebook: clear its outputs")


def _cell(cell: dict[str, object]) -> Cell:
    kind, source = str(cell.get("cell_type")), _text(cell.get("source", cell.get("input", "")))  # "input" in format 3
    figures: list[Figure | None] = []
    if kind == "heading":  # in format 3
        level = cell.get("level")
        kind, source = "markdown", "#" * (level if isinstance(level, int) and 0 < level < 7 else 1) + " " + source
    if kind in ("markdown", "raw", "html"):
        source, pasted = pasted_figures(source)
        figures += pasted
    attachments = cell.get("attachments")
    for bundle in list(attachments.values())[:MOST_FIGURES] if isinstance(attachments, dict) else ():
        figures += _figures(bundle)
    printed = []
    outputs = cell.get("outputs")
    for output in outputs[:1000] if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            printed.append(_printed(output))
            if len(figures) < 4 * MOST_FIGURES:
                figures += _figures(
                    output.get("data", {"image/png": output.get("png"), "image/jpeg": output.get("jpeg")})
                )
    return Cell(
        kind=kind,
        source=source.removeprefix("\ufeff")[:LONGEST_CELL],
        grade_id=_grade_id(cell.get("metadata")),
        locked=_nbgraders(cell.get("metadata")).get("locked") is True,
        id=str(cell["id"])[:64] if isinstance(cell.get("id"), str) else None,
        printed="".join(printed)[:LONGEST_OUTPUT],
        figures=tuple(figure for figure in figures if figure)[:MOST_FIGURES],
    )


def _nbgraders(metadata: object) -> dict[str, object]:
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return nbgrader if isinstance(nbgrader, dict) else {}


def _grade_id(metadata: object) -> str | None:
    grade_id = _nbgraders(metadata).get("grade_id")
    return grade_id if isinstance(grade_id, str) else None


def _figures(bundle: object) -> list[Figure | None]:
    """Return the pictures of a dictionary from types to data; None for those that are not what they say."""
    if not isinstance(bundle, dict):
        return []
    return [checked_figure(kind, bundle[kind]) for kind in ("image/png", "image/jpeg") if bundle.get(kind)]


def _printed(output: dict[str, object]) -> str:
    data = output.get("data")
    plain = data.get("text/plain") if isinstance(data, dict) and "image/png" not in data else None
    text = _text(output.get("text", plain))[:LONGEST_OUTPUT]
    if output.get("output_type") in ("error", "pyerr"):
        text = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"[:500]
    return text if not text or text.endswith("\n") else text + "\n"


def _text(lines: object) -> str:
    lines = lines if isinstance(lines, list) else [lines]
    return "".join(line for line in lines if isinstance(line, str))
