"""Do all weights learn? Those that begin without a gradient may get one as soon as zeros elsewhere have moved."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._layers import Layer, Run
from ._torch import dense, moments, own_parameters, real

_TRIES = 8  # passes of a net that draws at random, before what never got a gradient is not blamed on chance
_WAVES = 8  # steps that a gradient may need to reach all weights, one for each zero on its way
_STEP = 0.1  # of a weight's usual size, 1 / √fan-in
_NEAR_ZERO = 0.01  # the factor of a branch that begins as good as closed: CaiT's is 1e-5, ConvNeXt's 1e-6


class Pass(NamedTuple):
    """What one pass forward and backward showed.

    Attributes:
        loss: the first loss.
        layers: for the report.
        runs: the same and activations without a module, for the verdict.
        ran: all modules that were called.
        gradients: of each trained parameter by name; None where the loss doesn't depend on it.
    """

    loss: float
    layers: list[Layer]
    runs: list[Run]
    ran: set[nn.Module]
    gradients: dict[str, Tensor | None]


class Learning(NamedTuple):
    """What learns, and what doesn't.

    Attributes:
        last: the pass after the zeros had moved; the first one if none had to.
        asleep: the parameters that got no gradient at first, and get one since zeros have moved.
        zeros: the weights that were 0 all over and held these up until they moved.
        factors: the factors near 0 that moved, since as good as nothing came back to the first layers.
        silent: the fraction of its rows that never got a gradient, of each parameter that has such rows.
        dead: the fraction of units that were 0 in every pass, by the names of the runs.
    """

    last: Pass
    asleep: list[str]
    zeros: list[str]
    factors: list[str]
    silent: dict[str, float]
    dead: dict[str, float]


def follow(net: nn.Module, first: Pass, again: Callable[[], Pass], weak: bool, by_chance: bool) -> Learning:
    """Let zeros in a copied net take small steps along their gradients, until no more parameters get one.

    Args:
        net: the copy, whose zeros are changed.
        first: what its first pass showed.
        again: runs the next pass.
        weak: whether what comes back to the first layers is as good as nothing, so that factors near 0 shall move too.
        by_chance: whether a pass draws at random, and may leave something out.

    Returns:
        What was asleep, what held it up, and what never learns.
    """
    parameters = {name: p for name, p in net.named_parameters() if p.requires_grad}
    zeros = [name for name, p in parameters.items() if not name.endswith("bias") and _is_zero(p)]
    factors = [name for name in _factors(net) if name in parameters] if weak else []
    silent, dead, last = _silent(first), _dead(first), first
    at_first = _whole(silent)
    at_zero = any(run.dead and run.module is not None and _trains(run.module) for run in first.runs)
    wanted = math.isfinite(first.loss) and (bool(at_first) or at_zero or bool(factors))
    moved: set[str] = set()
    for i in range(_WAVES + _TRIES):
        step = _step(parameters, last.gradients, set(factors) - moved) if wanted and i < _WAVES else set()
        if (not step and not (by_chance and _whole(silent))) or not math.isfinite(last.loss):
            break
        moved |= step
        last, before = again(), _whole(silent)
        silent, dead = _both(silent, _silent(last)), _both(dead, _dead(last))
        wanted = bool(_whole(silent)) and _whole(silent) != before
    asleep = [name for name in at_first if silent.get(name) != 1]
    zeros, factors = ([name for name in names if name in moved] for names in (zeros, factors))
    return Learning(last, asleep if zeros else [], zeros if asleep else [], factors, silent, dead)


def _dead(seen: Pass) -> dict[str, float]:
    return {run.name: run.dead for run in seen.runs}


def _both(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: min(fraction, other[name]) for name, fraction in one.items() if name in other}


def _factors(net: nn.Module) -> Iterator[str]:
    """Yield the names of factors near 0, one for each channel or for all, that close a branch: LayerScale, a gate."""
    for path, module in net.named_modules():
        if "norm" in type(module).__name__.lower():
            continue
        for name, p in own_parameters(module).items():
            one_each = p.numel() == max(p.shape, default=1) and not name.endswith("bias")
            size = moments(real(dense(p)).abs())[0] if one_each else None
            if size and size < _NEAR_ZERO:
                yield f"{path}.{name}" if path else name


def _is_zero(tensor: Tensor) -> bool:
    return tensor.numel() > 0 and not bool(dense(tensor).any())


def _trains(module: nn.Module) -> bool:
    return any(p.requires_grad for p in module.parameters())


def _silent(seen: Pass) -> dict[str, float]:
    """Return the fraction of its rows without a gradient, of each parameter that has such rows."""
    found = {}
    for name, gradient in seen.gradients.items():
        if gradient is not None and gradient.numel():
            rows = dense(gradient).reshape(gradient.shape[0] if gradient.dim() else 1, -1)
            missing = 1 - (rows != 0).any(1).double().mean().item()
            if missing:
                found[name] = missing
    return found


def _whole(silent: dict[str, float]) -> list[str]:
    return [name for name, rows in silent.items() if rows == 1]


@torch.no_grad()
def _step(parameters: dict[str, nn.Parameter], gradients: dict[str, Tensor | None], factors: set[str]) -> set[str]:
    """Move what is 0, or of a factor near 0, a little along its gradient; return the names of what moved."""
    moved = set()
    for name, p in parameters.items():
        gradient = gradients.get(name)
        if gradient is None or p.is_sparse:
            continue
        gradient = dense(gradient)
        where = ((p == 0) | (name in factors)) & (gradient != 0)
        if not bool(where.any()):
            continue
        fan_in = p[0].numel() if p.dim() > 1 else 1
        size = gradient[where].abs().double().square().mean().sqrt()
        step = torch.where(where, gradient / size.to(gradient.abs().dtype), 0)
        p.sub_(step.to(p.dtype), alpha=_STEP / fan_in**0.5)
        moved.add(name)
    return moved
