"""Compare a count with the true one, for q2."""

from typing import Any

from ...compare import Fact, same_number


def judge(expected: Any, facts: Fact) -> None:
    same_number(facts["count"], expected["count"], "the count", expected["mistakes"])
