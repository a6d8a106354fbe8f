"""Find ties."""

from collections.abc import Iterable
from typing import Any

from torch import Generator, nn

from ...compare import Fact, Wrong, kind, names, same_tensor
from ...question import Case, Question
from ..case_parts import filled, integer, normal, shuffled
from .probe import probe


def make_cases(rng: Generator) -> list[Case]:
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
        pairs = {(a, b): frozenset({weight[a], weight[b]}) for a, b in ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))}
        identity, memory = {pairs[0, 1], frozenset(f"{k}.bias" for k in both)}, {pairs[2, 3], pairs[4, 5]}
        shared = frozenset(f"{k}.weight" for k in both)
        if with_row:
            memory.add(shared | {f"{places[11]}.bias"})
        else:
            identity.add(shared)
        X = normal(rng, 2, width)
        expected = {"identity": identity, "memory": memory, "equal": pairs[6, 7], "halves": pairs[8, 9]}
        expected["output"] = net(X).detach()
        label = "a net in which a bias is a row of a weight" if with_row else "a net"
        cases.append(Case(label, {"net": net, "X": X}, expected))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    if facts["groups"]["type"] not in ("list", "tuple", "set"):
        raise Wrong("type of what was returned", kind(facts["groups"]), "a list of sets of names")
    actual = {frozenset(names(group, "a group", ("set", "list", "tuple"))) for group in facts["groups"]["items"]}
    identity, memory = expected["identity"], expected["memory"]
    wanted = identity | memory
    if actual != wanted:
        likely = ""
        if {group for group in actual if len(group) > 1} == wanted:
            likely = "names that stand alone were listed, too"
        elif any(group >= expected["equal"] for group in actual):
            likely = "equal values were taken for a tie: change one of the two, and look at the other"
        elif any(group >= expected["halves"] for group in actual):
            likely = "two halves of one storage were taken for a tie: they are neighbors, and don't overlap"
        elif identity <= actual:
            likely = "two Parameters over the same memory were missed: neither `is` nor equal addresses tell of all"
        elif not actual:
            likely = "nothing was found: without remove_duplicate=False named_parameters() gives one name each"
        elif actual & memory and not actual & identity:
            likely = "named_parameters() was asked without remove_duplicate=False, and gives each Parameter one name"
        missing, extra = wanted - actual, actual - wanted
        if missing:
            groups = "groups without it" if len(missing) == 1 else "groups without them"
            groups += f", but with {_groups(extra)}," if extra else ""
            raise Wrong("ties", groups, _groups(missing), likely)
        raise Wrong("ties", f"also {_groups(extra)}", "none but the true ones", likely)
    same_tensor(facts["output"], expected["output"], "the net's output afterwards, which was to stay")


def _groups(groups: Iterable[Iterable[str]]) -> str:
    return "; ".join(sorted(" = ".join(sorted(group)) for group in groups))


question = Question(
    name="q8",
    section="sharing",
    taught=("4-sharing",),
    title="Find hidden ties",
    points=9,
    task="""
Which parameters of `net` are tied? Two names are tied if changing a number of one changes the other. Return the groups
of tied names, each as a set, in any order; names that stand alone are left out. Leave the net's values as they were.

Mind what is *not* a tie: equal values in two places, and two halves of one storage, which are neighbors and don't
overlap. And mind what is one, though `is` says no: two Parameters that read the same memory, all of it or a part.
""",
    answer="tied_names",
    stub="""
def tied_names(net: nn.Module) -> list[set[str]]:
    # your turn
    return ...
""",
    solution_code="""
def tied_names(net: nn.Module) -> list[set[str]]:
    named = dict(net.named_parameters(remove_duplicate=False))
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
    hints=(
        "`named_parameters()` leaves out second names. With `remove_duplicate=False` it gives them all.",
        "The definition is an experiment: add 1 to one parameter, and see which names now hold other values.",
        "Keep a copy of all values before each experiment, and copy the parameter's back after it, under `no_grad`.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
