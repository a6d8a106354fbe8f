"""Exercises that check themselves: `from d2lparams.exercises import q1`, then `q1.check(answer)`, `q1.hint()`."""

from .bank import q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13, q14

__all__ = ["q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11", "q12", "q13", "q14"]
