"""Quiz questions on notebook 3."""

from . import Quiz

QUIZ: list[Quiz] = []
