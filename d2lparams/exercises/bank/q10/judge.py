"""Compare two gradients with the true ones, for q10."""

from typing import Any

from ...compare import Fact, Wrong, kind, same_tensor


def judge(expected: Any, facts: Fact) -> None:
    fact, (first, second) = facts["gradients"], expected["gradients"]
    if fact["type"] in ("Tensor", "Parameter"):
        one_matrix = fact["shape"] == list(first.shape)
        likely = "only their sum was returned, which is what W.grad holds"
        raise Wrong("type of what was returned", "one tensor", "two gradients", likely if one_matrix else "")
    if fact["type"] not in ("tuple", "list"):
        raise Wrong("type of what was returned", kind(fact), "two gradients")
    if len(fact["items"]) != 2:
        raise Wrong("type of what was returned", f"{kind(fact)} of {len(fact['items'])}", "two gradients")
    uses = zip(("first", "second"), fact["items"], (first, second), expected["mistakes"], strict=True)
    for name, item, wanted, mistakes in uses:
        same_tensor(item, wanted, f"the gradient of the {name} use", mistakes)
    same_tensor(facts["W"], expected["W"], "W afterwards, which was to stay")
