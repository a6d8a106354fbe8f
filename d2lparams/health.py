"""A check-up of how a net begins: do signal and gradient survive its depth?"""

import copy
import functools
import math
from collections import Counter
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from .initializers import _html, _moments, _text, _three

_FACTOR = 1000  # how far a signal or a gradient may grow or shrink through a net that is called healthy
# What passes numbers on as they are has no scale of its own to report.
_PASSIVE = (nn.Flatten, nn.Unflatten, nn.Identity, nn.modules.dropout._DropoutNd)


class Layer(NamedTuple):
    """One run of one layer in the report of `health`."""

    name: str  # the layer's path; "" for the net itself; "path #2" for a second run
    kind: str  # its class
    shape: tuple[int, ...]  # of its output
    std: float  # of its output, over everything
    dead: float  # the fraction of its units that are 0 for every example
    grad_std: float | None  # of the loss's gradient with respect to its output; None where none flows
    finite: bool  # no NaN, no infinity in the output, nor in the gradient


class HealthReport:
    """What `health` found, as text and as an HTML table in Jupyter.

    verdict: "healthy", "vanishes", "explodes" or "not finite". reasons: sentences. loss: the first loss.
    expected: ln(classes), the loss of answering every class alike; None where the loss is no cross-entropy.
    layers: a `Layer` for each run, in the order of the forward pass.
    """

    def __init__(self, loss: float, classes: int | None, input_std: float | None, layers: list[Layer]):
        self.loss, self.classes, self.layers = loss, classes, layers
        self.expected = math.log(classes) if classes else None
        self.verdict, self.reasons = _judge(loss, self.expected, input_std, layers)

    def __repr__(self):
        return _text(*self._table())

    def _repr_html_(self):
        return _html(*self._table())

    def _table(self):
        lines = [
            (
                layer.name or "the net",
                layer.kind,
                str(layer.shape),
                _three(layer.std),
                f"{layer.dead:.0%}",
                _three(layer.grad_std),
            )
            for layer in self.layers
        ]
        first = f"first loss {_three(self.loss)}"
        if self.classes:
            first += f", where guessing gives ln {self.classes} = {_three(self.expected)}"
        head = ("layer", "kind", "output", "std", "dead units", "gradient std")
        return head, lines, "; ".join([f"{self.verdict}: {first}", *self.reasons])


def health(net: nn.Module, X, y, loss=None) -> HealthReport:
    """Run one batch forward and backward and report whether signal and gradient survive the depth of `net`.

    X: what the net takes: a tensor, a tuple (`net(*X)`) or a dict (`net(**X)`). y: class numbers for cross-entropy; or
    anything, with `loss(output, y)`, whose result is averaged. Of several outputs the first counts, or `.logits`.
    The report has the first loss beside ln(classes); for each innermost layer the std of its output, the std of the
    loss's gradient there, and the fraction of units that are 0 for the whole batch; and a verdict. It "vanishes" or
    "explodes" if the signal's std (input to last layer) or the gradient's norm (last layer to first) changes by more
    than a factor of 1,000, if more than half the units of a layer are dead, or if the first loss is over three times
    ln(classes). A unit is a channel, dimension 1; of a 3-D output, dimension 1 or 2, whichever has more dead.

    The net runs in the mode it is in, as a copy: parameters, gradients, buffers (running statistics), mode, hooks and
    the state of the random generators stay as they were, but for what `forward` reaches in another way, such as a
    closure over the net. A compiled net runs uncompiled.
    Raises ValueError if a layer is lazy, if the net is on the meta device, if `y` is not of integers and no `loss` was
    given, or if the loss depends on no parameter.
    Source: Glorot & Bengio (2010), figures 6 and 7; Karpathy, "A Recipe for Training Neural Networks" ("verify loss @
    init"). Met in notebooks 2 and 3.

    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    >>> report = health(net, torch.rand(64, 1, 28, 28), torch.randint(10, (64,)))
    >>> report.verdict, round(report.loss, 1), round(report.expected, 3)
    ('healthy', 2.3, 2.303)
    """
    net = getattr(net, "_orig_mod", net)  # what torch.compile wraps
    tensors = dict([*net.named_parameters(), *net.named_buffers()])
    if lazy := [name for name, t in tensors.items() if nn.parameter.is_lazy(t)]:
        raise ValueError(f"{', '.join(lazy)} have no shape yet: run one batch through the net first, net(X)")
    if meta := [name for name, t in tensors.items() if t.is_meta]:
        raise ValueError(f"{meta[0]!r} is on the meta device, which holds no values: build the net on a real one")
    if loss is None and not (isinstance(y, Tensor) and not y.is_floating_point() and not y.is_complex()):
        raise ValueError(
            f"without a loss y must be a tensor of class numbers, but it is {_told(y)}; "
            f"pass loss=..., such as nn.functional.mse_loss"
        )
    twin = _twin(net)
    probe = _Probe(twin)
    devices = {t.device for t in tensors.values() if t.device.type == "cuda"}
    parameters = [p for p in (*twin.parameters(), *net.parameters()) if p.requires_grad]  # a closure holds the net's
    with torch.random.fork_rng(devices), torch.enable_grad(), probe:
        output = twin(**X) if isinstance(X, dict) else twin(*X) if isinstance(X, (tuple, list)) else twin(X)
        output = _first(getattr(output, "logits", output))
        value, classes = (_cross_entropy(output, y)) if loss is None else (loss(output, y).mean(), None)
        if isinstance(loss, nn.CrossEntropyLoss) or loss is nn.functional.cross_entropy:
            classes = output.shape[1]
        if not value.requires_grad:
            raise ValueError("the loss depends on no parameter: unfreeze some, and compute it from the net's output")
        torch.autograd.grad(value, parameters, allow_unused=True)
    inputs = _first(X)
    input_std = _moments(inputs)[1] if inputs is not None and inputs.is_floating_point() else None
    return HealthReport(value.item(), classes, input_std or None, probe.layers())


