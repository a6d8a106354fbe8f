"""Count parameters by a rule."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import Generator, nn

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import integer
from .judge import judge
from .probe import probe


class Variant(NamedTuple):
    """Which parameters count.

    answer, title, task: what is asked, and by what name. condition, counts: the rule as code, and as a function.
    hint: what the condition's pieces say.
    """

    answer: str
    title: str
    task: str
    condition: str
    counts: Callable[[nn.Parameter], bool]
    hint: str


VARIANTS = (
    Variant(
        "count_trainable",
        "Count what trains",
        """
How many numbers of `net` may an optimizer change? Return that count. A tied parameter counts once, a frozen one
(`requires_grad` is False) not at all, and neither do buffers such as BatchNorm's running mean.
""",
        "p.requires_grad",
        lambda p: p.requires_grad,
        "`p.requires_grad` whether it trains",
    ),
    Variant(
        "count_frozen",
        "Count what is frozen",
        """
How many numbers of `net` sit in frozen parameters, those whose `requires_grad` is False? Return that count. A tied
parameter counts once. Buffers, such as BatchNorm's running mean, are no parameters: they don't count.
""",
        "not p.requires_grad",
        lambda p: not p.requires_grad,
        "`p.requires_grad` whether it trains",
    ),
    Variant(
        "count_decayed",
        "Count what weight decay reaches",
        """
Weight decay is often given to parameters with two dimensions or more alone: to matrices, not to biases and scales. How
many numbers of `net` would it reach? Return that count. A tied parameter counts once, a frozen one (`requires_grad` is
False) not at all, and neither do buffers such as BatchNorm's running mean.
""",
        "p.requires_grad and p.dim() > 1",
        lambda p: p.requires_grad and p.dim() > 1,
        "`p.requires_grad` whether it trains, `p.dim()` how many dimensions it has",
    ),
)


def _values(p: nn.Parameter) -> tuple[float, ...]:
    return tuple(p.detach().flatten().tolist())


def make_cases(counts: Callable[[nn.Parameter], bool], rng: Generator) -> list[Case]:
    a, b, c = integer(rng, 5, 9), integer(rng, 10, 14), integer(rng, 15, 19)
    plain = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))

    shared = nn.Linear(b, b)
    tied = nn.Sequential(nn.Linear(a, b), nn.ReLU(), shared, nn.ReLU(), shared, nn.Linear(b, c, bias=False))

    frozen = nn.Sequential(nn.Embedding(c, a), nn.Linear(a, b), nn.BatchNorm1d(b), nn.Linear(b, a), nn.Linear(a, c))
    frozen[1].requires_grad_(False)
    frozen[4].weight = frozen[0].weight

    stiff, half = nn.Linear(b, b).requires_grad_(False), nn.Linear(b, b)  # frozen in two places, and frozen in part
    half.weight.requires_grad_(False)
    both = nn.Sequential(nn.Linear(a, b), stiff, nn.LayerNorm(b), nn.Linear(b, b), stiff, half, nn.Linear(b, b))
    half.load_state_dict(stiff.state_dict())  # equal values are no tie
    both[6].load_state_dict(both[3].state_dict())
    cases = []
    labels = ("a plain net", "frozen, tied, normalized", "a shared layer", "a shared layer that is frozen")
    for label, net in zip(labels, (plain, frozen, tied, both), strict=True):
        every = [p for _, p in net.named_parameters(remove_duplicate=False)]
        once, numbers = list(net.parameters()), sum(p.numel() for p in net.parameters())
        counted = [p for p in once if counts(p)]
        trained = sum(p.numel() for p in once if p.requires_grad)
        mistakes = {
            "a tied parameter was counted at each of its names": sum(p.numel() for p in every if counts(p)),
            "frozen parameters were counted, or those that train": numbers,
            "frozen parameters were counted, and tied ones more than once": sum(p.numel() for p in every),
            "everything in state_dict was counted": sum(t.numel() for t in net.state_dict().values()),
            "tensors were counted, not the numbers in them": len(counted),
            "every tensor was counted, not the numbers in them": len(once),
            "everything that trains was counted": trained,
            "what is frozen was counted": numbers - trained,
            "rows were counted, not the numbers in them": sum(len(p) for p in counted),
            "buffers were counted": sum(t.numel() for t in [*counted, *net.buffers()]),
            "parameters of equal size were taken for one": sum({p.numel() for p in counted}),
            "parameters of equal values were taken for one": sum(
                len(values) for values in {_values(p) for p in counted}
            ),
            "biases were left out": sum(p.numel() for n, p in net.named_parameters() if counts(p) and "bias" not in n),
        }
        cases.append(Case(label, {"net": net}, {"count": sum(p.numel() for p in counted), "mistakes": mistakes}))
    return cases


def make(variant: Variant) -> Question:
    head = f"\ndef {variant.answer}(net: nn.Module) -> int:\n"
    return Question(
        name="q2",
        section="access",
        taught=("1-access",),
        title=variant.title,
        points=4,
        task=wrapped(variant.task),
        answer=variant.answer,
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"{head}    return sum(p.numel() for p in net.parameters() if {variant.condition})\n",
        hints=(
            "Which of `parameters()`, `named_parameters(remove_duplicate=False)` and `state_dict()` has each tensor "
            "once?",
            f"`net.parameters()` has. `p.numel()` says how many numbers `p` holds, {variant.hint}.",
        ),
        cases=partial(make_cases, variant.counts),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(make(variant) for variant in VARIANTS)
question = variants[0]
