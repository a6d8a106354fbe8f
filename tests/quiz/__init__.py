"""Fifty questions that a reader of the chapter can answer: each with its answer, computed, and where it is taught."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Quiz:
    """A question; `answer` is what a good reader says, `computed` finds it by running code.

    taught: the notebook's stem and the heading under which the answer is taught, "4-sharing: Add up the gradients".
    within: how far the two numbers may differ, as a share of the answer.
    """

    asks: str
    answer: object
    computed: Callable[[], object]
    taught: str
    within: float = 0.0
