"""One table as text and as accessible HTML, and how numbers and plurals are written in it."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Literal, NamedTuple, TypeVar

MOST_LINES = 40  # that a table shows unless it is told otherwise
Line = tuple[str, ...] | str  # the cells, or a sentence that stands in place of lines that were left out
T = TypeVar("T")


class Column(NamedTuple):
    title: str
    holds: Literal["names", "text", "numbers"] = "text"  # a name is its row's header; numbers stand on the right
    width: int = 0  # the least, in characters of the text


class Table(NamedTuple):
    """What is above, in, and below a table, ready to be written in either form."""

    columns: Sequence[Column]
    lines: Sequence[Line]
    above: Sequence[str] = ()
    below: Sequence[str] = ()

    def text(self, header: bool = True, indent: str = "") -> str:
        """Return the table as plain text; `indent` stands before everything but what is above."""
        titles = tuple(column.title for column in self.columns)
        lines = [titles, *self.lines] if header else self.lines
        rows = [line for line in lines if not isinstance(line, str)]
        widths = [max([column.width, *map(len, cells)]) for column, *cells in zip(self.columns, *rows, strict=True)]
        inside = [line if isinstance(line, str) else self._padded(line, widths) for line in lines]
        return "\n".join([*self.above, *(indent + line for line in [*inside, *self.below])])

    def _padded(self, cells: tuple[str, ...], widths: list[int]) -> str:
        padded = [
            cell.rjust(width) if column.holds == "numbers" else cell.ljust(width)
            for column, cell, width in zip(self.columns, cells, widths, strict=True)
        ]
        return "  ".join(padded).rstrip()

    def html(self) -> str:
        """Return the table as HTML, where each header says what it heads."""
        parts = [_paragraph(sentence) for sentence in self.above]
        if self.lines:
            head = "".join(_cell("th", column, column.title, ' scope="col"') for column in self.columns)
            body = "\n".join(f"<tr>{self._cells(line)}</tr>" for line in self.lines)
            parts.append(f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>")
        return "\n".join([*parts, *map(_paragraph, self.below)])

    def _cells(self, line: Line) -> str:
        if isinstance(line, str):
            return f'<td colspan="{len(self.columns)}" style="text-align:left">{escape(line)}</td>'
        return "".join(
            _cell("th", column, cell, ' scope="row"') if column.holds == "names" else _cell("td", column, cell)
            for column, cell in zip(self.columns, line, strict=True)
        )


def _cell(tag: str, column: Column, text: str, scope: str = "") -> str:
    side = "right" if column.holds == "numbers" else "left"  # a notebook's own style puts all cells to the right
    if not text.strip():
        tag, scope = "td", ""  # a header without words heads nothing
    return f'<{tag}{scope} style="text-align:{side}">{escape(text)}</{tag}>'


def _paragraph(sentence: str) -> str:
    return f"<p>{escape(sentence)}</p>"


def _left_out(items: Sequence[object]) -> str:
    return f"… {len(items):,} left out …"


def shortened(
    items: Sequence[T],
    cells: Callable[[T], tuple[str, ...]],
    most: int | None = MOST_LINES,
    left_out: Callable[[Sequence[T]], str] = _left_out,
) -> list[Line]:
    """Return a line for each item; of more than `most` the first and the last ones, and what is left out between."""
    if most is None or len(items) <= most:
        return [cells(item) for item in items]
    first = 2 * (most - 1) // 3
    last = len(items) - (most - 1 - first)
    return [*map(cells, items[:first]), left_out(items[first:last]), *map(cells, items[last:])]


# ---- numbers


def plural(number: int, thing: str) -> str:
    """Write "1 thing" or "2,000 things"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def memory(number: int) -> str:
    """Write an amount of memory, 480 bytes or 44.6 MiB."""
    size, units = float(number), ["KiB", "MiB", "GiB", "TiB", "PiB"]
    if number < 10_000:
        return plural(number, "byte")
    while size >= 1000 and units:
        size, unit, *units = size / 1024, *units
    return f"{size:#.3g} {unit}".replace(". ", " ")


def three_digits(number: float | None) -> str:
    """Write a number to three digits, 0.0123 or 1.23e+07."""
    if number is None:
        return "–"
    if not number or not math.isfinite(number):
        return f"{number:.3g}"
    return f"{number:#.3g}".rstrip(".")


def mean_and_std(mean: float | None, std: float | None) -> tuple[str, str]:
    """Write std to three digits, and mean to as many decimals: more would be noise."""
    if mean is None or not std or not math.isfinite(std) or not 1e-4 < std < 1e6:
        return three_digits(mean), three_digits(std)
    decimals = max(0, 2 - math.floor(math.log10(std)))
    return f"{round(mean, decimals) + 0.0:.{decimals}f}", f"{std:.{decimals}f}"


def import_pandas() -> Any:
    """Return pandas, which a record's tables need and recording does not."""
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a record's tables need {error.name}, which is not installed: pip install 'd2lparams[plots]'",
            name=error.name,
        ) from error
    return pandas
