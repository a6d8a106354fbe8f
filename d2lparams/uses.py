"""Split the gradient of a shared parameter by place of use.

Autograd adds up what every use of a Parameter contributes, and only the sum reaches `.grad`. To see the terms, each
use is handed a view of its own while `forward` runs: the same memory, another node in the graph. What flows into a
view's node is that use's gradient. Nothing is computed twice, no layer is changed, and any function that takes a
Parameter counts, not only those that layers of a known type call.
"""

import math
import sys
import threading
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn.modules import module as _module
from torch.overrides import TorchFunctionMode, _get_current_function_mode

# Methods that act on the Parameter object itself, which a view cannot stand in for; and so do most attributes.
_ON_ITSELF = {"register_hook", "register_post_accumulate_grad_hook", "requires_grad_", "retain_grad"}
_ON_ITSELF |= {"__get__", "__set__", "__delete__", "grad", "backward"}  # the last two are torch.autograd's
_VIEWS = {getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH", "real", "imag")}  # attributes, and functions
# In eval mode, without gradients, these run a kernel of their own, whose numbers differ, unless a mode is on.
_FAST = nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention


class Uses(TorchFunctionMode):
    """Calls `seen(parameter, place, view)` at each use of a parameter of `net` while `net` runs forward.

    It watches between `start()` and `stop()`, through hooks that torch keeps for all modules, so `net` holds nothing
    of it. `place` is the path of the innermost module that was running: for a module with several paths, the k-th
    call in a forward pass goes by the k-th path. A second use at the same place is "path #2", and so on up to `most`;
    the net's own forward is "forward". Passes without gradients are not watched, nor what torch.func transforms.
    """

    def __init__(self, net: nn.Module, seen, most=math.inf):
        super().__init__()
        self.net, self.seen, self.most = net, seen, most
        self.parameters = {id(p): p for p in net.parameters()}
        self.paths = {}
        for path, module in net.named_modules(remove_duplicate=False):
            self.paths.setdefault(id(module), []).append(path or "forward")
        self._hooks, self._running = [], []  # _running: the places of the modules being run, outermost first
        self._frame, self._stopping = None, False  # the outermost one's call; to be stopped when that ends
        self._paused = 0  # how many modules were running when the mode was left, for one of them

    def start(self):
        if self._running:  # perhaps interrupted from the keyboard, and torch calls no hook then
            self.stop()
        self._stopping = False
        if not self._hooks:
            self._hooks = [
                _module.register_module_forward_pre_hook(self._enter),
                _module.register_module_forward_hook(self._leave, always_call=True),
            ]

    def stop(self):
        self._stopping = self._in_forward()
        if self._stopping:
            return
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if self._running:
            if not self._paused:
                self.__exit__(None, None, None)
            self._running, self._paused, self._frame = [], 0, None

    def _in_forward(self):
        """Whether a watched pass is under way, in this thread or in another one."""
        frame = sys._current_frames().get(self._thread) if self._running else None
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        return frame is not None

    def _enter(self, module, args):
        if not self._running:
            if module is not self.net or not torch.is_grad_enabled():
                return
            self._frame = sys._getframe(1)
            self._thread = threading.get_ident()
            self._calls, self._counts = Counter(), Counter()
            self.__enter__()
        elif threading.get_ident() != self._thread:  # somebody else's net, such as an interactive figure's
            return
        paths = self.paths.get(id(module), self._running[-1:])
        self._running.append(paths[min(self._calls[id(module)], len(paths) - 1)])
        self._calls[id(module)] += 1
        if isinstance(module, _FAST) and _get_current_function_mode() is self:
            by_keyword = sys._getframe(1).f_locals.get("kwargs", {})  # which torch hands to no hook for all modules
            if _cannot_learn(module, (*args, *by_keyword.values())):
                self._paused = len(self._running)
                self.__exit__(None, None, None)

    def _leave(self, module, args, output):
        if self._running and threading.get_ident() == self._thread:
            if self._paused == len(self._running):
                self._paused = 0
                self.__enter__()
            self._running.pop()
            if not self._running:
                self._frame = None
                self.__exit__(None, None, None)
                if self._stopping:
                    self.stop()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if (name in _ON_ITSELF and func not in _VIEWS) or not torch.is_grad_enabled() or _transformed():
            return func(*args, **kwargs)
        views = []
        args = _replace(args, self.parameters, views)
        kwargs = {key: _replace(value, self.parameters, views) for key, value in kwargs.items()}
        output = func(*args, **kwargs)
        if views and _differentiable(args[0] if name == "__setitem__" else output):  # w.size(0) is no use of w
            for p, view in views:
                place = self._running[-1]
                self._counts[id(p), place] += 1
                count = min(self._counts[id(p), place], self.most)
                later = " and later" if count == self.most else ""
                self.seen(p, place if count == 1 else f"{place} #{count}{later}", view)
        return output


def _cannot_learn(module, args):
    tensors = [*module.parameters(), *(value for value in args if isinstance(value, Tensor))]
    return not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in tensors)


