"""Compare names with the true ones, for q3."""

from typing import Any

from ...compare import Fact, Wrong, names


def judge(expected: Any, facts: Fact) -> None:
    actual, wanted = names(facts["names"], "what was returned"), expected["names"]
    if actual == wanted:
        return
    extra, missing = sorted(set(actual) - set(wanted)), sorted(set(wanted) - set(actual))
    likely = next((name for name, other in expected["mistakes"].items() if sorted(other) == actual), "")
    if set(extra) & set(expected["unsaved"]):
        likely = "a name came that state_dict does not hold: a buffer may be kept without being saved"
    elif any(name not in expected["every"] for name in extra):
        likely = "these are not the names of state_dict, which are whole paths"
    if missing:
        actual_names = f"a list without them, but with {extra}," if extra else "a list without them"
        raise Wrong("names", actual_names, f"also {missing}", likely)
    if not extra:
        raise Wrong("names", "one of them twice", "each one once")
    raise Wrong("names", f"also {extra}", f"none but those that {expected['rule']}", likely)
