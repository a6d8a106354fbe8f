"""Count the parameters that train."""

from typing import Any

from torch import Generator, nn

from ...compare import Fact, same_number
from ...question import Case, Question
from ..case_parts import integer
from .probe import probe


def make_cases(rng: Generator) -> list[Case]:
    a, b, c = integer(rng, 5, 9), integer(rng, 10, 14), integer(rng, 15, 19)
    plain = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))

    shared = nn.Linear(b, b)
    tied = nn.Sequential(nn.Linear(a, b), nn.ReLU(), shared, nn.ReLU(), shared, nn.Linear(b, c, bias=False))

    frozen = nn.Sequential(nn.Embedding(c, a), nn.Linear(a, b), nn.BatchNorm1d(b), nn.Linear(b, a), nn.Linear(a, c))
    frozen[1].requires_grad_(False)
    frozen[4].weight = frozen[0].weight
    cases = []
    for label, net in (("a plain net", plain), ("frozen, tied, normalized", frozen), ("a shared layer", tied)):
        every = list(net.named_parameters(remove_duplicate=False))
        trained = [p for _, p in every if p.requires_grad]
        mistakes = {
            "a tied parameter was counted at each of its names": sum(p.numel() for p in trained),
            "frozen parameters were counted": sum(p.numel() for p in net.parameters()),
            "frozen parameters were counted, and tied ones more than once": sum(p.numel() for _, p in every),
            "everything in state_dict was counted": sum(t.numel() for t in net.state_dict().values()),
            "tensors were counted, not the numbers in them": len(set(trained)),
            "every tensor was counted, not the numbers in them": len(list(net.parameters())),
        }
        cases.append(Case(label, {"net": net}, (sum(p.numel() for p in set(trained)), mistakes)))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    wanted, mistakes = expected
    same_number(facts["count"], wanted, "the count", mistakes)


question = Question(
    name="q2",
    section="access",
    taught=("1-access",),
    title="Count what trains",
    points=4,
    task="""
How many numbers of `net` may an optimizer change? Return that count. A tied parameter counts once, a frozen one
(`requires_grad` is False) not at all, and neither do buffers such as BatchNorm's running mean.
""",
    answer="count_trainable",
    stub="""
def count_trainable(net: nn.Module) -> int:
    # your turn
    return ...
""",
    solution_code="""
def count_trainable(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters() if p.requires_grad)
""",
    hints=(
        "Which of `parameters()`, `named_parameters(remove_duplicate=False)` and `state_dict()` has each tensor once?",
        "`net.parameters()` has. `p.numel()` says how many numbers `p` holds, `p.requires_grad` whether it trains.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
