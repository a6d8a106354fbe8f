"""What all rooms need of torch, and every private name of it in one place.

A private name may be gone in the next torch. Each is looked up here, and where it is missing, one warning says which
feature goes without it; everything else works.
"""

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType
from typing import Any

import torch
import torch.overrides
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

# ---- what all rooms need

_SLICE = 2**18  # numbers of a tensor that are worked on at once: 1 MiB of float32


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
    return tensor.detach() if tensor.layout in (torch.strided, torch.jagged) else tensor.detach().to_dense()


def real(tensor: Tensor) -> Tensor:
    """Return a complex tensor as one of real numbers, two for each entry; a real one as it is."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def norm(tensor: Tensor) -> Tensor:
    """Return ‖tensor‖ over all entries, shape (), at least in float32; all processes ask together for a DTensor's."""
    low = tensor.dtype in (torch.float16, torch.bfloat16)  # whose own norm overflows or rounds to 3 digits
    found: Tensor = torch.linalg.vector_norm(tensor, dtype=torch.float32 if low else None)
    return whole(found)


def whole(tensor: Tensor) -> Tensor:
    """Return a DTensor's whole value, which all processes have to ask for together; any other tensor as it is."""
    full: Any = getattr(tensor, "full_tensor", None)
    found: Tensor = tensor if full is None else full()
    return found


def local(tensor: Tensor) -> Tensor:
    """Return the part of a DTensor that this process holds; any other tensor as it is."""
    own: Any = getattr(tensor, "to_local", None)
    found: Tensor = tensor if own is None else own()
    return found


def is_sharded(tensor: Tensor) -> bool:
    """Whether a tensor is a DTensor, of which each process may hold a part only."""
    return hasattr(tensor, "full_tensor")


def is_quantized(tensor: Tensor) -> bool:
    """Whether a tensor is of a quantized type, torch's own or a subclass with a `dequantize` of its own."""
    return tensor.is_quantized or type(tensor).dequantize is not Tensor.dequantize


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """Whether no entry is NaN or infinite; a sum tells, unless it overflows. Only on the CPU nobody waits for it."""
    return all(math.isfinite(real(local(tensor)).sum()) for tensor in tensors)


def nonfinite(tensors: Sequence[Tensor]) -> Tensor:
    """Return of each tensor whether its norm is NaN or infinite, on the device of the first, without waiting for it."""
    return ~_norms(tensors).isfinite()


def _norms(tensors: Sequence[Tensor]) -> Tensor:
    """Return ‖tensor‖ of what this process holds of each, shape (tensors,), by few kernels."""
    parts = [local(tensor) for tensor in tensors]
    together = _look_up(torch, "_foreach_norm")
    if together is None:
        _missing("_foreach_norm", "looking for NaN at each step takes longer")
    low = any(part.dtype in (torch.float16, torch.bfloat16) for part in parts)  # whose own norm overflows
    found = [norm(part) for part in parts] if low or together is None else together(parts)
    return torch.stack([size.to(found[0].device) for size in found])


