"""Compare a repaired layer with what it promises, for q7."""

from typing import Any

import torch

from ... import compare
from ...compare import Fact, Wrong, same_tensor


def judge(expected: Any, facts: Fact) -> None:
    actual, wanted = compare.names(facts["names"], "the names in state_dict"), sorted(expected["start"])
    if actual != wanted:
        plain = "a plain tensor is among the attributes, and the layer does not know of it"
        raise Wrong("names in state_dict", actual, wanted, plain if set(actual) < set(wanted) else "")
    if "output" not in facts:
        raise Wrong("shapes in state_dict", "others", {name: tuple(t.shape) for name, t in expected["start"].items()})
    same_tensor(facts["output"], expected["output"], "the output", expected["mistakes"])
    for name, start in expected["start"].items():
        value = compare.tensor(facts["values"][name], name, start.dtype)
        if torch.equal(value, start.double()):
            likely = "no gradient reaches it, or the optimizer is not given it: .data, .detach() and buffers do that"
            raise Wrong(f"value of {name} after three steps", "what it was at the start", "another one", likely)
    for name, value in expected["values"].items():
        same_tensor(facts["values"][name], value, f"{name} after three steps")
    still = sorted(set(wanted) - set(compare.names(facts["moved"], "what moved")))
    if still:
        likely = "it starts where no gradient flows: zeros multiplied by zeros"
        raise Wrong(f"values of {', '.join(still)} after three steps from its own start", "the same", "others", likely)
