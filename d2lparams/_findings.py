"""What speaks against a net's start, each with its verdict and its reason."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
_GATE = 8  # units; a gate of fewer may be dead by chance, and the net learns
_ROWS = 8  # values that a unit must have had before it counts as dead
_ALIKE = 1e-5  # of the largest gradient of a unit: the difference that rounding makes
_SATURATED = 0.5  # of a layer's values


class Finding(NamedTuple):
    """A verdict and the sentence that gives the reason for it."""

    verdict: str
    reason: str


class Level(NamedTuple):
    """The ratio of a size through a net where it counts, if it seems to shrink and if it seems to grow.

    What shrinks leaves the last layer aside, which may begin at or near 0. What enters in units of its own, and is
    normalized, counts from there. What grows must differ from example to example: biases do not.
    """

    shrinking: float | None
    growing: float | None


class Findings(NamedTuple):
    """What was found beside the layers' own numbers.

    Attributes:
        faults: what speaks against the start, or says that it cannot be told.
        notes: sentences that explain a start and do not speak against it.
        signal: the signal's change in size where it counts; None if it cannot be told.
        gradient: the same of the gradient.
        normalized: whether most layers are followed by a normalization, which bears a last layer that is too wide.
        bound: how far signal and gradient may change where they count.
        guess: the loss of a net that only guesses; None if there is no such number.
        of_zero: the loss of an output that is 0 all over, for a loss of numbers; None for any other.
    """

    faults: list[Finding]
    notes: list[str]
    signal: Level | None
    gradient: Level | None
    normalized: bool
    bound: float
    guess: float | None
    of_zero: float | None


# ---- the size of signal and gradient where they count


def level_signal(runs: list[Run]) -> Level | None:
    """Return the ratios of the signal's std closest to 1, over what may count as its beginning and its end."""
    weighted = [run for run in runs if run.own]
    if not weighted:
        return None
    normal = _normalized(runs)
    first = weighted[0]
    table = first.enters and first.std_in is None  # which is given numbers of rows: its own size is no change
    starts = [first.std if table else first.std_in, *(run.std for run in normal)]
    last = next((run for run in reversed(runs) if run.grad), runs[-1])
    growing = _closest(starts, [last.std])
    by_example = _closest([first.spread if table else first.spread_in, *(run.spread for run in normal)], [last.spread])
    return Level(_closest(starts, [last.std, weighted[-1].std_in]), _nearer(growing, by_example))


def level_gradient(runs: list[Run]) -> Level | None:
    """Return the ratios of the gradient's norm closest to 1, from what may count as the end to what enters the net."""
    weighted = [run for run in runs if run.own and run.grad]
    if not weighted:
        return None
    entering = [run for run in runs if run.enters]
    ends = [run.grad for run in (weighted[0], *entering, *_normalized(runs))]
    last = [run.grad for run in runs if run.grad][-1]
    growing = _closest([last], ends)
    if is_normalized(runs):  # there a weight's own size has no meaning
        growing = _nearer(growing, _closest(*([_relative(run)] for run in (weighted[-1], weighted[0]))))
    return Level(_closest([last, weighted[-1].grad_in], ends), growing)


def is_normalized(runs: list[Run]) -> bool:
    """Whether there is a normalization for every other layer with weights, or more."""
    return sum("norm" in run.kind.lower() for run in runs) > sum(bool(run.own) for run in runs) / 2


def _relative(run: Run) -> float | None:
    """Return the gradient's norm for a change of the output by its own std."""
    return None if run.grad is None or run.std is None else run.grad * run.std


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
    units = {run.name: learning.dead.get(run.name, 0) for run in seen}
    gone = [run for run in seen if units[run.name] == 1]
    partly = [run for run in seen if _DEAD_UNITS < units[run.name] < 1]
    zeros = [name for name, p in weights.items() if learning.silent.get(name) == 1 and not bool(dense(p).any())]
    share = f"{100 * never:.3g}% of the weights never get a gradient"
    whole = bool(zeros) or any(run.units >= _GATE for run in gone)
    if gone or zeros:
        what = f"100% of the units of {gone[0].name!r} are dead" if gone else f"{zeros[0]!r} is 0 and stays 0"
        bad = never >= (_DEAD_LAYERS if whole else _DEAD_WEIGHTS)
        yield Finding("dead" if bad else "healthy", f"{what}: {share}")
    elif partly and never >= _DEAD_WEIGHTS:
        worst = max(partly, key=lambda run: units[run.name])
        yield Finding("dead", f"{units[worst.name]:.0%} of the units of {worst.name!r} are dead: {share}")


def hidden(net: nn.Module, first: Pass, loss: Callable[[], float]) -> Iterator[Finding]:
    """Yield the fault of a layer that the loss depends on, while no gradient comes back to its weights.

    Args:
        net: the copy; weights of layers without a gradient are changed for a moment.
        first: what its first pass showed.
        loss: runs that pass again.

    Yields:
        The first such layer.
    """
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    tried: set[nn.Module] = set()
    for run in first.runs:
        own = _own(run.module)
        if run.module is None or run.module in tried or not run.taught:
            continue
        tried.add(run.module)
        if not own or sum(p.numel() for p in own.values()) < _DEAD_LAYERS * trained:
            continue
        if any(first.gradients.get(name) is not None for name in _named(net, own)):
            continue
        before = loss()
        drift = abs(before - first.loss)  # of what a pass updates, as spectral normalization does
        kept = {p: p.detach().clone() for p in own.values()}
        with torch.no_grad():
            for p in kept:
                p.add_(torch.ones_like(p).cumsum(0) / len(p) if p.dim() else 1)
        changed = abs(loss() - before) > 1e-4 * abs(before) + 10 * drift
        with torch.no_grad():
            for p, value in kept.items():
                p.copy_(value)
        if changed:
            yield Finding("dead", f"no gradient comes back to {run.name!r}: use its weights without .data or detach()")
            return


