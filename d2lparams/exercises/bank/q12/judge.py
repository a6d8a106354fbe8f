"""Compare parameters after some steps with what the optimizer asked for makes of them, for q12."""

from typing import Any

from ...compare import Fact, Wrong, kind, same_tensor


def judge(expected: Any, facts: Fact) -> None:
    if "values" not in facts:
        raise Wrong("type of what was returned", kind(facts["optimizer"]), "an optimizer")
    for name, value in expected["values"].items():
        fact, what = facts["values"][name], f"{name} after {expected['steps']} steps"
        try:
            same_tensor(fact, value, what, tolerance=1e-5)
        except Wrong:  # only now is it worth the time to work out what it looks like
            same_tensor(fact, value, what, expected["mistakes"][name](), tolerance=1e-5)
