"""Quiz questions on notebook 1."""

from . import Quiz

QUIZ: list[Quiz] = []
