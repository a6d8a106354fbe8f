"""Exercises that check themselves: `from d2lparams.exercises import q1`, then `q1.check(answer)`, `q1.hint()`."""

from .bank import q1

__all__ = ["q1"]
