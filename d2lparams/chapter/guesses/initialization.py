"""The guesses of notebook 2, by key."""

from .question import Question

QUESTIONS: dict[str, Question] = {}
