"""Watching one pass of a net: what each innermost module hands on, and which gradient comes back to it."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from ._batches import first_tensor, tensors
from ._layers import Layer, Run, is_mask, length, saturated_fraction, spread, unit_axis
from ._paths import Paths
from ._torch import is_transformed, lacking_for_views, moments, own_parameters, real

# What passes numbers on as they are, or leaves some out by chance, has no scale of its own to report.
_WITHOUT_SCALE = (nn.Flatten, nn.Unflatten, nn.Identity)
_ACTIVATIONS = {  # functions whose output is looked at where no module makes it -> the name of what they compute
    **dict.fromkeys(("relu", "relu_", "relu6", "clamp", "clamp_", "clamp_min", "clamp_min_"), "relu"),
    **dict.fromkeys(("tanh", "tanh_"), "tanh"),
    **dict.fromkeys(("sigmoid", "sigmoid_"), "sigmoid"),
}


class _Running(NamedTuple):
    """A module that runs now."""

    path: str
    given: Tensor | None  # its first input
    idle: bool  # whether that is all zeros
    calls: list[nn.Module]  # the modules that it has called


class Probe:
    """Between entering and leaving, it measures what comes out of each layer and which gradient comes back.

    What runs again in the backward pass, since checkpointing computes it anew, is not counted.

    Args:
        net: any module.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.layers: list[Layer] = []
        self.runs: list[Run] = []  # those of `layers`, and between them activations that are no modules
        self.ran: set[nn.Module] = set()
        self._places: list[int] = []  # of each of `layers` in `runs`
        self._hooks: list[RemovableHandle] = []
        self._paths = Paths(net)
        self._running: list[_Running] = []
        self._reported: Counter[str] = Counter()
        self._given: set[int] = set()
        self._backward = False
        self._again: Counter[str] = Counter()
        self.mode = _Activations(self)

    def __enter__(self) -> "Probe":
        parametrizations = [part for part in self.net.modules() if isinstance(part, ParametrizationList)]
        inside = {module for part in parametrizations for module in part.modules()}
        for module in self.net.modules():
            if module in inside or isinstance(module, torch.jit.ScriptModule):  # computes a weight; takes no hooks
                continue
            before = module.register_forward_pre_hook(self._note_start, with_kwargs=True)
            self._hooks += [before, module.register_forward_hook(self._note_output, always_call=True)]
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def finish(self, output: object) -> None:
        """End the forward pass: with no layer seen, the net's own output is the last one. Gradients come after it."""
        found = first_tensor(output)
        if not self.layers and found is not None:
            kind = getattr(self.net, "original_name", type(self.net).__name__)
            self._report(_Running("", None, False, []), kind, self.net, found)
        self._backward = True
        self._paths.clear()

    # ---- what torch calls

    def _note_start(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = self._paths.enter(module)
        self.ran.add(module)
        if self._running:
            self._running[-1].calls.append(module)
        elif not self._backward:
            self._given = {_memory(tensor) for tensor in tensors((args, kwargs))}
        given = _plain(first_tensor((args, kwargs)))
        innermost = next(module.children(), None) is None
        self._running.append(_Running(path, given, innermost and is_idle(given), []))  # some work in place: ask now

    def _note_output(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if not self._running:  # the pass was ended within
            return
        self._paths.leave()
        running = self._running.pop()
        tensor = _plain(first_tensor(output))
        whole = bool(running.calls) and _is_norm(module)  # one that also calls the activation behind it
        if (running.calls and not whole) or _has_no_scale(module) or tensor is None or not _is_numbers(tensor):
            return
        kind = type(module).__name__.removeprefix("Parametrized")
        if whole and not self._backward:
            layer = Layer.measure(running.path, kind, tensor, 1)
            run = self._add_run(layer, module, running, tensor)
            if tensor.requires_grad:
                self._hooks.append(tensor.register_hook(functools.partial(self._note_norm, run)))
        elif self._backward:
            self._take_gradient_from(tensor, running.path)
        else:
            self._report(running, kind, module, tensor)

    def note_activation(self, function: str, output: Tensor, idle: bool) -> None:
        """Note what an activation returned that a module computes beside calling others, such as F.relu."""
        if self._backward or not self._running or not self._running[-1].calls or _plain(output) is None:
            return
        if not output.is_floating_point() or output.dim() < 2:
            return
        path = self._running[-1].path
        layer = Layer.measure(f"{function}() in {path or 'the net'}", function, output, self._axis(None, output))
        self._add_run(layer, None, _Running(path, None, idle, []), output)

    # ---- what is done then

    def _report(self, running: _Running, kind: str, module: nn.Module, output: Tensor) -> None:
        path, given = running.path, running.given
        self._reported[path] += 1
        name = path if self._reported[path] == 1 else f"{path} #{self._reported[path]}"
        layer = Layer.measure(name, kind, output, self._axis(module, output))
        if not layer.finite and not _trains(module) and is_mask(output):
            layer = layer._replace(std=moments(output.detach()[output.isfinite()])[1], finite=True)
        self._places.append(len(self.runs))
        self.layers.append(layer)
        run = self._add_run(layer, module, running, output)
        if output.requires_grad:  # a hook sees the gradient even if a later layer overwrites the tensor in place
            self._hooks.append(output.register_hook(functools.partial(self._note_gradient, len(self.layers) - 1)))
        if run.own and given is not None and given.requires_grad:
            self._hooks.append(given.register_hook(functools.partial(self._note_gradient_in, run)))

    def _add_run(self, layer: Layer, module: nn.Module | None, running: _Running, output: Tensor) -> Run:
        given = running.given
        axis = self._axis(module, output)
        units = output.shape[axis if axis is not None else -1] if output.dim() else 1
        numbers = given if given is not None and _is_numbers(given) else None
        weights = _weights(module)
        entering = numbers if weights else None  # of other layers nobody asks for the input's size
        run = Run(
            layer.name,
            layer.kind,
            module,
            own=weights,
            units=units,
            rows=output.numel() // max(units, 1),
            std=layer.std,
            spread=spread(output),
            std_in=None if entering is None else moments(real(entering))[1],
            spread_in=None if entering is None else spread(entering),
            dead=layer.dead,
            idle=running.idle,
            saturated=saturated_fraction(layer.kind.lower(), output.detach()),
            taught=torch.is_grad_enabled(),
            enters=given is not None and (_memory(given) in self._given or numbers is None),
            axis=axis,
            shape=layer.shape,
        )
        self.runs.append(run)
        return run

    def _axis(self, module: nn.Module | None, output: Tensor) -> int | None:
        return unit_axis(module, tuple(output.shape), self.runs[-1] if self.runs else None)

    def _note_gradient(self, i: int, gradient: Tensor) -> None:
        self.layers[i] = self.layers[i].with_gradient(gradient)
        self.runs[self._places[i]].grad = length(gradient)

    def _note_norm(self, run: Run, gradient: Tensor) -> None:
        run.grad = length(gradient)

    def _note_gradient_in(self, run: Run, gradient: Tensor) -> None:
        run.grad_in = length(gradient)

    def _take_gradient_from(self, tensor: Tensor, path: str) -> None:
        """Take what a recomputed output gets, for the run of the forward pass that had no graph."""
        names = [path, *(f"{path} #{k}" for k in range(2, self._reported[path] + 1))]
        for i, layer in enumerate(self.layers):
            if (
                layer.name in names
                and layer.grad_std is None
                and tensor.requires_grad
                and layer.name not in self._again
            ):
                self._again[layer.name] += 1
                self._hooks.append(tensor.register_hook(functools.partial(self._note_gradient, i)))
                return


class _Activations(TorchFunctionMode):
    """Tells a probe of activations that are called as functions."""

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self.probe = probe

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = _ACTIVATIONS.get(getattr(func, "__name__", ""))
        given = args[0] if name and args and isinstance(args[0], Tensor) else None
        idle = is_idle(_plain(given))  # asked before it may be changed in place
        result = func(*args, **(kwargs or {}))
        if name and given is not None and isinstance(result, Tensor):
            self.probe.note_activation(name, result, idle)
        return result


def is_idle(given: Tensor | None) -> bool:
    """Whether a layer was given numbers that are all 0, as an expert is that no token was sent to."""
    return given is not None and _is_numbers(given) and not bool(given.detach().any())


def _weights(module: nn.Module | None) -> int:
    """Return how many weights of 2 dimensions or more a module trains."""
    if module is None:
        return 0
    return sum(p.requires_grad and p.dim() > 1 for p in module.parameters())


def _trains(module: nn.Module | None) -> bool:
    return module is not None and any(p is not None and p.requires_grad for p in own_parameters(module).values())


def _is_norm(module: nn.Module) -> bool:
    own = [p for p in own_parameters(module).values() if p is not None]
    return "norm" in type(module).__name__.lower() and bool(own) and all(p.dim() == 1 for p in own)


def _has_no_scale(module: nn.Module) -> bool:
    name = type(module).__name__.lower()
    by_chance = "drop" in name or name == "stochasticdepth"
    return isinstance(module, _WITHOUT_SCALE) or (by_chance and next(module.parameters(), None) is None)


def _is_numbers(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _plain(tensor: Tensor | None) -> Tensor | None:
    """Return a tensor whose values can be looked at; None for a nested one, one without values, and in torch.func."""
    if tensor is None or tensor.is_nested or tensor.is_meta:
        return None
    return None if not lacking_for_views() and is_transformed() else tensor


def _memory(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # a sparse or nested tensor
        return -id(tensor)
