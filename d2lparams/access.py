"""Tables, selection and counts of the parameters of any `nn.Module`."""

import difflib
import re
from collections.abc import Iterable, Mapping
from itertools import chain, product
from itertools import count as from_here
from string import ascii_uppercase
from typing import Literal, overload

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._memory import memory_spans, overlapping, saved, size_in_bytes
from ._patterns import Pattern, as_regex, check_pattern, fits
from ._rows import ParameterTable, Row, Values
from ._subtotals import Subtotal as Subtotal
from ._subtotals import Subtotals as Subtotals
from ._tables import MOST_LINES
from ._torch import (
    check_not_lazy,
    dense,
    moments,
    names_by_tensor,
    own_parameters,
    parameter_names,
    unsaved_buffers,
)

_MANY = 2000  # names among which the nearest are looked for; more take seconds


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


def parameter_table(
    net: nn.Module, buffers: bool = False, max_rows: int | None = MOST_LINES, values: bool = False
) -> ParameterTable:
    """Return a table of the parameters of `net`: name, shape, dtype, count, bytes, uses, tie.

    A Parameter has one row with all its names, as in "2.weight = 4.weight", and counts once. The column "uses" says how
    many places in the tree of modules hold it; "tie" has a letter for each group of places that share memory: rows with
    the same letter are different Parameters over overlapping memory, which `is` would not tell. Columns that would say
    the same in every line are left out: device, kind (parameter or buffer), trains (`requires_grad`).

    Unless `values` are asked for none is read, so meta tensors and lazy layers are welcome; the cost grows linearly
    with the number of names.

    Args:
        net: any module.
        buffers: list the buffers too.
        max_rows: the most lines to print, None for all. A longer table first folds equal layers into one line
            ("h.*.weight", "12 × (8, 8)"; `select` takes exactly these rows by such a name), then leaves out its middle
            and says how much.
        values: show mean, std, min, max and how many are 0, too; of complex numbers, of their magnitudes.

    Returns:
        A table that prints as text, and as HTML in Jupyter. `len`, a loop and `table["0.weight"]` go by its `rows`, a
        `Row` for each tensor, whatever is printed; `frame()` gives them to pandas, `subtotals()` adds up by module.

    Raises:
        ValueError: If `max_rows` is below 1.

    Source: `nn.Module.named_parameters`. Met in notebooks 1 and 4.

    Example:
        >>> shared = nn.Linear(8, 8)
        >>> parameter_table(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), shared))
        name                 shape   dtype    count  bytes  uses  tie
        0.weight             (8, 4)  float32     32    128     1
        0.bias               (8,)    float32      8     32     1
        2.weight = 4.weight  (8, 8)  float32     64    256     2  A
        2.bias = 4.bias      (8,)    float32      8     32     2  B
        4 parameters, 112 numbers, 448 bytes; 2 ties, which save 288 bytes
    """
    if max_rows is not None and max_rows < 1:
        raise ValueError(f"max_rows must be 1 or more, or None for all rows, not {max_rows}")
    parameters = parameter_names(net)
    names, unsaved = parameters, set()
    if buffers:
        every = chain(net.named_parameters(remove_duplicate=False), net.named_buffers(remove_duplicate=False))
        names, unsaved = names_by_tensor(every), _unsaved(net)
    types = {path: type(module).__name__ for path, module in net.named_modules(remove_duplicate=False)}
    spans = memory_spans(names)
    groups = overlapping(spans)
    shared = {tensor: group[0] for group in groups if len(group) > 1 for tensor in group}
    letters = ("".join(word) for length in from_here(1) for word in product(ascii_uppercase, repeat=length))
    letter: dict[Tensor, str] = {}  # the first of some tensors that overlap -> theirs
    rows = []
    for tensor, known in names.items():
        kind = "parameter" if tensor in parameters else "buffer, not saved" if known[0] in unsaved else "buffer"
        first = shared.get(tensor, tensor)
        if (first in shared or len(known) > 1) and first not in letter:
            letter[first] = next(letters)
        layer = types.get(known[0].rpartition(".")[0], "")
        rows.append(_row(tensor, kind, known, letter.get(first, ""), layer, values))
    sizes = {tensor: (row.uses, row.bytes or 0) for tensor, row in zip(names, rows, strict=True)}
    return ParameterTable(rows, max_rows, saved(sizes, spans, groups), types)


def _unsaved(net: nn.Module) -> set[str]:
    """Return the names of the buffers that `state_dict` leaves out."""
    return {
        f"{path}.{name}".removeprefix(".")
        for path, module in net.named_modules(remove_duplicate=False)
        for name in unsaved_buffers(module)
    }


def _row(tensor: Tensor, kind: str, names: Iterable[str], tie: str, layer: str, values: bool) -> Row:
    lazy = is_lazy(tensor)
    return Row(
        names=tuple(names),
        kind=kind,
        shape=None if lazy or tensor.is_nested else tuple(tensor.shape),
        dtype=tensor.dtype,
        device=tensor.device,
        count=None if lazy else tensor.numel(),
        trains=tensor.requires_grad,
        tie=tie,
        layer=layer,
        bytes=size_in_bytes(tensor),
        values=_values(tensor) if values else None,
    )


def _values(tensor: Tensor) -> Values | None:
    if is_lazy(tensor) or tensor.is_nested:
        return None
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    mean, std = moments(tensor)
    if mean is None or std is None:
        return None
    numbers = dense(tensor)
    numbers = numbers.abs() if numbers.is_complex() else numbers.float() if numbers.itemsize == 1 else numbers
    low, high = torch.aminmax(numbers)
    zeros, finite = numbers.numel() - int(numbers.count_nonzero()), int(numbers.isfinite().sum())
    return Values(mean, std, low.item(), high.item(), zeros, numbers.numel() - finite)
