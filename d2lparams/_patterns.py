"""What a pattern stands for: names of parameters, or layers of a type."""

import fnmatch
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import groupby

from torch import nn

from ._torch import child

Pattern = str | re.Pattern[str] | type[nn.Module] | tuple[type[nn.Module], ...]
_TOKEN = re.compile(
    r"(?P<any>\*\*+)|(?P<one>(?<=\.)\*(?=\.))|(?P<star>\*)|\?|(?P<set>\{[^{}]+\})|(?P<class>\[!?.[^]]*\])|."
)
_RANGE = re.compile(r"(0|[1-9]\d*)-(0|[1-9]\d*)", re.ASCII)


def check_pattern(pattern: object) -> None:
    """Raise TypeError if `pattern` is nothing that `select` takes."""
    types = pattern if isinstance(pattern, tuple) and pattern else (pattern,)
    if isinstance(pattern, (str, re.Pattern)) or all(isinstance(t, type) and issubclass(t, nn.Module) for t in types):
        return
    came = f"the class {pattern.__name__}" if isinstance(pattern, type) else f"a {type(pattern).__name__}"
    raise TypeError(
        "pattern must be a string, a compiled regular expression, or a layer's class such as nn.Linear (or a tuple of "
        f"classes), not {came}"
    )


def fits(net: nn.Module, pattern: Pattern) -> Callable[[str], object]:
    """Return a function that says of the name of a parameter in `net` whether `pattern` takes it."""
    if isinstance(pattern, re.Pattern):
        return pattern.search
    if isinstance(pattern, str):
        return as_regex(pattern).fullmatch
    types = pattern

    def stands_below(name: str) -> bool:
        module: nn.Module | None = net
        for part in name.split("."):
            if module is None or isinstance(module, types):
                break
            module = child(module, part)
        return isinstance(module, types)

    return stands_below


@lru_cache(maxsize=1024)
def as_regex(pattern: str) -> re.Pattern[str]:
    """Return a shell-style pattern as a regular expression that the whole name must match."""
    return re.compile("".join(map(_piece, _TOKEN.finditer(pattern))), re.DOTALL)


def _piece(token: re.Match[str]) -> str:
    text = token[0]
    if token["one"]:
        return "[^.]*"
    if token["any"] or token["star"]:
        return ".*"
    if text == "?":
        return "."
    if token["class"]:
        return fnmatch.translate(text)[len("(?s:") : -len(r")\Z")]
    if token["set"]:
        return f"(?:{'|'.join(map(_choice, text[1:-1].split(',')))})"
    return re.escape(text)


def _choice(text: str) -> str:
    limits = _RANGE.fullmatch(text)
    return "|".join(_numbers(int(limits[1]), int(limits[2]))) if limits else re.escape(text)


def _numbers(low: int, high: int) -> Iterable[str]:
    """Yield few regular expressions that together match the numbers from `low` to `high`: 8, 9, 1[0-9] for 8 to 19."""
    while low <= high:
        digits = 0
        while low and low % 10 ** (digits + 1) == 0 and low + 10 ** (digits + 1) - 1 <= high:
            digits += 1
        yield f"{low // 10**digits}" + "[0-9]" * digits
        low += 10**digits
    yield "(?!)"  # none, where `high` is below `low`


def literal(text: str) -> str:
    """Return the pattern that matches `text` alone."""
    return re.sub(r"[*?[{]", r"[\g<0>]", text)


def any_of(texts: Iterable[str]) -> str:
    """Return the pattern that matches each of some numbers, `{0-3,8}`; of a single one, itself."""
    numbers = sorted(map(int, set(texts)))
    runs = [list(run) for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    parts = []
    for run in runs:
        low, high = run[0][1], run[-1][1]
        parts += [f"{low}-{high}"] if high - low > 1 else [str(number) for _, number in run]
    return parts[0] if len(numbers) == 1 else f"{{{','.join(parts)}}}"
