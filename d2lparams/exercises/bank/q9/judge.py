"""Compare a tied net with what it should compute, count and learn, for q9."""

from typing import Any

from ...compare import Fact, Wrong, names, same_number, same_tensor


def judge(expected: Any, facts: Fact) -> None:
    same_tensor(facts["output"], expected["output"], "the output", expected["mistakes"])
    once = "it holds one use only: two Parameters, equal or over one memory, have a gradient each"
    mistakes = {
        f"{once}; this is the embedding's": expected["entrance"],
        f"{once}; this is the head's": expected["exit"],
    }
    total = expected["entrance"] + expected["exit"]
    same_tensor(facts["gradient"], total, "the gradient of the shared weight", mistakes)
    one, two = expected["counts"]
    same_number(facts["count"], one, "the count of the net's numbers", {"the head has a weight of its own": two})
    actual = names(facts["names"], "the names of the net's parameters")
    if actual != expected["names"]:
        raise Wrong("names of the net's parameters", actual, expected["names"], "more was changed than the two weights")
    if facts["trains"]["value"] is not True:
        raise Wrong("requires_grad of the net's parameters", "False for some", "True for each", "something was frozen")
    same_tensor(facts["later"], expected["later"], "the output after one step of gradient descent")
    if facts["kept"]["value"] is not True:
        likely = "another module, or a Parameter that is not asked for, took the place of one that was there"
        raise Wrong("the net's other parameters", "others than before", "those that were there", likely)
