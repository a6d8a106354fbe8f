"""Schemes by name pattern, and schemes of one's own."""

import functools
import html
import inspect
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .access import select

_SHOWN = 40  # rows that a printed report has room for; `.rows` and `.layers` hold them all


class Init(NamedTuple):
    """One Parameter in the report of `initialize`. scheme, mean and std are None where it was not touched."""

    names: tuple[str, ...]  # every name; a tied Parameter has several
    shape: tuple[int, ...] | None  # None: still lazy
    scheme: str | None
    mean: float | None  # of the values it has now; None on the meta device, which holds none
    std: float | None


class InitReport:
    """What `initialize` did, as text and as an HTML table in Jupyter. rows: an `Init` for each Parameter of the net."""

    def __init__(self, rows: list[Init]):
        self.rows = rows

    @property
    def touched(self) -> list[Init]:
        return [row for row in self.rows if row.scheme is not None]

    @property
    def untouched(self) -> list[Init]:
        return [row for row in self.rows if row.scheme is None]

    def __repr__(self):
        return _text(*self._table())

    def _repr_html_(self):
        return _html(*self._table())

    def _table(self):
        lines = [
            (
                " = ".join(row.names),
                "lazy" if row.shape is None else str(row.shape),
                row.scheme or "not touched",
                *_mean_std(row.mean, row.std),
            )
            for row in self.rows
        ]
        summary = f"{len(self.touched)} touched, {len(self.untouched)} not"
        return ("name", "shape", "scheme", "mean", "std"), lines, summary


@torch.no_grad()
def initialize(net: nn.Module, schemes: dict, generator: torch.Generator | None = None) -> InitReport:
    """Initialize the parameters of `net` by name, all of them or none, and return a report of what was touched.

    schemes: {pattern: scheme}. A pattern is what `select` takes: shell-style, such as "*.weight", or a compiled
    regular expression. Where several match, the FIRST wins, as in if/elif: write "*.bias" before "*". A tied Parameter
    answers to each of its names and is drawn once. A scheme is any function that fills a tensor in place, as those of
    `nn.init` do; bind its arguments with `functools.partial` or a lambda. If it has a parameter called `name` or
    `generator`, it is given the Parameter's name, and this `generator`. Buffers are not touched.

    Each scheme works on a copy, and the copies move into the net when the last one has succeeded: if one fails,
    nothing has changed. (That takes, for a moment, as much memory as the parameters it matched.) With a `generator`
    the copy lies on the generator's device, so a CPU generator gives a CPU net and a GPU net the same numbers.

    Raises ValueError for a pattern that matches nothing (it lists the nearest names) or that comes after others which
    took all it matches, for a matched layer that is still lazy, for a scheme that fails, that returns a new tensor
    instead of filling its own, or that draws from torch's global generator although another one was passed;
    TypeError if `schemes` is no dict of functions.
    Source: `nn.init`; Gluon's `net.initialize(init, force_reinit=True)`. Met in notebooks 2 and 3.

    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> initialize(net, {"0.weight": nn.init.ones_, "*.bias": nn.init.zeros_}).touched[0]
    Init(names=('0.weight',), shape=(8, 4), scheme='ones_', mean=1.0, std=0.0)
    """
    if not isinstance(schemes, dict) or not all(map(callable, schemes.values())):
        raise TypeError(
            f"schemes must map patterns to functions that fill a tensor in place, such as "
            f"{{'*.weight': nn.init.xavier_uniform_}}, not {schemes!r}"
        )
    chosen = {}  # Parameter -> its pattern
    for pattern in schemes:
        matches = select(net, pattern)
        new = [p for p in matches.values() if p not in chosen]
        if not new:
            name, p = next(iter(matches.items()))
            raise ValueError(
                f"pattern {pattern!r} is never used: {chosen[p]!r}, which comes before it, already took {name!r} and "
                f"the first match wins; write the narrower pattern first"
            )
        chosen.update(dict.fromkeys(new, pattern))
    names = _names(net)
    if lazy := [names[p][0] for p in chosen if nn.parameter.is_lazy(p)]:
        raise ValueError(f"{', '.join(lazy)} have no shape yet: run one batch through the net first, net(X)")
    if stretched := [names[p][0] for p in chosen if p.layout is torch.strided and 0 in p.squeeze().stride()]:
        raise ValueError(f"{', '.join(stretched)} cannot be filled: expand() gave it fewer numbers than its shape says")
    drawn = {p: _draw(p, names[p][0], schemes[chosen[p]], generator) for p in names if p in chosen}
    rows = []
    for p, known in names.items():
        if p in drawn:
            p.copy_(drawn[p])
        scheme = _describe(schemes[chosen[p]]) if p in chosen else None
        rows.append(Init(tuple(known), None if nn.parameter.is_lazy(p) else tuple(p.shape), scheme, *_moments(p)))
    return InitReport(rows)


