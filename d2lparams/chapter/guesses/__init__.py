"""Guesses: before a surprising cell the reader commits to an answer, and learns at once whether it was right.

The questions of a notebook stand in a module of their own, with their answers. Tests take each answer from running
code.
"""

from .widget import guess, score

__all__ = ["guess", "score"]
