"""What all rooms need of torch, and every private name of it in one place.

A private name may be gone in the next torch. Each is looked up here, and where it is missing, one warning says which
feature goes without it; everything else works.
"""

import sys
import warnings
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import torch
import torch.overrides
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

# ---- what all rooms need


def names_by_tensor(named: Iterable[tuple[str, Tensor]]) -> dict[Tensor, list[str]]:
    """Return {tensor: its names, in order}; a tensor is hashed by identity."""
    names: dict[Tensor, list[str]] = {}
    for name, tensor in named:
        names.setdefault(tensor, []).append(name)
    return names


def parameter_names(net: nn.Module) -> dict[Tensor, list[str]]:
    """Return {Parameter: every name that it has in `net`}, in the order of `net.named_parameters()`."""
    return names_by_tensor(net.named_parameters(remove_duplicate=False))


def is_bias(name: str) -> bool:
    """Whether a Parameter's name is that of a bias: its last part says so, as in `fc.bias` and `lstm.bias_ih_l0`."""
    return "bias" in name.rpartition(".")[2]


def weight_names(names: Iterable[str]) -> list[str]:
    """Return the names that are no biases'; all of them if each is one."""
    every = list(names)
    return [name for name in every if not is_bias(name)] or every


def check_not_lazy(names: Iterable[str]) -> None:
    """Raise ValueError if `names`, of lazy parameters and buffers, are any."""
    if lazy := list(names):
        have = "has" if len(lazy) == 1 else "have"
        raise ValueError(f"{', '.join(lazy)} {have} no shape yet: run one batch through the net first, net(X)")


def dense(tensor: Tensor) -> Tensor:
    """Return a tensor without history, laid out densely."""
    return tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()


def norm(tensor: Tensor) -> Tensor:
    """Return ‖tensor‖ over all entries, shape (); at least in float32."""
    low = tensor.dtype in (torch.float16, torch.bfloat16)  # whose own norm overflows or rounds to 3 digits
    return torch.linalg.vector_norm(tensor, dtype=torch.float32 if low else None)


def moments(tensor: Tensor) -> tuple[float | None, float | None]:
    """Return (mean, std) over all entries, or (None, None) where there are no values."""
    if is_lazy(tensor) or tensor.is_meta or not tensor.numel():
        return None, None
    values = dense(tensor)
    exact = torch.float32 if values.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    values = values.abs() if values.is_complex() else values.to(exact)
    mean = values.mean()
    std = torch.linalg.vector_norm(values - mean) / values.numel() ** 0.5  # torch.std_mean takes four times as long
    return mean.item(), std.item()


# ---- private names of torch

_said: set[str] = set()


def _missing(name: str, without: str) -> None:
    """Warn, once for each name, that this torch lacks it, and what goes without it."""
    if name not in _said:
        _said.add(name)
        warnings.warn(f"torch {torch.__version__} has no {name}: {without}", RuntimeWarning, stacklevel=3)


def _look_up(owner: Any, path: str) -> Any:
    """Return `owner.path`, or None if any part of it is missing."""
    for part in path.split("."):
        owner = getattr(owner, part, None)
    return owner


def can_split() -> bool:
    """Whether this torch has what handing out a parameter's uses takes; a warning says if it does not."""
    for owner, path, name in (
        (torch.overrides, "_get_current_function_mode", "torch.overrides._get_current_function_mode"),
        (torch, "_C._functorch.peek_interpreter_stack", "torch._C._functorch.peek_interpreter_stack"),
        (torch, "ops.aten.alias", "torch.ops.aten.alias"),
    ):
        if _look_up(owner, path) is None:
            _missing(name, "gradients are not split by use")
            return False
    return True


def can_follow_backward() -> bool:
    """Whether this torch tells one backward pass from the next; a warning says if it does not."""
    engine = torch.autograd.Variable
    for owner, path, name in (
        (torch, "_C._current_graph_task_id", "torch._C._current_graph_task_id"),
        (engine, "_execution_engine.queue_callback", "torch.autograd.Variable._execution_engine.queue_callback"),
        (Tensor, "_version", "Tensor._version"),
    ):
        if _look_up(owner, path) is None:
            _missing(name, "`track` does not split gradients by use")
            return False
    return True


def function_mode() -> object:
    """Return the innermost active `TorchFunctionMode`, or None. Ask `can_split` first."""
    return torch.overrides._get_current_function_mode()  # type: ignore[no-untyped-call]


def is_transformed() -> bool:
    """Whether torch.func is at work: a view that is made within has no gradient of its own. Ask `can_split` first."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def alias(tensor: Tensor) -> Tensor:
    """Return a view of the whole tensor, whose backward hands the gradient on, a sparse one too."""
    return torch.ops.aten.alias(tensor)


def keyword_arguments(frame: FrameType) -> dict[str, Any]:
    """Return what a module was called with by keyword, from the frame of the call that runs its hooks.

    torch hands keyword arguments to no hook for all modules. Where the frame names them otherwise, there seem to be
    none.
    """
    found = frame.f_locals.get("kwargs", {})
    return found if isinstance(found, dict) else {}


def backward_pass() -> int:
    """Return the number of the backward pass that is under way. Ask `can_follow_backward` first."""
    return torch._C._current_graph_task_id()


def when_backward_ends(action: Callable[[], object]) -> None:
    """Call `action()` when the backward pass that is under way has ended. Ask `can_follow_backward` first."""
    torch.autograd.Variable._execution_engine.queue_callback(action)  # type: ignore[no-untyped-call]


def version(tensor: Tensor) -> int:
    """Return how often a tensor was changed in place. Ask `can_follow_backward` first."""
    return tensor._version


def uncompiled(module: nn.Module) -> nn.Module:
    """Return the module that `torch.compile` wraps, or the module itself."""
    inner = getattr(module, "_orig_mod", module)
    return inner if isinstance(inner, nn.Module) else module


def is_compiled(module: nn.Module) -> bool:
    """Whether the module itself was compiled, by `torch.compile` or in place."""
    if not hasattr(nn.Module, "_compiled_call_impl"):
        _missing("nn.Module._compiled_call_impl", "whether a net was compiled in place cannot be told")
    return uncompiled(module) is not module or getattr(module, "_compiled_call_impl", None) is not None


def unsaved_buffers(module: nn.Module) -> set[str]:
    """Return the names of a module's own buffers that `state_dict` leaves out."""
    found = getattr(module, "_non_persistent_buffers_set", None)
    if found is None:
        _missing("nn.Module._non_persistent_buffers_set", "tables cannot tell which buffers are not saved")
    return set(found or ())


def storage_number(tensor: Tensor) -> int | None:
    """Return a number that tensors share exactly if they share a storage, also on the meta device; None if unknown."""
    number = getattr(tensor.untyped_storage(), "_cdata", None)
    if number is None:
        _missing("UntypedStorage._cdata", "what shares memory on the meta device cannot be told")
    return number


def caller(depth: int = 1) -> FrameType:
    """Return the frame of the function that called the caller of this one, `depth` calls further out."""
    return sys._getframe(depth + 1)