def _draw(p, name, scheme, generator):
    """Return what `scheme` makes of a copy of `p`."""
    device = p.device if generator is None or p.is_meta else generator.device
    values = p.detach().to(device, copy=True)
    state = torch.random.get_rng_state()
    told = f"scheme {_describe(scheme)} on {name!r} {tuple(p.shape)}"
    try:
        result = scheme(values, **_wanted(scheme, name=name, generator=generator))
    except Exception as error:
        raise ValueError(f"{told} failed, so nothing was changed: {error}") from error
    if isinstance(result, Tensor) and _memory(result) != _memory(values):
        raise ValueError(f"{told} returned a new tensor, so nothing was changed: fill the tensor it is given, in place")
    if values.shape != p.shape:
        raise ValueError(f"{told} made its shape {tuple(values.shape)}, so nothing was changed: keep the shape")
    if generator is not None and not torch.equal(state, torch.random.get_rng_state()):
        raise ValueError(
            f"{told} drew from torch's global generator, not from yours, so nothing was changed: "
            f"let it take `generator=None` and hand that on to nn.init"
        )
    return values


def _wanted(scheme, **offers):
    """Return those offers that `scheme` has a parameter for, unless a partial has filled it already."""
    try:
        known = inspect.signature(scheme).parameters
    except (TypeError, ValueError):  # written in C
        return {}
    free = (inspect.Parameter.empty, None, "")
    return {key: value for key, value in offers.items() if key in known and known[key].default in free}


def _memory(tensor):
    return None if tensor.is_meta else tensor.untyped_storage().data_ptr()


def _describe(scheme):
    """Return a scheme as a reader would write it: normal_(std=0.01)."""
    if isinstance(scheme, functools.partial):
        bound = {key: value for key, value in scheme.keywords.items() if not isinstance(value, torch.Generator)}
        given = [*map(str, scheme.args), *(f"{key}={value}" for key, value in bound.items())]
        return f"{_describe(scheme.func)}({', '.join(given)})"
    name = getattr(scheme, "__name__", type(scheme).__name__)
    return "a lambda" if name == "<lambda>" else name


def fan_in_out(weight: Tensor) -> tuple[int, int]:
    """Return how many inputs feed one output of a layer, and how many outputs one input feeds.

    weight: shape (out_features, in_features) as `nn.Linear` stores it, or (out, in / groups, *kernel) for a
    convolution, where both count the kernel's positions. Like `nn.init`, it goes by the shape alone: with groups
    fan-out is too large by that factor, and a transposed convolution, stored as (in, out / groups, *kernel), gets the
    two swapped.
    Raises ValueError if `weight` is lazy, or has fewer than two dimensions; TypeError if it is no tensor.
    Source: Glorot & Bengio (2010); `nn.init._calculate_fan_in_and_fan_out`. Met in notebook 2.

    >>> fan_in_out(nn.Linear(400, 100).weight)
    (400, 100)
    >>> fan_in_out(nn.Conv2d(8, 16, kernel_size=3, groups=2).weight)  # 8/2 channels, 9 positions
    (36, 144)
    """
    if not isinstance(weight, Tensor):
        raise TypeError(f"a weight is wanted, but a {type(weight).__name__} came: pass layer.weight")
    if nn.parameter.is_lazy(weight):
        raise ValueError("this weight has no shape yet: run one batch through the net first, net(X)")
    if weight.dim() < 2:
        raise ValueError(
            f"a weight of shape {tuple(weight.shape)} joins no inputs to outputs: "
            f"fan-in and fan-out need 2 dimensions or more, (out, in, ...); set biases by another scheme"
        )
    positions = math.prod(weight.shape[2:])
    return weight.shape[1] * positions, weight.shape[0] * positions


