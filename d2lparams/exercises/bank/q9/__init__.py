"""Make a tie."""

import copy
from typing import Any

import torch
from torch import Generator, nn
from torch.nn import functional as F

from ...compare import Fact, same_number, same_tensor
from ...question import Case, Question
from ..case_parts import descend, filled, integer, real
from .probe import Speller, probe


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for _ in range(2):
        letters, width, n = integer(rng, 7, 11), integer(rng, 3, 6), 9
        net, lr = filled(Speller(letters, width), rng), real(rng, 0.5, 1)
        ids, following = torch.randint(letters, (2, n), generator=rng)
        swapped, tied = copy.deepcopy(net), copy.deepcopy(net)
        swapped.embed.weight = swapped.head.weight
        mistakes = {"nothing was tied": net(ids), "the head's values were kept, not the embedding's": swapped(ids)}
        tied.head.weight = nn.Parameter(tied.embed.weight.detach().clone())  # two Parameters, so two gradients
        output = tied(ids)
        loss = F.cross_entropy(output, following)
        entrance, exit_ = torch.autograd.grad(loss, [tied.embed.weight, tied.head.weight], retain_graph=True)
        expected: dict[str, Any] = {
            "output": output.detach(),
            "mistakes": mistakes,
            "entrance": entrance,
            "exit": exit_,
        }
        tied.head.weight = tied.embed.weight
        expected["counts"] = [sum(p.numel() for p in n.parameters()) for n in (tied, net)]
        descend(tied, F.cross_entropy(tied(ids), following), lr)
        expected["later"] = tied(ids).detach()
        given = {"net": net, "ids": ids, "following": following, "lr": lr}
        cases.append(Case(f"{letters} letters, {width} wide", given, expected))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    same_tensor(facts["output"], expected["output"], "the output", expected["mistakes"])
    once = "it holds one use only: two Parameters, equal or over one memory, have a gradient each"
    mistakes = {
        f"{once}; this is the embedding's": expected["entrance"],
        f"{once}; this is the head's": expected["exit"],
    }
    total = expected["entrance"] + expected["exit"]
    same_tensor(facts["gradient"], total, "the gradient of the shared weight", mistakes)
    one, two = expected["counts"]
    same_number(facts["count"], one, "the count of the net's numbers", {"the head has a weight of its own": two})
    same_tensor(facts["later"], expected["later"], "the output after one step of gradient descent")


question = Question(
    name="q9",
    section="sharing",
    taught=("4-sharing",),
    title="Tie an embedding to the head",
    points=8,
    task="""
`net` guesses the letter that follows: `net.embed` (an `nn.Embedding`) turns a letter into a vector, `net.body` works on
it, and `net.head` (an `nn.Linear`) scores every letter. Both `net.embed.weight` and `net.head.weight` hold one row per
letter. Tie them, in place: one Parameter in both places, with the *embedding's* values. Return nothing.
""",
    answer="tie_head_",
    stub="""
def tie_head_(net: nn.Module) -> None:
    # your turn
    ...
""",
    solution_code="""
def tie_head_(net: nn.Module) -> None:
    net.head.weight = net.embed.weight
""",
    hints=(
        "No copying: two places of the net are to hold the same Parameter *object*.",
        "Assign a Parameter to an attribute of a module, and it takes the place of the one that was there.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
