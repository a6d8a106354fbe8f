"""Write an initializer."""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, nn

from ... import pictures
from ...question import Case, Question
from ...samples import Law
from ..answer_parts import wrapped
from ..case_parts import normal, real, seeds
from .judge import judge
from .probe import probe

DRAW = "torch.empty_like(tensor).uniform_(low, high, generator=generator)"


class Variant(NamedTuple):
    """Which law.

    answer: the function's name. signs, size: the naive code. kind: the law of the sizes. positive: the share of
    positive entries, as code. lines: those that draw the sizes. hint: how.
    """

    answer: str
    signs: str
    size: str
    kind: str
    positive: str
    lines: tuple[str, ...]
    hint: str


BOOK = Variant(
    "gapped_uniform_",
    "[-1, 1]",
    "uniform(low, high)",
    "uniform",
    "0.5",
    (f"size = {DRAW}",),
    f"`{DRAW}` draws the sizes, `bernoulli_` the rest.",
)
VARIANTS = (
    BOOK,
    BOOK._replace(
        answer="gapped_log_uniform_",
        size="exp(uniform(log(low), log(high)))",
        kind="log-uniform",
        lines=(
            "log_size = torch.empty_like(tensor)",
            "log_size.uniform_(math.log(low), math.log(high), generator=generator)",
            "size = log_size.exp()",
        ),
        hint="`uniform_(math.log(low), math.log(high), generator=generator)` draws the logarithms, `bernoulli_` the "
        "rest.",
    ),
    BOOK._replace(
        answer="gapped_rising_",
        size="max(uniform(low, high), uniform(low, high))",
        kind="rising",
        lines=(f"one = {DRAW}", f"two = {DRAW}", "size = torch.maximum(one, two)"),
        hint=f"Twice `{DRAW}`, and `torch.maximum` of the two, gives the sizes; `bernoulli_` draws the rest.",
    ),
    BOOK._replace(
        answer="gapped_leaning_",
        signs="[-1, 1, 1]",
        positive="2 / 3",
        hint=f"`{DRAW}` draws the sizes, `bernoulli_` the rest. Two signs of three are positive.",
    ),
)


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    cases = []
    for shape, dtype, calls in (((12, 20), torch.float32, 100), ((3, 5, 17), torch.float64, 4)):
        zero, low = real(rng, 0.1, 0.2), real(rng, 1, 2)  # far from 1/2, and from low / high
        numbers = {"zero": zero, "low": low, "high": real(rng, 2 * low, 2.6 * low)}
        factor, (seed, first, second) = real(rng, 1.5, 2.5), seeds(rng, 3)
        before = normal(rng, *shape, dtype=dtype)
        inputs: dict[str, Any] = {"tensor": nn.Parameter(before), "numbers": numbers, "calls": calls}
        inputs |= {"seeds": [first, second], "factor": factor}
        after = torch.rand(4, generator=torch.Generator().manual_seed(seed))
        expected: dict[str, Any] = {"factor": factor, "shape": shape, "dtype": dtype, "calls": calls, "next": after}
        expected |= {"zero": zero, "law": Law(variant.kind, low, numbers["high"]), "before": (before * factor).double()}
        expected["positive"] = 2 / 3 if variant.positive == "2 / 3" else 0.5
        cases.append(Case(f"on a Parameter of shape {shape}", inputs, expected, seed))
    return cases


def make(variant: Variant) -> Question:
    head = f"""
def {variant.answer}(
    tensor: torch.Tensor,
    zero: float,
    low: float,
    high: float,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
"""
    lines = "".join(f"        {line}\n" for line in variant.lines)
    return Question(
        name="q6",
        section="custom",
        taught=("3-custom-initialization",),
        title="Write an initializer with a gap",
        points=8,
        task=wrapped(f"""
Fill a tensor of any shape in place, and return it. Its distribution, entry by entry, in naive code:

    if random() < zero:
        entry = 0
    else:
        entry = choice({variant.signs}) * {variant.size}

Follow PyTorch's grammar: it works on a Parameter that requires gradients; all draws come from `generator`, and from the
global one only if that is None.
"""),
        answer=variant.answer,
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"""{head}    with torch.no_grad():
{lines}        sign = torch.empty_like(tensor).bernoulli_({variant.positive}, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(kept * sign * size)
""",
        hints=(
            "Make three tensors of the same shape: which entries stay, their signs, their sizes. Then multiply.",
            variant.hint,
            "Under `torch.no_grad()`, `tensor.copy_(values)` fills a Parameter in place and returns it.",
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        picture=pictures.gaps,
        variant=variant,
    )


variants = tuple(make(variant) for variant in VARIANTS)
question = variants[0]
