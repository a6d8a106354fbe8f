"""Choose a scheme."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ... import compare, pictures
from ...compare import Fact, Wrong, same_tensor
from ...question import Case, Question
from ..case_parts import filled, integer, real, seeds
from .probe import probe


def _normal_cdf(std: float) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.special.ndtr(x / std)


def _uniform_cdf(low: float, high: float) -> Callable[[Tensor], Tensor]:
    return lambda x: ((x - low) / (high - low)).clamp(0, 1)


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for activation in (nn.ReLU(), nn.LeakyReLU(real(rng, 0.5, 0.7)), nn.Tanh()):
        fan_in, fan_out = integer(rng, 110, 120), integer(rng, 60, 64)
        layer = filled(nn.Linear(fan_in, fan_out), rng)
        slope = getattr(activation, "negative_slope", 0.0)
        he, glorot = math.sqrt(2 / (1 + slope**2) / fan_in), math.sqrt(2 / (fan_in + fan_out))
        mistakes = {
            "fan-out was taken for fan-in": math.sqrt(2 / (1 + slope**2) / fan_out),
            "the gain was left out": math.sqrt(1 / fan_in),
            "the negative slope was left out": math.sqrt(2 / fan_in),
            "this is Glorot's scheme, which is meant for tanh": glorot,
            "this is PyTorch's default": math.sqrt(1 / 3 / fan_in),
            "a variance was taken for a standard deviation": he**2,
        }
        expected: dict[str, Any] = {"std": he, "cdf": _normal_cdf(he), "size": math.sqrt(2 / math.pi)}
        if isinstance(activation, nn.Tanh):
            std = 5 / 3 * glorot
            mistakes = {
                "tanh's gain was left out": glorot,
                "this is He's scheme, which is meant for ReLU": he,
                "fan-in stands for the mean of fan-in and fan-out": 5 / 3 * math.sqrt(1 / fan_in),
                "a bound was taken for a standard deviation": math.sqrt(3) * std,
                "a standard deviation was taken for a bound": std / math.sqrt(3),
            }
            bound = math.sqrt(3) * std
            expected = {"std": std, "cdf": _uniform_cdf(-bound, bound), "size": math.sqrt(3) / 2}
        expected |= {"name": type(activation).__name__, "mistakes": mistakes, "before": layer.weight.detach().clone()}
        expected["bias"] = layer.bias.detach().clone()
        (seed,) = seeds(rng, 1)
        cases.append(Case(f"before {activation}", {"layer": layer, "activation": activation}, expected, seed))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    before = expected["before"]
    weight = compare.tensor(facts["weight"], "the weight", before.dtype)
    if weight.shape != before.shape:
        raise Wrong("shape of the weight", tuple(weight.shape), tuple(before.shape))
    if torch.equal(weight, before.double()):
        likely = "nothing was filled in place: a new Parameter, or one in a copy, is not the layer's own"
        raise Wrong("value of the layer's weight", "what it was before", "a new draw", likely)
    std = expected["std"]
    compare.sample(weight, expected["cdf"], std, expected["size"] * std, "the weight", expected["mistakes"])
    mistakes = {
        "nobody filled the layer's own bias; a new Parameter that takes its place is another one": expected["bias"]
    }
    same_tensor(facts["bias"], torch.zeros(len(before)), "the bias", mistakes)


question = Question(
    name="q4",
    section="initialization",
    taught=("2-initialization",),
    title="Choose the scheme by the activation",
    points=7,
    task="""
Initialize a linear layer in place, for the activation that follows it. Look the schemes up in the documentation of
`torch.nn.init`.

| `activation` | weight | bias |
| --- | --- | --- |
| `nn.ReLU()` | He and others (2015), normal, by fan-in | 0 |
| `nn.LeakyReLU(slope)` | the same, with the gain of its own `negative_slope` | 0 |
| `nn.Tanh()` | Glorot and Bengio (2010), uniform, with the gain of tanh | 0 |

The weight is judged as a sample: its mean, its standard deviation, its distribution.
""",
    answer="initialize_linear_",
    stub="""
def initialize_linear_(layer: nn.Linear, activation: nn.Module) -> None:
    # your turn
    ...
""",
    solution_code="""
def initialize_linear_(layer: nn.Linear, activation: nn.Module) -> None:
    if isinstance(activation, nn.Tanh):
        gain = nn.init.calculate_gain("tanh")
        nn.init.xavier_uniform_(layer.weight, gain=gain)
    else:
        slope = getattr(activation, "negative_slope", 0.0)
        nn.init.kaiming_normal_(layer.weight, a=slope)
    nn.init.zeros_(layer.bias)
""",
    hints=(
        "Glorot's scheme goes by the name of Xavier, his first name, and He's by Kaiming, likewise.",
        "`kaiming_normal_` takes the negative slope as `a`, and `leaky_relu` with a slope of 0 is ReLU.",
        '`nn.init.calculate_gain("tanh")` is 5/3, and `xavier_uniform_` takes it as `gain`; by itself it uses 1.',
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
    picture=pictures.weights,
)
