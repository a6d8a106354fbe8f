"""The guesses of notebook 3, by key."""

from .question import Question

QUESTIONS: dict[str, Question] = {}
