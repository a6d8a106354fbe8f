"""Schemes by name pattern, schemes of one's own, and a check-up of how a net begins."""

import copy
import functools
import html
import inspect
import math
from collections import Counter
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from .access import select

_SHOWN = 40  # rows that a printed report has room for; `.rows` and `.layers` hold them all
_FACTOR = 1000  # how far a signal or a gradient may grow or shrink through a net that is called healthy
# What passes numbers on as they are has no scale of its own to report.
_PASSIVE = (nn.Flatten, nn.Unflatten, nn.Identity, nn.modules.dropout._DropoutNd)


class Init(NamedTuple):
    """One Parameter in the report of `initialize`. scheme, mean and std are None where it was not touched."""

    names: tuple[str, ...]  # every name; a tied Parameter has several
    shape: tuple[int, ...] | None  # None: still lazy
    scheme: str | None
    mean: float | None  # of the values it has now; None on the meta device, which holds none
    std: float | None


class InitReport:
    """What `initialize` did, as text and as an HTML table in Jupyter. rows: an `Init` for each Parameter of the net."""

    def __init__(self, rows: list[Init]):
        self.rows = rows

    @property
    def touched(self) -> list[Init]:
        return [row for row in self.rows if row.scheme is not None]

    @property
    def untouched(self) -> list[Init]:
        return [row for row in self.rows if row.scheme is None]

    def __repr__(self):
        return _text(*self._table())

    def _repr_html_(self):
        return _html(*self._table())

    def _table(self):
        lines = [
            (
                " = ".join(row.names),
                "lazy" if row.shape is None else str(row.shape),
                row.scheme or "not touched",
                *_mean_std(row.mean, row.std),
            )
            for row in self.rows
        ]
        summary = f"{len(self.touched)} touched, {len(self.untouched)} not"
        return ("name", "shape", "scheme", "mean", "std"), lines, summary


@torch.no_grad()
def initialize(net: nn.Module, schemes: dict, generator: torch.Generator | None = None) -> InitReport:
    """Initialize the parameters of `net` by name, all of them or none, and return a report of what was touched.

    schemes: {pattern: scheme}. A pattern is what `select` takes: shell-style, such as "*.weight", or a compiled
    regular expression. Where several match, the FIRST wins, as in if/elif: write "*.bias" before "*". A tied Parameter
    answers to each of its names and is drawn once. A scheme is any function that fills a tensor in place, as those of
    `nn.init` do; bind its arguments with `functools.partial` or a lambda. If it has a parameter called `name` or
    `generator`, it is given the Parameter's name, and this `generator`. Buffers are not touched.

    Each scheme works on a copy, and the copies move into the net when the last one has succeeded: if one fails,
    nothing has changed. (That takes, for a moment, as much memory as the parameters it matched.) With a `generator`
    the copy lies on the generator's device, so a CPU generator gives a CPU net and a GPU net the same numbers.

    Raises ValueError for a pattern that matches nothing (it lists the nearest names) or that comes after others which
    took all it matches, for a matched layer that is still lazy, for a scheme that fails, that returns a new tensor
    instead of filling its own, or that draws from torch's global generator although another one was passed;
    TypeError if `schemes` is no dict of functions.
    Source: `nn.init`; Gluon's `net.initialize(init, force_reinit=True)`. Met in notebooks 2 and 3.

    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> initialize(net, {"0.weight": nn.init.ones_, "*.bias": nn.init.zeros_}).touched[0]
    Init(names=('0.weight',), shape=(8, 4), scheme='ones_', mean=1.0, std=0.0)
    """
    if not isinstance(schemes, dict) or not all(map(callable, schemes.values())):
        raise TypeError(
            f"schemes must map patterns to functions that fill a tensor in place, such as "
            f"{{'*.weight': nn.init.xavier_uniform_}}, not {schemes!r}"
        )
    chosen = {}  # Parameter -> its pattern
    for pattern in schemes:
        matches = select(net, pattern)
        new = [p for p in matches.values() if p not in chosen]
        if not new:
            name, p = next(iter(matches.items()))
            raise ValueError(
                f"pattern {pattern!r} is never used: {chosen[p]!r}, which comes before it, already took {name!r} and "
                f"the first match wins; write the narrower pattern first"
            )
        chosen.update(dict.fromkeys(new, pattern))
    names = _names(net)
    if lazy := [names[p][0] for p in chosen if nn.parameter.is_lazy(p)]:
        raise ValueError(f"{', '.join(lazy)} have no shape yet: run one batch through the net first, net(X)")
    if stretched := [names[p][0] for p in chosen if p.layout is torch.strided and 0 in p.squeeze().stride()]:
        raise ValueError(f"{', '.join(stretched)} cannot be filled: expand() gave it fewer numbers than its shape says")
    drawn = {p: _draw(p, names[p][0], schemes[chosen[p]], generator) for p in names if p in chosen}
    rows = []
    for p, known in names.items():
        if p in drawn:
            p.copy_(drawn[p])
        scheme = _describe(schemes[chosen[p]]) if p in chosen else None
        rows.append(Init(tuple(known), None if nn.parameter.is_lazy(p) else tuple(p.shape), scheme, *_moments(p)))
    return InitReport(rows)


