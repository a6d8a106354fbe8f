"""Tables, selection and counts of the parameters of any `nn.Module`."""

import difflib
import html
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import count as from_here
from itertools import product
from string import ascii_uppercase

import torch
from torch import nn

from .sharing import _memory, _pieces

_ALIASES = 3  # names of one tensor that a printed line has room for
_RIGHT = {"count", "uses"}  # columns of numbers


def count_parameters(net: nn.Module, trainable: bool = False) -> int:
    """Return how many numbers the Parameters of `net` hold, each counted once however many names it has.

    A Parameter that stands in several places (a tie) counts once, as in `net.parameters()`. Buffers do not count.
    trainable: count only what an optimizer may change, that is, Parameters with `requires_grad`.
    Raises ValueError if a lazy layer has not seen its first batch, since its shape is not known yet.
    Source: `nn.Module.parameters`, which leaves out duplicates. Met in notebooks 1 and 5.

    >>> from torch import nn
    >>> shared = nn.Linear(8, 8)
    >>> count_parameters(nn.Sequential(nn.Linear(4, 8), shared, shared, nn.Linear(8, 1)))
    121
    """
    if lazy := [name for name, p in net.named_parameters() if nn.parameter.is_lazy(p)]:
        raise ValueError(f"{', '.join(lazy)} have no shape yet: run one batch through the net first, net(X)")
    return sum(p.numel() for p in net.parameters() if p.requires_grad or not trainable)


def select(net: nn.Module, pattern: str | re.Pattern) -> dict[str, nn.Parameter]:
    """Return the parameters of `net` whose name matches `pattern`, as {name: Parameter}, in the net's own order.

    pattern: a shell-style string that the whole name must match, capitals included ("*" stands for anything, dots
    too; "?" for one character; "[01]" for either), or a compiled regular expression, found anywhere in the name.
    A tied Parameter answers to each of its names, and comes back once, under the first one that matches.
    Raises ValueError if nothing matches, and names the nearest; TypeError if `pattern` is neither kind.
    Source: `fnmatch.fnmatchcase`, `re.search`; Gluon's `collect_params`. Met in notebook 1.

    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> list(select(net, "*.weight"))
    ['0.weight', '2.weight']
    >>> list(select(net, re.compile(r"^2")))
    ['2.weight', '2.bias']
    """
    if isinstance(pattern, re.Pattern):
        matches = pattern.search
    elif isinstance(pattern, str):
        matches = lambda name: fnmatchcase(name, pattern)  # noqa: E731
    else:
        raise TypeError(f"pattern must be a string or a compiled regular expression, not a {type(pattern).__name__}")
    found, seen, names = {}, set(), []
    for name, p in net.named_parameters(remove_duplicate=False):
        names.append(name)
        if id(p) not in seen and matches(name):
            found[name] = p
            seen.add(id(p))
    if not found:
        raise ValueError(_nothing_matches(pattern, names))
    return found


def _nothing_matches(pattern, names):
    if not names:
        return f"no parameter matches {pattern!r}: this net has no parameters"
    text = getattr(pattern, "pattern", pattern)
    near = difflib.get_close_matches(text, names, n=5, cutoff=0.3) or names[:5]
    message = f"no parameter matches {pattern!r}; the nearest of {len(names)} names: {', '.join(near)}"
    if text is pattern and re.search(r"\.[*+]|[\\^$|(]", text):
        message += f". For a regular expression pass re.compile({text!r})"
    elif text is pattern and any(text in name for name in names):
        message += f". To match a part of a name write '*{text}*'"
    return message


@dataclass(frozen=True)
class Row:
    """One Parameter or buffer: what a line of `parameter_table` tells. shape and count are None while it is lazy."""

    names: tuple[str, ...]  # every name; the first is the one that named_parameters() gives
    kind: str  # "parameter", "buffer", or "buffer, not saved" where state_dict leaves it out
    shape: tuple[int, ...] | None
    dtype: torch.dtype
    device: torch.device
    count: int | None  # how many numbers
    trains: bool  # requires_grad
    tie: str = ""  # the same letter on rows that share memory; "" where nothing is shared

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def uses(self) -> int:
        """How many places in the tree of modules hold it. (How often `forward` calls them is another matter.)"""
        return len(self.names)


