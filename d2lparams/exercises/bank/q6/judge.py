"""Hold the tensors that an answer to q6 filled against the law that it was to draw from.

All that came from one generator is judged together: many calls show what one call hides, a count that is always the
same for example.
"""

import math
from typing import Any

import torch
from torch import Tensor

from ... import compare
from ...compare import SIGMAS, Fact, Wrong, same_tensor
from ...samples import Law, follows, uniform, varying, without_copies

OTHER_LAWS = {
    "uniform": "the sizes are uniform between low and high",
    "log-uniform": "the logarithms of the sizes are uniform",
    "rising": "the larger one of two draws was taken, or the square root of one",
}


def judge(expected: Any, facts: Fact) -> None:
    dtype, shape = expected["dtype"], expected["shape"]
    kinds = ("filled", "again", "other", "global")
    found = {kind: [compare.tensor(fact, "the tensor", dtype) for fact in facts[kind]] for kind in kinds}
    if [len(found[kind]) for kind in kinds] != [expected["calls"], 2, 1, 2]:
        raise Wrong("how many tensors", "others", "one for each call")
    if torch.equal(found["filled"][0], expected["before"]):
        likely = "a new tensor was made, and the one that came was left as it was"
        raise Wrong("value of the tensor afterwards", "what it was before", "a new draw", likely)
    for values in (value for kind in kinds for value in found[kind]):
        if values.shape != shape:
            raise Wrong("shape of the tensor", tuple(values.shape), shape)
        _possible(values, expected)
    one, two, *_ = found["filled"]
    if torch.equal(one, two):
        likely = "the draws come from a generator that is made anew in each call: a copy, or one with a seed of its own"
        raise Wrong("value in two calls with one generator", "the same numbers", "other numbers", likely)
    if not (torch.equal(one, found["again"][0]) and torch.equal(two, found["again"][1])):
        likely = "the draws don't all come from `generator`"
        raise Wrong("value with the same seed", "other numbers", "the same numbers", likely)
    if torch.equal(one, found["other"][0]):
        raise Wrong("value with another seed", "the same numbers", "other numbers", "a seed is set inside")
    if torch.equal(*found["global"]):
        likely = "a generator of its own stands in for the global one, with the same seed each time"
        raise Wrong("value without a generator, twice", "the same numbers", "other numbers", likely)
    _sample(torch.stack(found["filled"]), expected)
    scaled = (one * expected["factor"]).to(dtype)
    same_tensor(facts["returned"], scaled, "what was returned, after the tensor was scaled")
    same_tensor(facts["next"], expected["next"], "the next draw of the global generator, which was not to be used")
    single = compare.tensor(facts["single"], "a tensor without dimensions", dtype)
    if single.shape != ():
        raise Wrong("shape of a tensor without dimensions", tuple(single.shape), ())
    _possible(single, expected)


def _possible(values: Tensor, expected: dict[str, Any]) -> None:
    """Judge each number by itself."""
    law: Law = expected["law"]
    size = values[values != 0].abs()
    least, most = (size.min().item(), size.max().item()) if len(size) else (law.low, law.low)
    if not (least >= law.low * (1 - 1e-6) and most <= law.high * (1 + 1e-6)):
        came = f"{least:.3f} to {most:.3f}"
        raise Wrong("distribution, size of the non-zero entries", came, f"{law.low} to {law.high}")


def _sample(calls: Tensor, expected: dict[str, Any]) -> None:
    """Judge all calls with one generator: zeros, bounds, signs, sizes, and whether each was drawn by itself."""
    zero, law, leaning = expected["zero"], expected["law"], expected["positive"]
    zeros = (calls == 0).flatten(1).double()
    n, share = zeros.numel(), zeros.mean().item()
    error = SIGMAS * math.sqrt(zero * (1 - zero) / n)
    if not abs(share - zero) <= error:
        shares = {
            "zero and non-zero changed places": 1 - zero,
            "zeros are what fell below `low`, as in the book's recipe": law.low / law.high,
            "each entry is 0 with probability 1/2": 0.5,
        }
        likely = next((name for name, other in shares.items() if abs(share - other) <= error), "")
        raise Wrong("distribution, share of zeros", f"{share:.3f}", f"{zero:.3f}", likely)
    rest = calls[calls != 0]
    size, m = rest.abs(), len(rest)
    positive = (rest > 0).double().mean().item()
    if not abs(positive - leaning) <= SIGMAS * math.sqrt(leaning * (1 - leaning) / m):
        raise Wrong("distribution, share of positive among the non-zero", f"{positive:.3f}", f"{leaning:.3f}")
    short = max(law.cdf(size.min()).item(), 1 - law.cdf(size.max()).item())
    narrow = short * m > 28  # a correct sample leaves such a piece at an end empty once in 1e12 times
    what, came = "distribution, size of the non-zero entries", f"{size.min():.3f} to {size.max():.3f}"
    if narrow and (abs(short - zero) < 0.03 or abs(short + zero - 1) < 0.03):
        likely = "one draw serves two purposes: whether an entry is 0, and how large it is"
        raise Wrong(what, came, f"{law.low:.3f} to {law.high:.3f}", likely)
    without_copies(size, "the sizes")
    mistakes = {words: law._replace(kind=kind) for kind, words in OTHER_LAWS.items() if kind != law.kind}
    follows(size, law, "the sizes of the non-zero entries", mistakes)
    uniform(law.cdf(size), "the sizes of the non-zero entries")
    if narrow:
        raise Wrong(what, came, f"{law.low:.3f} to {law.high:.3f}", "the range was narrowed")
    for sign, name in ((1, "positive"), (-1, "negative")):
        follows(size[rest.sign() == sign], law, f"the sizes of the {name} entries")
    whole = calls.flatten(1)
    varying(zeros.sum(1), torch.full((len(whole),), whole.shape[1]).double(), zero, "share of zeros")
    there = (whole != 0).sum(1).double()
    varying((whole > 0).sum(1).double(), there, leaning, "share of positive entries")
    signs, sizes = whole.sign(), torch.where(whole == 0, 0.5, law.cdf(whole.abs())) - 0.5
    varying((sizes < 0).sum(1).double(), there, 0.5, "share of entries below the middle size")
    for pattern, of in ((zeros, "the zeros"), (signs - signs.mean(), "the signs"), (sizes, "the sizes")):
        for ordered in (pattern, pattern.reshape(-1, calls.shape[-1])):
            compare.independent(ordered, of)
