"""Exercises that check themselves: `from d2lparams.exercises import q1`, then `q1.check(answer)`, `q1.hint()`."""

from typing import Any

from .bank import EXERCISES

__all__ = list(EXERCISES)


def __getattr__(name: str) -> Any:
    if name in EXERCISES:
        return EXERCISES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *EXERCISES]