def _transformed():
    """Whether torch.func is at work: a view that is made within has no gradient of its own."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _replace(value, parameters, views):
    """Return `value` with each known parameter in it, or in its lists and tuples, replaced by a view of its own."""
    if isinstance(value, Tensor):
        p = parameters.get(id(value))
        if p is None or not p.requires_grad:
            return value
        views.append((p, torch.ops.aten.alias(p)))  # its backward hands the gradient on, a sparse one too
        return views[-1][1]
    if type(value) in (list, tuple):
        return type(value)(_replace(item, parameters, views) for item in value)
    return value


def _differentiable(output):
    if isinstance(output, (list, tuple)):
        return any(map(_differentiable, output))
    return isinstance(output, Tensor) and output.requires_grad


def gradient_by_use(net: nn.Module, loss) -> dict[str, dict[str, Tensor]]:
    """Return the gradient of `loss()` with respect to each parameter of `net`, one tensor for each place of use.

    net: any module. loss: a function without arguments that runs `net` and returns a scalar.
    The result maps a parameter's name (its first, as in `net.named_parameters()`) to {place: gradient}, each gradient
    of the parameter's shape; a place is the path of the module that used it. The sum over places is what
    `loss().backward()` would add to `.grad`, but for what reaches a Parameter outside `net(...)` (a penalty in the
    loss), through an `autograd.Function` or through a scripted function; here `.grad` is left as it is.
    Raises ValueError if `loss()` is no scalar, or if it does not depend on a parameter through `net(...)`.
    Source: the sum rule of the total derivative. Met in notebooks 4 and 5.

    >>> import torch
    >>> linear = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.constant_(linear.weight, 3)
    >>> net = nn.Sequential(linear, linear)
    >>> by_use = gradient_by_use(net, lambda: net(torch.ones(1, 1)).sum())
    >>> {place: gradient.item() for place, gradient in by_use["0.weight"].items()}  # d(w*w)/dw = w + w
    {'0': 3.0, '1': 3.0}
    """
    found = []
    uses = Uses(net, lambda *use: found.append(use))
    uses.start()
    try:
        with torch.enable_grad():
            value = loss()
    finally:
        uses.stop()
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise ValueError(f"loss() must return a scalar tensor, but it returned {_kind(value)}")
    if not found or not value.requires_grad:
        raise ValueError("loss() depends on no parameter of the net: call the net itself, net(X), inside it")
    gradients = torch.autograd.grad(value, [view for _, _, view in found], allow_unused=True)
    names = {id(p): name for name, p in net.named_parameters()}
    result = {}
    for (p, place, _), gradient in zip(found, gradients, strict=True):
        if gradient is not None:
            places = result.setdefault(names[id(p)], {})
            places[place] = gradient if place not in places else places[place] + gradient
    return result


def _kind(value):
    return f"one of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
