"""The answers to the guesses of notebook 1, each computed: a number, or the right choice word for word."""

from collections.abc import Callable

ANSWERS: dict[str, Callable[[], object]] = {}
