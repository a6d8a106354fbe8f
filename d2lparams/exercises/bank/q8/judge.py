"""Compare groups of names with those asked for, for q8."""

from collections.abc import Iterable
from typing import Any

from ...compare import Fact, Wrong, kind, names, same_tensor


def judge(expected: Any, facts: Fact) -> None:
    if facts["groups"]["type"] not in ("list", "tuple", "set"):
        raise Wrong("type of what was returned", kind(facts["groups"]), "a list of sets of names")
    listed = [frozenset(names(group, "a group", ("set", "list", "tuple"))) for group in facts["groups"]["items"]]
    actual, wanted = set(listed), _sets(expected["wanted"])
    if actual != wanted:
        likely = _likely(actual, wanted, expected)
        missing, extra = wanted - actual, actual - wanted
        if missing:
            groups = "groups without it" if len(missing) == 1 else "groups without them"
            groups += f", but with {_groups(extra)}," if extra else ""
            raise Wrong("ties", groups, _groups(missing), likely)
        raise Wrong("ties", f"also {_groups(extra)}", "none but the true ones", likely)
    if len(listed) != len(wanted):
        raise Wrong("ties", f"{len(listed)} groups", f"{len(wanted)}", "a group was listed once for each of its names")
    same_tensor(facts["output"], expected["output"], "the net's output afterwards, which was to stay")


def _sets(groups: list[list[str]]) -> set[frozenset[str]]:
    return {frozenset(group) for group in groups}


def _likely(actual: set[frozenset[str]], wanted: set[frozenset[str]], expected: Any) -> str:
    rule, (equal,), (halves,) = expected["rule"], _sets([expected["equal"]]), _sets([expected["halves"]])
    one, memory = _sets(expected["identity"]), _sets(expected["memory"])
    if {group for group in actual if len(group) > 1} == wanted:
        return "names that stand alone were listed, too"
    if {name for group in actual for name in group} == {name for group in wanted for name in group}:
        return "the names are right, but they were grouped otherwise"
    if any(group >= equal for group in actual):
        return "equal values were taken for a tie: change one of the two, and look at the other"
    if any(group >= halves for group in actual):
        return "two halves of one storage were taken for a tie: they are neighbors, and don't overlap"
    if not actual:
        return "nothing was found: without remove_duplicate=False named_parameters() gives one name each"
    if rule == "identity":
        if actual & memory:
            return "two Parameters over the same memory were listed: an optimizer has both, so they are two"
    elif rule == "hidden" and actual & one:
        return "one Parameter under two names was listed, which is no hidden tie: `is` finds it"
    elif rule == "all" and one <= actual:
        return "two Parameters over the same memory were missed: neither `is` nor equal addresses tell of all"
    elif rule == "all" and actual & memory and not actual & one:
        return "named_parameters() was asked without remove_duplicate=False, and gives each Parameter one name"
    if rule == "hidden" and actual and all(any(group <= other for other in wanted) for group in actual):
        return "a name is missing in a group: one Parameter in two places has two names"
    return ""


def _groups(groups: Iterable[Iterable[str]]) -> str:
    return "; ".join(sorted(" = ".join(sorted(group)) for group in groups))
