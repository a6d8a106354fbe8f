"""Comparisons for judges: what a probe saw, maybe in a stranger's process, held against what is true.

A probe describes each value as plain data, see `inside.plain_data.describe`; such a description is a fact. Each
comparison raises `Wrong` for a fact that differs from what is wanted.

A typical mistake can be told from its result. So the comparisons take `mistakes`, a dictionary from what the mistake
was to what it makes of the inputs, and a result that equals one of these is answered with its name.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

SIGMAS = 7  # how many standard errors a correct sample may be off: it happens once in 4e11 samples
KS = math.sqrt(math.log(2 / 1e-12) / 2)  # times 1/sqrt(n): the widest gap a correct sample shows but once in 1e12

Fact = dict[str, Any]
Result = TypeVar("Result")

# A fact's dtype is a name that somebody else may have written: it is looked up here, and nowhere else.
DTYPES = {
    str(dtype): dtype
    for dtype in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    )
}


class Wrong(Exception):
    """A property that failed.

    Args:
        what: the property, in words: "shape of the weight".
        actual: what came.
        wanted: what was wanted.
        likely: which mistake it looks like, as a sentence without its end, or "".
    """

    def __init__(self, what: str, actual: object, wanted: object, likely: str = "") -> None:
        hint = f". It looks as if {likely}" if likely else ""
        super().__init__(f"{what}: wanted {_short(wanted)}, but {_short(actual)} came{hint}")


class Later:
    """Something that a judge seldom needs, and that takes time: it is worked out when it is called, or pickled.

    >>> import pickle
    >>> from functools import partial
    >>> pickle.loads(pickle.dumps(Later(partial(pow, 2, 5))))()
    32
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __call__(self) -> Any:
        return self._make()

    def __reduce__(self) -> tuple[type["Later"], tuple["_Known"]]:
        return Later, (_Known(self._make()),)


