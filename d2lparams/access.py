"""Tables, selection and counts of the parameters of any `nn.Module`."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from itertools import count as from_here
from string import ascii_uppercase
from typing import Literal, overload

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._memory import memory_spans, overlapping
from ._patterns import Pattern, as_regex, check_pattern, fits
from ._tables import MOST_LINES, Column, Table, plural, shortened
from ._torch import check_not_lazy, names_by_tensor, own_parameters, parameter_names, unsaved_buffers

_MANY = 2000  # names among which the nearest are looked for; more take seconds
_ALIASES = 3  # names of one tensor that a printed line has room for
_COLUMNS = [
    Column("name", "names"),
    Column("kind"),
    Column("shape"),
    Column("dtype"),
    Column("device"),
    Column("trains"),
    Column("count", "numbers"),
    Column("uses", "numbers"),
    Column("tie"),
]


def count_parameters(net: nn.Module, trainable: bool = False) -> int:
    """Return how many numbers the Parameters of `net` hold, each counted once however many names it has.

    A Parameter that stands in several places (a tie) counts once, as in `net.parameters()`. Buffers do not count.

    Args:
        net: any module.
        trainable: count only what an optimizer may change, that is, Parameters with `requires_grad`.

    Returns:
        The count, without unit.

    Raises:
        ValueError: If a lazy layer has not seen its first batch, since its shape is not known yet.

    Source: `nn.Module.parameters`, which leaves out duplicates. Met in notebooks 1 and 5.

    Example:
        >>> from torch import nn
        >>> shared = nn.Linear(8, 8)
        >>> count_parameters(nn.Sequential(nn.Linear(4, 8), shared, shared, nn.Linear(8, 1)))
        121
    """  # noqa: DOC502  # it raises by way of check_not_lazy
    check_not_lazy(name for name, p in net.named_parameters() if is_lazy(p))
    return sum(p.numel() for p in net.parameters() if p.requires_grad or not trainable)


@overload
def select(net: nn.Module, pattern: Pattern, buffers: Literal[False] = False) -> dict[str, nn.Parameter]: ...
@overload
def select(net: nn.Module, pattern: Pattern, buffers: bool) -> dict[str, Tensor]: ...
def select(net: nn.Module, pattern: Pattern, buffers: bool = False) -> Mapping[str, Tensor]:
    """Return the parameters of `net` whose name matches `pattern`, or that stand in layers of a type, in its own order.

    A tied Parameter answers to each of its names, and comes back once, under the first one that matches.

    Args:
        net: any module.
        pattern: what to take. A shell-style string must match the whole name, capitals included; a name that is there
            stands for itself. A compiled regular expression is found anywhere in the name. A layer's class, or a tuple
            of classes, takes all that stands in layers of this class and below them.
        buffers: take buffers, too.

    In a string these have a meaning; write `[*]` for a star itself:

    | written | stands for |
    | --- | --- |
    | `*` | anything, dots too: `*.bias`, `encoder.*`, `*attention*` |
    | `.*.` | exactly one part of the name, a `*` alone between two dots: `layer.*.output.weight` |
    | `**` | anything, dots too, wherever it stands: `layer.**.weight` |
    | `{0-3,8}` | one of these numbers or words: `layer.{0-3,8}.bias`, `*.{weight,scale}` |
    | `?`, `[01]`, `[!01]` | one character, one of these, none of these |

    Returns:
        A dictionary from name to Parameter (or buffer), with one entry or more.

    Raises:
        ValueError: If nothing matches; it names the nearest.
        TypeError: If `pattern` is neither a string, nor a compiled regular expression, nor a class of modules.

    Source: `fnmatch`, `re.search`, the braces of shells; Gluon's `collect_params`. Met in notebook 1.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> list(select(net, "*.weight"))
        ['0.weight', '2.weight']
        >>> list(select(net, re.compile(r"^2")))
        ['2.weight', '2.bias']
        >>> list(select(nn.Sequential(net, nn.PReLU()), nn.PReLU))
        ['1.weight']
    """  # noqa: DOC503  # one of them by way of check_pattern
    check_pattern(pattern)
    every = dict(net.named_parameters(remove_duplicate=False))
    named: dict[str, Tensor] = {**every, **dict(net.named_buffers(remove_duplicate=False))} if buffers else {**every}
    if isinstance(pattern, str) and pattern in named:
        return {pattern: named[pattern]}
    takes, seen = fits(net, pattern), set()
    found: dict[str, Tensor] = {}
    for name, tensor in named.items():
        if tensor not in seen and takes(name):
            found[name] = tensor
            seen.add(tensor)
    if not found:
        raise ValueError(_nothing_matches(net, pattern, list(named)))
    return found


def _nothing_matches(net: nn.Module, pattern: Pattern, names: list[str]) -> str:
    if not names:
        return f"no parameter matches {pattern!r}: this net has no parameters"
    if not isinstance(pattern, (str, re.Pattern)):
        types = pattern if isinstance(pattern, tuple) else (pattern,)
        wanted = " or ".join(kind.__name__ for kind in types)
        there = dict.fromkeys(type(module).__name__ for module in net.modules() if own_parameters(module))
        return f"no parameter stands in a layer of type {wanted}; the types here: {', '.join(there)}"
    text = pattern if isinstance(pattern, str) else pattern.pattern
    near = difflib.get_close_matches(text, names[:_MANY], n=5, cutoff=0.3) or names[:5]
    message = f"no parameter matches {pattern!r}; the nearest of {len(names)} names: {', '.join(near)}"
    if text is not pattern:
        return message
    deep = text.replace(".*.", ".**.")
    if deep != text and any(map(as_regex(deep).fullmatch, names)):
        return f"{message}. A '*' alone between two dots is one part of a name: for several write {deep!r}"
    if re.search(r"\.[*+](?!\.)|[\\^$|(]", text):
        message += f". For a regular expression pass re.compile({text!r})"
    elif any(text in name for name in names):
        message += f". To match a part of a name write '*{text}*'"
    elif any(map(as_regex(text).fullmatch, (name for name, _ in net.named_buffers(remove_duplicate=False)))):
        message += ". It matches buffers: pass buffers=True"
    return message


@dataclass(frozen=True)
class Row:
    """One Parameter or buffer: what a line of `parameter_table` shows. Met in notebook 1.

    Attributes:
        names: every name; the first is the one that `named_parameters()` gives.
        kind: "parameter", "buffer", or "buffer, not saved" where `state_dict` leaves it out.
        shape: the size of each dimension; None while the layer is lazy.
        dtype: the type of its numbers.
        device: where it is kept.
        count: how many numbers it holds; None while the layer is lazy.
        trains: whether it has `requires_grad`.
        tie: the same letter on rows that share memory; "" where nothing is shared.

    Example:
        >>> row = parameter_table(nn.Linear(4, 8)).rows[0]
        >>> row.name, row.shape, row.count, row.trains
        ('weight', (8, 4), 32, True)
    """

    names: tuple[str, ...]
    kind: str
    shape: tuple[int, ...] | None
    dtype: torch.dtype
    device: torch.device
    count: int | None
    trains: bool
    tie: str = ""

    @property
    def name(self) -> str:
        """The first name."""
        return self.names[0]

    @property
    def uses(self) -> int:
        """How many places in the tree of modules hold it. How often `forward` calls them is another matter."""
        return len(self.names)


class ParameterTable:
    """What `parameter_table` returns: a table as text, and as HTML in Jupyter. Met in notebook 1.

    Args:
        rows: a `Row` for each tensor: all of them, however few are printed. Both arguments are kept as attributes.
        max_rows: the most lines to print; None for all.

    Example:
        >>> table = parameter_table(nn.Linear(4, 8))
        >>> len(table.rows), table.summary()
        (2, '2 parameters, 40 numbers')
    """

    def __init__(self, rows: list[Row], max_rows: int | None = MOST_LINES) -> None:
        self.rows, self.max_rows = rows, max_rows

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def summary(self) -> str:
        """Return the last line: how many parameters and numbers there are, each counted once, and what is special.

        Returns:
            One line, such as "6 parameters, 121 numbers; 2 ties".
        """
        parameters = [row for row in self.rows if row.kind == "parameter"]
        buffers = [row for row in self.rows if row.kind != "parameter"]
        text = f"{plural(len(parameters), 'parameter')}, {plural(_numbers(parameters), 'number')}"
        if frozen := [row for row in parameters if not row.trains]:
            text += f", {_numbers(frozen):,} of them frozen"
        if self.rows and all(row.device.type == "meta" for row in self.rows):
            text += ", on the meta device (shapes without memory)"
        if buffers:
            text += f"; {plural(len(buffers), 'buffer')}, {plural(_numbers(buffers), 'number')}"
        if lazy := sum(row.count is None for row in self.rows):
            text += f"; {lazy} not counted, lazy until the first batch"
        if tied := {row.tie for row in self.rows if row.tie}:
            text += f"; {plural(len(tied), 'tie')}"
        return text

    def _table(self) -> Table:
        same = set()  # columns that would say the same in every line
        if len({row.device for row in self.rows}) <= 1:
            same.add("device")
        if len({row.trains for row in self.rows if row.kind == "parameter"}) <= 1:
            same.add("trains")
        if len({row.kind for row in self.rows}) <= 1:
            same.add("kind")
        columns = [column for column in _COLUMNS if column.title not in same]
        groups = [[row] for row in self.rows]
        if self.max_rows is not None and len(groups) > self.max_rows:
            groups = _fold(self.rows)

        def cells(group: list[Row]) -> tuple[str, ...]:
            return tuple(_cell(column.title, group) for column in columns)

        return Table(columns, shortened(groups, cells, self.max_rows, _left_out), below=[self.summary()])


def parameter_table(net: nn.Module, buffers: bool = False, max_rows: int | None = MOST_LINES) -> ParameterTable:
    """Return a table of the parameters of `net`: name, shape, dtype, count, uses, tie.

    A Parameter has one row with all its names, as in "2.weight = 4.weight", and counts once. The column "uses" says how
    many places in the tree of modules hold it; "tie" has a letter for each group of places that share memory: rows with
    the same letter are different Parameters over overlapping memory, which `is` would not tell. Columns that would say
    the same in every line are left out: device, kind (parameter or buffer), trains (`requires_grad`).

    No value is read, so meta tensors and lazy layers are welcome; the cost grows linearly with the number of names.

    Args:
        net: any module.
        buffers: list the buffers too.
        max_rows: the most lines to print, None for all. A longer table first folds equal layers into one line
            ("h.*.weight", "12 × (8, 8)"; `select` takes such a name), then leaves out its middle and says how much.

    Returns:
        A table that prints as text, and as HTML in Jupyter. Its `rows` hold a `Row` for each tensor, whatever is
        printed.

    Raises:
        ValueError: If `max_rows` is below 1.

    Source: `nn.Module.named_parameters`. Met in notebooks 1 and 4.

    Example:
        >>> shared = nn.Linear(8, 8)
        >>> parameter_table(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), shared))
        name                 shape   dtype    count  uses  tie
        0.weight             (8, 4)  float32     32     1
        0.bias               (8,)    float32      8     1
        2.weight = 4.weight  (8, 8)  float32     64     2  A
        2.bias = 4.bias      (8,)    float32      8     2  B
        4 parameters, 112 numbers; 2 ties
    """
    if max_rows is not None and max_rows < 1:
        raise ValueError(f"max_rows must be 1 or more, or None for all rows, not {max_rows}")
    parameters = parameter_names(net)
    names, unsaved = parameters, set()
    if buffers:
        every = chain(net.named_parameters(remove_duplicate=False), net.named_buffers(remove_duplicate=False))
        names, unsaved = names_by_tensor(every), _unsaved(net)
    rows = []
    for tensor, known in names.items():
        buffer = "buffer, not saved" if known[0] in unsaved else "buffer"
        rows.append(_row(tensor, "parameter" if tensor in parameters else buffer, known))
    letters = ("".join(word) for length in from_here(1) for word in product(ascii_uppercase, repeat=length))
    tie: dict[int, str] = {}  # index of the first of some tensors that overlap -> their letter
    for i, (row, first) in enumerate(zip(rows, _first_overlaps(list(names)), strict=True)):
        if first is None and row.uses > 1:
            first = i
        if first is not None:
            if first not in tie:
                tie[first] = next(letters)
            rows[i] = replace(row, tie=tie[first])
    return ParameterTable(rows, max_rows)


def _unsaved(net: nn.Module) -> set[str]:
    """Return the names of the buffers that `state_dict` leaves out."""
    return {
        f"{path}.{name}".removeprefix(".")
        for path, module in net.named_modules(remove_duplicate=False)
        for name in unsaved_buffers(module)
    }


def _row(tensor: Tensor, kind: str, names: Iterable[str]) -> Row:
    lazy = is_lazy(tensor)
    return Row(
        names=tuple(names),
        kind=kind,
        shape=None if lazy else tuple(tensor.shape),
        dtype=tensor.dtype,
        device=tensor.device,
        count=None if lazy else tensor.numel(),
        trains=tensor.requires_grad,
    )


def _first_overlaps(tensors: Sequence[Tensor]) -> list[int | None]:
    """Return for each tensor the index of the first of those that share its memory, or None where it is alone."""
    index = {tensor: i for i, tensor in enumerate(tensors)}
    first: list[int | None] = [None] * len(tensors)
    for group in overlapping(memory_spans(tensors)):
        if len(group) > 1:
            start = min(index[tensor] for tensor in group)
            for tensor in group:
                first[index[tensor]] = start
    return first


def _fold(rows: list[Row]) -> list[list[Row]]:
    """Return the rows in groups of equals: the same but for the numbers in their names, untied, of known shape."""
    groups: dict[object, list[Row]] = {}
    for i, row in enumerate(rows):
        alike = (_folded(row.name), row.kind, row.shape, row.dtype, row.device, row.trains)
        groups.setdefault(i if row.tie or row.shape is None else alike, []).append(row)
    return list(groups.values())


def _folded(name: str) -> str:
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def _cell(column: str, group: list[Row]) -> str:
    row, times = group[0], len(group)
    if column == "name" and times > 1:
        parts = zip(*(row.name.split(".") for row in group), strict=True)
        return ".".join(part[0] if len(set(part)) == 1 else "*" for part in parts)
    if column == "name":
        more = len(row.names) - _ALIASES
        return " = ".join(row.names[:_ALIASES]) + (f" = … {more} more" if more > 0 else "")
    if column == "shape":
        return "lazy" if row.shape is None else f"{times} × {row.shape}" if times > 1 else str(row.shape)
    if column == "count":
        return "?" if row.count is None else f"{_numbers(group):,}"
    if column == "dtype":
        return str(row.dtype).removeprefix("torch.")
    if column == "trains":
        return "yes" if row.trains else "no"
    return str(getattr(row, column))


def _left_out(groups: Sequence[list[Row]]) -> str:
    rows = [row for group in groups for row in group]
    return f"… {len(rows):,} left out, with {plural(_numbers(rows), 'number')} …"


def _numbers(rows: Iterable[Row]) -> int:
    return sum(row.count or 0 for row in rows)
