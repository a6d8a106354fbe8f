"""The first pass through a deep net, layer by layer: what a scheme and a gain do to weights, signal and gradient."""

import functools
import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from .._torch import moments
from ..health import HealthReport, Layer
from ..initializers import half_zero_uniform_

SCHEMES = {
    "default": functools.partial(nn.init.kaiming_uniform_, a=math.sqrt(5)),  # what nn.Linear draws
    "He": functools.partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "Xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
    "normal(0.01)": functools.partial(nn.init.normal_, std=0.01),
    "half-zero, ±(5, 10)": half_zero_uniform_,
    "zeros": lambda weight, generator: nn.init.zeros_(weight),
}
ACTIVATIONS = {
    "ReLU": F.relu,
    "leaky ReLU, 0.1": functools.partial(F.leaky_relu, negative_slope=0.1),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "GELU": F.gelu,
    "none": lambda values: values,
}
CLASSES, EXAMPLES = 10, 64
BINS = 65  # an odd number: zeros, such as a ReLU's, have the middle bin to themselves


class Start(NamedTuple):
    """How a net begins. Each list has an entry for every hidden layer, from the input on, and one for the last layer.

    report: the `HealthReport` of that first pass. weights: (out, in) each. activations: what each layer hands on,
    (examples, out). gradients: of the loss with respect to the activations, in their shapes. stds: of each of these, by
    "weights", "activations" and "gradients". Met in notebook 2.

    >>> start = first_pass(depth=2, width=8)
    >>> [tuple(weight.shape) for weight in start.weights], len(start.stds["gradients"])
    ([(8, 8), (8, 8), (10, 8)], 3)
    """

    report: HealthReport
    weights: list
    activations: list
    gradients: list
    stds: dict


def first_pass(scheme="He", gain=1.0, depth=4, width=256, activation="ReLU", seed=0) -> Start:
    """Run one random batch forward and backward through `depth` equal hidden layers and a last one for 10 classes.

    scheme: a key of `SCHEMES`. gain: a factor on every weight that it draws. activation: a key of `ACTIVATIONS`, after
    each hidden layer. There are no biases; the batch is 64 rows from N(0, 1), with random labels. All numbers come
    from `seed` alone, and layer by layer: another gain scales the same draws, another depth keeps the first layers.
    No random state outside is read or changed, and no module is run, so it can go on beside a training in this process.
    Raises ValueError for an unknown scheme or activation, and unless depth and width are 1 or more.
    Source: Glorot & Bengio (2010), figures 6 and 7. Met in notebook 2.

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
    X = torch.randn(EXAMPLES, width, generator=generator)
    y = torch.randint(CLASSES, (EXAMPLES,), generator=generator)
    signal, names, kinds = [], [], []  # of every step that `health` would report
    with torch.enable_grad():
        last = X
        for i, weight in enumerate(weights):
            last = F.linear(last, weight.requires_grad_())
            signal, names, kinds = [*signal, last], [*names, f"layer {i + 1}"], [*kinds, "Linear"]
            if i < depth and activation != "none":
                last = ACTIVATIONS[activation](last)
                signal, names, kinds = [*signal, last], [*names, f"layer {i + 1}"], [*kinds, activation]
        loss = F.cross_entropy(last, y)
        gradients = torch.autograd.grad(loss, signal)
    layers = [
        Layer.measure(name, kind, values).with_gradient(gradient)
        for name, kind, values, gradient in zip(names, kinds, signal, gradients, strict=True)
    ]
    ends = [i for i, name in enumerate(names) if name not in names[i + 1 :]]  # behind the activation
    weights = [weight.detach() for weight in weights]
    by_kind = {
        "weights": [moments(weight)[1] for weight in weights],
        "activations": [layers[i].std for i in ends],
        "gradients": [layers[i].grad_std for i in ends],
    }
    report = HealthReport(loss.item(), CLASSES, moments(X)[1], layers)
    return Start(report, weights, [signal[i].detach() for i in ends], [gradients[i] for i in ends], by_kind)


@functools.lru_cache(maxsize=32)
def _drawn(scheme, rows, columns, seed):
    return SCHEMES[scheme](torch.empty(rows, columns), generator=torch.Generator().manual_seed(seed))


def profile(tensors, bins=BINS):
    """Return (limit, heights): the histograms of each layer's values over one range, ±limit.

    tensors: one for each layer. limit: the largest finite |value| of all but the last layer, whose own may lie beyond
    and then is in no bin; 1.0 if that is 0. heights: shape (tensors, bins), each row scaled so that its highest bin is
    1, the middle one (around 0) left aside, which may stand higher: a ReLU's zeros lie there.
    Source: Glorot & Bengio (2010), figures 6 and 7. Met in notebook 2.

    >>> limit, heights = profile([torch.tensor([-2.0, 0.0, 0.0, 2.0]), torch.tensor([1.0, 9.0])], bins=5)
    >>> limit, heights.tolist()
    (2.0, [[1.0, 0.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0, 0.0]])
    """
    largest = [max(-low.item(), high.item()) for low, high in map(torch.aminmax, tensors)]
    if not all(map(math.isfinite, largest)):
        tensors = [tensor[tensor.isfinite()] for tensor in tensors]
        largest = [float(tensor.abs().max()) if tensor.numel() else 0.0 for tensor in tensors]
    limit = max(largest[:-1] or largest) or 1.0
    counts = torch.stack([torch.histc(tensor, bins, -limit, limit) for tensor in tensors])
    aside = counts.clone()
    aside[:, bins // 2] = 0
    highest = aside.amax(1, keepdim=True)
    return limit, counts / torch.where(highest > 0, highest, counts.amax(1, keepdim=True).clamp_min(1))