class ParameterTable:
    """What `parameter_table` returns. rows: a list of `Row`, all of them, however few are printed."""

    def __init__(self, rows: list[Row], max_rows: int | None):
        self.rows, self.max_rows = rows, max_rows

    def __repr__(self):
        header, lines = self._cells()
        body = [line for line in lines if isinstance(line, list)]
        widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
        text = [
            line
            if isinstance(line, str)
            else "  ".join(
                cell.rjust(width) if title in _RIGHT else cell.ljust(width)
                for title, cell, width in zip(header, line, widths, strict=True)
            ).rstrip()
            for line in [header, *lines]
        ]
        return "\n".join([*text, self.summary()])

    def _repr_html_(self):
        header, lines = self._cells()

        def row(tag, cells):
            align = ["right" if title in _RIGHT else "left" for title in header]
            return "".join(
                f'<{tag} style="text-align:{a}">{html.escape(c)}</{tag}>' for a, c in zip(align, cells, strict=True)
            )

        body = "\n".join(
            f'<tr><td colspan="{len(header)}" style="text-align:left">{html.escape(line)}</td></tr>'
            if isinstance(line, str)
            else f"<tr>{row('td', line)}</tr>"
            for line in lines
        )
        return (
            f"<table>\n<thead><tr>{row('th', header)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
            f"<p>{html.escape(self.summary())}</p>"
        )

    def summary(self) -> str:
        """Return the last line: how many parameters and numbers there are, each counted once, and what is special."""
        parameters = [row for row in self.rows if row.kind == "parameter"]
        buffers = [row for row in self.rows if row.kind != "parameter"]
        text = f"{_plural(len(parameters), 'parameter')}, {_plural(_numbers(parameters), 'number')}"
        if frozen := [row for row in parameters if not row.trains]:
            text += f", {_numbers(frozen):,} of them frozen"
        if self.rows and all(row.device.type == "meta" for row in self.rows):
            text += ", on the meta device (shapes without memory)"
        if buffers:
            text += f"; {_plural(len(buffers), 'buffer')}, {_plural(_numbers(buffers), 'number')}"
        if lazy := sum(row.count is None for row in self.rows):
            text += f"; {lazy} not counted, lazy until the first batch"
        if tied := {row.tie for row in self.rows} - {""}:
            text += f"; {_plural(len(tied), 'tie')}"
        return text

    def _cells(self):
        """Return the header and one list of strings per line; a plain string says what was left out."""
        groups = [[row] for row in self.rows]
        if self.max_rows is not None and len(groups) > self.max_rows:
            groups = _collapse(self.rows)
        cut = slice(0, 0)
        if self.max_rows is not None and len(groups) > self.max_rows:
            head = 2 * (self.max_rows - 1) // 3
            cut = slice(head, len(groups) - (self.max_rows - 1 - head))
        columns = ["name", "shape", "dtype", "count", "uses", "tie"]
        if len({row.device for row in self.rows}) > 1:  # one device for all is not worth a column
            columns.insert(3, "device")
        if len({row.trains for row in self.rows if row.kind == "parameter"}) > 1:
            columns.insert(-3, "trains")
        if len({row.kind for row in self.rows}) > 1:
            columns.insert(1, "kind")
        lines = [[_cell(column, group) for column in columns] for group in groups]
        if left_out := [row for group in groups[cut] for row in group]:
            lines[cut] = [f"… {len(left_out):,} left out, with {_plural(_numbers(left_out), 'number')} …"]
        return columns, lines


def parameter_table(net: nn.Module, buffers: bool = False, max_rows: int | None = 40) -> ParameterTable:
    """Return a table of the parameters of `net`: name, shape, dtype, count, uses, tie; as text and as HTML in Jupyter.

    buffers: list the buffers too. max_rows: the most lines to print, None for all; a longer table first folds equal
    layers into one line ("h.*.weight", "12 × (8, 8)"; `select` takes such a name), then leaves out its middle and says
    how much. `.rows` holds a `Row` for each tensor whatever is printed.

    A Parameter has one row with all its names, as in "2.weight = 4.weight", and counts once. uses: how many places
    in the tree of modules hold it. tie: a letter for each group of places that share memory; rows with the same
    letter are different Parameters over overlapping memory, which `is` would not tell. Columns that would say the same
    in every line are left out: device, kind (parameter or buffer), trains (`requires_grad`).

    No value is read, so meta tensors and lazy layers are welcome; the cost grows linearly with the number of names.
    Raises ValueError if `max_rows` is below 1.
    Source: `nn.Module.named_parameters`. Met in notebooks 1 and 4.

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
    places = {}  # id of a tensor -> (tensor, kind, names)
    for name, p in net.named_parameters(remove_duplicate=False):
        places.setdefault(id(p), (p, "parameter", []))[2].append(name)
    if buffers:
        unsaved = {
            f"{path}.{name}".lstrip(".")
            for path, module in net.named_modules(remove_duplicate=False)
            for name in module._non_persistent_buffers_set
        }
        for name, b in net.named_buffers(remove_duplicate=False):
            kind = "buffer, not saved" if name in unsaved else "buffer"
            places.setdefault(id(b), (b, kind, []))[2].append(name)
    tensors = [tensor for tensor, _, _ in places.values()]
    rows = [_row(*place) for place in places.values()]
    letters = ("".join(word) for length in from_here(1) for word in product(ascii_uppercase, repeat=length))
    tie = {}  # the first of some tensors that overlap -> their letter
    for i, (row, first) in enumerate(zip(rows, _overlaps(tensors), strict=True)):
        if first is None and row.uses > 1:
            first = i
        if first is not None:
            if first not in tie:
                tie[first] = next(letters)
            rows[i] = replace(row, tie=tie[first])
    return ParameterTable(rows, max_rows)


def _row(tensor, kind, names):
    lazy = nn.parameter.is_lazy(tensor)
    return Row(
        names=tuple(names),
        kind=kind,
        shape=None if lazy else tuple(tensor.shape),
        dtype=tensor.dtype,
        device=tensor.device,
        count=None if lazy else tensor.numel(),
        trains=tensor.requires_grad,
    )


def _overlaps(tensors):
    """Return for each tensor the index of the first one whose memory meets its own, or None."""
    index = {t: i for i, t in enumerate(tensors)}
    first = [None] * len(tensors)
    for piece in _pieces({t: span for t in tensors if (span := _memory(t))}):
        if len(piece) > 1:
            start = min(map(index.get, piece))
            for t in piece:
                first[index[t]] = start
    return first


def _collapse(rows):
    """Return the rows in groups of equals: the same but for the numbers in their names, untied, of known shape."""
    groups = {}
    for i, row in enumerate(rows):
        alike = (_folded(row.name), row.kind, row.shape, row.dtype, row.device, row.trains)
        groups.setdefault(i if row.tie or row.shape is None else alike, []).append(row)
    return list(groups.values())


def _folded(name):
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def _cell(column, group):
    row, times = group[0], len(group)
    if column == "name" and times > 1:
        parts = zip(*(r.name.split(".") for r in group), strict=True)
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


def _numbers(rows):
    return sum(row.count or 0 for row in rows)


def _plural(number, thing):
    return f"{number:,} {thing}" + "s" * (number != 1)
