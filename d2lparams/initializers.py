"""Schemes by name pattern, and schemes of one's own."""

import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._tables import Column, Table, mean_and_std, shortened
from ._torch import check_not_lazy, is_bias, moments, parameter_names
from .access import select

Scheme = Callable[..., object]
"""A function that fills a tensor in place, as those of `nn.init` do."""


class Init(NamedTuple):
    """One Parameter in the report of `initialize`. Met in notebook 2.

    Attributes:
        names: every name; a tied Parameter has several.
        shape: the size of each dimension; None while the layer is lazy.
        scheme: what filled it; None where it was not touched.
        mean: of the values that it has now; None on the meta device, which holds none.
        std: the standard deviation of these values; None likewise.

    Example:
        >>> initialize(nn.Linear(4, 8), {"bias": nn.init.zeros_}).touched[0]
        Init(names=('bias',), shape=(8,), scheme='zeros_', mean=0.0, std=0.0)
    """

    names: tuple[str, ...]
    shape: tuple[int, ...] | None
    scheme: str | None
    mean: float | None
    std: float | None


class InitReport:
    """What `initialize` did, as text and as an HTML table in Jupyter. Met in notebook 2.

    Args:
        rows: an `Init` for each Parameter of the net; kept as an attribute.

    Example:
        >>> report = initialize(nn.Linear(4, 8), {"bias": nn.init.zeros_})
        >>> len(report.touched), len(report.untouched)
        (1, 1)
    """

    def __init__(self, rows: list[Init]) -> None:
        self.rows = rows

    @property
    def touched(self) -> list[Init]:
        """The rows that a scheme was found for."""
        return [row for row in self.rows if row.scheme is not None]

    @property
    def untouched(self) -> list[Init]:
        """The rows that stayed as they were."""
        return [row for row in self.rows if row.scheme is None]

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        columns = [
            Column("name", "names"),
            Column("shape"),
            Column("scheme"),
            Column("mean", "numbers"),
            Column("std", "numbers"),
        ]
        summary = f"{len(self.touched)} touched, {len(self.untouched)} not"
        return Table(columns, shortened(self.rows, _cells), below=[summary])


def _cells(row: Init) -> tuple[str, ...]:
    shape = "lazy" if row.shape is None else str(row.shape)
    return " = ".join(row.names), shape, row.scheme or "not touched", *mean_and_std(row.mean, row.std)


@torch.no_grad()
def initialize(
    net: nn.Module, schemes: dict[str | re.Pattern[str], Scheme], generator: torch.Generator | None = None
) -> InitReport:
    """Initialize the parameters of `net` by name, all of them or none, and return a report of what was touched.

    Each scheme works on a copy, and the copies move into the net when the last one has succeeded: if one fails,
    nothing has changed. (That takes, for a moment, as much memory as the parameters it matched.) With a `generator`
    the copy lies on the generator's device, so a CPU generator gives a CPU net and a GPU net the same numbers. Buffers
    are not touched.

    Args:
        net: any module; it is changed.
        schemes: {pattern: scheme}. A pattern is what `select` takes: shell-style, such as "*.weight", or a compiled
            regular expression. Where several match, the first wins, as in if/elif: write "*.bias" before "*". A tied
            Parameter answers to each of its names and is drawn once. A scheme is any function that fills a tensor in
            place, as those of `nn.init` do; bind its arguments with `functools.partial` or a lambda. If it has a
            parameter called `name` or `generator`, it is given the Parameter's name, and this `generator`.
        generator: where the schemes draw from; None for torch's global one.

    Returns:
        A report that prints as text, and as HTML in Jupyter.

    Raises:
        ValueError: For a pattern that matches nothing (it lists the nearest names) or that comes after others which
            took all it matches, for a matched layer that is still lazy, for a scheme that fails, that returns a new
            tensor instead of filling its own, or that draws from torch's global generator although another one was
            passed.
        TypeError: If `schemes` is no dict of functions.

    Source: `nn.init`; Gluon's `net.initialize(init, force_reinit=True)`. Met in notebooks 2 and 3.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> initialize(net, {"0.weight": nn.init.ones_, "*.bias": nn.init.zeros_}).touched[0]
        Init(names=('0.weight',), shape=(8, 4), scheme='ones_', mean=1.0, std=0.0)
    """
    if not isinstance(schemes, dict) or not all(map(callable, schemes.values())):
        raise TypeError(
            f"schemes must map patterns to functions that fill a tensor in place, such as "
            f"{{'*.weight': nn.init.xavier_uniform_}}, not {schemes!r}"
        )
    chosen = _choose(net, schemes)
    names = parameter_names(net)
    check_not_lazy(names[p][0] for p in chosen if is_lazy(p))
    if stretched := [names[p][0] for p in chosen if p.layout is torch.strided and 0 in p.squeeze().stride()]:
        raise ValueError(f"{', '.join(stretched)} cannot be filled: expand() gave it fewer numbers than its shape says")
    drawn = {p: _draw(p, names[p][0], schemes[chosen[p]], generator) for p in names if p in chosen}
    rows = []
    for p, known in names.items():
        if p in drawn:
            p.copy_(drawn[p])
        scheme = _describe(schemes[chosen[p]]) if p in chosen else None
        rows.append(Init(tuple(known), None if is_lazy(p) else tuple(p.shape), scheme, *moments(p)))
    return InitReport(rows)


