"""Exercises that check themselves: `from d2lparams.exercises import q1`, then `q1.check(answer)`, `q1.hint()`."""

from typing import Any

from .bank import COURSE, EXERCISES

__all__ = list(EXERCISES)


def __getattr__(name: str) -> Any:
    if name in EXERCISES:
        return EXERCISES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def of_course(package: str) -> None:
    """Raise RuntimeError unless this package came with a course's notebook; package: which one, as its version says."""
    if package != COURSE:
        came = f"that of another course, {COURSE}" if COURSE else "the book's"
        raise RuntimeError(
            f"this notebook asks what its course drew, and the package here is {came}: install the one that came with "
            f"the notebook, pip install d2lparams-…+course.{package}-py3-none-any.whl, and restart the kernel"
        )


def __dir__() -> list[str]:
    return [*globals(), *EXERCISES]
