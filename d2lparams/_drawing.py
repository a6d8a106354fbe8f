"""How `initialize` draws on copies, and how the copies move into the net, all of them or none."""

import contextlib
import itertools
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._calls import Scheme, accepted, described
from ._memory import Span, memory_spans, overlapping, strides
from ._parametrized import ByList
from ._rules import Choice
from ._torch import check_not_lazy, is_quantized, is_sharded, own_buffers, whole

_MOST_NAMES = 4  # in a note


def check_can_be_filled(named: Iterable[tuple[Tensor, str]]) -> None:
    """Raise ValueError for Parameters, given with their names, whose numbers no scheme can set."""
    pairs = list(named)
    check_not_lazy(name for p, name in pairs if is_lazy(p))
    for why, is_so in _REASONS.items():
        if found := [(name, p) for p, name in pairs if is_so(p)]:
            more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
            names = ", ".join(name for name, _ in found[:_MOST_NAMES])
            raise ValueError(f"{names}{more} cannot be filled: {why.format(_what(found[0][1]))}. Nothing was changed")


def _is_stretched(p: Tensor) -> bool:
    steps = strides(p) if p.layout is torch.strided and not p.is_nested else ()
    return bool(p.numel()) and 1 + sum((size - 1) * step for size, step in steps) < p.numel() if steps else False


def _what(p: Tensor) -> str:
    return str(p.dtype) if type(p) in (Tensor, nn.Parameter) else type(p).__name__


def _is_coded(p: Tensor) -> bool:
    return is_quantized(p) or (p.itemsize == 1 and p.dtype is not torch.bool)


_LEAVE = "leave this out by a rule with None in place of a scheme"
_REASONS: dict[str, Callable[[Tensor], bool]] = {
    "expand() gave it fewer numbers than its shape says; clone() gives as many": _is_stretched,
    "what is made under torch.inference_mode() can change only there; call initialize there too, or build the net "
    "outside": lambda p: p.is_inference() and not torch.is_inference_mode_enabled(),
    "quantized codes ({}) depend on a scale that no scheme sets; initialize the net before it is quantized, or "
    f"{_LEAVE}": _is_coded,
    f"a scheme cannot fill a nested tensor; {_LEAVE}": lambda p: p.is_nested,
}


@contextlib.contextmanager
def buffers_kept(chosen: Mapping[Tensor, Choice]) -> Generator[None, None, None]:
    """If something fails, give parametrizations back the buffers that their `right_inverse` has set."""
    made_by = {choice.place.made_by for choice in chosen.values()}
    modules = {module for by in made_by if isinstance(by, ByList) for module in by.steps.modules()}
    before = [
        (module, name, None if b is None else b.clone())
        for module in modules
        for name, b in own_buffers(module).items()
    ]
    try:
        yield
    except BaseException:
        for module, name, buffer in before:
            setattr(module, name, buffer)
        raise


def drawn(chosen: Mapping[Tensor, Choice], generator: torch.Generator | None) -> dict[Tensor, Tensor]:
    """Return {Parameter: its new values}, drawn in the order of `chosen`; nothing in the net changes."""
    rules = {choice.key: choice.scheme for choice in chosen.values() if choice.scheme is not None}
    offered = {key: accepted(scheme, "name", "generator", "layer") for key, scheme in rules.items()}
    values: dict[Tensor, Tensor] = {}
    for p, choice in chosen.items():
        if p not in values and choice.scheme is not None:
            new = _draw(p, choice, choice.scheme, offered[choice.key], generator)
            values.update(zip(choice.place.parameters, new, strict=True))
    return values