def _choose(net: nn.Module, schemes: dict[str | re.Pattern[str], Scheme]) -> dict[Tensor, str | re.Pattern[str]]:
    """Return {Parameter: the first pattern that matches it}."""
    chosen: dict[Tensor, str | re.Pattern[str]] = {}
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
    return chosen


def _draw(p: Tensor, name: str, scheme: Scheme, generator: torch.Generator | None) -> Tensor:
    """Return what `scheme` makes of a copy of `p`."""
    device = p.device if generator is None or p.is_meta else generator.device
    values = p.detach().to(device, copy=True)
    state = torch.random.get_rng_state()
    subject = f"scheme {_describe(scheme)} on {name!r} {tuple(p.shape)}"
    try:
        result = scheme(values, **_accepted(scheme, name=name, generator=generator))
    except Exception as error:
        raise ValueError(f"{subject} failed, so nothing was changed: {error}") from error
    if isinstance(result, Tensor) and _storage(result) != _storage(values):
        raise ValueError(
            f"{subject} returned a new tensor, so nothing was changed: fill the tensor it is given, in place"
        )
    if values.shape != p.shape:
        raise ValueError(f"{subject} made its shape {tuple(values.shape)}, so nothing was changed: keep the shape")
    if generator is not None and not torch.equal(state, torch.random.get_rng_state()):
        raise ValueError(
            f"{subject} drew from torch's global generator, not from yours, so nothing was changed: "
            f"let it take `generator=None` and hand that on to nn.init"
        )
    return values


def _accepted(scheme: Scheme, **offers: Any) -> dict[str, Any]:
    """Return those offers that `scheme` has a parameter for, unless a partial has filled it already."""
    try:
        known = inspect.signature(scheme).parameters
    except (TypeError, ValueError):  # written in C
        return {}
    free = (inspect.Parameter.empty, None, "")
    return {key: value for key, value in offers.items() if key in known and known[key].default in free}


def _storage(tensor: Tensor) -> int:
    """Return the address of a tensor's storage, 0 on the meta device."""
    return tensor.untyped_storage().data_ptr()


def _describe(scheme: Scheme) -> str:
    """Return a scheme as a reader would write it: normal_(std=0.01)."""
    if isinstance(scheme, functools.partial):
        bound = {key: value for key, value in scheme.keywords.items() if not isinstance(value, torch.Generator)}
        given = [*map(str, scheme.args), *(f"{key}={value}" for key, value in bound.items())]
        return f"{_describe(scheme.func)}({', '.join(given)})"
    name = str(getattr(scheme, "__name__", type(scheme).__name__))
    return "a lambda" if name == "<lambda>" else name


