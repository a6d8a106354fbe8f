"""A check-up of how a net begins: do signal and gradient survive its depth?"""

import copy
import functools
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils.hooks import RemovableHandle

from ._tables import Column, Table, shortened, three_digits
from ._torch import check_not_lazy, children, moments, uncompiled

_FACTOR = 1000  # how far a signal or a gradient may grow or shrink through a net that is called healthy
# What passes numbers on as they are has no scale of its own to report.
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_WITHOUT_SCALE = (nn.Flatten, nn.Unflatten, nn.Identity, *_DROPOUTS)


class Layer(NamedTuple):
    """One run of one layer in the report of `health`. Met in notebook 2.

    Attributes:
        name: the layer's path; "" for the net itself; "path #2" for a second run.
        kind: its class.
        shape: of its output.
        std: the standard deviation of its output, over everything; None where there is no number.
        dead: the fraction of its units that are 0 for every example, 0 to 1.
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
    def measure(cls, name: str, kind: str, output: Tensor) -> "Layer":
        """Measure a layer's output; its gradient comes later, if at all.

        Args:
            name: the layer's path.
            kind: its class.
            output: what it hands on, the examples in dimension 0.

        Returns:
            A `Layer` whose `grad_std` is None.
        """
        values = output.detach()
        std = moments(values)[1]
        return cls(name, kind, tuple(values.shape), std, _dead_fraction(values), None, _is_finite(values, std))

    def with_gradient(self, gradient: Tensor) -> "Layer":
        """Return this layer with the gradient of the loss with respect to its output measured too.

        Args:
            gradient: in the shape of the output.

        Returns:
            A new `Layer`.
        """
        grad_std = moments(gradient)[1]
        return self._replace(grad_std=grad_std, finite=self.finite and _is_finite(gradient, grad_std))


def _dead_fraction(values: Tensor) -> float:
    if values.dim() < 2 or not values.numel():
        return 0.0
    zero, axes = values == 0, (1, 2) if values.dim() == 3 else (1,)
    return max(zero.transpose(0, axis).flatten(1).all(1).float().mean().item() for axis in axes)


def _is_finite(values: Tensor, std: float | None) -> bool:
    known = std is not None and math.isfinite(std)  # then every value is, and there is no need to look again
    return known or bool(values.isfinite().all())


class HealthReport:
    """What `health` found, as text and as an HTML table in Jupyter. Met in notebook 2.

    Args:
        loss: the first loss. It, `classes` and `layers` are kept as attributes.
        classes: how many there are; None where the loss is no cross-entropy.
        input_std: the standard deviation of what the net was given; None if it is 0 or cannot be told.
        layers: a `Layer` for each run, in the order of the forward pass.

    Attributes:
        expected: ln(classes), the loss of answering every class alike; None where the loss is no cross-entropy.
        verdict: "healthy", "vanishes", "explodes" or "not finite".
        reasons: sentences that say why.

    Example:
        >>> report = HealthReport(0.7, 2, 1.0, [Layer("0", "Linear", (4, 2), 2.0, 0.0, 0.1, True)])
        >>> report.verdict, report.reasons[0]
        ('healthy', 'signal from input to output: ×2.00')
    """

    expected: float | None
    verdict: str
    reasons: list[str]

    def __init__(self, loss: float, classes: int | None, input_std: float | None, layers: list[Layer]) -> None:
        self.loss, self.classes, self.layers = loss, classes, layers
        self.expected = math.log(classes) if classes else None
        self.verdict, self.reasons = _judge(loss, self.expected, input_std, layers)

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
        if self.classes:
            first += f", where guessing gives ln {self.classes} = {three_digits(self.expected)}"
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


def health(net: nn.Module, X: Any, y: Any, loss: Callable[[Any, Any], Tensor] | None = None) -> HealthReport:
    """Run one batch forward and backward and report whether signal and gradient survive the depth of `net`.

    The report has the first loss beside ln(classes); for each innermost layer the std of its output, the std of the
    loss's gradient there, and the fraction of units that are 0 for the whole batch; and a verdict. It "vanishes" or
    "explodes" if the signal's std (input to last layer) or the gradient's norm (last layer to first) changes by more
    than a factor of 1,000, if more than half the units of a layer are dead, or if the first loss is over three times
    ln(classes). A unit is a channel, dimension 1; of a 3-D output, dimension 1 or 2, whichever has more dead.

    The net runs in the mode it is in, as a copy: parameters, gradients, buffers (running statistics), mode, hooks and
    the state of the random generators stay as they were, but for what `forward` reaches in another way, such as a
    closure over the net. A compiled net runs uncompiled.

    Args:
        net: any module that holds values and has seen its first batch. Of several outputs the first counts, or
            `.logits`.
        X: what the net takes: a tensor, a tuple (`net(*X)`) or a dict (`net(**X)`).
        y: class numbers for cross-entropy; or anything, with a `loss`.
        loss: a function of (output, y), whose result is averaged; None for cross-entropy.

    Returns:
        A report that prints as text, and as HTML in Jupyter.

    Raises:
        ValueError: If a layer is lazy, if the net is on the meta device, if `y` is not of integers and no `loss` was
            given, or if the loss depends on no parameter.

    Source: Glorot & Bengio (2010), figures 6 and 7; Karpathy, "A Recipe for Training Neural Networks" ("verify loss @
    init"). Met in notebooks 2 and 3.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        >>> report = health(net, torch.rand(64, 1, 28, 28), torch.randint(10, (64,)))
        >>> report.verdict, round(report.loss, 1), round(report.expected, 3)
        ('healthy', 2.3, 2.303)
    """
    net = uncompiled(net)
    tensors = dict([*net.named_parameters(), *net.named_buffers()])
    check_not_lazy(name for name, tensor in tensors.items() if is_lazy(tensor))
    if meta := [name for name, tensor in tensors.items() if tensor.is_meta]:
        raise ValueError(f"{meta[0]!r} is on the meta device, which holds no values: build the net on a real one")
    if loss is None and not (isinstance(y, Tensor) and not y.is_floating_point() and not y.is_complex()):
        kind = f"of {y.dtype}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
        raise ValueError(
            f"without a loss y must be a tensor of class numbers, but it is {kind}; "
            f"pass loss=..., such as nn.functional.mse_loss"
        )
    twin = _twin(net)
    probe = _Probe(twin)
    devices = {tensor.device for tensor in tensors.values() if tensor.device.type == "cuda"}
    parameters = [p for p in (*twin.parameters(), *net.parameters()) if p.requires_grad]  # a closure holds the net's
    with torch.random.fork_rng(devices), torch.enable_grad(), probe:
        output = twin(**X) if isinstance(X, dict) else twin(*X) if isinstance(X, (tuple, list)) else twin(X)
        value, classes = _loss(_first_tensor(getattr(output, "logits", output)), y, loss)
        if not value.requires_grad:
            raise ValueError("the loss depends on no parameter: unfreeze some, and compute it from the net's output")
        torch.autograd.grad(value, parameters, allow_unused=True)
    inputs = _first_tensor(X)
    input_std = moments(inputs)[1] if inputs is not None and inputs.is_floating_point() else None
    return HealthReport(value.item(), classes, input_std or None, probe.layers)


def _twin(net: nn.Module) -> nn.Module:
    """Return a copy of `net` that shares nothing with it, hooks of Parameters included."""
    keep: list[Tensor] = []
    for module in net.modules():  # a tensor that autograd made cannot be copied; what forward makes anew is set anew
        keep += [value for value in vars(module).values() if isinstance(value, Tensor) and value.grad_fn is not None]
    twin = copy.deepcopy(net, {id(value): value for value in keep})
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        vars(q).update(vars(p))  # what forward may read of a Parameter, which copying leaves out
    for module in twin.modules():
        for name, child in children(module).items():
            if (inner := uncompiled(child)) is not child:
                setattr(module, name, inner)
    return twin


# Between entering and leaving, it measures what comes out of each innermost module and which gradient comes back.
class _Probe:
    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.layers: list[Layer] = []
        self._hooks: list[RemovableHandle] = []
        self._paths: dict[nn.Module, list[str]] = {}
        self._running: list[bool] = []  # for each module that runs now, whether it is innermost, as far as known
        self._runs: Counter[nn.Module] = Counter()
        self._reported: Counter[str] = Counter()

    def __enter__(self) -> None:
        parametrizations = [part for part in self.net.modules() if isinstance(part, ParametrizationList)]
        inside = {module for part in parametrizations for module in part.modules()}
        for path, module in self.net.named_modules(remove_duplicate=False):
            if module in inside:  # it computes a weight, not an activation
                continue
            if module not in self._paths:
                self._hooks.append(module.register_forward_pre_hook(self._note_start))
                self._hooks.append(module.register_forward_hook(self._note_output))
            self._paths.setdefault(module, []).append(path)

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _note_start(self, module: nn.Module, args: object) -> None:
        if self._running:
            self._running[-1] = False
        self._running.append(True)

    def _note_output(self, module: nn.Module, args: object, output: object) -> None:
        paths = self._paths[module]
        path = paths[min(self._runs[module], len(paths) - 1)]  # the k-th run goes by the k-th path
        self._runs[module] += 1
        innermost, tensor = self._running.pop(), _first_tensor(output)
        if not innermost or isinstance(module, _WITHOUT_SCALE) or tensor is None or not tensor.is_floating_point():
            return
        self._reported[path] += 1
        name = path if self._reported[path] == 1 else f"{path} #{self._reported[path]}"
        self.layers.append(Layer.measure(name, type(module).__name__.removeprefix("Parametrized"), tensor))
        if tensor.requires_grad:  # a hook sees the gradient even if a later layer overwrites the tensor in place
            note = functools.partial(self._note_gradient, len(self.layers) - 1)
            self._hooks.append(tensor.register_hook(note))

    def _note_gradient(self, i: int, gradient: Tensor) -> None:
        self.layers[i] = self.layers[i].with_gradient(gradient)


def _first_tensor(value: object) -> Tensor | None:
    """Return the first tensor in nested tuples, lists and dicts, or None."""
    if isinstance(value, Tensor):
        return value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return next((tensor for item in items if (tensor := _first_tensor(item)) is not None), None)


def _loss(output: Any, y: Any, loss: Callable[[Any, Any], Tensor] | None) -> tuple[Tensor, int | None]:
    """Return (loss, classes), the classes standing last if that fits `y`, as in language models, and else second."""
    cross_entropy = nn.functional.cross_entropy
    if loss is None and output.shape[:-1] == y.shape:
        return cross_entropy(output.flatten(0, -2), y.flatten().long()), output.shape[-1]
    if loss is None:
        return cross_entropy(output, y.long()), output.shape[1]
    known = isinstance(loss, nn.CrossEntropyLoss) or loss is cross_entropy
    return loss(output, y).mean(), output.shape[1] if known else None


def _judge(loss: float, expected: float | None, input_std: float | None, layers: list[Layer]) -> tuple[str, list[str]]:
    """Return the verdict and the reasons for it."""
    broken = next((layer for layer in layers if not layer.finite), None)
    if broken or not math.isfinite(loss):
        where = f"first in {broken.name!r} or in the gradient there" if broken else "in the loss alone"
        return "not finite", [f"NaN or infinity {where}"]
    if not layers:
        return "healthy", ["no layer's output was seen"]
    verdicts, reasons = [], []
    # The gradient by its norm, std * sqrt(size): a good scheme keeps that from layer to layer, whatever their widths.
    norms = [x.grad_std * math.prod(x.shape) ** 0.5 for x in layers if x.grad_std is not None] or [0.0]
    for what, start, end in (
        ("signal from input to output", input_std or layers[0].std, layers[-1].std),
        ("gradient norm from output to first layer", norms[-1], norms[0]),
    ):
        ratio = end / start if start and end is not None else 0.0
        reasons.append(f"{what}: ×{three_digits(ratio)}")
        verdicts.append("vanishes" if ratio < 1 / _FACTOR else "explodes" if ratio > _FACTOR else "healthy")
    if expected and loss > 3 * expected:
        verdicts.append("explodes")
        times = three_digits(loss / expected)
        reasons.append(f"the first answers are wrong with confidence: ×{times} the loss of guessing")
    worst = max(layers, key=lambda layer: layer.dead)
    if worst.dead > 0.5:
        verdicts.append("vanishes")
        reasons.append(f"{worst.dead:.0%} of the units of {worst.name!r} are dead")
    return next((v for v in ("explodes", "vanishes") if v in verdicts), "healthy"), reasons
