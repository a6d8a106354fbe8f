"""Comparisons for judges: a fact that came from anybody's process, held against what is true. They raise `Wrong`.

A typical mistake can be told from its result. So the comparers take `looks`, a dictionary from what the mistake was to
what it makes of the inputs, and a result that equals one of these is answered with its name.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

SIGMAS = 7  # how many standard errors a correct sample may be off: it happens once in 4e11 samples
KS = math.sqrt(math.log(2 / 1e-12) / 2)  # times 1/sqrt(n): the widest gap a correct sample shows but once in 1e12

Looks = dict[str, object]


class Wrong(Exception):
    """A property that failed: raised by a judge as `Wrong(property, what came, what was wanted)`."""

    def __init__(self, what: str, came: object, wanted: object, looks: str = "") -> None:
        hint = f". It looks as if {looks}" if looks else ""
        super().__init__(f"{what}: wanted {_short(wanted)}, but {_short(came)} came{hint}")


def same_number(fact: dict, wanted: float, what: str, looks: Looks | None = None, tolerance: float = 1e-5) -> None:
    """Raise Wrong unless a described value is the number wanted; an int must be an int."""
    came = _number(fact, what, "an int" if isinstance(wanted, int) else "a float")
    if isinstance(wanted, int) and fact["type"] != "int":
        raise Wrong(f"type of {what}", kind(fact), "an int")
    near = lambda other: abs(came - other) <= tolerance * abs(other)  # noqa: E731  # False for NaN
    if not near(wanted):
        raise Wrong(f"value of {what}", *_apart(came, wanted), _named(looks, near))


def same_tensor(fact: dict, wanted: Tensor, what: str, looks: Looks | None = None, tolerance: float = 1e-4) -> None:
    """Raise Wrong unless a described tensor has the shape, dtype and values wanted."""
    same_values(tensor(fact, what, wanted.dtype), wanted.detach().double(), what, looks, tolerance)


def same_values(came: Tensor, wanted: Tensor, what: str, looks: Looks | None = None, tolerance: float = 1e-4) -> None:
    """Raise Wrong unless two tensors in double precision have one shape and, but for rounding, the same values.

    tolerance: times the largest value wanted.
    """
    close = lambda other: came.shape == other.shape and bool(_close(came, other, tolerance).all())  # noqa: E731
    if came.shape != wanted.shape:
        raise Wrong(f"shape of {what}", tuple(came.shape), tuple(wanted.shape), _named(looks, close))
    if not close(wanted):
        first = tuple((~_close(came, wanted, tolerance)).nonzero()[0].tolist())
        where = f"{what}, entry {list(first)}" if first else what
        raise Wrong(f"value of {where}", *_apart(came[first], wanted[first]), _named(looks, close))


def tensor(fact: dict, what: str, dtype: torch.dtype) -> Tensor:
    """Return a described tensor of this dtype in double precision; raise Wrong if it is something else."""
    if fact["type"] not in ("Tensor", "Parameter"):
        raise Wrong(f"type of {what}", kind(fact), "a tensor")
    if fact["dtype"] != str(dtype):
        raise Wrong(f"dtype of {what}", fact["dtype"], dtype)
    if not isinstance(fact["values"], list):
        raise Wrong(f"shape of {what}", tuple(fact["shape"]), "something far smaller")
    return torch.tensor(fact["values"], dtype=torch.float64).reshape(fact["shape"])


def table(fact: dict, what: str) -> Tensor:
    """Return described numbers as a tensor in double precision, whether they came as a tensor or as nested lists."""
    if fact["type"] in ("Tensor", "Parameter"):
        return tensor(fact, what, getattr(torch, fact["dtype"].removeprefix("torch.")))
    if fact["type"] in ("list", "tuple"):
        rows = [table(item, what) for item in fact["items"]]
        if len({row.shape for row in rows}) != 1:
            raise Wrong(f"shape of {what}", "no rows, or rows of different lengths", "rows of one length")
        return torch.stack(rows)
    return torch.tensor(_number(fact, what, "a tensor, or lists of numbers"), dtype=torch.float64)


def names(fact: dict, what: str, kinds: tuple[str, ...] = ("list", "tuple", "set", "dict_keys")) -> list[str]:
    """Return a described collection of strings, sorted; raise Wrong if it is something else."""
    if fact["type"] not in kinds:
        raise Wrong(f"type of {what}", kind(fact), f"a {kinds[0]} of names")
    for item in fact["items"]:
        if item["type"] != "str":
            raise Wrong(f"type of {what}", f"{kind(item)} in it", "names alone")
    return sorted(item["value"] for item in fact["items"])


def sample(values: Tensor, cdf: Callable, std: float, size: float, what: str, looks: Looks | None = None) -> None:
    """Raise Wrong unless a matrix of numbers could be a sample of independent draws from a law with mean 0.

    cdf: the law's cumulative distribution function, of tensors; std, size: its standard deviation and mean size, that
    is, mean absolute value. looks: a std for each mistake. A correct sample fails less than once in 1e10.
    """
    flat, n = values.flatten(), values.numel()
    came = flat.std().item()
    error = SIGMAS / math.sqrt(2 * n)  # relative; a law with lighter tails than the normal has a smaller one
    if not abs(came - std) <= error * std:
        near = {name: abs(came - other) / other for name, other in (looks or {}).items()}
        likely = min(near, key=near.get) if near and min(near.values()) < error else ""
        raise Wrong(f"distribution, standard deviation of {what}", _digits(came), _digits(std), likely)
    if not abs(flat.mean().item()) <= SIGMAS * std / math.sqrt(n):
        raise Wrong(f"distribution, mean of {what}", _digits(flat.mean()), "0")
    other = "the law is another one, with the right mean and standard deviation"
    ratio = flat.abs().mean().item() / came  # it varies by 0.21/sqrt(n) for a normal law, and less for a uniform one
    if not abs(ratio - size / std) <= SIGMAS * 0.25 / math.sqrt(n):
        what = f"distribution of {what}, mean size in standard deviations"
        raise Wrong(what, _digits(ratio), _digits(size / std), other)
    gap = widest_gap(flat, cdf)
    if not gap <= KS / math.sqrt(n):
        raise Wrong(
            f"distribution of {what}, widest gap between its cumulative shares and the law's",
            _digits(gap),
            f"at most {_digits(KS / math.sqrt(n))}",
            other,
        )
    independent(values, what)


def independent(values: Tensor, what: str) -> None:
    """Raise Wrong if neighbours in a matrix, along its rows or columns, are correlated as independent draws are not."""
    for ordered in (values.flatten(), values.T.flatten()):
        pair = torch.stack((ordered[:-1], ordered[1:]))
        if not abs(torch.corrcoef(pair)[0, 1].item()) <= SIGMAS / math.sqrt(len(ordered)):
            raise Wrong(f"distribution of {what}", "entries that follow from their neighbours", "independent draws")


def widest_gap(values: Tensor, cdf: Callable) -> float:
    """Return Kolmogorov's and Smirnov's distance between a sample and a law without jumps."""
    ordered, n = values.sort().values, len(values)
    law, steps = cdf(ordered), torch.arange(n + 1) / n
    return max((steps[1:] - law).max(), (law - steps[:-1]).max()).item()


def kind(fact: dict) -> str:
    """Return the type of a described value in words."""
    name = str(fact["type"])
    return "None" if name == "NoneType" else f"an {name}" if name[:1] in "aeiouAEIOU" else f"a {name}"


def _number(fact, what, wanted):
    if fact["type"] not in ("int", "float") or isinstance(fact["value"], bool):
        raise Wrong(f"type of {what}", kind(fact), wanted)
    return fact["value"]


def _close(came, wanted, tolerance):
    return (came - wanted).abs() <= tolerance * wanted.abs().max()


def _named(looks, near):
    return next((name for name, other in (looks or {}).items() if near(other)), "")


def _digits(number, digits=4):
    return str(number) if isinstance(number, int) else f"{float(number) + 0.0:.{digits}g}"  # + 0.0: no negative zero


def _apart(came, wanted):
    """Return two numbers with as many digits as it takes to tell them apart."""
    pairs = [(_digits(came, digits), _digits(wanted, digits)) for digits in (4, 8, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def _short(value):
    text = str(value)
    return text if len(text) <= 200 else text[:150] + " …"