def _draw(
    p: Tensor, choice: Choice, scheme: Scheme, offered: set[str], generator: torch.Generator | None
) -> tuple[Tensor, ...]:
    """Return what `scheme` makes of a copy of `p`, or the Parameters of which a parametrized tensor is then made."""
    place = choice.place
    old = p.detach() if place.made_by is None else place.made_by.made().contiguous()
    values = _copied(old, old.device if generator is None or old.is_meta else generator.device)
    shape = tuple(values.shape)
    subject = f"scheme {described(scheme)} on {place.name!r} {shape}"
    offers = {"name": place.name, "generator": generator, "layer": place.layer}
    state = torch.random.get_rng_state() if generator is not None else None
    try:
        result = scheme(values, **{key: offers[key] for key in offered})
        if choice.padding is not None and tuple(values.shape) == shape:
            values[choice.padding] = 0
    except Exception as error:
        cure = f"a rule for ({type(place.layer).__name__}, {place.own!r}) before this one would take it"
        if isinstance(error, TypeError) and "missing" in str(error):
            cure = "bind its arguments with functools.partial or a lambda"
        raise ValueError(f"{subject} failed, so nothing was changed: {str(error).rstrip('.')}; {cure}") from error
    if isinstance(result, Tensor) and result is not values and _storage(result) != _storage(values):
        raise ValueError(
            f"{subject} returned a new tensor, so nothing was changed: fill the tensor it is given, in place"
        )
    if tuple(values.shape) != shape:
        raise ValueError(f"{subject} made its shape {tuple(values.shape)}, so nothing was changed: keep the shape")
    if state is not None and not torch.equal(state, torch.random.get_rng_state()):
        raise ValueError(
            f"{subject} drew from torch's global generator, not from yours, so nothing was changed: "
            f"let it take `generator=None` and hand that on to nn.init"
        )
    try:
        parts = (values,) if place.made_by is None else place.made_by.taken_apart(values.to(old.device))
        return tuple(map(_divided, parts, place.parameters))
    except Exception as error:
        raise ValueError(f"{subject} made what cannot be written, so nothing was changed: {error}") from error


def _copied(tensor: Tensor, device: torch.device) -> Tensor:
    if is_sharded(tensor):
        if tensor.is_meta:
            return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
        tensor = whole(tensor).clone()
    elif type(tensor) is not Tensor and type(tensor) is not nn.Parameter:  # its `to` may hand out the same memory
        tensor = tensor.clone()
    else:
        return tensor.to(device, copy=True)
    return tensor.to(device)


def _divided(values: Tensor, p: Tensor) -> Tensor:
    """Return the values as a DTensor where `p` is one; what process 0 drew counts."""
    if not is_sharded(p) or p.is_meta:
        return values
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(p, DTensor)
    return distribute_tensor(values.to(p.device), p.device_mesh, p.placements)


def _storage(tensor: Tensor) -> int | None:
    """Return the address of a tensor's storage, 0 on the meta device, None where there is none."""
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else None


def write(values: dict[Tensor, Tensor], names: Mapping[Tensor, list[str]]) -> None:
    """Copy new values into their Parameters; if one refuses, give all of them back what they had."""
    undo: list[tuple[Tensor, Tensor]] = []
    p = None
    try:
        for p, new in values.items():
            if not p.is_meta:
                old = p.detach().clone()
                undo.append((p, old))
                p.copy_(new)
                values[p] = old  # so that at any time there is one copy of each
    except BaseException as error:
        for changed, old in undo:
            with contextlib.suppress(Exception):  # the one that refused
                changed.copy_(old)
        if p is None or not isinstance(error, Exception):
            raise
        raise ValueError(f"{names[p][0]} refused its new values, so nothing was changed: {error}") from error


def shared_memory(names: Mapping[Tensor, list[str]], said: Mapping[Tensor, str]) -> list[str]:
    """Return a sentence for each memory that several Parameters lie over, if a scheme, which `said` has, filled one."""
    notes = []
    spans = memory_spans(p for p in names if not p.is_nested)
    if not _any_meet(spans.values()):
        return []
    order = {p: i for i, p in enumerate(names)}
    for found in overlapping(spans):
        group = sorted(found, key=order.__getitem__)
        filled = [p for p in group if p in said]
        if len(group) < 2 or not filled:
            continue
        listed = " and ".join(names[p][0] for p in group[:_MOST_NAMES])
        more = f" and {len(group) - _MOST_NAMES} more" if len(group) > _MOST_NAMES else ""
        last = f"{said[filled[-1]]} for {names[filled[-1]][0]}"
        times = "drawn once, and changed under all of these names: " if len(filled) == 1 else ""
        times = times or f"drawn {len(filled)} times; what stands there was drawn last: "
        notes.append(f"{listed}{more} share memory, {times}{last}")
    return notes


def _any_meet(spans: Iterable[Span]) -> bool:
    ends: dict[Hashable, list[tuple[int, int]]] = {}
    for space, start, end in spans:
        ends.setdefault(space, []).append((start, end))
    return any(before[1] > after[0] for here in ends.values() for before, after in itertools.pairwise(sorted(here)))