@torch.no_grad()
def half_zero_uniform_(
    tensor: Tensor, low: float = 5.0, high: float = 10.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill `tensor` in place with zeros (probability 1/2) and else numbers uniform on ±(low, high); return it.

    tensor: any shape, of a floating type. Mean 0, variance (low² + low·high + high²) / 6: with the defaults the
    standard deviation is 5.40, far too much for a layer of any width. It is drawn on the generator's device, by
    default on the CPU, and moved: the same numbers on CPU and GPU.
    Raises ValueError unless 0 <= low < high; TypeError if `tensor` holds no floating numbers.
    Source: the custom scheme of Dive into Deep Learning, section "Parameter Initialization". Met in notebook 3.

    >>> weight = half_zero_uniform_(torch.empty(1000), generator=torch.Generator().manual_seed(0))
    >>> size = weight[weight != 0].abs()
    >>> bool(size.min() >= 5), bool(size.max() <= 10), 450 < len(size) < 550
    (True, True, True)
    """
    if not 0 <= low < high:
        raise ValueError(f"low={low}, high={high}: 0 <= low < high is wanted")
    if not tensor.is_floating_point():
        raise TypeError(f"a tensor of floating numbers is wanted, not of {tensor.dtype}")
    if tensor.is_meta:
        return tensor
    dtype = torch.promote_types(tensor.dtype, torch.float32)
    device = "cpu" if generator is None else generator.device
    u = torch.empty(tensor.shape, dtype=dtype, device=device).uniform_(-1, 1, generator=generator)
    size = low + (2 * u.abs() - 1) * (high - low)  # |u| is uniform on (1/2, 1) where it is kept
    return tensor.copy_(torch.where(u.abs() < 0.5, 0, size.copysign(u)))


class Initializer:
    """A scheme with a rule for each kind of parameter, which says aloud what it touches; a scheme for `initialize`.

    Write a subclass with `init_weight_(tensor, generator)`, for every tensor of 2 dimensions or more. Biases become 0
    and other vectors, such as the scales of normalization layers, 1: override `init_bias_` and `init_scale_`, called
    alike. say: where the report goes, a line for each parameter; None for silence.
    Raises NotImplementedError if a weight comes and there is no `init_weight_`.
    Source: Gluon's `mxnet.init.Initializer`. Met in notebook 3.

    >>> class HalfZero(Initializer):
    ...     def init_weight_(self, tensor, generator=None):
    ...         return half_zero_uniform_(tensor, generator=generator)
    >>> net = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))
    >>> report = initialize(net, {"*": HalfZero()})
    init 0.weight (256, 20)
    init 0.bias (256,)
    init 2.weight (10, 256)
    init 2.bias (10,)
    """

    def __init__(self, say=print):
        self.say = say

    def init_weight_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no init_weight_(tensor, generator): write one")

    def init_bias_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return nn.init.zeros_(tensor)

    def init_scale_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return nn.init.ones_(tensor)

    @torch.no_grad()
    def __call__(self, tensor: Tensor, name: str = "", generator: torch.Generator | None = None) -> Tensor:
        if self.say:
            self.say(f"init {name} {tuple(tensor.shape)}".replace("  ", " "))
        if "bias" in name.rpartition(".")[2]:
            return self.init_bias_(tensor, generator)
        return (self.init_weight_ if tensor.dim() >= 2 else self.init_scale_)(tensor, generator)


def _names(net):
    names = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        names.setdefault(p, []).append(name)
    return names


def _moments(t):
    """Return (mean, std) over all entries, or (None, None) where there are no values."""
    if nn.parameter.is_lazy(t) or t.is_meta or not t.numel():
        return None, None
    t = t.detach().to_dense() if t.is_sparse else t.detach()
    exact = torch.float32 if t.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    values = t.abs() if t.is_complex() else t.to(exact)
    mean = values.mean()
    std = torch.linalg.vector_norm(values - mean) / values.numel() ** 0.5  # torch.std_mean takes four times as long
    return mean.item(), std.item()


# ---- text and HTML


def _three(number):
    """Write a number to three digits, 0.0123 or 1.23e+07."""
    if number is None:
        return "–"
    if not number or not math.isfinite(number):
        return f"{number:.3g}"
    return f"{number:#.3g}".rstrip(".")


def _mean_std(mean, std):
    """Write std to three digits, and mean to as many decimals: more would be noise."""
    if mean is None or not std or not math.isfinite(std) or not 1e-4 < std < 1e6:
        return _three(mean), _three(std)
    decimals = max(0, 2 - math.floor(math.log10(std)))
    return f"{round(mean, decimals) + 0.0:.{decimals}f}", f"{std:.{decimals}f}"


def _shortened(head, lines):
    """Return the lines with the middle of a long table left out."""
    if len(lines) > _SHOWN:
        left_out = f"… {len(lines) - _SHOWN:,} more …"
        lines = [*lines[: _SHOWN // 2], (left_out, *[""] * (len(head) - 1)), *lines[-_SHOWN // 2 :]]
    return lines


def _text(head, lines, summary):
    rows = [head, *_shortened(head, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = (
        "  ".join(
            cell.ljust(width) if i < 3 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join([*text, summary])


def _html(head, lines, summary):
    def row(cells, tag):
        align = ("left" if i < 3 else "right" for i in range(len(cells)))
        return "".join(
            f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>'
            for side, cell in zip(align, cells, strict=True)
        )

    body = "\n".join(f"<tr>{row(line, 'td')}</tr>" for line in _shortened(head, lines))
    return f"<table>\n<tr>{row(head, 'th')}</tr>\n{body}\n</table>\n<p>{html.escape(summary)}</p>"
