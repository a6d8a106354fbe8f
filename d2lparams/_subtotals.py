"""Rows that are found by name, and subtotals for each module of a net."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ._tables import MOST_LINES, Column, Table, memory, plural, shortened

_SUBTOTALS = [
    Column("module", "names"),
    Column("type"),
    Column("tensors", "numbers"),
    Column("count", "numbers"),
    Column("of all", "numbers"),
    Column("trains", "numbers"),
    Column("bytes", "numbers"),
    Column("tied to above", "numbers"),
]


@dataclass(frozen=True)
class Subtotal:
    """What one module holds, with all modules below it: a line of `ParameterTable.subtotals`. Met in notebook 1.

    Attributes:
        path: the module's; "" for what the net itself holds.
        type: the module's class.
        tensors: how many rows of the table stand here by their first name.
        count: how many numbers they hold.
        trainable: how many of them belong to Parameters with `requires_grad`.
        bytes: how much memory they take.
        tied: how many numbers it also holds by a tie; they count in a line above.

    Example:
        >>> from torch import nn
        >>> from d2lparams import parameter_table
        >>> parameter_table(nn.Sequential(nn.Linear(4, 8))).subtotals()["0"].count
        40
    """

    path: str
    type: str
    tensors: int
    count: int
    trainable: int
    bytes: int
    tied: int

    @property
    def names(self) -> tuple[str]:
        """The path alone, by which the line is found."""
        return (self.path,)


class _Named(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...


N = TypeVar("N", bound=_Named)


class Rows(Generic[N]):
    """Rows that have names: they are counted, walked through and found by name or number.

    Args:
        rows: all of them.
        max_rows: the most lines to print; None for all.
    """

    def __init__(self, rows: list[N], max_rows: int | None) -> None:
        self.rows, self.max_rows = rows, max_rows
        self._found: dict[str, N] = {}

    def _known(self) -> dict[str, N]:
        if not self._found:
            self._found = {name: row for row in self.rows for name in row.names}
        return self._found

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[N]:
        return iter(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self._known() if isinstance(name, str) else name in self.rows

    def __getitem__(self, name: str | int) -> N:
        if not isinstance(name, str):
            return self.rows[name]
        if name not in self._known():
            close = difflib.get_close_matches(name, list(self._known())[:2000], 3, 0.4) or list(self._known())[:3]
            near = ", ".join(map(repr, close)) or "none, the table is empty"
            raise KeyError(f"no row is called {name!r}; close names: {near}. By a pattern: d2lparams.select")
        return self._known()[name]

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        raise NotImplementedError


class Subtotals(Rows[Subtotal]):
    """What `ParameterTable.subtotals` returns; it prints as text, and as HTML in Jupyter. Met in notebook 1.

    Args:
        rows: a `Subtotal` for each module. It is kept as an attribute.

    Example:
        >>> from torch import nn
        >>> from d2lparams import parameter_table
        >>> len(parameter_table(nn.Linear(4, 8)).subtotals())
        1
    """

    def __init__(self, rows: list[Subtotal]) -> None:
        super().__init__(rows, MOST_LINES)

    def _table(self) -> Table:
        total = sum(row.count for row in self.rows)
        shown = [column for column in _SUBTOTALS if column.title != "tied to above" or any(r.tied for r in self.rows)]

        def cells(row: Subtotal) -> tuple[str, ...]:
            share = f"{row.count / total:.1%}" if total else "–"
            numbers = [f"{n:,}" for n in (row.tensors, row.count, row.trainable, row.bytes, row.tied)]
            return (row.path or "(the net)", row.type, *numbers[:2], share, *numbers[2:])[: len(shown)]

        end = f"{plural(len(self.rows), 'line')}, {plural(total, 'number')}, {memory(sum(r.bytes for r in self.rows))}"
        return Table(shown, shortened(self.rows, cells, self.max_rows), below=[end])