def fan_in_out(weight: Tensor) -> tuple[int, int]:
    """Return how many inputs feed one output of a layer, and how many outputs one input feeds.

    Like `nn.init`, it goes by the shape alone: with groups fan-out is too large by that factor, and a transposed
    convolution, stored as `(in, out / groups, *kernel)`, gets the two swapped.

    Args:
        weight: shape (out_features, in_features) as `nn.Linear` stores it, or `(out, in / groups, *kernel)` for a
            convolution, where both count the kernel's positions.

    Returns:
        (fan-in, fan-out).

    Raises:
        ValueError: If `weight` is lazy, or has fewer than two dimensions.
        TypeError: If it is no tensor.

    Source: Glorot & Bengio (2010); `nn.init._calculate_fan_in_and_fan_out`. Met in notebook 2.

    Example:
        >>> fan_in_out(nn.Linear(400, 100).weight)
        (400, 100)
        >>> fan_in_out(nn.Conv2d(8, 16, kernel_size=3, groups=2).weight)  # 8/2 channels, 9 positions
        (36, 144)
    """
    if not isinstance(weight, Tensor):
        raise TypeError(f"a weight is wanted, but a {type(weight).__name__} came: pass layer.weight")
    if is_lazy(weight):
        check_not_lazy(["this weight"])
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

    Mean 0, variance (low² + low·high + high²) / 6: with the defaults the standard deviation is 5.40, far too much for
    a layer of any width. It is drawn on the generator's device, by default on the CPU, and moved: the same numbers on
    CPU and GPU.

    Args:
        tensor: any shape, of a floating type.
        low: the least size of what is not zero.
        high: the greatest size of what is not zero.
        generator: where it draws from; None for torch's global one.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: Unless 0 <= low < high.
        TypeError: If `tensor` holds no floating numbers.

    Source: the custom scheme of Dive into Deep Learning, section "Parameter Initialization". Met in notebook 3.

    Example:
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

    Write a subclass with `init_weight_`, for every tensor of 2 dimensions or more. Biases become 0 and other vectors,
    such as the scales of normalization layers, 1: override `init_bias_` and `init_scale_` to change that.

    Args:
        say: where the report goes, a line for each parameter; None for silence. Kept as an attribute.

    Source: Gluon's `mxnet.init.Initializer`. Met in notebook 3.

    Example:
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

    def __init__(self, say: Callable[[str], object] | None = print) -> None:
        self.say = say

    def init_weight_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Fill a tensor of 2 dimensions or more in place: the rule that a subclass must write.

        Args:
            tensor: what to fill.
            generator: where to draw from; None for torch's global one.

        Returns:
            `tensor` itself.

        Raises:
            NotImplementedError: If there is no such rule.
        """
        raise NotImplementedError(f"{type(self).__name__} has no init_weight_(tensor, generator): write one")

    def init_bias_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Fill a bias in place, with 0.

        Args:
            tensor: what to fill: a parameter whose name's last part says "bias".
            generator: where to draw from; None for torch's global one.

        Returns:
            `tensor` itself.
        """
        return nn.init.zeros_(tensor)

    def init_scale_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Fill another tensor of fewer than 2 dimensions in place, with 1.

        Args:
            tensor: what to fill, such as the scale of a normalization layer.
            generator: where to draw from; None for torch's global one.

        Returns:
            `tensor` itself.
        """
        return nn.init.ones_(tensor)

    @torch.no_grad()
    def __call__(self, tensor: Tensor, name: str = "", generator: torch.Generator | None = None) -> Tensor:
        """Fill a tensor by the rule for its kind, and say so.

        Args:
            tensor: what to fill.
            name: the Parameter's name.
            generator: where to draw from; None for torch's global one.

        Returns:
            What the rule returns: `tensor` itself.
        """
        if self.say:
            self.say(f"init {name} {tuple(tensor.shape)}".replace("  ", " "))
        if is_bias(name):
            return self.init_bias_(tensor, generator)
        if tensor.dim() >= 2:
            return self.init_weight_(tensor, generator)
        return self.init_scale_(tensor, generator)