def slices(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors of one shape a slice at a time, flat and real; a slice is a copy only where memory has gaps."""
    parts = [real(tensor) for tensor in tensors]
    if all(part.is_contiguous() for part in parts):
        parts = [part.view(-1) for part in parts]
    length = len(parts[0])
    step = max(1, _SLICE * length // max(1, parts[0].numel()))
    for start in range(0, max(1, length), step):
        yield [part[start : start + step].reshape(-1) for part in parts]


def moments(tensor: Tensor) -> tuple[float | None, float | None]:
    """Return (mean, std) over all entries, or (None, None) where there are no values; all ask for a DTensor's."""
    if is_lazy(tensor) or tensor.is_meta:
        return None, None
    try:
        values = _plain(tensor)
        if not values.numel():
            return None, None
        exact = torch.float32 if values.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
        values = values.abs() if values.is_complex() else values.to(exact)
        mean = whole(values.sum()) / values.numel() if is_sharded(values) else values.mean()
        size = whole(torch.linalg.vector_norm(values - mean.item()))  # torch.std_mean takes four times as long
        return mean.item(), size.item() / values.numel() ** 0.5
    except (RuntimeError, NotImplementedError, TypeError):  # a subclass that hides its numbers
        return None, None


def moments_of(tensors: Sequence[Tensor]) -> list[tuple[float | None, float | None]]:
    """Return `moments` of each tensor; small ones of one size together, in a tenth of the time."""
    found: dict[int, tuple[float | None, float | None]] = {}
    alike: dict[tuple[int, torch.dtype, torch.device], list[int]] = {}
    for i, tensor in enumerate(tensors):
        plain = type(tensor) is nn.Parameter and tensor.layout is torch.strided and tensor.is_floating_point()
        plain = plain and tensor.device.type == "cpu" and not tensor.is_nested
        if plain and 0 < tensor.numel() <= _SLICE // 64:
            alike.setdefault((tensor.numel(), tensor.dtype, tensor.device), []).append(i)
        else:
            found[i] = moments(tensor)
    for (count, _, _), places in alike.items():
        for start in range(0, len(places), step := _SLICE // count):
            here = places[start : start + step]
            values = torch.stack([tensors[i].detach().reshape(-1) for i in here]).double()
            means = values.mean(1)
            stds = torch.linalg.vector_norm(values - means[:, None], dim=1) / count**0.5
            found.update(zip(here, zip(means.tolist(), stds.tolist(), strict=True), strict=True))
    return [found[i] for i in range(len(tensors))]


def _plain(tensor: Tensor) -> Tensor:
    """Return the numbers that a tensor stands for, whatever it is made of."""
    if tensor.is_nested:
        return torch.cat([part.detach().reshape(-1) for part in tensor.unbind()])
    return tensor.detach().dequantize() if is_quantized(tensor) else dense(tensor)


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


def _first_missing(*paths: str) -> str:
    """Return the first of these names, paths from `torch`, that this torch lacks; "" if it has them all."""
    return next((f"torch.{path}" for path in paths if _look_up(torch, path) is None), "")


def lacking_for_views() -> str:
    """Return the name without which no use of a parameter can be handed a view; "" if all are there."""
    return _first_missing("_C._functorch.peek_interpreter_stack", "ops.aten.alias")


def lacking_for_pauses() -> str:
    """Return the name without which a `TorchFunctionMode` cannot be left for one module; "" if all are there."""
    if name := _first_missing("overrides._get_current_function_mode"):
        return name
    module, seen = nn.Identity(), []

    def look(called: nn.Module, args: object) -> None:
        if called is module:
            seen.append(sys._getframe(1).f_locals.get("kwargs"))

    hook = nn.modules.module.register_module_forward_pre_hook(look)
    try:
        module(input=None)
    finally:
        hook.remove()
    return "" if seen == [{"input": None}] else "the local name `kwargs` of nn.Module._call_impl"


def lacking_for_backward() -> str:
    """Return the name without which one backward pass cannot be told from the next; "" if all are there."""
    return _first_missing(
        "_C._current_graph_task_id", "autograd.Variable._execution_engine.queue_callback", "Tensor._version"
    )


def function_mode() -> object:
    """Return the innermost active `TorchFunctionMode`, or None. Ask `lacking_for_pauses` first."""
    return torch.overrides._get_current_function_mode()


def is_transformed() -> bool:
    """Whether torch.func is at work: a view that is made within has no gradient of its own. Ask `lacking_for_views`."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def alias(tensor: Tensor) -> Tensor:
    """Return a view of the whole tensor that hands on a sparse gradient too. Ask `lacking_for_views` first."""
    view: Tensor = torch.ops.aten.alias(tensor)
    return view


def keyword_arguments(frame: FrameType) -> dict[str, Any]:
    """Return what a module was called with by keyword, from the frame that runs its hooks. Ask `lacking_for_pauses`.

    torch hands keyword arguments to no hook for all modules.
    """
    found: dict[str, Any] = frame.f_locals["kwargs"]
    return found


def backward_pass() -> int:
    """Return the number of the backward pass that is under way. Ask `lacking_for_backward` first."""
    return torch._C._current_graph_task_id()


def when_backward_ends(action: Callable[[], object]) -> None:
    """Call `action()` when the backward pass that is under way has ended. Ask `lacking_for_backward` first."""
    torch.autograd.Variable._execution_engine.queue_callback(action)  # type: ignore[arg-type]


def version(tensor: Tensor) -> int:
    """Return how often a tensor was changed in place. Ask `lacking_for_backward` first."""
    return tensor._version


def has_step_hooks(optimizer: Optimizer) -> bool:
    """Whether an optimizer has hooks of its own that run before a step."""
    found = getattr(optimizer, "_optimizer_step_pre_hooks", None)
    if found is None:
        _missing(
            "Optimizer._optimizer_step_pre_hooks", "gradients are read before an optimizer's own hooks change them"
        )
    return bool(found)


def left_out_of_graphs(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return a hook that torch.compile leaves out of its graphs; where nothing is compiled it runs as it is."""
    outside = torch.compiler.disable(hook)

    def run(*args: Any, **kwargs: Any) -> Any:
        return (outside if torch.compiler.is_compiling() else hook)(*args, **kwargs)

    return run


def children(module: nn.Module) -> dict[str, nn.Module]:
    """Return {name: module} of what stands right below a module; unlike `named_children`, all names of one module."""
    return {name: child for name, child in module._modules.items() if child is not None}


def child(module: nn.Module, name: str) -> nn.Module | None:
    """Return what stands right below a module under this name; None if nothing does."""
    found: nn.Module | None = module._modules.get(name)
    return found


def own_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return {name: Parameter} of what a module itself holds, whatever its `named_parameters` leaves out."""
    return {name: p for name, p in module._parameters.items() if p is not None}


def own_buffers(module: nn.Module) -> dict[str, Tensor | None]:
    """Return {name: buffer} of what a module itself holds, whatever its `named_buffers` leaves out; None: not yet."""
    return dict(module._buffers)


_MODULE = frozenset(vars(nn.Module()))  # what each module has


def own_attributes(module: nn.Module) -> dict[str, object]:
    """Return {name: value} of what a module holds besides parameters, buffers, modules and hooks."""
    return {name: value for name, value in vars(module).items() if name not in _MODULE}


def uncompiled(module: nn.Module) -> nn.Module:
    """Return the module that `torch.compile` wraps, or the module itself."""
    inner = getattr(module, "_orig_mod", None)
    if inner is None and type(module).__name__ == "OptimizedModule":
        _missing("OptimizedModule._orig_mod", "a compiled net is looked at from outside")
    return inner if isinstance(inner, nn.Module) else module


def is_compiled(module: nn.Module) -> bool:
    """Whether the module itself was compiled, by `torch.compile` or in place."""
    if not hasattr(nn.Module, "_compiled_call_impl"):
        _missing("nn.Module._compiled_call_impl", "whether a net was compiled in place cannot be told")
    wrapped = "_orig_mod" in module._modules or type(module).__name__ == "OptimizedModule"
    return wrapped or getattr(module, "_compiled_call_impl", None) is not None


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
