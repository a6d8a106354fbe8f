"""Which tensors share bytes of memory, and which merely hold equal values."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from ._torch import storage_number

T = TypeVar("T")


class Span(NamedTuple):
    """From the first byte that a tensor reads to the last; it may jump over some between them."""

    space: Hashable  # what the addresses count in: a device, or, on the meta device, a storage
    start: int
    end: int  # one past the last byte


def memory_spans(tensors: Iterable[Tensor]) -> dict[Tensor, Span]:
    """Return {tensor: its Span}, without those of which it cannot be told."""
    return {tensor: span for tensor in tensors if (span := _span(tensor))}


def _span(tensor: Tensor) -> Span | None:
    if is_lazy(tensor) or tensor.layout != torch.strided or not tensor.numel():
        return None
    space: Hashable
    try:
        if tensor.is_meta:  # no memory, but storages that are shared or not
            space, start = storage_number(tensor), int(tensor.storage_offset()) * tensor.itemsize
            if space is None:
                return None
        else:
            space, start = tensor.device, tensor.data_ptr()
            if not start:
                return None
    except (RuntimeError, NotImplementedError):  # a subclass that keeps its data elsewhere
        return None
    last = sum((size - 1) * stride for size, stride in strides(tensor))
    return Span(space, start, start + (last + 1) * tensor.itemsize)


def strides(tensor: Tensor) -> tuple[tuple[int, int], ...]:
    """Return (size, stride) of each dimension that has more than one entry."""
    return tuple((size, step) for size, step in zip(tensor.shape, tensor.stride(), strict=True) if size > 1)


def overlapping(spans: Mapping[Tensor, Span]) -> list[list[Tensor]]:
    """Return the tensors in groups whose memory hangs together, byte by byte; one that shares nothing is alone."""
    group_of = {tensor: [tensor] for tensor in spans}
    for neighbors in grouped(spans, lambda tensor: spans[tensor].space):
        near: list[Tensor] = []  # those that start no later and do not end before the next one starts
        for tensor in sorted(neighbors, key=lambda tensor: spans[tensor][1:]):
            near = [other for other in near if spans[other].end > spans[tensor].start]
            for other in near:
                group, joining = group_of[other], group_of[tensor]
                if group is not joining and _share_a_byte(other, tensor, spans):
                    group += joining
                    group_of.update(dict.fromkeys(joining, group))
            near.append(tensor)
    return list({id(group): group for group in group_of.values()}.values())


def _share_a_byte(a: Tensor, b: Tensor, spans: Mapping[Tensor, Span]) -> bool:
    """Whether two tensors with overlapping spans have a byte in common: columns 0 and 1 of a matrix have none."""
    if spans[a].start == spans[b].start or all(_fills(tensor, spans[tensor]) for tensor in (a, b)):
        return True
    unit = math.gcd(a.itemsize, b.itemsize, spans[a].start - spans[b].start)
    low, high = min(spans[a].start, spans[b].start), max(spans[a].end, spans[b].end)
    places = torch.arange((high - low) // unit)

    def occupied(tensor: Tensor) -> Tensor:
        units = tensor.itemsize // unit  # of one entry
        sizes = [size for size, _ in strides(tensor)]
        steps = [step * units for _, step in strides(tensor)]
        return places.as_strided([*sizes, units], [*steps, 1], (spans[tensor].start - low) // unit).flatten()

    taken = torch.zeros(len(places), dtype=torch.bool)
    taken[occupied(a)] = True
    return bool(taken[occupied(b)].any())


def _fills(tensor: Tensor, span: Span) -> bool:
    """Whether a tensor reads every byte of its span."""
    return tensor.numel() * tensor.itemsize == span.end - span.start


def equal_values(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    """Return the groups of two or more of `tensors` with equal entries, less those of a single repeated number."""
    groups = []
    for alike in grouped(tensors, lambda tensor: (tensor.shape, tensor.dtype)):
        if len(alike) > 1:
            for candidates in grouped([(_bits(tensor), tensor) for tensor in alike], lambda pair: _sample(pair[0])):
                if len(candidates) > 1:
                    groups += _equal_groups(candidates)
    return groups


def _equal_groups(candidates: list[tuple[Tensor, Tensor]]) -> list[list[Tensor]]:
    """Return the groups of equals among pairs (values that can be compared, the tensor that they are of)."""
    groups: list[list[tuple[Tensor, Tensor]]] = []
    for values, tensor in candidates:
        if bool((values == values.flatten()[0]).all()):
            continue
        for group in groups:
            first = group[0][0]
            if torch.equal(first, values.to(first.device)):
                group.append((values, tensor))
                break
        else:
            groups.append([(values, tensor)])
    return [[tensor for _, tensor in group] for group in groups if len(group) > 1]


def _bits(tensor: Tensor) -> Tensor:
    tiny = tensor.is_floating_point() and tensor.itemsize == 1  # float8 and float4, for which torch lacks operations
    return tensor.detach().view(torch.uint8) if tiny else tensor.detach()


def _sample(values: Tensor, size: int = 16) -> tuple[float, ...]:
    flat = values.flatten()
    return tuple(flat[:: -(-len(flat) // size)].tolist())


def grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Return the items in groups of equal `key`, in the order in which the keys are met."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
