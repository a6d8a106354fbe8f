"""Lines for many rows that are alike, each with a pattern by which `select` takes exactly its rows."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from ._patterns import any_of, literal

T = TypeVar("T")
_STAR = ""  # stands for a star among the parts of a name, none of which is empty
Parts = tuple[str, ...]  # of a name, between its dots


class Line(NamedTuple, Generic[T]):
    """Rows that one line of a table shows, and the pattern that takes them; "" where it is the name of one row."""

    rows: list[T]
    label: str = ""


def fold(rows: Iterable[T], names: Callable[[T], Sequence[str]], alike: Callable[[T], Hashable]) -> list[Line[T]]:
    """Return lines of rows that are alike but for the numbers in their first names.

    Args:
        rows: what to fold.
        names: gives all names of a row.
        alike: gives what rows of one line have in common besides the name; None for a row that stands alone.
    """
    every = list(rows)
    split = [tuple(names(row)[0].split(".")) for row in every]
    groups: dict[Hashable, list[int]] = {}
    for i, row in enumerate(every):
        common = alike(row)
        shape_of_name = tuple(_STAR if _is_number(part) else part for part in split[i])
        groups.setdefault(i if common is None else (shape_of_name, common), []).append(i)
    known = _Names(name for row in every for name in names(row))
    lines = []
    for group in groups.values():
        if len(group) == 1:
            lines.append(Line([every[group[0]]]))
        else:
            lines += [Line([every[i] for i in rows], label) for rows, label in _labeled(group, split, known)]
    return lines


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdecimal() and (part == "0" or part[0] != "0")


class _Names:
    """All names, to count how many a pattern with stars would take without trying each pattern on each name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._split = [tuple(name.split(".")) for name in self._names]
        self._counts: dict[tuple[bool, ...], Counter[Parts]] = {}

    def taken_by(self, label: Parts) -> int | None:
        """Return how many names the pattern of these parts takes; None where it cannot be told."""
        if label == (_STAR,):
            return len(self._names)
        if label[0] == label[-1] == _STAR or ".".join(part or "*" for part in label) in self._names:
            return None
        stars = tuple(part == _STAR for part in label)
        if stars not in self._counts:
            self._counts[stars] = Counter(self._masked(stars))
        return self._counts[stars][label]

    def _masked(self, stars: tuple[bool, ...]) -> Iterable[Parts]:
        """Yield each name that is long enough with these parts as stars; a star at either end takes several parts."""
        length = len(stars)
        for parts in self._split:
            if len(parts) < length or (len(parts) > length and not (stars[0] or stars[-1])):
                continue
            near = parts[-length:] if stars[0] else parts[:length]
            yield tuple(_STAR if star else part for star, part in zip(stars, near, strict=True))


def _labeled(group: list[int], split: list[Parts], known: _Names) -> Iterable[tuple[list[int], str]]:
    """Yield (rows, pattern): one line with stars if that takes these rows alone, else as many as it needs."""
    columns = [set(column) for column in zip(*(split[i] for i in group), strict=True)]
    varying = [at for at, column in enumerate(columns) if len(column) > 1]
    stars = tuple(_STAR if at in varying else part for at, part in enumerate(split[group[0]]))
    if known.taken_by(stars) == len(group):
        yield group, ".".join("*" if part == _STAR else literal(part) for part in stars)
        return
    row_of = {tuple(split[i][at] for at in varying): i for i in group}
    boxes = _boxes(set(row_of))
    if len(boxes) == 1:
        yield group, ".".join(any_of(column) if len(column) > 1 else literal(*column) for column in columns)
        return
    for rows in sorted(sorted(row_of[values] for values in box) for box in boxes):
        if len(rows) == 1:
            yield rows, ""
        else:
            yield from _labeled(rows, split, known)


def _boxes(points: set[Parts]) -> list[set[Parts]]:
    """Return points in sets, each of which is all combinations of some values at each place."""
    if points == {()}:
        return [points]
    rests: dict[str, set[Parts]] = {}
    for first, *rest in points:
        rests.setdefault(first, set()).add(tuple(rest))
    firsts: dict[frozenset[Parts], list[str]] = {}
    for first, rest_of_it in rests.items():
        firsts.setdefault(frozenset(rest_of_it), []).append(first)
    return [
        {(first, *rest) for first in alike for rest in box}
        for common, alike in firsts.items()
        for box in _boxes(set(common))
    ]
