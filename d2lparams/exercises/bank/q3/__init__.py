"""Tell what trains from what is merely kept."""

from functools import partial
from typing import Any, NamedTuple

from torch import Generator, nn

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import integer, normal
from .judge import judge
from .probe import Fancy, Parallel, probe


class Variant(NamedTuple):
    """Which names are asked for: of what trains, or of what doesn't; second names of tied parameters, too, or not."""

    trains: bool
    second: bool

    def names(self, train: set[str], second: set[str], every: list[str]) -> set[str]:
        """Return the names asked for, given those that train, the second ones, and all."""
        found = train if self.trains else set(every) - train
        return found if self.second else found - second


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    cases = []
    for shared_trains in (True, False):
        width = integer(rng, 2, 4)
        blocks = [nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(2)]
        blocks[1].append(nn.BatchNorm1d(width))
        shared, fancy = nn.Linear(2 * width, 2 * width), Fancy(2 * width, normal(rng, 2 * width, 2 * width))
        net = nn.Sequential(Parallel(*blocks), shared, fancy, shared)
        for layer in (blocks[0][0], blocks[1][0], fancy.linear):
            trains = bool(integer(rng, 0, 1))  # one of the two, so that a layer is never frozen or free as a whole
            layer.weight.requires_grad_(trains)
            layer.bias.requires_grad_(not trains)
        shared.requires_grad_(shared_trains)
        cases.append(
            Case(
                f"a shared layer that {'trains' if shared_trains else 'is frozen'}",
                {"net": net},
                _expected(variant, net),
            )
        )
    return cases


def _expected(variant: Variant, net: nn.Module) -> dict[str, Any]:
    every = list(net.state_dict())
    named = dict(net.named_parameters(remove_duplicate=False))
    train = {name for name, p in named.items() if p.requires_grad}
    second = set(named) - set(dict(net.named_parameters()))
    buffers = {name for name, _ in net.named_buffers()}
    wanted, other = variant.names(train, second, every), variant._replace(trains=not variant.trains)
    mistakes = {
        "buffers were left out": wanted - buffers,
        "frozen parameters were left out": wanted & buffers,
        "the second name of a tied parameter, which named_parameters() leaves out, was taken for fixed": wanted
        | (train & second),
        "the second name of a frozen, tied parameter was left out": wanted - second,
        "the second name of a tied parameter was left out": wanted - second,
        "the second names of tied parameters were listed, too": variant._replace(second=True).names(
            train, second, every
        ),
        "buffers were taken for parameters": wanted | (buffers & set(every)),
        "frozen parameters were listed, too": wanted | set(named) if variant.second else wanted | set(named) - second,
        "these are the names of all others": other.names(train, second, every),
        "all names of state_dict came": set(every),
        "weights alone were looked at": {name for name in wanted if "weight" in name},
    }
    if variant.trains:  # where there are no such mistakes
        for mistake in (*mistakes,)[:4]:
            del mistakes[mistake]
    return {
        "names": sorted(wanted),
        "every": every,
        "unsaved": sorted(buffers - set(every)),
        "mistakes": {mistake: sorted(found) for mistake, found in mistakes.items()},
        "rule": "train" if variant.trains else "never train",
    }


def make(variant: Variant) -> Question:
    answer = "trained_names" if variant.trains else "fixed_names"
    answer = answer if variant.second else f"first_{answer}"
    asked = "changes" if variant.trains else "can change"
    whose = "a step of an optimizer" if variant.trains else "no step of any\noptimizer"
    left = "that have other values" if variant.trains else "that are left over"
    places = "one layer in two places"
    if not variant.second:
        places += ", which has two names for each of its\nparameters: of two such names return the first alone"
    elif variant.trains:
        places += ", which has two names for each of its\nparameters: both count"
    head = f"\ndef {answer}(net: nn.Module) -> list[str]:\n"
    kept = "in trained" if variant.trains else "not in trained"
    lines = ["named = net.named_parameters(remove_duplicate=False)"]
    lines += ["trained = {name for name, p in named if p.requires_grad}"]
    if variant.second:
        lines += [f"return [name for name in net.state_dict() if name {kept}]"]
    else:
        lines += ["first = dict(net.named_parameters()) | dict(net.named_buffers())"]
        lines += [f"return [name for name in net.state_dict() if name {kept} and name in first]"]
    third = "`named_parameters(remove_duplicate=False)` gives them all; keep those with `requires_grad`."
    if not variant.second:
        third += " `named_parameters()` says which ones come first."
    return Question(
        name="q3",
        section="access",
        taught=("1-access",),
        title="Name what trains" if variant.trains else "Name what never trains",
        points=5,
        task=wrapped(f"""
`state_dict()` holds {"what an optimizer changes, and more" if variant.trains else "more than an optimizer changes"}. \
Return the names in it, in any order, whose values {whose} over `net.parameters()` {asked}. In naive code: the names \
{left} after

    for p in net.parameters():
        if p.requires_grad:
            p.grad = torch.ones_like(p)
    torch.optim.SGD(net.parameters(), lr=1.0).step()

has changed all it can. The nets have a `Parallel` block, a `Fancy` one with fixed weights, some frozen parameters, and
{places}.
"""),
        answer=answer,
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=head + "".join(f"    {line}\n" for line in lines),
        hints=(
            f"Start from all the names in `state_dict()`, and {'keep' if variant.trains else 'take away'} those that "
            "train.",
            "A layer in two places has two names in `state_dict()`, but `named_parameters()` gives only the first.",
            third,
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(make(Variant(*which)) for which in ((False, True), (True, True), (False, False), (True, False)))
question = variants[0]
