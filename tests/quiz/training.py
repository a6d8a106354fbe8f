"""Quiz questions on notebook 5."""

from . import Quiz

QUIZ: list[Quiz] = []
