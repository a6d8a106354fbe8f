"""A check-up of how a net begins: do signal and gradient survive its depth, and does all of it learn?"""

import functools
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from . import _findings
from ._batches import first_tensor
from ._findings import FACTOR, Finding, Findings, Level
from ._first_loss import Shares
from ._layers import Layer
from ._passes import run, twin_of
from ._tables import Column, Table, shortened, three_digits
from ._torch import check_not_lazy, moments, uncompiled
from ._waking import Learning, Pass, follow

__all__ = ["HealthReport", "Layer", "health"]

_VERDICTS = (  # the first that holds is the report's
    "not finite",
    "dead",
    "explodes",
    "symmetric",
    "saturated",
    "vanishes",
    "unknown",
    "zero by design",
    "healthy",
)
_LEVEL = 30  # times that a signal may grow or shrink between the layers that count, if it changes more by the ends
_WRONG = 3  # times the loss of guessing: answers that are wrong with confidence
_WRONG_NORMALIZED = 5  # as much of that does no harm where normalizations hold the layers before
_FAR = 100  # times the loss of answering 0, for a net whose signal grows at least
_GROWN = 30  # times


class HealthReport:
    """What `health` found, as text and as an HTML table in Jupyter. Met in notebook 2.

    Args:
        loss: the first loss. It, `classes` and `layers` are kept as attributes.
        classes: how many there are, 2 for binary cross-entropy; None where the loss is no cross-entropy.
        input_std: the standard deviation of what the net was given; None if it is 0 or cannot be told.
        layers: a `Layer` for each run, in the order of the forward pass.
        findings: what `health` found beside the layers' numbers; None if the layers are all that is known.

    Attributes:
        expected: ln(classes), the loss of answering every class alike, or what guessing by the classes' shares gives;
            None where the loss is no cross-entropy.
        verdict: "healthy"; "zero by design", as healthy, where weights that begin at 0 hold a gradient up for a step or
            a few; "vanishes", "explodes", "dead", "symmetric", "saturated" or "not finite"; or "unknown".
        reasons: sentences that say why.

    Example:
        >>> report = HealthReport(0.7, 2, 1.0, [Layer("0", "Linear", (4, 2), 2.0, 0.0, 0.1, True)])
        >>> report.verdict, report.reasons[0]
        ('healthy', 'signal from input to output: ×2.00')
    """

    expected: float | None
    verdict: str
    reasons: list[str]

    def __init__(
        self,
        loss: float,
        classes: int | None,
        input_std: float | None,
        layers: list[Layer],
        findings: Findings | None = None,
    ) -> None:
        self.loss, self.classes, self.layers = loss, classes, layers
        self.expected = math.log(classes) if classes else None
        if findings and findings.guess is not None:
            self.expected = findings.guess
        found = list(_judge(loss, classes, self.expected, input_std, layers, findings))
        verdicts = {finding.verdict for finding in found}
        self.verdict = next(verdict for verdict in _VERDICTS if verdict in verdicts or verdict == "healthy")
        self.reasons = [finding.reason for finding in found]

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        columns = [
            Column("layer", "names"),
            Column("kind"),
            Column("output"),
            Column("std", "numbers"),
            Column("dead units", "numbers"),
            Column("gradient std", "numbers"),
        ]
        first = f"first loss {three_digits(self.loss)}"
        if self.expected is not None:
            alike = f"ln {self.classes} = " if self.classes and self.expected == math.log(self.classes) else ""
            first += f", where guessing gives {alike}{three_digits(self.expected)}"
        summary = "; ".join([f"{self.verdict}: {first}", *self.reasons])
        return Table(columns, shortened(self.layers, _cells), below=[summary])


def _cells(layer: Layer) -> tuple[str, ...]:
    return (
        layer.name or "the net",
        layer.kind,
        str(layer.shape),
        three_digits(layer.std),
        f"{layer.dead:.0%}",
        three_digits(layer.grad_std),
    )


