"""Do all weights learn? Those that begin without a gradient may get one as soon as zeros elsewhere have moved."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._layers import Layer, Run
from ._torch import dense

_WAVES = 8  # steps that a gradient may need to reach all weights, one for each zero on its way
_STEP = 0.1  # of a weight's usual size, 1 / √fan-in


class Pass(NamedTuple):
    """What one pass forward and backward showed.

    Attributes:
        loss: the first loss.
        layers: for the report.
        runs: the same and activations without a module, for the verdict.
        gradients: of each trained parameter by name; None where the loss doesn't depend on it.
    """

    loss: float
    layers: list[Layer]
    runs: list[Run]
    gradients: dict[str, Tensor | None]


class Learning(NamedTuple):
    """What learns, and what doesn't.

    Attributes:
        last: the pass after the zeros had moved; the first one if none had to.
        asleep: the parameters that got no gradient at first, and get one since zeros have moved.
        zeros: the weights that were 0 all over and have moved.
        silent: the fraction of its rows that never got a gradient, of each parameter that has such rows.
    """

    last: Pass
    asleep: list[str]
    zeros: list[str]
    silent: dict[str, float]


def follow(net: nn.Module, first: Pass, again: Callable[[], Pass]) -> Learning:
    """Let zeros in a copied net take small steps along their gradients, until no more parameters get one.

    Args:
        net: the copy, whose zeros are changed.
        first: what its first pass showed.
        again: runs the next pass.

    Returns:
        What was asleep, what held it up, and what never learns.
    """
    parameters = {name: p for name, p in net.named_parameters() if p.requires_grad}
    zeros = [name for name, p in parameters.items() if not name.endswith("bias") and _is_zero(p)]
    silent, last = _silent(first), first
    at_first = _whole(silent)
    wanted = bool(at_first) or any(run.dead and run.module is not None and _trains(run.module) for run in first.runs)
    for _ in range(_WAVES):
        if not wanted or not _step(parameters, last.gradients):
            break
        last, before = again(), _whole(silent)
        missing = _silent(last)
        silent = {name: min(rows, missing[name]) for name, rows in silent.items() if name in missing}
        wanted = bool(_whole(silent)) and _whole(silent) != before
    moved = [name for name in zeros if not _is_zero(parameters[name])]
    asleep = [name for name in at_first if silent.get(name) != 1] if moved else []
    return Learning(last, asleep, moved, silent)


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
def _step(parameters: dict[str, nn.Parameter], gradients: dict[str, Tensor | None]) -> bool:
    """Move every number that is 0 and has a gradient a little; return whether there was one."""
    moved = False
    for name, p in parameters.items():
        gradient = gradients.get(name)
        if gradient is None or p.is_sparse:
            continue
        gradient = dense(gradient)
        where = (p == 0) & (gradient != 0)
        if not bool(where.any()):
            continue
        fan_in = p[0].numel() if p.dim() > 1 else 1
        size = gradient[where].abs().double().square().mean().sqrt()
        step = torch.where(where, gradient.to(p.dtype) / size.to(gradient.abs().dtype), 0)
        p.sub_(step.to(p.dtype), alpha=_STEP / fan_in**0.5)
        moved = True
    return moved
