"""Compare what an answer to q1 returned with the Parameter that was asked for."""

from typing import Any

from ...compare import Fact, Wrong, names, same_tensor


def judge(expected: Any, facts: Fact) -> None:
    kind, name = expected["kind"], expected["name"]
    same_tensor(facts["returned"], expected["value"], f"the returned {kind}", expected["mistakes"])
    own = names(facts["own"], "the names of what was returned")
    if facts["gradient"]["type"] == "NoneType":
        numbers = f"you returned the {kind}'s numbers (a copy, a view, .data or an entry of state_dict)"
        frozen = "it was frozen: requires_grad is False"
        likely = frozen if own == [name] else f"{numbers}, not the Parameter itself"
        raise Wrong(
            "gradient of what was returned, after a backward pass", "None", f"the {kind}'s own gradient", likely
        )
    same_tensor(facts["gradient"], expected["gradient"], "the gradient of what was returned, after a backward pass")
    mistakes = {"a copy was returned: the net never noticed": expected["before"]}
    same_tensor(facts["output"], expected["after"], f"the net's output after the returned {kind} was scaled", mistakes)
    if own != [name]:
        likely = "a new Parameter took its place: an optimizer made before would never move it"
        raise Wrong("what was returned", "a Parameter that the net did not hold before", f"its own {name}", likely)
