"""What speaks against a net's start, each with its verdict and its reason."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._layers import Run
from ._torch import dense, own_parameters, real
from ._waking import Learning, Pass

FACTOR = 1000  # how far a signal or a gradient may grow or shrink through a net that is called healthy
_DEAD_UNITS = 0.75  # of a layer: a deep plain net switches almost half of its units off for all examples alike
_DEAD_WEIGHTS = 0.25  # of all weights, if no layer is dead as a whole
_DEAD_LAYERS = 0.05  # of all weights, if some layer is: a gate of a few units may be, and the net learns
_ROWS = 8  # values that a unit must have had before it counts as dead
_SATURATED = 0.5  # of a layer's values


class Finding(NamedTuple):
    """A verdict and the sentence that gives the reason for it."""

    verdict: str
    reason: str


class Findings(NamedTuple):
    """What was found beside the layers' own numbers.

    Attributes:
        faults: what speaks against the start, or says that it cannot be told.
        notes: sentences that explain a start and do not speak against it.
        signal: the ratio of the signal's size where it counts; None if it cannot be told.
        gradient: the same of the gradient.
        guess: the loss of a net that only guesses; None if there is no such number.
        of_zero: the loss of an output that is 0 all over, for a loss of numbers; None for any other.
    """

    faults: list[Finding]
    notes: list[str]
    signal: float | None
    gradient: float | None
    guess: float | None
    of_zero: float | None


# ---- the size of signal and gradient where they count


def level_signal(runs: list[Run]) -> float | None:
    """Return the ratio of the signal's std closest to 1, over what may count as its beginning and its end."""
    weighted = [run for run in runs if run.own]
    if not weighted:
        return None
    starts = [weighted[0].std_in, *(run.std for run in _normalized(runs))]
    ends = [runs[-1].std, weighted[-1].std_in, weighted[-1].std]
    ratio = _closest(starts, ends)
    differing = _closest([weighted[0].spread_in, *(run.spread for run in _normalized(runs))], [runs[-1].spread])
    return _nearer(ratio, differing) if ratio is not None and ratio > FACTOR else ratio


def level_gradient(runs: list[Run]) -> float | None:
    """Return the ratio of the gradient's norm closest to 1, from what may count as the end to what enters the net."""
    weighted = [run for run in runs if run.own and run.grad is not None]
    if not weighted:
        return None
    entering = [run for run in runs if run.enters]
    starts = [run.grad for run in (weighted[0], *entering, *_normalized(runs))]
    outputs = [run.grad for run in runs if run.grad is not None]
    return _closest([outputs[-1], weighted[-1].grad_in], starts)


def _normalized(runs: list[Run]) -> list[Run]:
    """Return the normalization that stands before the second layer with weights, if one does."""
    weights = 0
    for run in runs:
        weights += bool(run.own)
        if weights > 1:
            break
        if "norm" in run.kind.lower():
            return [run]
    return []


def _closest(starts: Iterable[float | None], ends: Iterable[float | None]) -> float | None:
    starts, ends = list(starts), list(ends)
    ratios = [end / start for start in starts if start for end in ends if end]
    return min(ratios, key=_distance, default=None)


def _nearer(one: float | None, other: float | None) -> float | None:
    return min((ratio for ratio in (one, other) if ratio is not None), key=_distance, default=None)


def _distance(ratio: float) -> float:
    return abs(math.log(ratio)) if math.isfinite(ratio) and ratio > 0 else math.inf


# ---- what never learns


def dead(net: nn.Module, first: Pass, learning: Learning) -> Iterator[Finding]:
    """Yield the fault of weights that no gradient ever reaches, where a dead layer or unit is the cause of it."""
    weights = _weights(net, first)
    total = sum(p.numel() for p in weights.values()) or 1
    never = sum(learning.silent.get(name, 0) * p.numel() for name, p in weights.items()) / total
    seen = [run for run in learning.last.runs if run.rows >= _ROWS and not run.idle and run.units > 1]
    gone = [run for run in seen if run.dead == 1]
    partly = [run for run in seen if _DEAD_UNITS < run.dead < 1]
    zeros = [name for name, p in weights.items() if learning.silent.get(name) == 1 and not bool(dense(p).any())]
    share = f"{100 * never:.3g}% of the weights get no gradient, and never will"
    if (gone or zeros) and never >= _DEAD_LAYERS:
        what = f"100% of the units of {gone[0].name!r} are dead" if gone else f"{zeros[0]!r} is 0 and stays 0"
        yield Finding("dead", f"{what}: {share}")
    elif partly and never >= _DEAD_WEIGHTS:
        worst = max(partly, key=lambda run: run.dead)
        yield Finding("dead", f"{worst.dead:.0%} of the units of {worst.name!r} are dead: {share}")
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad) or 1
    for run in learning.last.runs:
        own = dict(_own(run))
        if not own or not run.grad or any(learning.last.gradients.get(name) is not None for name in _named(net, own)):
            continue
        if sum(p.numel() for p in own.values()) >= _DEAD_LAYERS * trained:
            yield Finding("dead", f"no gradient reaches the weights of {run.name!r}: use them without .data or detach()")
            return


