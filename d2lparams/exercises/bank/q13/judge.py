"""Compare a report on training with the true one, for q13."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...compare import Fact, Wrong, kind, same_values, table


def judge(expected: Any, facts: Fact) -> None:
    labels = expected["labels"]
    try:
        _compare(expected["report"], facts["report"], labels, {})
    except Wrong:  # only now is it worth the time to work out what it looks like
        _compare(expected["report"], facts["report"], labels, expected["mistakes"]())


def _compare(
    wanted: dict[str, Tensor], fact: Fact, labels: tuple[str, ...], mistakes: Mapping[str, dict[str, Tensor]]
) -> None:
    if fact["type"] != "dict":
        raise Wrong("type of what was returned", kind(fact), "a dict from names to tables")
    if sorted(fact["keys"]) != sorted(wanted):
        likely = ""
        if set(fact["keys"]) - set(wanted) == {"4.weight", "4.bias"}:
            tables = dict(zip(fact["keys"], fact["items"], strict=True))
            one = all(tables[f"4.{kind}"] == tables.get(f"2.{kind}") for kind in ("weight", "bias"))
            twice, two = "the shared layer was listed under both its names", "layers 2 and 4 are two layers, not one"
            likely = twice if one else two
        raise Wrong("names in the report", sorted(fact["keys"]), sorted(wanted), likely)
    actual = {name: table(item, f"the table of {name}") for name, item in zip(fact["keys"], fact["items"], strict=True)}
    for column in (1, 0, 2):  # a wrong gradient makes all three wrong
        for name, rows in wanted.items():
            if actual[name].shape != rows.shape:
                raise Wrong(f"shape of the table of {name}", tuple(actual[name].shape), tuple(rows.shape))
            likely_columns = {mistake: other[:, column] for mistake, other in mistakes.get(name, {}).items()}
            what = f"the {labels[column]} of {name}, step by step"
            same_values(actual[name][:, column], rows[:, column], what, likely_columns, tolerance=2e-4)
