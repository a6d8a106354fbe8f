"""Which variant of each exercise a course asks: drawn from a key that the course's staff keep, so that it comes again.

The book's own variants, whose solutions are published, are never drawn. Without a key everything is the book's.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import cache

from ..exercises.bank import EXERCISES, VARIANTS
from ..exercises.question import Prose, Question

SHORTEST_KEY = 8  # characters


@dataclass(frozen=True)
class Draw:
    """A draw of variants.

    Attributes:
        key: the course's secret; "" asks what the book asks.
        each: whether each learner has variants of their own.

    Raises:
        ValueError: If the key is too short, or each learner is to have variants and there is no key.

    Example:
        >>> draw = Draw("a secret of ours")
        >>> draw.exercises() == draw.exercises("ada"), Draw("").exercises()["q1"] is EXERCISES["q1"]
        (True, True)
    """

    key: str = ""
    each: bool = False

    def __post_init__(self) -> None:
        if self.key and len(self.key) < SHORTEST_KEY:
            raise ValueError(f"the key has {len(self.key)} characters: take {SHORTEST_KEY} or more, and keep them")
        if self.each and not self.key:
            raise ValueError("variants for each learner are drawn from a key: give one")

    def exercises(self, learner: str = "") -> dict[str, Question | Prose]:
        """Return the exercises that a learner has to do, by name."""
        return _exercises(self, learner if self.each else "")

    def questions(self, learner: str = "") -> tuple[Question, ...]:
        """Return those that are judged by what an answer does."""
        return tuple(exercise for exercise in self.exercises(learner).values() if isinstance(exercise, Question))

    def number(self, what: str, learner: str = "") -> int:
        """Return a large number that nobody can tell without the key, the same each time."""
        text = f"{learner if self.each else ''}\n{what}".encode()
        return int.from_bytes(hmac.digest(self.key.encode(), text, hashlib.sha256)[:7], "big")

    def package(self, learner: str = "") -> str:
        """Return what tells a learner's package and notebook from those of another draw."""
        return f"{self.number('package', learner):014x}" if self.key else ""

    @property
    def mark(self) -> str:
        """What tells this draw from another one, and says nothing of the key; "" for the book's."""
        return f"{self.number('mark' + ' of each' * self.each):014x}"[:10] if self.key else ""


BOOK = Draw()


@cache
def _exercises(draw: Draw, learner: str) -> dict[str, Question | Prose]:
    if not draw.key:
        return EXERCISES
    drawn = {}
    for name, variants in VARIANTS.items():
        others = variants[1:]
        if not others and isinstance(variants[0], Question):
            raise ValueError(f"{name} has no variant besides the book's, whose solution is published: write one")
        drawn[name] = others[draw.number(name, learner) % len(others)] if others else variants[0]
    return drawn
