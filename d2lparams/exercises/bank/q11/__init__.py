"""Undo a tie."""

import copy
from typing import Any

from torch import Generator, nn
from torch.nn import functional as F

from ...compare import Fact, Wrong, kind, same_number, same_tensor
from ...question import Case, Question
from ..case_parts import descend, filled, integer, normal, real
from .probe import probe


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for with_tail in (False, True):
        width, hidden = integer(rng, 2, 4), integer(rng, 5, 7)
        shared, tail = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        layers = [nn.Linear(width, hidden), nn.Tanh(), shared, nn.Tanh(), shared, nn.Tanh()]
        if with_tail:
            tail.weight = shared.weight
            layers += [tail, nn.Tanh()]
        net = filled(nn.Sequential(*layers, nn.Linear(hidden, 2)), rng)
        X, Y, lr = normal(rng, 6, width), normal(rng, 6, 2), real(rng, 0.5, 1)
        tied, twin = copy.deepcopy(net), nn.Sequential(*(copy.deepcopy(layer) for layer in net))
        output = net(X).detach()
        descend(tied, F.mse_loss(tied(X), Y), lr)
        descend(twin, F.mse_loss(twin(X), Y), lr)
        expected: dict[str, Any] = {"output": output, "tied": tied(X).detach(), "twin": twin(X).detach()}
        expected["counts"] = [sum(p.numel() for p in n.parameters()) for n in (twin, net)]
        label = "a shared layer, and a weight tied to it" if with_tail else "a shared layer"
        cases.append(Case(label, {"net": net, "X": X, "Y": Y, "lr": lr}, expected))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    if "at once" not in facts:
        raise Wrong("type of what was returned", kind(facts["twin"]), "an nn.Module")
    output, tied, twin = expected["output"], expected["tied"], expected["twin"]
    same_tensor(facts["at once"]["twin"], output, "the twin's output, at once")
    same_tensor(facts["at once"]["net"], output, "the net's own output, at once")
    free, fewer = expected["counts"]
    same_number(facts["count"], free, "the count of the twin's numbers", {"the twin is as tied as the net": fewer})
    step = facts["after a step of the twin"]
    same_tensor(step["twin"], twin, "the twin's output after its first step", {"a tie is left in the twin": tied})
    mistakes = {"the twin is the net itself, or works in its memory": twin}
    same_tensor(step["net"], output, "the net's output after a step of the twin", mistakes)
    step = facts["after a step of the net"]
    mistakes = {"the net itself was untied": twin}
    same_tensor(step["net"], tied, "the net's output after its own first step", mistakes)
    same_tensor(step["twin"], twin, "the twin's output after a step of the net")


question = Question(
    name="q11",
    section="sharing",
    taught=("4-sharing",),
    title="Untie into a twin",
    points=8,
    task="""
`net` is a flat `Sequential` in which a layer stands twice; in one of the nets another layer has its weight Parameter,
too. Return an untied twin: the same output now, but every layer with parameters of its own. The twin shares nothing
with the net, and the net stays as it is, tied. Both then take a step of gradient descent, and that tells them apart.
""",
    answer="untied_twin",
    stub="""
def untied_twin(net: nn.Sequential) -> nn.Sequential:
    # your turn
    return ...
""",
    solution_code="""
def untied_twin(net: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*(copy.deepcopy(layer) for layer in net))
""",
    hints=(
        "`copy.deepcopy(net)` shares nothing with the net, but it keeps the ties: it remembers what it has copied.",
        "It remembers only within one call. So call it more than once.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