class _Known:
    """A value that is returned by a call."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __call__(self) -> object:
        return self.value


def same_number(
    fact: Fact, wanted: float, what: str, mistakes: Mapping[str, float] | None = None, tolerance: float = 1e-5
) -> None:
    """Raise Wrong unless a described value is the number wanted; an int must be an int."""
    actual = _number(fact, what, "an int" if isinstance(wanted, int) else "a float")
    if isinstance(wanted, int) and fact["type"] != "int":
        raise Wrong(f"type of {what}", kind(fact), "an int")

    def equals(other: float) -> bool:
        return abs(actual - other) <= tolerance * abs(other)  # False for NaN

    if not equals(wanted):
        raise Wrong(f"value of {what}", *_with_enough_digits(actual, wanted), _likely(mistakes, equals))


def same_tensor(
    fact: Fact, wanted: Tensor, what: str, mistakes: Mapping[str, Tensor] | None = None, tolerance: float = 1e-4
) -> None:
    """Raise Wrong unless a described tensor has the shape, dtype and values wanted."""
    same_values(tensor(fact, what, wanted.dtype), wanted.detach().double(), what, mistakes, tolerance)


def same_values(
    actual: Tensor, wanted: Tensor, what: str, mistakes: Mapping[str, Tensor] | None = None, tolerance: float = 1e-4
) -> None:
    """Raise Wrong unless two tensors in double precision have one shape and, but for rounding, the same values.

    tolerance: times the largest value wanted.
    """

    def equals(other: Tensor) -> bool:
        return actual.shape == other.shape and bool(_close(actual, other, tolerance).all())

    if actual.shape != wanted.shape:
        raise Wrong(f"shape of {what}", tuple(actual.shape), tuple(wanted.shape), _likely(mistakes, equals))
    if not equals(wanted):
        first = tuple((~_close(actual, wanted, tolerance)).nonzero()[0].tolist())
        where = f"{what}, entry {list(first)}" if first else what
        pair = _with_enough_digits(actual[first].item(), wanted[first].item())
        raise Wrong(f"value of {where}", *pair, _likely(mistakes, equals))


def tensor(fact: Fact, what: str, dtype: torch.dtype) -> Tensor:
    """Return a described tensor of this dtype in double precision; raise Wrong if it is something else."""
    if fact["type"] not in ("Tensor", "Parameter"):
        raise Wrong(f"type of {what}", kind(fact), "a tensor")
    if fact["dtype"] != str(dtype):
        raise Wrong(f"dtype of {what}", fact["dtype"], dtype)
    if not isinstance(fact["values"], list):
        raise Wrong(f"shape of {what}", tuple(fact["shape"]), "something far smaller")
    return torch.tensor(fact["values"], dtype=torch.float64).reshape(fact["shape"])


def table(fact: Fact, what: str) -> Tensor:
    """Return described numbers as a tensor in double precision, whether they came as a tensor or as nested lists."""
    if fact["type"] in ("Tensor", "Parameter"):
        if fact["dtype"] not in DTYPES:
            raise Wrong(f"dtype of {what}", fact["dtype"], "a dtype of real numbers")
        return tensor(fact, what, DTYPES[fact["dtype"]])
    if fact["type"] in ("list", "tuple"):
        rows = [table(item, what) for item in fact["items"]]
        if len({row.shape for row in rows}) != 1:
            raise Wrong(f"shape of {what}", "no rows, or rows of different lengths", "rows of one length")
        return torch.stack(rows)
    return torch.tensor(_number(fact, what, "a tensor, or lists of numbers"), dtype=torch.float64)


def names(fact: Fact, what: str, kinds: tuple[str, ...] = ("list", "tuple", "set", "dict_keys")) -> list[str]:
    """Return a described collection of strings, sorted; raise Wrong if it is something else."""
    if fact["type"] not in kinds or not isinstance(fact["items"], list):
        raise Wrong(f"type of {what}", kind(fact), f"a {kinds[0]} of names")
    for item in fact["items"]:
        if item["type"] != "str":
            raise Wrong(f"type of {what}", f"{kind(item)} in it", "names alone")
    return sorted(item["value"] for item in fact["items"])


def sample(
    values: Tensor,
    cdf: Callable[[Tensor], Tensor],
    std: float,
    size: float,
    what: str,
    mistakes: Mapping[str, float] | None = None,
) -> None:
    """Raise Wrong unless a matrix of numbers could be a sample of independent draws from a distribution with mean 0.

    cdf: its cumulative distribution function, of tensors; std, size: its standard deviation and mean size, that is,
    mean absolute value; mistakes: a std for each mistake. A correct sample fails less than once in 1e10.
    """
    flat, n = values.flatten(), values.numel()
    actual = flat.std().item()
    error = SIGMAS / math.sqrt(2 * n)  # relative; a distribution with lighter tails than the normal has a smaller one
    if not abs(actual - std) <= error * std:
        off = {name: abs(actual - other) / other for name, other in (mistakes or {}).items()}
        nearest = min(off, key=lambda name: off[name], default="")
        likely = nearest if nearest and off[nearest] < error else ""
        raise Wrong(f"distribution, standard deviation of {what}", _digits(actual), _digits(std), likely)
    mean = flat.mean().item()
    if not abs(mean) <= SIGMAS * std / math.sqrt(n):
        raise Wrong(f"distribution, mean of {what}", _digits(mean), "0")
    another = "the distribution is another one, with the right mean and standard deviation"
    ratio = flat.abs().mean().item() / actual  # it varies by 0.21/sqrt(n) if normal, and by less if uniform
    if not abs(ratio - size / std) <= SIGMAS * 0.25 / math.sqrt(n):
        what = f"distribution of {what}, mean size in standard deviations"
        raise Wrong(what, _digits(ratio), _digits(size / std), another)
    gap, most = widest_gap(flat, cdf), KS / math.sqrt(n)
    if not gap <= most:
        what = f"distribution of {what}, widest gap between its cumulative shares and the distribution's"
        raise Wrong(what, _digits(gap), f"at most {_digits(most)}", another)
    independent(values, what)


def independent(values: Tensor, what: str) -> None:
    """Raise Wrong if neighbors in a matrix, along its rows or columns, are correlated as independent draws are not."""
    for ordered in (values.flatten(), values.T.flatten()):
        pair = torch.stack((ordered[:-1], ordered[1:]))
        if not abs(torch.corrcoef(pair)[0, 1].item()) <= SIGMAS / math.sqrt(len(ordered)):
            raise Wrong(f"distribution of {what}", "entries that follow from their neighbors", "independent draws")


def widest_gap(values: Tensor, cdf: Callable[[Tensor], Tensor]) -> float:
    """Return Kolmogorov's and Smirnov's distance between a sample and a distribution without jumps."""
    ordered, n = values.sort().values, len(values)
    wanted, steps = cdf(ordered), torch.arange(n + 1) / n
    return max((steps[1:] - wanted).max().item(), (wanted - steps[:-1]).max().item())


def kind(fact: Fact) -> str:
    """Return the type of a described value in words."""
    name = str(fact["type"])
    if name == "NoneType":
        return "None"
    return f"an {name}" if name[:1] in "aeiouAEIOU" else f"a {name}"


def _number(fact: Fact, what: str, wanted: str) -> float:
    if fact["type"] not in ("int", "float") or isinstance(fact["value"], bool):
        raise Wrong(f"type of {what}", kind(fact), wanted)
    number: float = fact["value"]
    return number


def _close(actual: Tensor, wanted: Tensor, tolerance: float) -> Tensor:
    return (actual - wanted).abs() <= tolerance * wanted.abs().max()


def _likely(mistakes: Mapping[str, Result] | None, equals: Callable[[Result], bool]) -> str:
    """Return the name of the mistake that has this very result, or ""."""
    return next((name for name, other in (mistakes or {}).items() if equals(other)), "")


def _digits(number: float, digits: int = 4) -> str:
    return str(number) if isinstance(number, int) else f"{float(number) + 0.0:.{digits}g}"  # + 0.0: no negative zero


def _with_enough_digits(actual: float, wanted: float) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to tell them apart."""
    pairs = [(_digits(actual, digits), _digits(wanted, digits)) for digits in (4, 8, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:150] + " …"
