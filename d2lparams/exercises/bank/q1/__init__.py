"""Reach a parameter."""

import copy
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, nn

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import filled, normal, real
from .judge import judge
from .probe import probe

BLOCKS, LAYERS = ("first", "second"), {0: "first", 2: "last"}


class Variant(NamedTuple):
    """Which parameter is asked for: a block's and a layer's index, and "weight" or "bias"."""

    block: int
    layer: int
    kind: str


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    cases, name = [], "{}.{}.{}".format(*variant)
    for width in (3, 5):
        first = nn.Sequential(nn.Linear(width, 6), nn.ReLU(), nn.Linear(6, 4))
        net = filled(nn.Sequential(first, nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))), rng)
        X, factor = normal(rng, 2, width), real(rng, 1.5, 2.5)
        moved = copy.deepcopy(net)
        moved(X).square().sum().backward()
        wanted = moved.get_parameter(name)
        with torch.no_grad():
            expected: dict[str, Any] = {"kind": variant.kind, "name": name}
            expected |= {"value": wanted.clone(), "gradient": wanted.grad, "before": net(X)}
            expected["mistakes"] = {
                f"it is the {kind} of the {LAYERS[layer]} layer of the {BLOCKS[block]} block": net.get_parameter(
                    f"{block}.{layer}.{kind}"
                ).clone()
                for block in (0, 1)
                for layer in LAYERS
                for kind in ("weight", "bias")
                if (block, layer, kind) != variant
            }
            wanted.mul_(factor)
            expected["after"] = moved(X)
        cases.append(Case(f"with {width} inputs", {"net": net, "X": X, "factor": factor}, expected))
    return cases


def make(variant: Variant) -> Question:
    block, layer, kind = variant
    answer = f"{BLOCKS[block]}_block_{kind}"
    head = f"\ndef {answer}(net: nn.Sequential) -> nn.Parameter:\n"
    which = "first" if layer == 0 else "last linear"
    return Question(
        name="q1",
        section="access",
        taught=("1-access",),
        title="Reach into a nested net",
        points=3,
        task=wrapped(f"""
`net` is a `Sequential` of two `Sequential`s. Return the {kind} of the *{LAYERS[layer]}* linear layer of the
*{BLOCKS[block]}* one: not a copy, but the Parameter itself, so that whoever scales what you return scales the net.
"""),
        answer=answer,
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"{head}    return net[{block}][{layer}].{kind}\n",
        hints=(
            "A `Sequential` is indexed like a list, and so are the blocks in it.",
            f"`net[{block}]` is the {BLOCKS[block]} block, `net[{block}][{layer}]` its {which} layer. "
            f"A layer's {kind} is an attribute of it.",
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(
    make(variant)
    for variant in (Variant(1, 0, "weight"), Variant(0, 2, "weight"), Variant(1, 2, "bias"), Variant(0, 0, "bias"))
)
question = variants[0]