def health(
    net: nn.Module,
    X: Any,
    y: Any,
    loss: Callable[[Any, Any], Tensor] | None = None,
    shares: Shares = None,
) -> HealthReport:
    """Run one batch forward and backward and report whether signal and gradient survive, and whether all of it learns.

    The report has the first loss beside ln(classes); for each innermost layer the std of its output, the std of the
    loss's gradient there, and the fraction of units that are 0 for the whole batch; and a verdict with its reasons:

    - "not finite": a layer, its gradient or the loss holds NaN or infinity.
    - "dead": some of the weights, 5% or more, never get a gradient, since a layer's output or its weights stay 0, or
      they are hidden from autograd; or a quarter of them, since most units of some layer are dead.
    - "explodes", "vanishes": the signal's std (input to last layer) or the gradient's norm (last layer to first)
      changes by more than a factor of 1,000; or the first loss is over 3 times that of guessing (5 times, where
      normalizations follow the layers).
    - "symmetric": the units of a layer have equal weights and get equal gradients, so they stay one unit.
    - "saturated": most of what a layer of tanh or sigmoid hands on lies at its bounds, where the slope is near 0.
    - "unknown": none of that, but most weights work where no module's output shows it.
    - "zero by design": a good start, whose gradient reaches all weights once some that begin at 0 have moved. That is
      tried: zeros with a gradient take small steps in the copy, until no more weights get one.
    - "healthy": none of these.

    What is small by design is no fault: a last layer at or near 0, a branch behind a factor near 0, an input that is
    normalized. Positions are no units, so padding is not dead, nor is an expert that no example was sent to. Layers
    that checkpointing runs again in the backward pass count once.

    The net runs in the mode it is in, as a copy: parameters, gradients, buffers (running statistics), mode, hooks and
    the state of the random generators stay as they were, but for what `forward` reaches in another way, such as a
    closure over the net. A compiled net runs uncompiled. Of a scripted or exported one only the output is seen.

    Args:
        net: any module that holds values and has seen its first batch.
        X: what the net takes: a tensor, a tuple or list (`net(*X)`), a mapping (`net(**X)`), or any other object.
        y: class numbers for cross-entropy; or anything, with a `loss`.
        loss: a function of (output, y), whose result is averaged; None for cross-entropy of the output's `.logits`, or
            of its first tensor. It gets the whole output; one that raises an error over it gets these alone.
        shares: of each class, 1 in all, or of 1 in binary cross-entropy, for the loss that guessing by them gives; True
            for the shares in `y`; None for equal ones.

    Returns:
        A report that prints as text, and as HTML in Jupyter.

    Raises:
        TypeError: If `net` is no module, or if `loss` returns no tensor.
        ValueError: If a layer is lazy, if the net is on the meta device, if `y` is not of integers and no `loss` was
            given, if the loss depends on no parameter, or if `shares` don't fit the loss.

    Source: Glorot & Bengio (2010), figures 6 and 7; Karpathy, "A Recipe for Training Neural Networks" ("verify loss @
    init"). Met in notebooks 2 and 3.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        >>> report = health(net, torch.rand(64, 1, 28, 28), torch.randint(10, (64,)))
        >>> report.verdict, round(report.loss, 1), round(report.expected, 3)
        ('healthy', 2.3, 2.303)
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"health takes an nn.Module, whose layers can be watched, but got a {type(net).__name__}")
    net = uncompiled(net)
    _check_values(net)
    if loss is None and not (isinstance(y, Tensor) and not y.is_floating_point() and not y.is_complex()):
        kind = f"of {y.dtype}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
        raise ValueError(
            f"without a loss y must be a tensor of class numbers, but it is {kind}; "
            f"pass loss=..., such as nn.functional.mse_loss"
        )
    twin = twin_of(net)
    through = functools.partial(run, net, twin, X, y, loss)
    devices = list({tensor.device for tensor in net.parameters() if tensor.device.type == "cuda"})
    with torch.random.fork_rng(devices), torch.enable_grad():
        start = _random_state(devices)
        first, guess = through(shares=shares)
        by_chance = not all(map(torch.equal, start, _random_state(devices)))

        def same_again() -> float:
            with torch.random.fork_rng(devices):
                torch.set_rng_state(start[0])
                for device, state in zip(devices, start[1:], strict=True):
                    torch.cuda.set_rng_state(state, device)
                return through()[0].loss

        faults = [*_findings.constant(twin, first), *_findings.hidden(twin, first, same_again)]
        level = _findings.level_gradient(first.runs)
        weak = level is not None and level.shrinking is not None and level.shrinking < 1 / FACTOR
        learning = follow(twin, first, lambda: through()[0], weak, by_chance)
        suspects = _findings.suspects(twin, learning)
        directions = through(at_random=True)[0].gradients if suspects else {}
        faults += [*_findings.dead(twin, first, learning), *_findings.alike(suspects, directions)]
    inputs = first_tensor(X)
    input_std = moments(inputs)[1] if inputs is not None and inputs.is_floating_point() else None
    faults += [*_findings.saturated(first.runs), *_findings.unseen(twin, first)]
    findings = Findings(
        faults,
        list(_asleep(learning)),
        _findings.level_signal(learning.last.runs),
        _findings.level_gradient(learning.last.runs),
        _findings.is_normalized(first.runs),
        FACTOR if learning.zeros or learning.factors else _LEVEL,
        guess.expected,
        guess.zero,
    )
    return HealthReport(first.loss, guess.classes, input_std or None, _awake(first, learning), findings)


def _random_state(devices: Iterable[torch.device]) -> list[Tensor]:
    return [torch.get_rng_state(), *map(torch.cuda.get_rng_state, devices)]


def _check_values(net: nn.Module) -> None:
    named = dict([*net.named_parameters(), *net.named_buffers()])
    check_not_lazy(name for name, tensor in named.items() if is_lazy(tensor))
    if meta := [name for name, tensor in named.items() if tensor.is_meta]:
        raise ValueError(f"{meta[0]!r} is on the meta device, which holds no values: build the net on a real one")


def _awake(first: Pass, learning: Learning) -> list[Layer]:
    """Return the layers of the first pass, where only that counts as dead which stays at 0."""
    return [layer._replace(dead=learning.dead.get(layer.name, layer.dead)) for layer in first.layers]


def _asleep(learning: Learning) -> Iterator[str]:
    if learning.asleep:
        one = len(learning.zeros) == 1
        begin, moved = ("begins at 0 and learns", "it has") if one else ("begin at 0 and learn", "they have")
        get = "gets" if len(learning.asleep) == 1 else "get"
        yield f"{_some(learning.zeros)} {begin}; once {moved} moved, {_some(learning.asleep)} {get} a gradient"
    if learning.factors:
        close = "closes its branch" if len(learning.factors) == 1 else "close their branches"
        yield f"{_some(learning.factors)}, near 0, {close}: a gradient comes through once they have grown"


def _some(names: Sequence[str]) -> str:
    return f"{names[0]!r}" if len(names) == 1 else f"{names[0]!r} and {len(names) - 1:,} more"


def _judge(
    loss: float,
    classes: int | None,
    expected: float | None,
    input_std: float | None,
    layers: list[Layer],
    findings: Findings | None,
) -> Iterator[Finding]:
    """Yield what speaks for and against the start."""
    broken = next((layer for layer in layers if not layer.finite), None)
    if broken or not math.isfinite(loss):
        where = f"first in {broken.name!r} or in the gradient there" if broken else "in the loss alone"
        yield Finding("not finite", f"NaN or infinity {where}")
        return
    signal = yield from _change(
        "signal from input to output", *_signal(input_std, layers), findings, findings and findings.signal
    )
    norms = [x.grad_std * math.prod(x.shape) ** 0.5 for x in layers if x.grad_std is not None] or [0.0]
    # The gradient by its norm, std * sqrt(size): a good scheme keeps that from layer to layer, whatever their widths.
    ends = next((norm for norm in reversed(norms) if norm), 0.0), norms[0]
    yield from _change("gradient norm from output to first layer", *ends, findings, findings and findings.gradient)
    wrong = _WRONG_NORMALIZED if findings and findings.normalized else _WRONG
    if expected is not None and loss > wrong * max(expected, math.log(classes or 1)):
        times = three_digits(loss / expected) if expected else "∞"
        yield Finding("explodes", f"the first answers are wrong with confidence: ×{times} the loss of guessing")
    if findings is None:
        if norms[0] == 0 and (gone := next((layer for layer in layers if layer.dead == 1), None)):
            yield Finding("dead", f"100% of the units of {gone.name!r} are dead")
        return
    if findings.of_zero and loss > _FAR * findings.of_zero and input_std and signal > _GROWN:
        times = three_digits(loss / findings.of_zero)
        yield Finding("explodes", f"the first answers are much too large: ×{times} the loss of answering 0")
    yield from findings.faults
    if not any(fault.verdict in ("dead", "symmetric") for fault in findings.faults):
        yield from (Finding("zero by design", note) for note in findings.notes)


def _signal(input_std: float | None, layers: list[Layer]) -> tuple[float | None, float | None]:
    """Return the std of what goes in and of what comes out: of the last layer that the loss depends on."""
    last = next((layer for layer in reversed(layers) if layer.grad_std), layers[-1]) if layers else None
    first = input_std or next((layer.std for layer in layers if layer.std), None)
    return (first, last.std) if last else (None, None)


def _change(
    what: str, start: float | None, end: float | None, findings: Findings | None, level: Level | None
) -> Generator[Finding, None, float]:
    """Yield what a change in size says, and return the ratio; where that is large, `level` may know better."""
    ratio = end / start if start and end is not None else 0.0
    verdict = "vanishes" if ratio < 1 / FACTOR else "explodes" if ratio > FACTOR else "healthy"
    inside = level and {"vanishes": level.shrinking, "explodes": level.growing}.get(verdict)
    least = findings and (1 / findings.bound if verdict == "vanishes" else 0)
    if findings and least is not None and inside is not None and least <= inside <= findings.bound:
        yield Finding("healthy", f"{what}, through the layers between: ×{three_digits(inside)}")
    else:
        yield Finding(verdict, f"{what}: ×{three_digits(ratio)}")
    return ratio
