"""Quiz questions on notebook 2."""

from . import Quiz

QUIZ: list[Quiz] = []