def _weights(net: nn.Module, first: Pass) -> dict[str, nn.Parameter]:
    """Return the trained weights that the loss depends on; a table's rows are read or not, and not counted."""
    tables = _tables(net)
    named = net.named_parameters()
    return {name: p for name, p in named if p.dim() > 1 and p not in tables and first.gradients.get(name) is not None}


def _tables(net: nn.Module) -> set[nn.Parameter]:
    kinds = (nn.Embedding, nn.EmbeddingBag)
    return {p for module in net.modules() if isinstance(module, kinds) for p in module.parameters()}


def _own(module: nn.Module | None) -> dict[str, nn.Parameter]:
    """Return the parameters that a module itself trains, by their names in it."""
    return {name: p for name, p in own_parameters(module).items() if p.requires_grad} if module else {}


def _named(net: nn.Module, own: dict[str, nn.Parameter]) -> list[str]:
    wanted = set(own.values())
    return [name for name, p in net.named_parameters() if p in wanted]


# ---- units that stay alike


def constant(net: nn.Module, first: Pass) -> Iterator[Finding]:
    """Yield the fault of a net each of whose weights has equal rows: chance alone, as in dropout, tells units apart."""
    weights = [dense(p) for p in _weights(net, first).values() if p.shape[0] > 1 and not _is_gain(p)]
    if len(weights) > 1 and all(bool(p.any()) and _twins(_groups(p.flatten(1))) == 1 for p in weights):
        yield Finding("symmetric", "in every weight all rows have a twin, so units are alike: draw weights at random")


def _is_gain(p: Tensor) -> bool:
    return p.dim() > 2 and p.numel() == p.shape[0]  # one for each channel, all 1 as in a normalization


def suspects(net: nn.Module, learning: Learning) -> dict[str, Tensor]:
    """Return, of each weight all of whose rows have a twin, which rows are equal."""
    found = {}
    for name, p in _weights(net, learning.last).items():
        if p.shape[0] < 2 or not p.numel() or _is_gain(p) or learning.silent.get(name) == 1:
            continue
        groups = _groups(dense(p).flatten(1))
        if _twins(groups) == 1:
            found[name] = groups
    return found


def alike(found: dict[str, Tensor], gradients: dict[str, Tensor | None]) -> Iterator[Finding]:
    """Yield the fault of units with equal weights that get equal gradients, whatever is asked of the output."""
    for name, groups in found.items():
        gradient = gradients.get(name)
        if gradient is None:
            continue
        if bool(_together(real(dense(gradient)).flatten(1).float().cpu(), groups).all()):
            reason = f"each of the {len(groups)} units of {name!r} has a twin with equal weights and an equal gradient"
            yield Finding("symmetric", f"{reason}, and stays like it: draw their weights at random")
            return


def _together(rows: Tensor, groups: Tensor) -> Tensor:
    """Return of each row whether another of its group is as good as equal to it, shape (rows,)."""
    if not bool(rows.isfinite().all()) or not bool(rows.any()):
        return torch.zeros(len(rows), dtype=torch.bool)
    rows = rows / torch.linalg.vector_norm(rows, dim=1).max()
    direction = torch.randn(rows.shape[1], generator=torch.Generator().manual_seed(0))
    order = torch.stack([groups.double(), (rows @ direction).double()])
    order = order[1].argsort(stable=True)[order[0][order[1].argsort(stable=True)].argsort(stable=True)]
    near = (rows[order].diff(dim=0).norm(dim=1) < _ALIKE) & (groups[order].diff() == 0)
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
    found: Tensor = rows.unique(dim=0, return_inverse=True)[1].cpu()
    return found


def _twins(groups: Tensor) -> float:
    """Return the fraction of rows that have a twin."""
    return (groups.bincount() > 1)[groups].float().mean().item()


# ---- the rest


def saturated(runs: list[Run]) -> Iterator[Finding]:
    """Yield the fault of a layer of tanh or sigmoid whose output mostly lies at its bounds, where no slope is left."""
    worst = max(runs, key=lambda run: run.saturated, default=None)
    if worst is not None and worst.saturated > _SATURATED:
        yield Finding(
            "saturated",
            f"{worst.saturated:.0%} of what {worst.name!r} hands on is at a bound, where the slope is near 0",
        )


def unseen(net: nn.Module, seen: Pass) -> Iterator[Finding]:
    """Yield that nothing can be told of a net most of whose weights work inside one module, which calls no modules."""
    if not seen.runs:
        yield Finding("unknown", "no layer's output was seen")
        return
    tables = _tables(net)
    learning = {p for name, p in net.named_parameters() if seen.gradients.get(name) is not None}
    inside: Counter[nn.Module] = Counter()  # the innermost module that ran around it -> how many weights
    place = {"": net}
    for path, module in net.named_modules():
        around = place[path.rpartition(".")[0]]
        place[path] = module if module in seen.ran or not path else around
        used = [p for p in _own(module).values() if p in learning and p not in tables]
        inside[place[path]] += sum(p.dim() > 1 for p in used)
    (module, weights), *_ = inside.most_common(1)
    if weights > 1 and weights > inside.total() / 2 and not type(module).__module__.startswith("torch.nn.modules"):
        path = next(path for path, found in net.named_modules() if found is module)
        yield Finding("unknown", f"{weights} weights work inside {path or 'the net'!r}, where no layer was seen")