def _weights(net: nn.Module, first: Pass) -> dict[str, nn.Parameter]:
    """Return the trained weights that the loss depends on; a table's rows are read or not, and not counted."""
    tables = {p for module in net.modules() if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) for p in module.parameters()}
    named = net.named_parameters()
    return {name: p for name, p in named if p.dim() > 1 and p not in tables and first.gradients.get(name) is not None}


def _own(run: Run) -> Iterator[tuple[str, nn.Parameter]]:
    if run.module is not None:
        yield from ((name, p) for name, p in own_parameters(run.module).items() if p.requires_grad)


def _named(net: nn.Module, own: dict[str, nn.Parameter]) -> list[str]:
    wanted = set(own.values())
    return [name for name, p in net.named_parameters() if p in wanted]


# ---- units that stay alike


def suspects(net: nn.Module, learning: Learning) -> dict[str, Tensor]:
    """Return, of each weight most of whose rows have a twin, which row each row is equal to."""
    found = {}
    for name, p in _weights(net, learning.last).items():
        if p.shape[0] < 2 or not p.numel() or learning.silent.get(name) == 1:
            continue
        groups = _groups(dense(p).flatten(1))
        if _twins(groups) > 0.5:
            found[name] = groups
    return found


def alike(found: dict[str, Tensor], gradients: dict[str, Tensor | None]) -> Iterator[Finding]:
    """Yield the fault of units with equal weights that get equal gradients, whatever is asked of the output."""
    for name, groups in found.items():
        gradient = gradients.get(name)
        if gradient is None:
            continue
        units = int(_together(real(dense(gradient)).flatten(1).float().cpu(), groups).sum())
        if units > len(groups) / 2:
            reason = f"{units} of {len(groups)} units of {name!r} are alike and get the same gradient, so they stay alike"
            yield Finding("symmetric", f"{reason}: draw their weights at random")
            return


def _together(rows: Tensor, groups: Tensor) -> Tensor:
    """Return of each row whether another of its group is as good as equal to it, shape (rows,)."""
    if not bool(rows.isfinite().all()) or not bool(rows.any()):
        return torch.zeros(len(rows), dtype=torch.bool)
    rows = rows / torch.linalg.vector_norm(rows, dim=1).max()
    direction = torch.randn(rows.shape[1], generator=torch.Generator().manual_seed(0))
    order = torch.stack([groups.double(), (rows @ direction).double()])
    order = order[1].argsort(stable=True)[order[0][order[1].argsort(stable=True)].argsort(stable=True)]
    near = (rows[order].diff(dim=0).norm(dim=1) < 1e-4) & (groups[order].diff() == 0)
    same = torch.zeros(len(rows), dtype=torch.bool)
    same[order[:-1][near]] = True
    same[order[1:][near]] = True
    return same


def _groups(rows: Tensor) -> Tensor:
    """Return for each row the number of its group of equal rows, shape (rows,)."""
    rows = real(rows).flatten(1)
    if torch.equal(rows, rows[:1].expand_as(rows)):
        return torch.zeros(len(rows), dtype=torch.long)
    if len(rows[:, 0].unique()) == len(rows):  # no two can be equal
        return torch.arange(len(rows))
    return rows.unique(dim=0, return_inverse=True)[1].cpu()


def _twins(groups: Tensor) -> float:
    """Return the fraction of rows that have a twin."""
    return (groups.bincount() > 1)[groups].float().mean().item()


# ---- the rest


def saturated(runs: list[Run]) -> Iterator[Finding]:
    """Yield the fault of a layer of tanh or sigmoid whose output mostly lies at its bounds, where no slope is left."""
    worst = max(runs, key=lambda run: run.saturated, default=None)
    if worst is not None and worst.saturated > _SATURATED:
        yield Finding("saturated", f"{worst.saturated:.0%} of what {worst.name!r} hands on is at a bound, where the slope is near 0")


def unseen(net: nn.Module, runs: list[Run]) -> Iterator[Finding]:
    """Yield that nothing can be told of a net most of whose weights work where no module's output shows it."""
    weights = {p for p in net.parameters() if p.requires_grad and p.dim() > 1}
    total = sum(p.numel() for p in weights) or 1
    covered: set[nn.Parameter] = set()
    for run in runs:
        if run.module is None:
            continue
        inside = {p for p in run.module.parameters() if p in weights}
        closed = not type(run.module).__module__.startswith("torch.nn.") and sum(p.dim() != 3 for p in inside) > 1  # not stacked experts
        if closed and sum(p.numel() for p in inside) > total / 2:
            yield Finding("unknown", f"what happens inside {run.name or 'the net'!r} was not seen: it calls no modules")
            return
        covered |= inside
    share = sum(p.numel() for p in covered) / total
    if not runs or share < 0.5:
        yield Finding("unknown", f"{1 - share:.0%} of the weights work outside the modules that were seen")
