"""The exercises themselves. Never in reach of a learner's code while it is graded."""

import copy

import torch
from torch import nn

from .question import Case, Question, same_tensor


def _fill(net: nn.Module, rng: torch.Generator) -> nn.Module:
    """Draw every parameter of a net from the generator, so that nothing depends on the global random state."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) / 2)
    return net


def _q1_cases(rng: torch.Generator) -> list[Case]:
    cases = []
    for width in (3, 5):
        block = nn.Sequential(nn.Linear(width, 4), nn.ReLU())
        net = _fill(nn.Sequential(block, nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))), rng)
        X = torch.randn(2, width, generator=rng)
        entry = int(torch.randint(24, (), generator=rng))
        moved = copy.deepcopy(net)
        with torch.no_grad():
            moved[1][0].weight.view(-1)[entry] += 1
        expected = {"weight": net[1][0].weight.detach().clone(), "output": moved(X).detach()}
        cases.append(Case(f"with {width} inputs", {"net": net, "X": X, "entry": entry}, expected))
    return cases


def _q1_judge(expected: dict, facts: dict) -> None:
    same_tensor(facts["weight"], expected["weight"], "the weight")
    same_tensor(facts["output"], expected["output"], "the output after one entry of the returned weight was moved")


q1 = Question(
    name="q1",
    title="Reach into a nested net",
    points=1,
    task="`net` is a `Sequential` of two `Sequential`s. Return the weight of the first linear layer of the second.",
    answer="second_block_weight",
    stub="""
def second_block_weight(net: nn.Sequential) -> nn.Parameter:
    return ...
""",
    solution_code="""
def second_block_weight(net: nn.Sequential) -> nn.Parameter:
    return net[1][0].weight
""",
    hints=("A `Sequential` is indexed like a list, and so are the blocks in it.",),
    cases=_q1_cases,
    judge=_q1_judge,
)

QUESTIONS = (q1,)
