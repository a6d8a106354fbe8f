"""Quiz questions on notebook 4."""

from . import Quiz

QUIZ: list[Quiz] = []
