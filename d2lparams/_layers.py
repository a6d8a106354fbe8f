"""What one run of one layer shows: its signal, its gradient, its dead and saturated units."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._torch import dense, moments, real

_CHANNELS_BEFORE = {  # layers whose units are channels, which stand before this many dimensions of places
    nn.Conv1d: 1,
    nn.ConvTranspose1d: 1,
    nn.Conv2d: 2,
    nn.ConvTranspose2d: 2,
    nn.Conv3d: 3,
    nn.ConvTranspose3d: 3,
}
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_CHANNELS_SECOND = (*_BATCH_NORMS, *_INSTANCE_NORMS, nn.GroupNorm)
_UNITS_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RNNBase, nn.MultiheadAttention)
_BOUNDS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "softsign": (-1.0, 1.0), "hardtanh": (-1.0, 1.0)}


class Layer(NamedTuple):
    """One run of one layer in the report of `health`. Met in notebook 2.

    Attributes:
        name: the layer's path; "" for the net itself; "path #2" for a second run.
        kind: its class.
        shape: of its output.
        std: the standard deviation of its output, over everything; None where there is no number.
        dead: the fraction of its units that are 0 for every example, 0 to 1. Positions are no units. In the report of
            `health`, units that only begin at 0, and get a gradient, are not dead.
        grad_std: the standard deviation of the loss's gradient with respect to its output; None where none flows.
        finite: whether output and gradient hold neither NaN nor infinity.

    Example:
        >>> Layer.measure("1", "ReLU", torch.tensor([[0.0, 2.0], [0.0, 4.0]]))
        Layer(name='1', kind='ReLU', shape=(2, 2), std=1.6583123951777, dead=0.5, grad_std=None, finite=True)
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    std: float | None
    dead: float
    grad_std: float | None
    finite: bool

    @classmethod
    def measure(cls, name: str, kind: str, output: Tensor, axis: int | None = None) -> "Layer":
        """Measure a layer's output; its gradient comes later, if at all.

        Args:
            name: the layer's path.
            kind: its class.
            output: what it hands on, the examples in dimension 0.
            axis: the dimension of its units; None where it is not known, and the one with fewer dead units counts.

        Returns:
            A `Layer` whose `grad_std` is None.
        """
        values = real(dense(output))
        std = moments(values)[1]
        dead = dead_fraction(dense(output), axis)
        return cls(name, kind, tuple(output.shape), std, dead, None, is_finite(values, std))

    def with_gradient(self, gradient: Tensor) -> "Layer":
        """Return this layer with the gradient of the loss with respect to its output measured too.

        Args:
            gradient: in the shape of the output.

        Returns:
            A new `Layer`.
        """
        gradient = real(dense(gradient))
        grad_std = moments(gradient)[1]
        return self._replace(grad_std=grad_std, finite=self.finite and is_finite(gradient, grad_std))


@dataclass
class Run:
    """What else the verdict needs of a run of a layer, or of an activation that is no module.

    Attributes:
        name: as in `Layer`, with the function's name behind it if it is no module.
        kind: the class, or the function's name.
        module: None for a function.
        own: how many weights, of 2 dimensions or more, it trains.
        units: how many units its output has.
        rows: how many values each unit has in the batch.
        std: of its output; None where there is no number.
        spread: the standard deviation of its output from example to example; None for a batch of one.
        std_in: of its first input.
        spread_in: from example to example, of its first input.
        dead: as in `Layer`.
        idle: whether it was given nothing but zeros.
        saturated: the fraction of its output that lies within 1% of the bounds of tanh or sigmoid, on both sides.
        grad: the norm of the gradient with respect to its output; None where none flows.
        grad_in: the norm of the gradient with respect to its first input.
        taught: whether autograd was on when it ran.
        enters: whether it was given what the net was given, or numbers of rows, as an embedding is.
        axis: the dimension of its units, if known.
        shape: of its output.
    """

    name: str
    kind: str
    module: nn.Module | None
    own: int
    units: int
    rows: int
    std: float | None
    spread: float | None
    std_in: float | None
    spread_in: float | None
    dead: float
    idle: bool
    saturated: float
    taught: bool
    enters: bool
    axis: int | None
    shape: tuple[int, ...]
    grad: float | None = None
    grad_in: float | None = None


def unit_axis(module: nn.Module | None, shape: tuple[int, ...], before: "Run | None") -> int | None:
    """Return the dimension of a layer's units, or None if it can't be told."""
    if len(shape) == 2:
        return 1
    for kind, places in _CHANNELS_BEFORE.items():
        if isinstance(module, kind):
            return len(shape) - places - 1
    if isinstance(module, _CHANNELS_SECOND):
        return 1
    if isinstance(module, _UNITS_LAST):
        return len(shape) - 1
    return before.axis if before is not None and before.shape == shape else None  # an activation, for example


def dead_fraction(values: Tensor, axis: int | None = None) -> float:
    """Return the fraction of units that are 0 for every example and at every position."""
    if values.dim() < 2 or not values.numel():
        return 0.0
    zero = values == 0
    axes = {1, values.dim() - 1} if axis is None else {axis}
    return min(zero.transpose(0, axis).flatten(1).all(1).float().mean().item() for axis in axes)


def saturated_fraction(function: str, values: Tensor) -> float:
    """Return the fraction of values within 1% of the range from the bounds of tanh or sigmoid; 0 if only at one."""
    if function not in _BOUNDS or not values.numel() or values.is_complex():
        return 0.0
    low, high = _BOUNDS[function]
    margin = 0.005 * (high - low)
    below, above = ((side).float().mean().item() for side in (values < low + margin, values > high - margin))
    return below + above if min(below, above) > 0.05 else 0.0


def spread(values: Tensor) -> float | None:
    """Return the standard deviation from example to example, over all entries; None for a batch of one."""
    values = real(values.detach())
    if values.dim() == 0 or values.shape[0] < 2 or not values.numel() or not values.is_floating_point():
        return None
    if values.dtype in (torch.float16, torch.bfloat16):
        values = values.float()
    off = torch.linalg.vector_norm(values - values.mean(0, keepdim=True))  # values.var(0) takes ten times as long
    size: float = off.item() / math.sqrt(values.numel())
    return size


def length(tensor: Tensor) -> float:
    """Return the norm over all entries."""
    if not tensor.numel():
        return 0.0
    mean, std = moments(real(dense(tensor)))
    if mean is None or std is None:
        return math.nan
    return math.hypot(mean, std) * math.sqrt(real(tensor).numel())


def is_mask(values: Tensor) -> bool:
    """Whether what is not finite in a tensor is -∞ alone, which a softmax makes 0: it leaves something out."""
    outside = values.detach()[~values.isfinite()]
    return outside.numel() > 0 and not outside.is_complex() and bool((outside == -math.inf).all())


def is_finite(values: Tensor, std: float | None) -> bool:
    """Whether all values are finite; `std`, if it is known to be finite, says so already."""
    known = std is not None and math.isfinite(std)
    return known or bool(values.isfinite().all())
