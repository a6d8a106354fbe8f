"""The guesses of notebook 4, by key."""

from .question import Question

QUESTIONS: dict[str, Question] = {}
