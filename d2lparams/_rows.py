"""What a table of parameters holds, a row for each tensor, and how it is printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ._folding import Line, fold
from ._subtotals import Rows, Subtotal, Subtotals
from ._tables import MOST_LINES, Column, Table, import_pandas, mean_and_std, memory, plural, shortened, three_digits

_ALIASES = 3  # names of one tensor that a printed line has room for
_VALUES = ("mean", "std", "min", "max", "zeros", "nonfinite")  # columns that are shown on request
_COLUMNS = [
    Column("name", "names"),
    Column("kind"),
    Column("shape"),
    Column("dtype"),
    Column("device"),
    Column("trains"),
    Column("count", "numbers"),
    Column("bytes", "numbers"),
    Column("mean", "numbers"),
    Column("std", "numbers"),
    Column("min", "numbers"),
    Column("max", "numbers"),
    Column("zeros", "numbers"),
    Column("nonfinite", "numbers"),
    Column("uses", "numbers"),
    Column("tie"),
]


@dataclass(frozen=True)
class Values:
    """What the numbers of one tensor are like; of complex ones, their magnitudes. Met in notebook 1.

    Attributes:
        mean: over all entries.
        std: over all entries, without Bessel's correction.
        min: the smallest; NaN if one is NaN.
        max: the largest; NaN if one is NaN.
        zeros: how many are 0.
        nonfinite: how many are NaN or infinite.

    Example:
        >>> from d2lparams import parameter_table
        >>> parameter_table(torch.nn.LayerNorm(4), values=True)["weight"].values
        Values(mean=1.0, std=0.0, min=1.0, max=1.0, zeros=0, nonfinite=0)
    """

    mean: float
    std: float
    min: float
    max: float
    zeros: int
    nonfinite: int


@dataclass(frozen=True)
class Row:
    """One Parameter or buffer: what a line of `parameter_table` shows. Met in notebook 1.

    Attributes:
        names: every name; the first is the one that `named_parameters()` gives.
        kind: "parameter", "buffer", or "buffer, not saved" where `state_dict` leaves it out.
        shape: the size of each dimension; None while the layer is lazy, and for a nested tensor.
        dtype: the type of its numbers.
        device: where it is kept.
        count: how many numbers it holds; None while the layer is lazy.
        trains: whether it has `requires_grad`.
        tie: the same letter on rows that share memory; "" where nothing is shared.
        layer: the class of the module that holds it, "Linear".
        bytes: how much memory its numbers take; None while the layer is lazy. On the meta device, what they would take.
        values: mean, std, min, max and zeros, if they were asked for and there are numbers; else None.

    Example:
        >>> from d2lparams import parameter_table
        >>> row = parameter_table(torch.nn.Linear(4, 8)).rows[0]
        >>> row.name, row.shape, row.count, row.bytes, row.layer
        ('weight', (8, 4), 32, 128, 'Linear')
    """

    names: tuple[str, ...]
    kind: str
    shape: tuple[int, ...] | None
    dtype: torch.dtype
    device: torch.device
    count: int | None
    trains: bool
    tie: str = ""
    layer: str = ""
    bytes: int | None = None
    values: Values | None = None

    @property
    def name(self) -> str:
        """The first name."""
        return self.names[0]

    @property
    def uses(self) -> int:
        """How many places in the tree of modules hold it. How often `forward` calls them is another matter."""
        return len(self.names)


class ParameterTable(Rows[Row]):
    """What `parameter_table` returns: a table as text, and as HTML in Jupyter. Met in notebook 1.

    `len(table)` and a loop go by tensors, `table["0.weight"]` is a row by any of its names, `table[0]` by its number.

    Args:
        rows: a `Row` for each tensor: all of them, however few are printed.
        max_rows: the most lines to print; None for all.
        saved: how many bytes ties save.
        types: {path: class} of the net's modules. All four are kept as attributes.

    Example:
        >>> from d2lparams import parameter_table
        >>> table = parameter_table(torch.nn.Linear(4, 8))
        >>> len(table), table["bias"].count, table.summary()
        (2, 8, '2 parameters, 40 numbers, 160 bytes')
    """

    def __init__(
        self,
        rows: list[Row],
        max_rows: int | None = MOST_LINES,
        saved: int = 0,
        types: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(rows, max_rows)
        self.saved, self.types = saved, dict(types or {})

    @property
    def count(self) -> int:
        """How many numbers all rows hold, each tensor counted once."""
        return _numbers(self.rows)

    @property
    def bytes(self) -> int:
        """How much memory all rows take, each tensor counted once."""
        return _bytes(self.rows)

    def summary(self) -> str:
        """Return the last line: how many parameters and numbers there are, each counted once, and what is special.

        Returns:
            One line, such as "6 parameters, 121 numbers, 484 bytes; 2 ties, which save 288 bytes".
        """
        parameters = [row for row in self.rows if row.kind == "parameter"]
        buffers = [row for row in self.rows if row.kind != "parameter"]
        text = f"{plural(len(parameters), 'parameter')}, {plural(_numbers(parameters), 'number')}"
        if frozen := [row for row in parameters if not row.trains]:
            text += f", {_numbers(frozen):,} of them frozen"
        text += _memory(parameters)
        if self.rows and all(row.device.type == "meta" for row in self.rows):
            text += ", on the meta device (shapes without memory)"
        if buffers:
            text += f"; {plural(len(buffers), 'buffer')}, {plural(_numbers(buffers), 'number')}{_memory(buffers)}"
        if lazy := sum(row.count is None for row in self.rows):
            text += f"; {lazy} not counted, lazy until the first batch"
        if tied := {row.tie for row in self.rows if row.tie}:
            text += f"; {plural(len(tied), 'tie')}"
            if self.saved:
                text += f", which {'saves' if len(tied) == 1 else 'save'} {memory(self.saved)}"
        return text

    def frame(self) -> Any:
        """Return all rows as one pandas table.

        Returns:
            A DataFrame with a row per tensor and the columns "name", "names", "layer", "kind", "shape", "dtype",
            "device", "trains", "count", "bytes", "uses", "tie"; "mean", "std", "min", "max", "zeros" and
            "nonfinite" if they were asked for.

        Example:
            >>> from d2lparams import parameter_table
            >>> parameter_table(torch.nn.Linear(4, 8)).frame()[["name", "count"]]  # doctest: +SKIP
                 name  count
            0  weight     32
            1    bias      8
        """
        pd = import_pandas()
        columns = [
            "name",
            "names",
            "layer",
            "kind",
            "shape",
            "dtype",
            "device",
            "trains",
            "count",
            "bytes",
            "uses",
            "tie",
        ]
        frame = {column: [getattr(row, column) for row in self.rows] for column in columns}
        frame["dtype"] = [_short(row.dtype) for row in self.rows]
        frame["device"] = [str(row.device) for row in self.rows]
        if any(row.values for row in self.rows):
            for column in _VALUES:
                frame[column] = [getattr(row.values, column, float("nan")) for row in self.rows]
        return pd.DataFrame(frame)

    def subtotals(self, depth: int | None = 1) -> Subtotals:
        """Return how much each module holds, with what is below it.

        A tensor counts once, where its first name stands, so the lines add up to the table. What a module holds by a
        tie to a module above is told in a column of its own.

        Args:
            depth: how many parts of a path to tell apart, 1 for the net's children; None for each module that holds
                parameters.

        Returns:
            A table with a line per module, in the net's order.

        Raises:
            ValueError: If `depth` is below 1.

        Example:
            >>> from torch import nn
            >>> from d2lparams import parameter_table
            >>> shared = nn.Linear(8, 8)
            >>> net = nn.Sequential(nn.Linear(4, 8), shared, nn.Sequential(shared, nn.Linear(8, 1)))
            >>> parameter_table(net).subtotals()
            module  type        tensors  count  of all  trains  bytes  tied to above
            0       Linear            2     40   33.1%      40    160              0
            1       Linear            2     72   59.5%      72    288              0
            2       Sequential        2      9    7.4%       9     36             72
            3 lines, 121 numbers, 484 bytes
        """
        if depth is not None and depth < 1:
            raise ValueError(f"depth must be 1 or more, or None for every module, not {depth}")
        held: dict[str, list[Row]] = {}
        tied: dict[str, int] = {}
        for row in self.rows:
            paths = dict.fromkeys(".".join(name.split(".")[:-1][:depth]) for name in row.names)
            for i, path in enumerate(paths):
                rows = held.setdefault(path, [])
                if i:
                    tied[path] = tied.get(path, 0) + (row.count or 0)
                else:
                    rows.append(row)
        return Subtotals(
            [
                Subtotal(
                    path=path,
                    type=self.types.get(path, ""),
                    tensors=len(rows),
                    count=_numbers(rows),
                    trainable=_numbers(row for row in rows if row.trains),
                    bytes=_bytes(rows),
                    tied=tied.get(path, 0),
                )
                for path, rows in held.items()
            ]
        )

    def _table(self) -> Table:
        same = set()  # columns that would say the same in every line
        if len({row.device for row in self.rows}) <= 1:
            same.add("device")
        if len({row.trains for row in self.rows if row.kind == "parameter"}) <= 1:
            same.add("trains")
        if len({row.kind for row in self.rows}) <= 1:
            same.add("kind")
        if not any(row.values for row in self.rows):
            same |= set(_VALUES)
        if not any(row.values and row.values.nonfinite for row in self.rows):
            same.add("nonfinite")
        columns = [column for column in _COLUMNS if column.title not in same]
        lines = [Line([row]) for row in self.rows]
        if self.max_rows is not None and len(lines) > self.max_rows:
            lines = fold(self.rows, lambda row: row.names, _alike)

        def cells(line: Line[Row]) -> tuple[str, ...]:
            return tuple(_cell(column.title, line) for column in columns)

        return Table(columns, shortened(lines, cells, self.max_rows, _left_out), below=[self.summary()])


def _alike(row: Row) -> tuple[object, ...] | None:
    """Return what rows of one line have in common; None for a row that is tied or of unknown shape."""
    return None if row.tie or row.shape is None else (row.kind, row.shape, row.dtype, row.device, row.trains)


def _cell(column: str, line: Line[Row]) -> str:
    row, times = line.rows[0], len(line.rows)
    if column == "name":
        more = len(row.names) - _ALIASES
        return line.label or " = ".join(row.names[:_ALIASES]) + (f" = … {more} more" if more > 0 else "")
    if column == "shape" and row.shape is None:
        return "lazy" if row.count is None else "nested"
    if column == "shape":
        return f"{times} × {row.shape}" if times > 1 else str(row.shape)
    if column in ("count", "bytes"):
        return "?" if row.count is None else f"{(_numbers if column == 'count' else _bytes)(line.rows):,}"
    if column in _VALUES:
        return _value(column, line.rows)
    if column == "dtype":
        return _short(row.dtype)
    if column == "trains":
        return "yes" if row.trains else "no"
    return str(getattr(row, column))


def _value(column: str, rows: Sequence[Row]) -> str:
    values = [row.values for row in rows if row.values]
    if not values:
        return "–"
    if column in ("zeros", "nonfinite"):
        return f"{sum(getattr(value, column) for value in values):,}"
    if column in ("min", "max"):  # through torch, since Python's own depend on where a NaN stands
        return three_digits(float(getattr(torch.tensor([getattr(value, column) for value in values]), column)()))
    mean = sum(value.mean for value in values) / len(values)  # rows of one line are of one size
    square = sum(value.std**2 + (value.mean - mean) ** 2 for value in values) / len(values)
    return mean_and_std(mean, square**0.5)[column == "std"]


def _left_out(lines: Sequence[Line[Row]]) -> str:
    rows = [row for line in lines for row in line.rows]
    return f"… {len(rows):,} left out, with {plural(_numbers(rows), 'number')} …"


def _memory(rows: Iterable[Row]) -> str:
    size = _bytes(rows)
    return f", {memory(size)}" if size else ""


def _numbers(rows: Iterable[Row]) -> int:
    return sum(row.count or 0 for row in rows)


def _bytes(rows: Iterable[Row]) -> int:
    return sum(row.bytes or 0 for row in rows)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
