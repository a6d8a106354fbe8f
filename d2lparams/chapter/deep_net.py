"""The first pass through a deep net, layer by layer: what a scheme and a gain do to weights, signal and gradient."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._torch import moments
from ..health import HealthReport, Layer
from ..schemes import half_zero_uniform_

SCHEMES: dict[str, Callable[..., Tensor]] = {  # (weight, generator=...) -> the weight, filled in place
    "default": functools.partial(nn.init.kaiming_uniform_, a=math.sqrt(5)),  # what nn.Linear draws
    "He": functools.partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "Xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
    "normal(0.01)": functools.partial(nn.init.normal_, std=0.01),
    "half-zero, ±(5, 10)": half_zero_uniform_,
    "zeros": lambda weight, generator: nn.init.zeros_(weight),
}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "ReLU": F.relu,
    "leaky ReLU, 0.1": functools.partial(F.leaky_relu, negative_slope=0.1),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "GELU": F.gelu,
    "none": lambda values: values,
}
CLASSES, EXAMPLES = 10, 64


class FirstPass(NamedTuple):
    """How a net begins. Each list has an entry for every hidden layer, from the input on, and one for the last layer.

    Attributes:
        report: what `health` says of it.
        weights: (out, in) each.
        activations: what each layer hands on, (examples, out).
        gradients: of the loss with respect to the activations, in their shapes.
        stds: of each of these, by "weights", "activations" and "gradients".

    Met in notebook 2.

    Example:
        >>> start = first_pass(depth=2, width=8)
        >>> [tuple(weight.shape) for weight in start.weights], len(start.stds["gradients"])
        ([(8, 8), (8, 8), (10, 8)], 3)
    """

    report: HealthReport
    weights: list[Tensor]
    activations: list[Tensor]
    gradients: list[Tensor]
    stds: dict[str, list[float]]


def first_pass(
    scheme: str = "He",
    gain: float = 1.0,
    depth: int = 4,
    width: int = 256,
    activation: str = "ReLU",
    seed: int = 0,
) -> FirstPass:
    """Run one random batch forward and backward through `depth` equal hidden layers and a last one for 10 classes.

    There are no biases; the batch is 64 rows from N(0, 1), with random labels. All numbers come from `seed` alone, and
    layer by layer: another gain scales the same draws, another depth keeps the first layers. No random state outside is
    read or changed, and no module is run, so it can go on beside a training in this process.

    Every number is computed in float64 and rounded to float32, which a net would hold. So they are the same to the last
    bit or so wherever they are computed, also in the pages of the HTML edition, which use no Python (`first_pass.js`).
    In float32 alone, a deep net of saturated units makes another answer of each other order of summing.

    Args:
        scheme: a key of `SCHEMES`.
        gain: a factor on every weight that the scheme draws.
        depth: hidden layers, 1 or more.
        width: units in each, 1 or more.
        activation: a key of `ACTIVATIONS`, after each hidden layer.
        seed: of weights and batch.

    Returns:
        The report of `health`, and the tensors that it is made of.

    Raises:
        ValueError: For an unknown scheme or activation, and unless depth and width are 1 or more.

    Source: Glorot & Bengio (2010), figures 6 and 7. Met in notebook 2.

    Example:
        >>> start = first_pass("He", depth=8, width=64)
        >>> start.report.verdict, first_pass("He", gain=0.2, depth=8, width=64).report.verdict
        ('healthy', 'vanishes')
    """
    for what, name, known in (("scheme", scheme, SCHEMES), ("activation", activation, ACTIVATIONS)):
        if name not in known:
            raise ValueError(f"no {what} is called {name!r}; choose one of {', '.join(known)}")
    if depth < 1 or width < 1:
        raise ValueError(f"depth={depth}, width={width}: both must be 1 or more")
    shapes = [(width, width)] * depth + [(CLASSES, width)]
    weights = [gain * _drawn(scheme, *shape, seed + i) for i, shape in enumerate(shapes)]
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(EXAMPLES, width, generator=generator, dtype=torch.float64).float()
    y = torch.randint(CLASSES, (EXAMPLES,), generator=generator)
    steps: list[tuple[str, str, Tensor]] = []  # (layer, kind, output) of each that `health` would report
    with torch.enable_grad():
        last = X
        for i, weight in enumerate(weights):
            last = F.linear(last.double(), weight.requires_grad_().double()).float()
            steps.append((f"layer {i + 1}", "Linear", last))
            if i < depth and activation != "none":
                last = ACTIVATIONS[activation](last.double()).float()
                steps.append((f"layer {i + 1}", activation, last))
        loss = F.cross_entropy(last.double(), y).float()
        gradients = torch.autograd.grad(loss, [output for _, _, output in steps])
    measured = [Layer.measure(*step).with_gradient(gradient) for step, gradient in zip(steps, gradients, strict=True)]
    ends = {name: i for i, (name, _, _) in enumerate(steps)}.values()  # of each layer, behind the activation
    return FirstPass(
        report=HealthReport(loss.item(), CLASSES, _std(X), measured),
        weights=[weight.detach() for weight in weights],
        activations=[steps[i][2].detach() for i in ends],
        gradients=[gradients[i] for i in ends],
        stds={
            "weights": [_std(weight) for weight in weights],
            "activations": [cast(float, measured[i].std) for i in ends],
            "gradients": [cast(float, measured[i].grad_std) for i in ends],
        },
    )


def _std(tensor: Tensor) -> float:
    return cast(float, moments(tensor)[1])  # there are values


@functools.lru_cache(maxsize=32)
def _drawn(scheme: str, rows: int, columns: int, seed: int) -> Tensor:
    weight = torch.empty(rows, columns, dtype=torch.float64)
    return SCHEMES[scheme](weight, generator=torch.Generator().manual_seed(seed)).float()


def profile(tensors: Sequence[Tensor], bins: int = 65) -> tuple[float, Tensor]:
    """Return the histograms of each layer's values over one range.

    Args:
        tensors: one for each layer, of any shape.
        bins: of each histogram; an odd number, so that zeros, such as a ReLU's, have the middle bin to themselves.

    Returns:
        (limit, heights). limit: the range is ±limit, the largest finite |value| of all but the last layer, whose own
        may lie beyond and then is in no bin; 1.0 if that is 0. heights: shape (tensors, bins), each row scaled so that
        its highest bin is 1, the middle one left aside, which may stand higher.

    Source: Glorot & Bengio (2010), figures 6 and 7. Met in notebook 2.

    Example:
        >>> limit, heights = profile([torch.tensor([-2.0, 0.0, 0.0, 2.0]), torch.tensor([1.0, 9.0])], bins=5)
        >>> limit, heights.tolist()
        (2.0, [[1.0, 0.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0, 0.0]])
    """
    largest = [max(-low.item(), high.item()) for low, high in map(torch.aminmax, tensors)]
    if not all(map(math.isfinite, largest)):
        tensors = [tensor[tensor.isfinite()] for tensor in tensors]
        largest = [float(tensor.abs().max()) if tensor.numel() else 0.0 for tensor in tensors]
    limit = max(largest[:-1] or largest) or 1.0
    counts = torch.stack([torch.histc(tensor / limit, bins, -1, 1) for tensor in tensors])  # large ones would overflow
    aside = counts.clone()
    aside[:, bins // 2] = 0
    highest = aside.amax(1, keepdim=True)
    return limit, counts / torch.where(highest > 0, highest, counts.amax(1, keepdim=True).clamp_min(1))
