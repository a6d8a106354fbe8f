"""Hold a layer that an answer to q4 initialized against the law that its weight should follow."""

from typing import Any

import torch

from ... import compare
from ...compare import Fact, Wrong, same_tensor
from ...samples import unrelated_rows, without_copies

NARROW = 28  # of n numbers none falls into the last 28/n of a uniform law, but once in 1e12
KURTOSIS = {"normal": 3.0, "uniform": 9 / 5}


def judge(expected: Any, facts: Fact) -> None:
    before, law = expected["before"], expected["law"]
    weight = compare.tensor(facts["weight"], "the weight", before.dtype)
    if weight.shape != before.shape:
        raise Wrong("shape of the weight", tuple(weight.shape), tuple(before.shape))
    if torch.equal(weight, before.double()):
        likely = "nothing was filled in place: a new Parameter, or one in a copy, is not the layer's own"
        raise Wrong("value of the layer's weight", "what it was before", "a new draw", likely)
    again = compare.tensor(facts["again"], "the weight, initialized again", before.dtype)
    if again.shape != before.shape:
        raise Wrong("shape of the weight, initialized again", tuple(again.shape), tuple(before.shape))
    both = torch.cat((weight, again))
    compare.sample(both, law.cdf, law.std, law.size, "the weight", expected["mistakes"])
    if torch.equal(weight, again):
        likely = "a seed is set inside: two layers would start alike"
        raise Wrong("value of the weight in two calls", "the same numbers", "other numbers", likely)
    most = both.abs().max().item()
    if law.kind == "uniform" and most < law.high * (1 - NARROW / both.numel()):
        raise Wrong("distribution of the weight, its largest size", f"{most:.4f}", f"nearly {law.high:.4f}")
    if law.kind == "normal" and most < 2.9 * law.std:  # of 6,600 normal numbers none is larger but once in 5e10
        what = "distribution of the weight, its largest size in standard deviations"
        raise Wrong(what, f"{most / law.std:.2f}", "about 4", "the tails of the normal distribution were cut off")
    without_copies(weight.abs().flatten(), "the weight")
    unrelated_rows(weight, law.std, KURTOSIS[law.kind], "the weight")
    own = "nobody filled the layer's own bias; a new Parameter that takes its place is another one"
    same_tensor(facts["bias"], torch.zeros(len(before)), "the bias", {own: expected["bias"]})