def _told(y):
    return f"of {y.dtype}" if isinstance(y, Tensor) else f"a {type(y).__name__}"


def _twin(net):
    """Return a copy of `net` that shares nothing with it, hooks of Parameters included."""
    keep = []
    for module in net.modules():  # a tensor that autograd made cannot be copied; what forward makes anew is set anew
        keep += [value for value in vars(module).values() if isinstance(value, Tensor) and value.grad_fn is not None]
    twin = copy.deepcopy(net, {id(value): value for value in keep})
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        vars(q).update(vars(p))  # what forward may read of a Parameter, which copying leaves out
    for module in twin.modules():
        for name, child in module._modules.items():
            module._modules[name] = getattr(child, "_orig_mod", child)
    return twin


class _Probe:
    """Between entering and leaving, notes what comes out of each innermost module and which gradient comes back."""

    def __init__(self, net):
        self.net, self.rows, self.gradients, self.hooks = net, [], {}, []
        self.paths, self.running, self.runs, self.used = {}, [], Counter(), Counter()

    def __enter__(self):
        inside = {id(m) for p in self.net.modules() if isinstance(p, ParametrizationList) for m in p.modules()}
        for path, module in self.net.named_modules(remove_duplicate=False):
            if id(module) in inside:  # it computes a weight, not an activation
                continue
            if id(module) not in self.paths:
                self.hooks.append(module.register_forward_pre_hook(self._enter))
                self.hooks.append(module.register_forward_hook(self._leave))
            self.paths.setdefault(id(module), []).append(path)
        return self

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()

    def _enter(self, module, args):
        if self.running:
            self.running[-1] = False
        self.running.append(True)  # innermost, as far as known

    def _leave(self, module, args, output):
        paths = self.paths[id(module)]
        path = paths[min(self.runs[id(module)], len(paths) - 1)]  # the k-th run goes by the k-th path
        self.runs[id(module)] += 1
        tensor = _first(output)
        if not self.running.pop() or isinstance(module, _PASSIVE) or tensor is None or not tensor.is_floating_point():
            return
        self.used[path] += 1
        name = path if self.used[path] == 1 else f"{path} #{self.used[path]}"
        values = tensor.detach()
        row = (name, type(module).__name__.removeprefix("Parametrized"), tuple(values.shape), _moments(values)[1])
        self.rows.append((*row, _dead(values), _finite(values)))
        if tensor.requires_grad:  # a hook sees the gradient even if a later layer overwrites the tensor in place
            self.hooks.append(tensor.register_hook(functools.partial(self._came_back, len(self.rows) - 1)))

    def _came_back(self, row, gradient):
        self.gradients[row] = (_moments(gradient)[1], _finite(gradient))

    def layers(self):
        result = []
        for i, (*row, finite) in enumerate(self.rows):
            grad_std, grad_finite = self.gradients.get(i, (None, True))
            result.append(Layer(*row, grad_std, finite and grad_finite))
        return result


def _first(value):
    """Return the first tensor in nested tuples, lists and dicts, or None."""
    if isinstance(value, Tensor):
        return value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return next((tensor for item in items if (tensor := _first(item)) is not None), None)


def _cross_entropy(output, y):
    """Return (loss, classes), the classes standing last if that fits `y`, as in language models, and else second."""
    if output.shape[:-1] == y.shape:
        return nn.functional.cross_entropy(output.flatten(0, -2), y.flatten().long()), output.shape[-1]
    return nn.functional.cross_entropy(output, y.long()), output.shape[1]


def _dead(values):
    if values.dim() < 2 or not values.numel():
        return 0.0
    zero, axes = values == 0, (1, 2) if values.dim() == 3 else (1,)
    return max(zero.transpose(0, axis).flatten(1).all(1).float().mean().item() for axis in axes)


def _finite(values):
    return bool(values.isfinite().all())


def _judge(loss, expected, input_std, layers):
    """Return the verdict and the reasons for it."""
    reasons, verdicts = [], []
    broken = next((layer for layer in layers if not layer.finite), None)
    if broken or not math.isfinite(loss):
        where = f"first in {broken.name!r} or in the gradient there" if broken else "in the loss alone"
        return "not finite", [f"NaN or infinity {where}"]
    if not layers:
        return "healthy", ["no layer's output was seen"]
    # The gradient by its norm, std * sqrt(size): a good scheme keeps that from layer to layer, whatever their widths.
    flows = [x.grad_std * math.prod(x.shape) ** 0.5 for x in layers if x.grad_std is not None] or [0.0]
    for what, start, end in (
        ("signal from input to output", input_std or layers[0].std, layers[-1].std),
        ("gradient norm from output to first layer", flows[-1], flows[0]),
    ):
        ratio = end / start if start and end is not None else 0.0
        reasons.append(f"{what}: ×{_three(ratio)}")
        verdicts.append("vanishes" if ratio < 1 / _FACTOR else "explodes" if ratio > _FACTOR else "healthy")
    if expected and loss > 3 * expected:
        verdicts.append("explodes")
        reasons.append(f"the first answers are wrong with confidence: ×{_three(loss / expected)} the loss of guessing")
    worst = max(layers, key=lambda layer: layer.dead)
    if worst.dead > 0.5:
        verdicts.append("vanishes")
        reasons.append(f"{worst.dead:.0%} of the units of {worst.name!r} are dead")
    return next((v for v in ("explodes", "vanishes") if v in verdicts), "healthy"), reasons