def _draw(p, name, scheme, generator):
    """Return what `scheme` makes of a copy of `p`."""
    device = p.device if generator is None or p.is_meta else generator.device
    values = p.detach().to(device, copy=True)
    state = torch.random.get_rng_state()
    told = f"scheme {_describe(scheme)} on {name!r} {tuple(p.shape)}"
    try:
        result = scheme(values, **_wanted(scheme, name=name, generator=generator))
    except Exception as error:
        raise ValueError(f"{told} failed, so nothing was changed: {error}") from error
    if isinstance(result, Tensor) and _memory(result) != _memory(values):
        raise ValueError(f"{told} returned a new tensor, so nothing was changed: fill the tensor it is given, in place")
    if values.shape != p.shape:
        raise ValueError(f"{told} made its shape {tuple(values.shape)}, so nothing was changed: keep the shape")
    if generator is not None and not torch.equal(state, torch.random.get_rng_state()):
        raise ValueError(
            f"{told} drew from torch's global generator, not from yours, so nothing was changed: "
            f"let it take `generator=None` and hand that on to nn.init"
        )
    return values


def _wanted(scheme, **offers):
    """Return those offers that `scheme` has a parameter for, unless a partial has filled it already."""
    try:
        known = inspect.signature(scheme).parameters
    except (TypeError, ValueError):  # written in C
        return {}
    free = (inspect.Parameter.empty, None, "")
    return {key: value for key, value in offers.items() if key in known and known[key].default in free}


def _memory(tensor):
    return None if tensor.is_meta else tensor.untyped_storage().data_ptr()


def _describe(scheme):
    """Return a scheme as a reader would write it: normal_(std=0.01)."""
    if isinstance(scheme, functools.partial):
        bound = {key: value for key, value in scheme.keywords.items() if not isinstance(value, torch.Generator)}
        given = [*map(str, scheme.args), *(f"{key}={value}" for key, value in bound.items())]
        return f"{_describe(scheme.func)}({', '.join(given)})"
    name = getattr(scheme, "__name__", type(scheme).__name__)
    return "a lambda" if name == "<lambda>" else name


def fan_in_out(weight: Tensor) -> tuple[int, int]:
    """Return how many inputs feed one output of a layer, and how many outputs one input feeds.

    weight: shape (out_features, in_features) as `nn.Linear` stores it, or (out, in / groups, *kernel) for a
    convolution, where both count the kernel's positions. Like `nn.init`, it goes by the shape alone: with groups
    fan-out is too large by that factor, and a transposed convolution, stored as (in, out / groups, *kernel), gets the
    two swapped.
    Raises ValueError if `weight` is lazy, or has fewer than two dimensions; TypeError if it is no tensor.
    Source: Glorot & Bengio (2010); `nn.init._calculate_fan_in_and_fan_out`. Met in notebook 2.

    >>> fan_in_out(nn.Linear(400, 100).weight)
    (400, 100)
    >>> fan_in_out(nn.Conv2d(8, 16, kernel_size=3, groups=2).weight)  # 8/2 channels, 9 positions
    (36, 144)
    """
    if not isinstance(weight, Tensor):
        raise TypeError(f"a weight is wanted, but a {type(weight).__name__} came: pass layer.weight")
    if nn.parameter.is_lazy(weight):
        raise ValueError("this weight has no shape yet: run one batch through the net first, net(X)")
    if weight.dim() < 2:
        raise ValueError(
            f"a weight of shape {tuple(weight.shape)} joins no inputs to outputs: "
            f"fan-in and fan-out need 2 dimensions or more, (out, in, ...); set biases by another scheme"
        )
    positions = math.prod(weight.shape[2:])
    return weight.shape[1] * positions, weight.shape[0] * positions


