"""Undo a tie."""

import copy
from functools import partial
from typing import Any

from torch import Generator, nn
from torch.nn import functional as F

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import descend, filled, integer, normal, real
from .judge import judge
from .probe import probe

Kinds = tuple[str, ...]

KINDS: Kinds = ("weight", "bias")
FREE: tuple[Kinds, ...] = (KINDS, ("weight",), ("bias",))  # what is untied: the variants
ANSWERS: dict[Kinds, str] = {
    KINDS: "untied_twin",
    ("weight",): "twin_with_free_weights",
    ("bias",): "twin_with_free_biases",
}
PLURAL = {"weight": "weights", "bias": "biases"}


def twin_of(net: nn.Sequential, free: Kinds) -> nn.Sequential:
    """Return a twin of a flat net in which only Parameters of these kinds are untied."""
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    for kind in set(KINDS) - set(free):
        first: dict[nn.Parameter, nn.Parameter] = {}
        for mine, its in zip(twin, net, strict=True):
            if isinstance(its, nn.Linear):
                setattr(mine, kind, first.setdefault(getattr(its, kind), getattr(mine, kind)))
    return twin


def make_cases(free: Kinds, rng: Generator) -> list[Case]:
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
        expected: dict[str, Any] = {"output": net(X).detach()}
        after: dict[Kinds, Any] = {}
        counts: dict[Kinds, int] = {}
        which: Kinds
        for which in ((), *FREE):
            twin = twin_of(net, which)
            descend(twin, F.mse_loss(twin(X), Y), lr)
            after[which], counts[which] = twin(X).detach(), sum(p.numel() for p in twin.parameters())
        told: dict[Kinds, str] = {
            which: f"{' and '.join(PLURAL[kind] for kind in which)} were untied" for which in FREE
        }
        told[()] = "the twin is as tied as the net"
        expected |= {"tied": after[()], "untied": after[KINDS], "twin": after[free], "count": counts[free]}
        expected["other counts"] = {told[which]: count for which, count in counts.items() if which != free}
        expected["other twins"] = {told[which]: twin for which, twin in after.items() if which not in (free, ())}
        label = "a shared layer, and a weight tied to it" if with_tail else "a shared layer"
        cases.append(Case(label, {"net": net, "X": X, "Y": Y, "lr": lr}, expected))
    return cases


def make(free: Kinds) -> Question:
    answer = ANSWERS[free]
    head = f"\ndef {answer}(net: nn.Sequential) -> nn.Sequential:\n"
    begin = """`net` is a flat `Sequential` in which a layer stands twice; in one of the nets another layer has its
weight Parameter, too."""
    end = """The twin shares nothing with the net, and the net stays as it is, tied. Both then take a step of gradient
descent, and that tells them apart."""
    hints: tuple[str, ...] = (
        "`copy.deepcopy(net)` shares nothing with the net, but it keeps the ties: it remembers what it has copied.",
        "It remembers only within one call. So call it more than once.",
    )
    if free == KINDS:
        asked = "Return an untied twin: the same output now, but every layer with parameters of its own."
        body = "    return nn.Sequential(*(copy.deepcopy(layer) for layer in net))\n"
        title = "Untie into a twin"
    else:
        own, (tied,) = free[0], set(KINDS) - set(free)
        asked = f"""Return a twin whose {PLURAL[own]} are untied, and whose {PLURAL[tied]} are not: the same output
now, in every layer a {own} of its own, but one {tied} Parameter wherever the net has one in several places."""
        body = f"""    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    first = {{}}
    for mine, its in zip(twin, net):
        if isinstance(its, nn.Linear):
            mine.{tied} = first.setdefault(its.{tied}, mine.{tied})
    return twin
"""
        title = f"Untie the {PLURAL[own]} alone"
        hints += (
            f"Then tie the {PLURAL[tied]} again: where the net has one Parameter, let the twin's layers share one.",
        )
    return Question(
        name="q11",
        section="sharing",
        taught=("4-sharing",),
        title=title,
        points=8,
        task=wrapped(f"{begin} {asked} {end}"),
        answer=answer,
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"{head}{body}",
        hints=hints,
        cases=partial(make_cases, free),
        probe=probe,
        judge=judge,
        variant=free,
    )


variants = tuple(make(free) for free in FREE)
question = variants[0]
