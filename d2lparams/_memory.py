"""Which tensors share bytes of memory, and which merely hold equal values."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from ._footprints import Footprint, bytes_of, hanging_together, merged
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
    contiguous = tensor.is_contiguous()
    last = tensor.numel() - 1 if contiguous else sum((size - 1) * stride for size, stride in strides(tensor))
    return Span(space, start, start + (last + 1) * tensor.itemsize)


def strides(tensor: Tensor) -> tuple[tuple[int, int], ...]:
    """Return (size, stride) of each dimension that has more than one entry."""
    return tuple((size, step) for size, step in zip(tensor.shape, tensor.stride(), strict=True) if size > 1)


def overlapping(spans: Mapping[Tensor, Span]) -> list[list[Tensor]]:
    """Return the tensors in groups whose memory hangs together, byte by byte; one that shares nothing is alone."""
    groups = []
    for neighbors in grouped(spans, lambda tensor: spans[tensor].space):
        cluster: list[Tensor] = []  # whose spans hang together
        end = 0
        for tensor in sorted(neighbors, key=lambda tensor: spans[tensor][1:]):
            if cluster and spans[tensor].start >= end:
                groups += _joined(cluster, spans)
                cluster, end = [], 0
            cluster.append(tensor)
            end = max(end, spans[tensor].end)
        groups += _joined(cluster, spans)
    order = {tensor: i for i, tensor in enumerate(spans)}
    return sorted((sorted(group, key=order.__getitem__) for group in groups), key=lambda group: order[group[0]])


def _joined(cluster: list[Tensor], spans: Mapping[Tensor, Span]) -> list[list[Tensor]]:
    if len(cluster) == 1:
        return [cluster]
    readers: dict[Footprint, list[Tensor]] = {}
    for tensor in cluster:
        readers.setdefault(footprint(tensor, spans[tensor]), []).append(tensor)
    return [[tensor for place in group for tensor in readers[place]] for group in hanging_together(readers)]


def footprint(tensor: Tensor, span: Span) -> Footprint:
    """Return which bytes a tensor reads."""
    steps = [(size, stride * tensor.itemsize) for size, stride in strides(tensor)]
    return Footprint(span.start, span.end, merged([(tensor.itemsize, 1), *steps]))


def size_in_bytes(tensor: Tensor) -> int | None:
    """Return how much memory a tensor's numbers take, or would take on the meta device; None while it is lazy."""
    if is_lazy(tensor):
        return None
    inner = getattr(tensor, "__tensor_flatten__", None)
    if inner is not None:  # a subclass made of others: a DTensor's part here, a quantized weight with its scales
        return sum(size_in_bytes(getattr(tensor, name)) or 0 for name in inner()[0])
    if tensor.layout == torch.sparse_coo:
        places = tensor.detach().coalesce()
        return sum(part.numel() * part.itemsize for part in (places.indices(), places.values()))
    if tensor.layout != torch.strided:
        rows = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
        index = (tensor.crow_indices(), tensor.col_indices()) if rows else (tensor.ccol_indices(), tensor.row_indices())
        return sum(part.numel() * part.itemsize for part in (*index, tensor.values()))
    return tensor.numel() * tensor.itemsize


def saved(sizes: Mapping[Tensor, tuple[int, int]], spans: Mapping[Tensor, Span], groups: list[list[Tensor]]) -> int:
    """Return how many bytes less there are than if each place had memory of its own.

    Where tensors share a part of their memory only, and with gaps, it can be more than that.

    Args:
        sizes: {tensor: (places, bytes)}.
        spans: as `memory_spans` gives them.
        groups: as `overlapping` gives them.
    """
    total = sum(places * size for places, size in sizes.values())
    for group in groups:
        if len(group) == 1:
            total -= sizes[group[0]][1]
            continue
        places = {footprint(tensor, spans[tensor]) for tensor in group}
        largest = max(sizes[tensor][1] for tensor in group)
        total -= largest if len(places) == 1 else max(largest, bytes_of(places))
    return total - sum(size for tensor, (_, size) in sizes.items() if tensor not in spans)


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
