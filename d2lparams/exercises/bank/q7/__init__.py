"""Repair a layer."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import descend, integer, normal, real
from .judge import judge
from .probe import probe

PLAIN, DATA, DETACHED = "plain", "data", "detached"  # the three faults
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


class Variant(NamedTuple):
    """What a layer promises, and its faults.

    function: of X W + b. third, sign: the third parameter, and whether it multiplies ("*") or is added ("+").
    faults: of the weight, the bias, the third. answer: the class's name.
    """

    function: str
    third: str
    sign: str
    faults: tuple[str, str, str]
    answer: str


VARIANTS = (
    Variant("relu", "scale", "*", (DATA, PLAIN, DETACHED), "ScaledLinear"),
    Variant("tanh", "shift", "+", (PLAIN, DETACHED, DATA), "ShiftedLinear"),
    Variant("sigmoid", "gate", "*", (DETACHED, DATA, PLAIN), "GatedLinear"),
)


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    cases, third = [], variant.third

    def promised(p: dict[str, Tensor], X: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        Y = function(X @ p["weight"] + p["bias"])
        return Y * p[third] if variant.sign == "*" else Y + p[third]

    for _ in range(2):
        inputs, outputs, n = integer(rng, 2, 4), integer(rng, 5, 7), 12
        state = {"weight": normal(rng, inputs, outputs), "bias": normal(rng, outputs), third: normal(rng, outputs)}
        X, Y, lr = normal(rng, n, inputs), normal(rng, n, outputs), real(rng, 0.5, 1)
        layer = nn.ParameterDict({name: nn.Parameter(value.clone()) for name, value in state.items()})
        own, function = dict(layer.items()), FUNCTIONS[variant.function]
        expected: dict[str, Any] = {"start": state, "output": promised(state, X, function)}
        others = {name: promised(state, X, other) for name, other in FUNCTIONS.items() if other is not function}
        bare = state | {"bias": torch.zeros(outputs)}
        expected["mistakes"] = {
            f"{variant.function} was lost in the repair": promised(state, X, lambda Z: Z),
            "the bias was lost in the repair": promised(bare, X, function),
            f"{third} was lost in the repair": function(X @ state["weight"] + state["bias"]),
            f"{third} came before {variant.function}": function(
                promised(state, X, lambda Z: Z),
            ),
            **{f"{name} was taken for {variant.function}": other for name, other in others.items()},
        }
        for _ in range(3):
            descend(layer, F.mse_loss(promised(own, X, function), Y), lr)
        expected["values"] = {name: value.detach() for name, value in own.items()}
        given = {"sizes": (inputs, outputs), "state": state, "X": X, "Y": Y, "lr": lr, "steps": 3}
        cases.append(Case(f"with {inputs} inputs and {outputs} outputs", given, expected))
    return cases


def layer(variant: Variant, faults: tuple[str, str, str] | None = None) -> str:
    """Return the code of the layer, with these faults or without any."""
    weight, bias, third = faults or ("", "", "")

    def made(value: str, fault: str) -> str:
        if fault != PLAIN:
            return f"nn.Parameter(torch.{value})"
        return f"torch.{value[:-1]}, requires_grad=True)"

    def used(name: str, fault: str) -> str:
        return f"self.{name}" + {DATA: ".data", DETACHED: ".detach()"}.get(fault, "")

    first = "ones" if variant.sign == "*" else "zeros"
    return f"""
class {variant.answer}(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = {made("randn(inputs, outputs)", weight)}
        self.bias = {made("zeros(outputs)", bias)}
        self.{variant.third} = {made(f"{first}(outputs)", third)}

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = torch.{variant.function}(X @ {used("weight", weight)} + {used("bias", bias)})
        return Y {variant.sign} {used(variant.third, third)}
"""


def make(variant: Variant) -> Question:
    function, third, sign, faults, answer = variant
    return Question(
        name="q7",
        section="custom",
        taught=("1-access",),
        title="Repair a layer that never trains",
        points=7,
        task=wrapped(f"""
This layer promises `{function}(X W + b) {sign} {third}`, and computes it, too. But train it, and nothing in it moves. \
Repair it in
place; keep the names `weight`, `bias` and `{third}`. It is judged by its `state_dict()`, its output, and its values \
after
some steps of gradient descent.
"""),
        answer=answer,
        stub=f"{layer(variant, faults)}\n\n# your turn\n",
        solution_code=layer(variant),
        hints=(
            f"There are three faults, one for each of weight, bias and {third}.",
            "Print `list(layer.state_dict())`: who is missing? Then `p.grad` of each after a backward pass: who has "
            "None?",
            "The layer sees a tensor only if it is an `nn.Parameter`; `.data` and `.detach()` cut it out of the graph.",
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(make(variant) for variant in VARIANTS)
question = variants[0]
