"""Tell what trains from what is merely kept."""

from typing import Any

from torch import Generator, nn

from ...compare import Fact, Wrong, names
from ...question import Case, Question
from ..case_parts import integer, normal
from .probe import Fancy, Parallel, probe


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for shared_trains in (True, False):
        width = integer(rng, 2, 4)
        blocks = [nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(2)]
        blocks[1].append(nn.BatchNorm1d(width))
        shared, fancy = nn.Linear(2 * width, 2 * width), Fancy(2 * width, normal(rng, 2 * width, 2 * width))
        net = nn.Sequential(Parallel(*blocks), shared, fancy, shared)
        layers = [blocks[0][0], blocks[1][0], fancy.linear]
        for layer in layers:
            layer.weight.requires_grad_(bool(integer(rng, 0, 1)))
            layer.bias.requires_grad_(bool(integer(rng, 0, 1)))
        shared.requires_grad_(shared_trains)
        every = list(net.state_dict())
        train = {name for name, p in net.named_parameters(remove_duplicate=False) if p.requires_grad}
        label = f"a shared layer that {'trains' if shared_trains else 'is frozen'}"
        expected = {"names": sorted(set(every) - train), "every": every, "second": [n for n in every if n[:2] == "3."]}
        buffers = [name for name, _ in net.named_buffers()]
        expected |= {"buffers": [name for name in buffers if name in every]}
        expected |= {"unsaved": [name for name in buffers if name not in every]}
        cases.append(Case(label, {"net": net}, expected))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    actual = names(facts["names"], "what was returned")
    wanted = expected["names"]
    if actual == wanted:
        return
    extra, missing = sorted(set(actual) - set(wanted)), sorted(set(wanted) - set(actual))
    likely = ""
    if set(extra) & set(expected["unsaved"]):
        likely = "a name came that state_dict does not hold: a buffer may be kept without being saved"
    elif any(name not in expected["every"] for name in extra):
        likely = "these are not the names of state_dict, which are whole paths"
    elif extra and set(extra) <= set(expected["second"]):
        likely = "the second name of a tied parameter, which named_parameters() leaves out, was taken for fixed"
    elif set(missing) & set(expected["buffers"]):
        likely = "buffers were left out"
    elif missing and set(missing) <= set(expected["second"]):
        likely = "the second name of a frozen, tied parameter was left out"
    elif missing:
        likely = "frozen parameters were left out"
    if missing:
        actual_names = f"a list without them, but with {extra}," if extra else "a list without them"
        raise Wrong("names", actual_names, f"also {missing}", likely)
    if not extra:
        raise Wrong("names", "one of them twice", "each one once")
    raise Wrong("names", f"also {extra}", "none but those that never train", likely)


question = Question(
    name="q3",
    section="access",
    taught=("1-access",),
    title="Name what never trains",
    points=5,
    task="""
`state_dict()` holds more than an optimizer changes. Return the names in it, in any order, whose values no step of any
optimizer over `net.parameters()` can change. In naive code: the names that are left over after

    for p in net.parameters():
        if p.requires_grad:
            p.grad = torch.ones_like(p)
    torch.optim.SGD(net.parameters(), lr=1.0).step()

has changed all it can. The nets have a `Parallel` block, a `Fancy` one with fixed weights, some frozen parameters, and
one layer in two places.
""",
    answer="fixed_names",
    stub="""
def fixed_names(net: nn.Module) -> list[str]:
    # your turn
    return ...
""",
    solution_code="""
def fixed_names(net: nn.Module) -> list[str]:
    named = net.named_parameters(remove_duplicate=False)
    trained = {name for name, p in named if p.requires_grad}
    return [name for name in net.state_dict() if name not in trained]
""",
    hints=(
        "Start from all the names in `state_dict()`, and take away those that train.",
        "A layer in two places has two names in `state_dict()`, but `named_parameters()` gives only the first.",
        "`named_parameters(remove_duplicate=False)` gives them all; keep those with `requires_grad`.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
