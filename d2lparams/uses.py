"""Split the gradient of a shared parameter by place of use.

Autograd adds up what every use of a Parameter contributes, and only the sum reaches `.grad`. To see the terms, each
use is handed a view of its own while `forward` runs: the same memory, another node in the graph. What flows into a
view's node is that use's gradient. Nothing is computed twice, no layer is changed, and any function that takes a
Parameter counts, not only those that layers of a known type call.
"""

import math
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from . import _torch
from ._paths import Paths

# Methods that act on the Parameter object itself, which a view cannot stand in for; and so do most attributes.
_ON_ITSELF = {"register_hook", "register_post_accumulate_grad_hook", "requires_grad_", "retain_grad"}
_ON_ITSELF |= {"__get__", "__set__", "__delete__", "grad", "backward"}  # the last two are torch.autograd's
_VIEWS = {getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH", "real", "imag")}  # attributes, and functions
# In eval mode, without gradients, these run a kernel of their own, whose numbers differ, unless a mode is on.
_FAST = nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention

_Use = tuple[Tensor, Tensor]  # a parameter, and the view that was handed out in its place


def lacking(net: nn.Module) -> str:
    """Return what this torch lacks to split the gradients of a net by use.

    Args:
        net: any module.

    Returns:
        The first private name of torch's that is missing; "" if all are there.

    Example:
        >>> lacking(nn.Linear(4, 8))
        ''
    """
    name = _torch.lacking_for_views()
    if not name and any(isinstance(module, _FAST) for module in net.modules()):
        name = _torch.lacking_for_pauses()
    return name


class Uses(TorchFunctionMode):
    """Tells of each use of a parameter of a net while the net runs forward.

    It watches between `start()` and `stop()`, through hooks that torch keeps for all modules, so the net holds nothing
    of it. The place of a use is the path of the innermost module that was running, see `Paths`. A second use at the
    same place is "path #2", and so on; the net's own forward is "forward". Passes without gradients are not watched,
    nor what torch.func transforms, nor what torch.compile traces.

    What a checkpoint with use_reentrant=True runs under torch.no_grad it runs again while the gradients are computed.
    Such a use could not be seen: `hidden` has its parameter. If a part of the net is compiled meanwhile, it watches no
    more.

    An error of its own, or of `seen`, never reaches the net: it ends the watch.

    Args:
        net: any module.
        seen: called as `seen(parameter, place, view)` at each use, with the view that was handed out.
        failed: called with the error that ended the watch.
        most: how many uses at one place are told apart.
        only: the parameters that are followed; by default all of the net.
    """

    def __init__(
        self,
        net: nn.Module,
        seen: Callable[[Tensor, str, Tensor], object],
        failed: Callable[[Exception], object],
        most: float = math.inf,
        only: Iterable[Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.net, self.seen, self.failed, self.most = net, seen, failed, most
        self.parameters: dict[int, Tensor] = {id(p): p for p in (net.parameters() if only is None else only)}
        self.hidden: set[Tensor] = set()
        self._paths = Paths(net)
        self._works = True  # until the first error, or until the net is compiled
        self._failed = False
        self._hooks: list[RemovableHandle] = []
        self._running: list[str] = []  # the places of the modules being run, outermost first
        self._frame: FrameType | None = None  # the outermost one's call
        self._thread = 0  # and the thread it runs in
        self._stopping = False  # to be stopped when it ends
        self._on = False  # whether this mode is one of torch's modes
        self._paused = 0  # how many modules were running when the mode was left, for one of them

    def start(self) -> None:
        """Watch the passes that begin from now on."""
        self._carefully(self._start)

    def stop(self) -> None:
        """Watch no more, from the end of the pass on that is under way."""
        if self._hooks or self._running or self._on:
            self._carefully(self._stop)

    def is_compiled(self) -> bool:
        """Return whether a part of the net is compiled by now; then no more is watched.

        Returns:
            Whether the watch has ended for it.
        """
        if any(map(_torch.is_compiled, self.net.modules())):
            self._end()
        return not self._works and not self._failed

    def _start(self) -> None:
        if self._running or not self._works:  # perhaps interrupted from the keyboard, and torch calls no hook then
            self._stop()
        self._stopping = False
        if self._works and not self._hooks:
            before, after = partial(self._carefully, self._before), partial(self._carefully, self._after)
            self._hooks.append(torch_module.register_module_forward_pre_hook(before))
            self._hooks.append(torch_module.register_module_forward_hook(after, always_call=True))

    def _end(self) -> None:
        self._works = False
        self._stop()

    def _stop(self) -> None:
        self._stopping = self._in_forward()
        if not self._stopping:
            while self._hooks:
                self._hooks.pop().remove()
            self._running, self._paused, self._frame = [], 0, None
            self._switch(False)

    def _in_forward(self) -> bool:
        """Whether a watched pass is under way, in this thread or in another one."""
        frame = sys._current_frames().get(self._thread) if self._running else None
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        return frame is not None

    def _carefully(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return `function(*args)`, or None after an error, which ends the watch and nothing else."""
        if torch.compiler.is_compiling():
            return None
        try:
            return function(*args)
        except Exception as error:
            self._works, self._failed = False, True
            self.failed(error)
            return None

    # ---- what torch calls; after an error they only keep `_running` in step, to leave the mode when the pass ends

    def _before(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if not self._running:
            if _torch.is_compiled(module) and any(part is self.net for part in module.modules()):
                self._end()  # else what is compiled would be compiled with this hook
            if module is not self.net or not torch.is_grad_enabled() or not self._works or self.is_compiled():
                return
            self._frame, self._thread = sys._getframe(2), threading.get_ident()
        elif threading.get_ident() != self._thread:  # somebody else's net, such as an interactive figure's
            return
        self._running.append("")
        if self._works:
            self._carefully(self._enter, module, args, sys._getframe(2))  # torch's, which called `_carefully`

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if not self._running or threading.get_ident() != self._thread:
            return
        if self._works:
            self._carefully(self._leave)
        self._running.pop()
        if not self._running:
            self._frame = None
            self._switch(False)
            if self._stopping:
                self._stop()

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        replaced = self._carefully(self._hand_out, func, args, kwargs) if self._works else None
        if replaced is None:
            return func(*args, **kwargs)
        args, kwargs, uses = replaced
        output = func(*args, **kwargs)
        if uses:
            self._carefully(self._tell, uses, args[0] if func is Tensor.__setitem__ else output)
        return output

    # ---- what is done then

    def _switch(self, on: bool) -> None:
        """Make this mode one of torch's modes, or leave it."""
        if on and not self._on:
            self.__enter__()  # type: ignore[no-untyped-call]
        elif self._on and not on:
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        self._on = on

    def _enter(self, module: nn.Module, args: tuple[Any, ...], frame: FrameType) -> None:
        """Put the place of a module that begins to run into the last of `_running`."""
        if len(self._running) == 1:
            self._paths.clear()
            self._counts: Counter[tuple[int, str]] = Counter()  # parameter, place -> how often it was used
            self._switch(True)
        self._running[-1] = self._paths.enter(module) or "forward"
        if isinstance(module, _FAST) and _torch.function_mode() is self:
            given = (*args, *_torch.keyword_arguments(frame).values())
            if _cannot_learn(module, given):
                if not torch.is_grad_enabled():
                    self._hide(module.parameters())
                self._paused = len(self._running)
                self._switch(False)

    def _leave(self) -> None:
        self._paths.leave()
        if self._paused == len(self._running):
            self._paused = 0
            self._switch(True)

    def _hand_out(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], list[_Use]] | None:
        """Return (args, kwargs, uses), a view for each parameter among them; None if the function is no use."""
        on_itself = getattr(func, "__name__", "") in _ON_ITSELF and func not in _VIEWS
        if on_itself or _torch.is_transformed():
            return None
        if not torch.is_grad_enabled():
            self._hide(self._among([*args, *kwargs.values()]))
            return None
        uses: list[_Use] = []
        args = self._replace(args, uses)
        return args, {key: self._replace(value, uses) for key, value in kwargs.items()}, uses

    def _replace(self, value: Any, uses: list[_Use]) -> Any:
        """Return `value` with each known parameter in it, or in its lists and tuples, replaced by a view of its own."""
        if isinstance(value, Tensor):
            p = self._known(value)
            if p is None:
                return value
            view = _torch.alias(p)
            uses.append((p, view))
            return view
        if type(value) in (list, tuple):
            return type(value)(self._replace(item, uses) for item in value)
        return value

    def _hide(self, parameters: Iterable[Tensor]) -> None:
        """Note what is used under torch.no_grad, if that is in a checkpoint."""
        new = [p for p in parameters if self._known(p) is not None and p not in self.hidden]
        if new and _in_checkpoint(sys._getframe(1), self._frame):
            self.hidden.update(new)

    def _among(self, values: Iterable[Any]) -> Iterator[Tensor]:
        """Yield the known parameters among values, and in their lists and tuples."""
        for value in values:
            if isinstance(value, Tensor):
                if self._known(value) is not None:
                    yield value
            elif type(value) in (list, tuple):
                yield from self._among(value)

    def _known(self, value: object) -> Tensor | None:
        p = self.parameters.get(id(value))
        return p if p is not None and p.requires_grad else None

    def _tell(self, uses: list[_Use], output: object) -> None:
        if not _differentiable(output):  # w.size(0) is no use of w
            return
        for p, view in uses:
            place = self._running[-1]
            self._counts[id(p), place] += 1
            count = min(self._counts[id(p), place], self.most)
            later = " and later" if count == self.most else ""
            self.seen(p, place if count == 1 else f"{place} #{count}{later}", view)


def _cannot_learn(module: nn.Module, args: Iterable[object]) -> bool:
    tensors = [*module.parameters(), *(value for value in args if isinstance(value, Tensor))]
    return not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in tensors)


def _differentiable(output: object) -> bool:
    if isinstance(output, (list, tuple)):
        return any(map(_differentiable, output))
    return isinstance(output, Tensor) and output.requires_grad


def _in_checkpoint(frame: FrameType | None, outermost: FrameType | None) -> bool:
    """Whether a frame, or a caller of it within the outermost one, runs a checkpoint with use_reentrant=True."""
    while frame is not None and frame is not outermost:
        code = frame.f_code
        of_function = code.co_name == "forward" and code.co_varnames[:1] == ("ctx",)  # of an autograd.Function
        if of_function and type(frame.f_locals.get("ctx")).__name__.startswith("CheckpointFunction"):
            return True
        frame = frame.f_back
    return False


def gradient_by_use(net: nn.Module, loss: Callable[[], Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the gradient of `loss()` with respect to each parameter of `net`, one tensor for each place of use.

    The sum over places is what `loss().backward()` would add to `.grad`, but for what reaches a Parameter outside
    `net(...)` (a penalty in the loss), through an `autograd.Function` or through a scripted function; here `.grad` is
    left as it is.

    Args:
        net: any module.
        loss: a function without arguments that runs `net` and returns a scalar.

    Returns:
        A dictionary for each parameter, by its first name, as in `net.named_parameters()`. It holds a tensor of the
        parameter's shape for each place of use, the path of the module that used it.

    Raises:
        ValueError: If `loss()` is no scalar, or if it does not depend on a parameter through `net(...)`.
        RuntimeError: If this torch lacks what the split takes, or if the uses could not be followed.

    Source: the sum rule of the total derivative. Met in notebooks 4 and 5.

    Example:
        >>> import torch
        >>> linear = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(linear.weight, 3)
        >>> net = nn.Sequential(linear, linear)
        >>> by_use = gradient_by_use(net, lambda: net(torch.ones(1, 1)).sum())
        >>> {place: gradient.item() for place, gradient in by_use["0.weight"].items()}  # d(w*w)/dw = w + w
        {'0': 3.0, '1': 3.0}
    """
    if name := lacking(net):
        raise RuntimeError(f"torch {torch.__version__} has no {name}, which gradient_by_use needs: try another torch")
    found: list[tuple[Tensor, str, Tensor]] = []
    errors: list[Exception] = []
    uses = Uses(net, lambda p, place, view: found.append((p, place, view)), errors.append)
    uses.start()
    try:
        with torch.enable_grad():
            value = loss()
    finally:
        uses.stop()
    if errors:
        kind = type(errors[0]).__name__
        raise RuntimeError(f"the uses of the parameters could not be followed: {kind}: {errors[0]}") from errors[0]
    if not isinstance(value, Tensor) or value.numel() != 1:
        kind = f"one of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"loss() must return a scalar tensor, but it returned {kind}")
    hidden = [name for name, p in net.named_parameters() if p in uses.hidden]
    if hidden and not found:
        raise ValueError(
            "all uses were inside a checkpoint with use_reentrant=True, where they cannot be seen: of "
            f"{', '.join(hidden)}. Take use_reentrant=False, or no checkpoint, to split them"
        )
    if not found or not value.requires_grad:
        raise ValueError("loss() depends on no parameter of the net: call the net itself, net(X), inside it")
    if hidden:
        warnings.warn(
            f"uses inside a checkpoint with use_reentrant=True were not seen: of {', '.join(hidden)}; what is returned "
            "is not all of these gradients. Take use_reentrant=False, or no checkpoint, to split them",
            RuntimeWarning,
            stacklevel=2,
        )
    gradients = torch.autograd.grad(value, [view for _, _, view in found], allow_unused=True)
    names = {id(p): name for name, p in net.named_parameters()}
    result: dict[str, dict[str, Tensor]] = {}
    for (p, place, _), gradient in zip(found, gradients, strict=True):
        if gradient is not None:
            places = result.setdefault(names[id(p)], {})
            places[place] = places[place] + gradient if place in places else gradient
    return result
