"""Which tensors share a byte, in closed form, against sets of bytes counted one by one."""

import itertools
import random
import resource
import sys
import time

import pytest
import torch
from torch import nn

from d2lparams import parameter_table, ties
from d2lparams._footprints import bytes_of, share_a_byte
from d2lparams._memory import footprint, memory_spans, overlapping


def bytes_read(tensor):
    """Count them: the truth."""
    first = tensor.storage_offset() * tensor.itemsize
    places = itertools.product(*map(range, tensor.shape))
    steps = [stride * tensor.itemsize for stride in tensor.stride()]
    starts = [first + sum(i * step for i, step in zip(place, steps, strict=True)) for place in places]
    return {start + byte for start in starts for byte in range(tensor.itemsize)}


def counted_groups(tensors):
    groups = []  # (bytes, tensors)
    for tensor in tensors:
        joined = [group for group in groups if group[0] & bytes_read(tensor)]
        groups = [group for group in groups if not any(group is other for other in joined)]
        together = bytes_read(tensor).union(*(group[0] for group in joined))
        groups.append((together, [tensor, *itertools.chain.from_iterable(group[1] for group in joined)]))
    return {frozenset(map(id, group[1])) for group in groups}


def found_groups(tensors):
    return {frozenset(map(id, group)) for group in overlapping(memory_spans(tensors))}


def some_view(memory, pick):
    sizes = [pick.randint(1, 5) for _ in range(pick.randint(0, 3))]
    strides = [pick.choice([0, 1, 1, 2, 3, 5, 7, 10, 12, 20, 21]) for _ in sizes]
    view = memory.as_strided(sizes, strides, pick.randint(0, 60))
    return view.view(torch.int16) if sizes and strides[-1] == 1 and pick.random() < 0.3 else view


@pytest.mark.parametrize("seed", range(8))
def test_any_strided_views(seed):
    pick, memory = random.Random(seed), torch.zeros(400)
    for _ in range(40):
        views = [some_view(memory, pick) for _ in range(pick.randint(2, 5))]
        assert found_groups(views) == counted_groups(views)
        spans = memory_spans(views)
        places = {footprint(view, spans[view]) for view in views}
        truth = len(set().union(*map(bytes_read, views)))
        assert truth <= bytes_of(places)
        if not any(place.has_gaps for place in places):
            assert truth == bytes_of(places)


MATRIX, LINE = torch.zeros(6, 8), torch.zeros(200)
COMPLEX = torch.zeros(4, 5, dtype=torch.complex64)
VIEWS = {
    "halves by column": MATRIX.chunk(2, 1),
    "halves by row": MATRIX.chunk(2, 0),
    "tiles": [tile for rows in MATRIX.chunk(3, 0) for tile in rows.chunk(4, 1)],
    "a transpose beside a column of it": [MATRIX.t(), MATRIX[:, 3]],
    "every other column": [MATRIX[:, ::2], MATRIX[:, 1::2]],
    "every other column, of an odd number": [LINE.as_strided((5, 3), (7, 2), i) for i in (0, 1)],
    "diagonals": [MATRIX.diagonal(i) for i in range(-3, 4)],
    "diagonals that cross columns": [MATRIX.diagonal(), MATRIX[:, 0], MATRIX[1:3, 4:], MATRIX[4, :3]],
    "windows": [MATRIX.flatten().unfold(0, 8, 4), MATRIX[5]],
    "real and imaginary parts": [COMPLEX.real, COMPLEX.imag],
    "a complex tensor as real numbers": [torch.view_as_real(COMPLEX)[..., 1], COMPLEX.imag, COMPLEX[0].real],
    "heads of attention": list(torch.zeros(5, 2, 3, 4).permute(2, 0, 1, 3)),
    "slices of three dimensions": [LINE.as_strided((3, 2, 2), (40, 10, 1), i) for i in (0, 2, 9, 10)],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_that_nets_have(name):
    views = list(VIEWS[name])
    assert found_groups(views) == counted_groups(views)


def test_what_needs_a_sum_of_several_steps():
    memory = torch.empty(2**24, dtype=torch.uint8, device="meta")
    sizes, truth = (9, 11), []
    for start in range(0, 3000, 7):
        strides = [(1009, 97), (1013, 89)]
        a, b = (memory.as_strided(sizes, each, at) for each, at in zip(strides, (start, 0), strict=True))
        spans = memory_spans([a, b])
        truth.append(bool(bytes_read(a) & bytes_read(b)))
        assert share_a_byte(*(footprint(view, spans[view]) for view in (a, b))) == truth[-1]
    assert 9 < sum(truth) < len(truth) - 9  # both occur


def seconds(action, times=3):
    """Return the least of some times: others work on this machine too."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)


def test_halves_of_a_large_matrix_cost_no_time_and_no_memory():
    matrix = torch.empty(8192, 28672, device="meta")
    net = nn.ParameterList(nn.Parameter(half) for half in matrix.chunk(2, 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert seconds(lambda: parameter_table(net)) < 0.01
    assert seconds(lambda: ties(net)) < 0.01
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096  # KiB
    assert not ties(net)


def test_many_column_slices_cost_linearly():
    def calls(slices):
        net = nn.ParameterList(nn.Parameter(part) for part in torch.zeros(64, 4 * slices).chunk(slices, 1))
        seen = 0

        def watch(frame, event, arg):
            nonlocal seen
            seen += 1

        sys.setprofile(watch)
        try:
            assert not [row for row in parameter_table(net).rows if row.tie]
        finally:
            sys.setprofile(None)
        return seen

    assert calls(1024) < 4.5 * calls(256)
