"""Which bytes strided tensors read, and which of them have a byte in common, in closed form: no byte is looked at."""

import math
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

Step = tuple[int, int]  # (how many, bytes from one to the next)
_TRIES = 20_000  # at one question; what takes more is taken to overlap


class Footprint(NamedTuple):
    """The bytes that a tensor reads: start, plus 0 to n - 1 times the stride of each of its steps."""

    start: int
    end: int  # one past the last byte
    steps: tuple[Step, ...]  # as `merged` gives them

    @property
    def has_gaps(self) -> bool:
        """Whether it jumps over some bytes between start and end."""
        return len(self.steps) > 1


def merged(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the fewest steps for the same sums, by rising stride: 4 bytes by 1 and 10 by 4 are 40 by 1."""
    found: list[Step] = []
    for size, stride in sorted(steps, key=lambda step: step[1]):
        if size < 2 or not stride:
            continue
        if found and stride % found[-1][1] == 0 and stride <= found[-1][0] * found[-1][1]:
            below, unit = found.pop()
            size, stride = below + (size - 1) * (stride // unit), unit
        found.append((size, stride))
    return tuple(found) or ((1, 1),)


def share_a_byte(a: Footprint, b: Footprint) -> bool:
    """Whether two tensors have a byte in common: columns 0 and 1 of a matrix have none.

    A sum of the steps of `a` has to meet one of `b`. With those of `b` counted from its end, this asks whether one sum
    of all steps reaches a given number.
    """
    if a.end <= b.start or b.end <= a.start:
        return False
    return _reaches(merged((*a.steps, *b.steps)), b.end - 1 - a.start, iter(range(_TRIES)))


def _reaches(steps: tuple[Step, ...], target: int, tries: Iterator[int]) -> bool:
    """Whether 0 to n - 1 times the stride of each step can add up to `target`."""
    *smaller, (size, stride) = steps
    if not smaller:
        return target % stride == 0 and 0 <= target // stride < size
    rest = sum((n - 1) * step for n, step in smaller)
    unit = math.gcd(*(step for _, step in smaller))
    common = math.gcd(stride, unit)
    if target % common:
        return False
    period = unit // common  # what is left for the smaller steps has to be a multiple of their unit
    first = target // common * pow(stride // common, -1, period) % period
    low, high = max(0, -((rest - target) // stride)), min(size - 1, target // stride)
    for times in range(low + (first - low) % period, high + 1, period):
        if next(tries, None) is None or _reaches(tuple(smaller), target - times * stride, tries):
            return True
    return False


def hanging_together(places: Iterable[Footprint]) -> list[list[Footprint]]:
    """Return different footprints in groups that are joined by common bytes; one that shares nothing is alone.

    The time grows linearly with their number where they are slices of one matrix, whichever way they are cut.
    """
    groups = _Groups(sorted(places))
    by_stride: dict[int, list[Footprint]] = {}
    for place in groups.members:
        by_stride.setdefault(place.steps[-1][1] if place.has_gaps else 1, []).append(place)
    for stride, alike in by_stride.items():
        if stride == 1:
            _join_solid(alike, groups)
        else:
            _join_cut_alike(alike, stride, groups)
    for some, others in combinations(by_stride.values(), 2):
        for a in some:
            for b in others:
                groups.try_pair(a, b)
    return groups.all()


class _Groups:
    """Who belongs together so far."""

    def __init__(self, places: Iterable[Footprint]) -> None:
        self.members = {place: [place] for place in places}

    def join(self, a: Footprint, b: Footprint) -> None:
        group, joining = self.members[a], self.members[b]
        if group is not joining:
            if len(group) < len(joining):
                group, joining = joining, group
            group += joining
            self.members.update(dict.fromkeys(joining, group))

    def try_pair(self, a: Footprint, b: Footprint) -> None:
        if self.members[a] is not self.members[b] and share_a_byte(a, b):
            self.join(a, b)

    def all(self) -> list[list[Footprint]]:
        return list({id(group): group for group in self.members.values()}.values())


def _join_solid(places: list[Footprint], groups: _Groups) -> None:
    farthest = places[0]
    for place in places[1:]:
        if place.start < farthest.end:
            groups.join(farthest, place)
        farthest = max(farthest, place, key=lambda one: one.end)


def _join_cut_alike(places: list[Footprint], stride: int, groups: _Groups) -> None:
    """Join footprints of one largest stride. Rolled up on a ring of this length, those that share a byte lie on it."""
    arcs = []
    for place in places:
        *smaller, _ = place.steps
        length = min(stride, 1 + sum((n - 1) * step for n, step in smaller))
        start = place.start % stride
        arcs.append((start, min(start + length, stride), place))
        if start + length > stride:
            arcs.append((0, start + length - stride, place))
    near: list[tuple[int, Footprint]] = []
    for start, end, place in sorted(arcs):
        near = [(its_end, other) for its_end, other in near if its_end > start]
        for _, other in near:
            groups.try_pair(other, place)
        near.append((end, place))


def bytes_of(places: Iterable[Footprint]) -> int:
    """Return how many bytes some footprints cover together, or more: those with gaps may share some of theirs."""
    every = sorted(places)
    solid: list[list[int]] = []  # [start, end], apart from each other
    for place in every:
        if not place.has_gaps:
            if solid and place.start <= solid[-1][1]:
                solid[-1][1] = max(solid[-1][1], place.end)
            else:
                solid.append([place.start, place.end])
    total = sum(end - start for start, end in solid)
    for place in every:
        if place.has_gaps and not any(start <= place.start and place.end <= end for start, end in solid):
            total += min(place.end - place.start, math.prod(size for size, _ in place.steps))
    return min(total, max(place.end for place in every) - every[0].start)
