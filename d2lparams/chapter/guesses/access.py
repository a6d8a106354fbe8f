"""The guesses of notebook 1, by key."""

from .question import Question

QUESTIONS: dict[str, Question] = {}
