"""Write an initializer."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ... import compare, pictures
from ...compare import Fact, Wrong, same_tensor
from ...question import Case, Question
from ..case_parts import normal, real, seeds
from .probe import probe


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for shape, dtype in (((40, 40), torch.float32), ((8, 10, 20), torch.float64)):
        zero, low = real(rng, 0.1, 0.2), real(rng, 1, 2)  # far from 1/2, and from low / high
        numbers = {"zero": zero, "low": low, "high": real(rng, low + 1, low + 2)}
        factor, (seed, first, second) = real(rng, 1.5, 2.5), seeds(rng, 3)
        before = normal(rng, *shape, dtype=dtype)
        inputs: dict[str, Any] = {"tensor": nn.Parameter(before), "numbers": numbers}
        inputs |= {"seeds": [first, second, first], "factor": factor}
        after = torch.rand(4, generator=torch.Generator().manual_seed(seed))
        expected: dict[str, Any] = numbers | {"factor": factor, "shape": shape, "dtype": dtype, "next": after}
        expected["before"] = before.double().clone()
        expected["cdf"] = _gapped_cdf(low, numbers["high"])
        cases.append(Case(f"on a Parameter of shape {shape}", inputs, expected, seed))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    filled = [compare.tensor(fact, "the tensor", expected["dtype"]) for fact in facts["filled"]]
    one, two, again, globally, globally_again = filled
    if torch.equal(one, expected["before"]):
        likely = "a new tensor was made, and the one that came was left as it was"
        raise Wrong("value of the tensor afterwards", "what it was before", "a new draw", likely)
    for values in filled:
        if values.shape != expected["shape"]:
            raise Wrong("shape of the tensor", tuple(values.shape), expected["shape"])
        _judge_sample(values, expected)
    if torch.equal(one, two):
        raise Wrong("value with another seed", "the same numbers", "other numbers", "a seed is set inside")
    if not torch.equal(one, again):
        likely = "the draws don't all come from `generator`"
        raise Wrong("value with the same seed", "other numbers", "the same numbers", likely)
    if torch.equal(globally, globally_again):
        likely = "a generator of its own stands in for the global one, with the same seed each time"
        raise Wrong("value without a generator, twice", "the same numbers", "other numbers", likely)
    scaled = (again * expected["factor"]).to(expected["dtype"])
    same_tensor(facts["returned"], scaled, "what was returned, after the tensor was scaled")
    same_tensor(facts["next"], expected["next"], "the next draw of the global generator, which was not to be used")


def _judge_sample(values: Tensor, expected: dict[str, Any]) -> None:
    """Judge one sample: zeros, bounds, signs, then the distribution of what is not zero."""
    zero, low, high = expected["zero"], expected["low"], expected["high"]
    n, flat = values.numel(), values.flatten()
    share, error = (flat == 0).double().mean().item(), compare.SIGMAS * math.sqrt(zero * (1 - zero) / n)
    if not abs(share - zero) <= error:
        shares = {
            "zero and non-zero changed places": 1 - zero,
            "zeros are what fell below `low`, as in the book's recipe": low / high,
            "each entry is 0 with probability 1/2": 0.5,
        }
        likely = next((name for name, other in shares.items() if abs(share - other) <= error), "")
        raise Wrong("distribution, share of zeros", f"{share:.3f}", f"{zero:.3f}", likely)
    rest = flat[flat != 0]
    size = rest.abs()
    bounds = f"{size.min():.3f} to {size.max():.3f}"
    if not (size.min() >= low * (1 - 1e-6) and size.max() <= high * (1 + 1e-6)):
        raise Wrong("distribution, size of the non-zero entries", bounds, f"{low} to {high}")
    margin = 0.03 * (high - low)  # a correct sample leaves such a piece at either end empty once in 1e16 times
    if not (size.min() <= low + margin and size.max() >= high - margin):
        likely = "one draw serves two purposes: whether an entry is 0, and how large it is"
        raise Wrong("distribution, size of the non-zero entries", bounds, f"{low:.3f} to {high:.3f}", likely)
    positive = (rest > 0).double().mean().item()
    if not abs(positive - 0.5) <= compare.SIGMAS / 2 / math.sqrt(len(rest)):
        raise Wrong("distribution, share of positive among the non-zero", f"{positive:.3f}", "0.500")
    std = math.sqrt((low**2 + low * high + high**2) / 3)
    compare.sample(rest[None], expected["cdf"], std, (low + high) / 2, "the non-zero entries")
    compare.independent((flat != 0).double().reshape(values.shape[0], -1), "the zeros")


def _gapped_cdf(low: float, high: float) -> Callable[[Tensor], Tensor]:
    """Return the cumulative distribution function of the non-zero entries."""

    def cdf(x: Tensor) -> Tensor:
        size = ((x.abs() - low) / (high - low)).clamp(0, 1) / 2
        return torch.where(x > 0, 0.5 + size, 0.5 - size)

    return cdf


question = Question(
    name="q6",
    section="custom",
    taught=("3-custom-initialization",),
    title="Write an initializer with a gap",
    points=8,
    task="""
Fill a tensor of any shape in place, and return it. Its distribution, entry by entry, in naive code:

    if random() < zero:
        entry = 0
    else:
        entry = choice([-1, 1]) * uniform(low, high)

Follow PyTorch's grammar: it works on a Parameter that requires gradients; all draws come from `generator`, and from the
global one only if that is None.
""",
    answer="gapped_uniform_",
    stub="""
def gapped_uniform_(
    tensor: torch.Tensor,
    zero: float,
    low: float,
    high: float,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    # your turn
    return ...
""",
    solution_code="""
def gapped_uniform_(
    tensor: torch.Tensor,
    zero: float,
    low: float,
    high: float,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(kept * sign * size)
""",
    hints=(
        "Make three tensors of the same shape: which entries stay, their signs, their sizes. Then multiply.",
        "`torch.empty_like(tensor).uniform_(low, high, generator=generator)` draws the sizes, `bernoulli_` the rest.",
        "Under `torch.no_grad()`, `tensor.copy_(values)` fills a Parameter in place and returns it.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
    picture=pictures.gaps,
)
