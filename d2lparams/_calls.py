"""What is known of a scheme before it is called: its name, and what it takes."""

import functools
import inspect
from collections.abc import Callable

import torch

Scheme = Callable[..., object]
"""A function that fills a tensor in place, as those of `nn.init` do."""


def described(scheme: Scheme) -> str:
    """Return a scheme as a reader would write it: normal_(std=0.01)."""
    if isinstance(scheme, functools.partial):
        bound = {key: value for key, value in scheme.keywords.items() if not isinstance(value, torch.Generator)}
        given = [*map(str, scheme.args), *(f"{key}={value}" for key, value in bound.items())]
        return f"{described(scheme.func)}({', '.join(given)})"
    name = str(getattr(scheme, "__name__", type(scheme).__name__))
    return "a lambda" if name == "<lambda>" else name


def accepted(function: Callable[..., object], *names: str) -> set[str]:
    """Return those of `names` that a function takes beside its first argument, unless a partial has filled them."""
    try:
        known = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C
        return set()
    free = (inspect.Parameter.empty, None, "")
    return {p.name for p in known[1:] if p.name in names and any(p.default is value for value in free)}
