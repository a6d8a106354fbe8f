"""The guesses of notebook 5, by key."""

from .question import Question

QUESTIONS: dict[str, Question] = {}
