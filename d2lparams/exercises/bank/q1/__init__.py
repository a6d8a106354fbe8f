"""Reach a parameter."""

import copy
from typing import Any

import torch
from torch import Generator, nn

from ...compare import Fact, Wrong, same_tensor
from ...question import Case, Question
from ..case_parts import filled, normal, real
from .probe import probe


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for width in (3, 5):
        first = nn.Sequential(nn.Linear(width, 6), nn.ReLU(), nn.Linear(6, 4))
        net = filled(nn.Sequential(first, nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))), rng)
        X, factor = normal(rng, 2, width), real(rng, 1.5, 2.5)
        moved = copy.deepcopy(net)
        moved(X).square().sum().backward()
        weight = moved.get_parameter("1.0.weight")
        with torch.no_grad():
            expected: dict[str, Any] = {"weight": weight.clone(), "gradient": weight.grad}
            expected["mistakes"] = {
                "it is the first block's": net.get_parameter("0.0.weight").detach().clone(),
                "it is another layer's": net.get_parameter("0.2.weight").detach().clone(),
                "it is the last layer's": net.get_parameter("1.2.weight").detach().clone(),
                "it is the bias": net.get_parameter("1.0.bias").detach().clone(),
            }
            expected["before"] = net(X).detach()
            weight.mul_(factor)
            expected["after"] = moved(X)
        cases.append(Case(f"with {width} inputs", {"net": net, "X": X, "factor": factor}, expected))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    same_tensor(facts["weight"], expected["weight"], "the returned weight", expected["mistakes"])
    if facts["gradient"]["type"] == "NoneType":
        raise Wrong(
            "gradient of what was returned, after a backward pass",
            "None",
            "the weight's gradient",
            "you returned the weight's numbers (a copy, .data or an entry of state_dict), not the Parameter itself",
        )
    same_tensor(facts["gradient"], expected["gradient"], "the gradient of what was returned, after a backward pass")
    mistakes = {"a copy was returned: the net never noticed": expected["before"]}
    same_tensor(facts["output"], expected["after"], "the net's output after the returned weight was scaled", mistakes)


question = Question(
    name="q1",
    section="access",
    taught=("1-access",),
    title="Reach into a nested net",
    points=3,
    task="""
`net` is a `Sequential` of two `Sequential`s. Return the weight of the *first* linear layer of the *second* one: not a
copy, but the Parameter itself, so that whoever scales what you return scales the net.
""",
    answer="second_block_weight",
    stub="""
def second_block_weight(net: nn.Sequential) -> nn.Parameter:
    # your turn
    return ...
""",
    solution_code="""
def second_block_weight(net: nn.Sequential) -> nn.Parameter:
    return net[1][0].weight
""",
    hints=(
        "A `Sequential` is indexed like a list, and so are the blocks in it.",
        "`net[1]` is the second block, `net[1][0]` its first layer. A layer's weight is an attribute of it.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
