"""Repair a layer."""

from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ... import compare
from ...compare import Fact, Wrong, same_tensor
from ...question import Case, Question
from ..case_parts import descend, integer, normal, real
from .probe import probe


class _Scaled(nn.Module):
    """What the learner's layer promises."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, X: Tensor) -> Tensor:
        return torch.relu(X @ self.weight + self.bias) * self.scale


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for _ in range(2):
        inputs, outputs, n = integer(rng, 2, 4), integer(rng, 5, 7), 12
        state = {"weight": normal(rng, inputs, outputs), "bias": normal(rng, outputs), "scale": normal(rng, outputs)}
        X, Y, lr = normal(rng, n, inputs), normal(rng, n, outputs), real(rng, 0.5, 1)
        layer = _Scaled(inputs, outputs)
        layer.load_state_dict(state)
        expected: dict[str, Any] = {"start": state, "output": layer(X).detach()}
        expected["unclipped"] = ((X @ layer.weight + layer.bias) * layer.scale).detach()
        for _ in range(3):
            descend(layer, F.mse_loss(layer(X), Y), lr)
        expected["values"] = layer.state_dict()
        given = {"sizes": (inputs, outputs), "state": state, "X": X, "Y": Y, "lr": lr, "steps": 3}
        cases.append(Case(f"with {inputs} inputs and {outputs} outputs", given, expected))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    actual, wanted = compare.names(facts["names"], "the names in state_dict"), sorted(expected["start"])
    if actual != wanted:
        plain = "a plain tensor is among the attributes, and the layer does not know of it"
        raise Wrong("names in state_dict", actual, wanted, plain if set(actual) < set(wanted) else "")
    if "output" not in facts:
        raise Wrong("shapes in state_dict", "others", {name: tuple(t.shape) for name, t in expected["start"].items()})
    mistakes = {"relu was lost in the repair": expected["unclipped"]}
    same_tensor(facts["output"], expected["output"], "the output", mistakes)
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


question = Question(
    name="q7",
    section="custom",
    taught=("1-access",),
    title="Repair a layer that never trains",
    points=7,
    task="""
This layer promises `relu(X W + b) * scale`, and computes it, too. But train it, and nothing in it moves. Repair it in
place; keep the names `weight`, `bias` and `scale`. It is judged by its `state_dict()`, its output, and its values after
some steps of gradient descent.
""",
    answer="ScaledLinear",
    stub="""
class ScaledLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = torch.zeros(outputs, requires_grad=True)
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = torch.relu(X @ self.weight.data + self.bias)
        return Y * self.scale.detach()


# your turn
""",
    solution_code="""
class ScaledLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = torch.relu(X @ self.weight + self.bias)
        return Y * self.scale
""",
    hints=(
        "There are three faults, one for each of weight, bias and scale.",
        "Print `list(layer.state_dict())`: who is missing? Then `p.grad` of each after a backward pass: who has None?",
        "The layer sees a tensor only if it is an `nn.Parameter`; `.data` and `.detach()` cut it out of the graph.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
