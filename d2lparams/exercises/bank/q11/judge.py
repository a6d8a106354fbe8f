"""Compare a twin with the one that was asked for, and see that the net stayed as it was, for q11."""

from typing import Any

from ...compare import Fact, Wrong, kind, same_number, same_tensor


def judge(expected: Any, facts: Fact) -> None:
    if "at once" not in facts:
        raise Wrong("type of what was returned", kind(facts["twin"]), "an nn.Module")
    output, tied, twin = expected["output"], expected["tied"], expected["twin"]
    same_tensor(facts["at once"]["twin"], output, "the twin's output, at once")
    same_tensor(facts["at once"]["net"], output, "the net's own output, at once")
    same_number(facts["count"], expected["count"], "the count of the twin's numbers", expected["other counts"])
    if facts["trains"]["value"] is not True:
        raise Wrong("requires_grad of the twin's parameters", "False for some", "True for each", "something was frozen")
    step = facts["after a step of the twin"]
    mistakes = {"a tie is left in the twin": tied, **expected["other twins"]}
    same_tensor(step["twin"], twin, "the twin's output after its first step", mistakes)
    mistakes = {"the twin is the net itself, or works in its memory": twin}
    same_tensor(step["net"], output, "the net's output after a step of the twin", mistakes)
    step = facts["after a step of the net"]
    mistakes = {"the net itself was untied": expected["untied"]}
    same_tensor(step["net"], tied, "the net's output after its own first step", mistakes)
    same_tensor(step["twin"], twin, "the twin's output after a step of the net")
