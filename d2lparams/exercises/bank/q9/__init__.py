"""Make a tie."""

import copy
from functools import partial
from typing import Any

import torch
from torch import Generator, nn
from torch.nn import functional as F

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import descend, filled, integer, real
from .judge import judge
from .probe import Speller, probe

VALUES = ("embedding", "head", "mean")  # whose values the shared weight starts from: the variants
TOLD = {
    "embedding": "with the *embedding's* values",
    "head": "with the *head's* values",
    "mean": "which starts from the *mean* of the two",
}
KEPT = {
    "embedding": "the embedding's values were kept",
    "head": "the head's values were kept",
    "mean": "the mean of the two was taken",
}
BODIES = {
    "embedding": "    net.head.weight = net.embed.weight\n",
    "head": "    net.embed.weight = net.head.weight\n",
    "mean": """    with torch.no_grad():
        net.embed.weight.add_(net.head.weight).div_(2)
    net.head.weight = net.embed.weight
""",
}


def make_cases(values: str, rng: Generator) -> list[Case]:
    cases = []
    for _ in range(2):
        letters, width, n = integer(rng, 7, 11), integer(rng, 3, 6), 9
        net, lr = filled(Speller(letters, width), rng), real(rng, 0.5, 1)
        ids, following = torch.randint(letters, (2, n), generator=rng)
        embed, head = net.embed.weight.detach().clone(), net.head.weight.detach().clone()
        starts = {"embedding": embed, "head": head, "mean": (embed + head) / 2, "sum": embed + head}

        def tied(start: torch.Tensor, net: Speller = net) -> Speller:  # two Parameters, so two gradients
            other = copy.deepcopy(net)
            other.embed.weight, other.head.weight = nn.Parameter(start.clone()), nn.Parameter(start.clone())
            return other

        mistakes = {"nothing was tied": net(ids).detach()}
        mistakes |= {told: tied(starts[whose])(ids).detach() for whose, told in KEPT.items() if whose != values}
        mistakes["the sum of the two was taken, not their mean"] = tied(starts["sum"])(ids).detach()
        twin = tied(starts[values])
        output = twin(ids)
        weights = [twin.embed.weight, twin.head.weight]
        entrance, exit_ = torch.autograd.grad(F.cross_entropy(output, following), weights)
        expected: dict[str, Any] = {"output": output.detach(), "mistakes": mistakes}
        expected |= {"entrance": entrance, "exit": exit_}
        twin.head.weight = twin.embed.weight
        expected["counts"] = [sum(p.numel() for p in n.parameters()) for n in (twin, net)]
        expected["names"] = sorted(net.state_dict())
        descend(twin, F.cross_entropy(twin(ids), following), lr)
        expected["later"] = twin(ids).detach()
        given = {"net": net, "ids": ids, "following": following, "lr": lr}
        cases.append(Case(f"{letters} letters, {width} wide", given, expected))
    return cases


def make(values: str) -> Question:
    head = "\ndef tie_head_(net: nn.Module) -> None:\n"
    second = "Assign a Parameter to an attribute of a module, and it takes the place of the one that was there."
    if values == "mean":
        second += " Work out the mean before, in place and under `torch.no_grad()`."
    return Question(
        name="q9",
        section="sharing",
        taught=("4-sharing",),
        title="Tie an embedding to the head",
        points=8,
        task=wrapped(f"""
`net` guesses the letter that follows: `net.embed` (an `nn.Embedding`) turns a letter into a vector, `net.body` works on
it, and `net.head` (an `nn.Linear`) scores every letter. Both `net.embed.weight` and `net.head.weight` hold one row per
letter. Tie them, in place: one Parameter in both places, {TOLD[values]}. Return nothing.
"""),
        answer="tie_head_",
        stub=f"{head}    # your turn\n    ...\n",
        solution_code=f"{head}{BODIES[values]}",
        hints=(
            "No copying: two places of the net are to hold the same Parameter *object*.",
            second,
        ),
        cases=partial(make_cases, values),
        probe=probe,
        judge=judge,
        variant=values,
    )


variants = tuple(make(values) for values in VALUES)
question = variants[0]
