"""Choose a scheme."""

import math
from functools import partial
from typing import Any, NamedTuple

from torch import Generator, nn

from ... import pictures
from ...question import Case, Question
from ...samples import Law
from ..answer_parts import wrapped
from ..case_parts import filled, integer, real, seeds
from .judge import judge
from .probe import probe


class Variant(NamedTuple):
    """Which schemes: the law of He's ("normal" or "uniform") and its fan ("in" or "out"), and the law of Glorot's."""

    he: str
    fan: str
    glorot: str


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    cases = []
    for activation in (nn.ReLU(), nn.LeakyReLU(real(rng, 0.5, 0.7)), nn.Tanh()):
        if variant.fan == "in":
            fan_in, fan_out = integer(rng, 110, 120), integer(rng, 60, 64)
        else:  # further apart: else He's scheme by fan-out would have the spread of Glorot's for tanh
            fan_in, fan_out = integer(rng, 130, 136), integer(rng, 50, 54)
        layer = filled(nn.Linear(fan_in, fan_out), rng)
        slope = getattr(activation, "negative_slope", 0.0)
        fan, other = (fan_in, fan_out) if variant.fan == "in" else (fan_out, fan_in)
        he, glorot = math.sqrt(2 / (1 + slope**2) / fan), math.sqrt(2 / (fan_in + fan_out))
        bounds = {
            "a bound was taken for a standard deviation": math.sqrt(3),
            "a standard deviation was taken for a bound": 1 / math.sqrt(3),
        }
        if isinstance(activation, nn.Tanh):
            std = 5 / 3 * glorot
            mistakes = {
                "tanh's gain was left out": glorot,
                "this is He's scheme, which is meant for ReLU": he,
                "the gain is ReLU's, not tanh's": math.sqrt(2) * glorot,
                "fan-in stands for the mean of fan-in and fan-out": 5 / 3 * math.sqrt(1 / fan_in),
                "fan-out stands for the mean of fan-in and fan-out": 5 / 3 * math.sqrt(1 / fan_out),
            }
        else:
            std = he
            mistakes = {
                f"fan-{'out' if fan == fan_in else 'in'} was taken for fan-{variant.fan}": he * math.sqrt(fan / other),
                "the gain was left out": math.sqrt(1 / fan),
                "the negative slope was left out": math.sqrt(2 / fan),
                "this is Glorot's scheme, which is meant for tanh": glorot,
                "this is PyTorch's default": math.sqrt(1 / 3 / fan_in),
            }
        mistakes["a variance was taken for a standard deviation"] = std**2
        mistakes |= {mistake: std * factor for mistake, factor in bounds.items()}
        kind = variant.glorot if isinstance(activation, nn.Tanh) else variant.he
        reach = std if kind == "normal" else math.sqrt(3) * std
        expected: dict[str, Any] = {"law": Law(kind, -reach, reach), "mistakes": mistakes}
        expected |= {"name": type(activation).__name__, "before": layer.weight.detach().clone()}
        expected["bias"] = layer.bias.detach().clone()
        (seed,) = seeds(rng, 1)
        cases.append(Case(f"before {activation}", {"layer": layer, "activation": activation}, expected, seed))
    return cases


def make(variant: Variant) -> Question:
    he, fan, glorot = variant
    head = "\ndef initialize_linear_(layer: nn.Linear, activation: nn.Module) -> None:\n"
    mode = "" if fan == "in" else ', mode="fan_out"'
    return Question(
        name="q4",
        section="initialization",
        taught=("2-initialization",),
        title="Choose the scheme by the activation",
        points=7,
        task=wrapped(f"""
Initialize a linear layer in place, for the activation that follows it. Look the schemes up in the documentation of
`torch.nn.init`.

| `activation` | weight | bias |
| --- | --- | --- |
| `nn.ReLU()` | He and others (2015), {he}, by fan-{fan} | 0 |
| `nn.LeakyReLU(slope)` | the same, with the gain of its own `negative_slope` | 0 |
| `nn.Tanh()` | Glorot and Bengio (2010), {glorot}, with the gain of tanh | 0 |

The weight is judged as a sample: its mean, its standard deviation, its distribution.
"""),
        answer="initialize_linear_",
        stub=f"{head}    # your turn\n    ...\n",
        solution_code=f"""{head}    if isinstance(activation, nn.Tanh):
        gain = nn.init.calculate_gain("tanh")
        nn.init.xavier_{glorot}_(layer.weight, gain=gain)
    else:
        slope = getattr(activation, "negative_slope", 0.0)
        nn.init.kaiming_{he}_(layer.weight, a=slope{mode})
    nn.init.zeros_(layer.bias)
""",
        hints=(
            "Glorot's scheme goes by the name of Xavier, his first name, and He's by Kaiming, likewise.",
            f"`kaiming_{he}_` takes the negative slope as `a`, and `leaky_relu` with a slope of 0 is ReLU."
            + (" Its `mode` says which fan." if fan == "out" else ""),
            f'`nn.init.calculate_gain("tanh")` is 5/3, and `xavier_{glorot}_` takes it as `gain`; by itself it uses 1.',
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        picture=pictures.weights,
        variant=variant,
    )


variants = tuple(
    make(Variant(*which))
    for which in (
        ("normal", "in", "uniform"),
        ("uniform", "in", "normal"),
        ("normal", "out", "normal"),
        ("uniform", "out", "uniform"),
    )
)
question = variants[0]
