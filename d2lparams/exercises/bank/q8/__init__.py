"""Find ties."""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from torch import Generator, nn

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import filled, integer, normal, shuffled
from .judge import judge
from .probe import probe


class Variant(NamedTuple):
    """Which ties count: "all", those of "identity" (one Parameter), or "hidden" ones (one memory, two Parameters)."""

    rule: str
    answer: str
    title: str


VARIANTS = (
    Variant("all", "tied_names", "Find hidden ties"),
    Variant("identity", "same_parameter_names", "Find what is one Parameter"),
    Variant("hidden", "hidden_ties", "Find ties that `is` doesn't see"),
)
TASKS = {
    "all": """
Which parameters of `net` are tied? Two names are tied if changing a number of one changes the other. Return the groups
of tied names, each as a set, in any order; names that stand alone are left out. Leave the net's values as they were.

Mind what is *not* a tie: equal values in two places, and two halves of one storage, which are neighbors and don't
overlap. And mind what is one, though `is` says no: two Parameters that read the same memory, all of it or a part.
""",
    "identity": """
Which names of `net` stand for one Parameter? An optimizer takes each Parameter once, however many names it has. Return
the groups of names of one Parameter object, each as a set, in any order; names that stand alone are left out. Leave the
net's values as they were.

Mind what does *not* belong here: equal values in two places, and two Parameters that read the same memory. An optimizer
has both of these, and moves the memory twice.
""",
    "hidden": """
Which ties of `net` are hidden? Two names are tied if changing a number of one changes the other; a tie is hidden if two
different Parameters have a part in it, all over one memory or a part of it, so that `is` says no. Return the groups of
names in hidden ties, each as a set with all its names, in any order. Leave the net's values as they were.

Mind what does *not* belong here: one Parameter under two names and nothing else; equal values in two places; two halves
of one storage, which are neighbors and don't overlap.
""",
}
BODIES = {
    "all": """    named = dict(net.named_parameters(remove_duplicate=False))
    groups = []
    for name, p in named.items():
        if any(name in group for group in groups):
            continue
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p.add_(1)
            groups.append({n for n, q in named.items() if not torch.equal(q, before[n])})
            p.copy_(before[name])
    return [group for group in groups if len(group) > 1]
""",
    "identity": """    groups = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups.setdefault(id(p), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
}
BODIES["hidden"] = BODIES["all"].replace("len(group) > 1", "len({named[n] for n in group}) > 1")
HINTS = {
    "all": (
        "`named_parameters()` leaves out second names. With `remove_duplicate=False` it gives them all.",
        "The definition is an experiment: add 1 to one parameter, and see which names now hold other values.",
        "Keep a copy of all values before each experiment, and copy the parameter's back after it, under `no_grad`.",
    ),
    "identity": (
        "`named_parameters()` leaves out second names. With `remove_duplicate=False` it gives them all.",
        "One object has one `id(p)`, and it can be a key: collect the names under it.",
    ),
}
HINTS["hidden"] = (*HINTS["all"], "A set of Parameters holds each object once: a hidden tie's set has two or more.")


def make_cases(rule: str, rng: Generator) -> list[Case]:
    cases = []
    for with_row in (False, True):
        width = integer(rng, 3, 5)
        linear = [filled(nn.Linear(width, width), rng) for _ in range(11 + with_row)]
        linear[0].weight = linear[1].weight  # one Parameter
        linear[2].weight.data = linear[3].weight.data  # two Parameters, one memory
        linear[4].weight = nn.Parameter(linear[5].weight.detach().t())
        linear[6].weight.data = linear[7].weight.detach().clone()  # equal, not tied
        linear[8].weight.data, linear[9].weight.data = normal(rng, 2, width, width)  # one storage, two halves
        if with_row:
            linear[11].bias = nn.Parameter(linear[10].weight.detach()[1])
        order = shuffled(rng, [*range(len(linear)), 10])
        net = nn.Sequential(*(linear[i] for i in order))
        places = {i: str(order.index(i)) for i in range(len(linear))}
        both = [str(k) for k, i in enumerate(order) if i == 10]
        weight = {i: f"{place}.weight" for i, place in places.items()}
        pairs = {(a, b): {weight[a], weight[b]} for a, b in ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))}
        shared = {f"{k}.weight" for k in both}
        identity, memory = [pairs[0, 1], {f"{k}.bias" for k in both}], [pairs[2, 3], pairs[4, 5]]
        one = [*identity, shared]
        if with_row:
            memory.append(shared | {f"{places[11]}.bias"})
        else:
            identity.append(shared)
        wanted = {"all": identity + memory, "identity": one, "hidden": memory}[rule]
        X = normal(rng, 2, width)
        expected: dict[str, Any] = {"rule": rule, "wanted": _listed(wanted), "output": net(X).detach()}
        expected |= {"identity": _listed(identity), "memory": _listed(memory)}
        expected |= {"equal": sorted(pairs[6, 7]), "halves": sorted(pairs[8, 9])}
        label = "a net in which a bias is a row of a weight" if with_row else "a net"
        cases.append(Case(label, {"net": net, "X": X}, expected))
    return cases


def _listed(groups: Iterable[set[str]]) -> list[list[str]]:
    return sorted(sorted(group) for group in groups)


def make(variant: Variant) -> Question:
    rule, answer, title = variant
    head = f"\ndef {answer}(net: nn.Module) -> list[set[str]]:\n"
    return Question(
        name="q8",
        section="sharing",
        taught=("4-sharing",),
        title=title,
        points=9,
        task=wrapped(TASKS[rule]),
        answer=answer,
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"{head}{BODIES[rule]}",
        hints=HINTS[rule],
        cases=partial(make_cases, rule),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(make(variant) for variant in VARIANTS)
question = variants[0]