@torch.no_grad()
def half_zero_uniform_(
    tensor: Tensor, low: float = 5.0, high: float = 10.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill `tensor` in place with zeros (probability 1/2) and else numbers uniform on ±(low, high); return it.

    tensor: any shape, of a floating type. Mean 0, variance (low² + low·high + high²) / 6: with the defaults the
    standard deviation is 5.40, far too much for a layer of any width. It is drawn on the generator's device, by
    default on the CPU, and moved: the same numbers on CPU and GPU.
    Raises ValueError unless 0 <= low < high; TypeError if `tensor` holds no floating numbers.
    Source: the custom scheme of Dive into Deep Learning, section "Parameter Initialization". Met in notebook 3.

    >>> weight = half_zero_uniform_(torch.empty(1000), generator=torch.Generator().manual_seed(0))
    >>> size = weight[weight != 0].abs()
    >>> bool(size.min() >= 5), bool(size.max() <= 10), 450 < len(size) < 550
    (True, True, True)
    """
    if not 0 <= low < high:
        raise ValueError(f"low={low}, high={high}: 0 <= low < high is wanted")
    if not tensor.is_floating_point():
        raise TypeError(f"a tensor of floating numbers is wanted, not of {tensor.dtype}")
    if tensor.is_meta:
        return tensor
    dtype = torch.promote_types(tensor.dtype, torch.float32)
    device = "cpu" if generator is None else generator.device
    u = torch.empty(tensor.shape, dtype=dtype, device=device).uniform_(-1, 1, generator=generator)
    size = low + (2 * u.abs() - 1) * (high - low)  # |u| is uniform on (1/2, 1) where it is kept
    return tensor.copy_(torch.where(u.abs() < 0.5, 0, size.copysign(u)))


class Initializer:
    """A scheme with a rule for each kind of parameter, which says aloud what it touches; a scheme for `initialize`.

    Write a subclass with `init_weight_(tensor, generator)`, for every tensor of 2 dimensions or more. Biases become 0
    and other vectors, such as the scales of normalization layers, 1: override `init_bias_` and `init_scale_`, called
    alike. say: where the report goes, a line for each parameter; None for silence.
    Raises NotImplementedError if a weight comes and there is no `init_weight_`.
    Source: Gluon's `mxnet.init.Initializer`. Met in notebook 3.

    >>> class HalfZero(Initializer):
    ...     def init_weight_(self, tensor, generator=None):
    ...         return half_zero_uniform_(tensor, generator=generator)
    >>> net = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))
    >>> report = initialize(net, {"*": HalfZero()})
    init 0.weight (256, 20)
    init 0.bias (256,)
    init 2.weight (10, 256)
    init 2.bias (10,)
    """

    def __init__(self, say=print):
        self.say = say

    def init_weight_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no init_weight_(tensor, generator): write one")

    def init_bias_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return nn.init.zeros_(tensor)

    def init_scale_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return nn.init.ones_(tensor)

    @torch.no_grad()
    def __call__(self, tensor: Tensor, name: str = "", generator: torch.Generator | None = None) -> Tensor:
        if self.say:
            self.say(f"init {name} {tuple(tensor.shape)}".replace("  ", " "))
        if "bias" in name.rpartition(".")[2]:
            return self.init_bias_(tensor, generator)
        return (self.init_weight_ if tensor.dim() >= 2 else self.init_scale_)(tensor, generator)


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


def _names(net):
    names = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        names.setdefault(p, []).append(name)
    return names


def _moments(t):
    """Return (mean, std) over all entries, or (None, None) where there are no values."""
    if nn.parameter.is_lazy(t) or t.is_meta or not t.numel():
        return None, None
    t = t.detach().to_dense() if t.is_sparse else t.detach()
    exact = torch.float32 if t.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    values = t.abs() if t.is_complex() else t.to(exact)
    mean = values.mean()
    std = torch.linalg.vector_norm(values - mean) / values.numel() ** 0.5  # torch.std_mean takes four times as long
    return mean.item(), std.item()


# ---- text and HTML


def _three(number):
    """Write a number to three digits, 0.0123 or 1.23e+07."""
    if number is None:
        return "–"
    if not number or not math.isfinite(number):
        return f"{number:.3g}"
    return f"{number:#.3g}".rstrip(".")


def _mean_std(mean, std):
    """Write std to three digits, and mean to as many decimals: more would be noise."""
    if mean is None or not std or not math.isfinite(std) or not 1e-4 < std < 1e6:
        return _three(mean), _three(std)
    decimals = max(0, 2 - math.floor(math.log10(std)))
    return f"{round(mean, decimals) + 0.0:.{decimals}f}", f"{std:.{decimals}f}"


def _shortened(head, lines):
    """Return the lines with the middle of a long table left out."""
    if len(lines) > _SHOWN:
        left_out = f"… {len(lines) - _SHOWN:,} more …"
        lines = [*lines[: _SHOWN // 2], (left_out, *[""] * (len(head) - 1)), *lines[-_SHOWN // 2 :]]
    return lines


def _text(head, lines, summary):
    rows = [head, *_shortened(head, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = (
        "  ".join(
            cell.ljust(width) if i < 3 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join([*text, summary])


def _html(head, lines, summary):
    def row(cells, tag):
        align = ("left" if i < 3 else "right" for i in range(len(cells)))
        return "".join(
            f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>'
            for side, cell in zip(align, cells, strict=True)
        )

    body = "\n".join(f"<tr>{row(line, 'td')}</tr>" for line in _shortened(head, lines))
    return f"<table>\n<tr>{row(head, 'th')}</tr>\n{body}\n</table>\n<p>{html.escape(summary)}</p>"
