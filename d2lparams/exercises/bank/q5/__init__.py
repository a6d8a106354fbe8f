"""Wait for a shape."""

from functools import partial
from typing import Any, NamedTuple

from torch import Generator, nn

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import integer, normal, shuffled
from .judge import judge
from .probe import probe


class Variant(NamedTuple):
    """What is to be said of a lazy net.

    what: "shape" or "number" of each parameter, or the "names" of what waits. answer, kind: the function's name, and
    what it returns. asked: the sentence in the task that says it.
    """

    what: str
    answer: str
    kind: str
    asked: str


VARIANTS = (
    Variant(
        "shape",
        "shapes_so_far",
        "dict[str, tuple[int, ...] | None]",
        "Return the shape of each of its parameters by\nname, as a tuple, and None where there is no shape yet.",
    ),
    Variant(
        "number",
        "numbers_so_far",
        "dict[str, int | None]",
        "Return by name how many numbers each of its\nparameters holds, and None where that isn't known yet.",
    ),
    Variant(
        "names",
        "waiting_names",
        "list[str]",
        "Return the names in its `state_dict()`, in any\norder, that have no shape yet: parameters, and buffers too.",
    ),
)


def make_cases(what: str, rng: Generator) -> list[Case]:
    cases = []
    for label in ("a lazy net", "another one"):
        width, hidden, last = integer(rng, 3, 9), integer(rng, 10, 19), integer(rng, 20, 29)
        layers = shuffled(rng, [nn.LazyLinear(hidden), nn.Linear(hidden, hidden), nn.LazyLinear(hidden, bias=False)])
        if isinstance(layers[0], nn.Linear) and not isinstance(layers[0], nn.LazyLinear):
            width = hidden
        net = nn.Sequential(*layers[:2], nn.ReLU(), layers[2], nn.LazyBatchNorm1d(), nn.Linear(hidden, last))
        lazy = {name: nn.parameter.is_lazy(p) for name, p in net.named_parameters()}
        shapes = {name: None if lazy[name] else tuple(p.shape) for name, p in net.named_parameters()}
        numbers = {name: None if lazy[name] else p.numel() for name, p in net.named_parameters()}
        kept = net.state_dict()
        waiting = sorted(name for name, value in kept.items() if nn.parameter.is_lazy(value))
        then: dict[str, tuple[int, ...]] = {}
        widths = iter([width, hidden, hidden])
        for i, layer in enumerate(net):
            if isinstance(layer, nn.Linear):
                inputs, outputs = (next(widths), hidden) if i < 4 else (hidden, last)
                then[f"{i}.weight"] = (outputs, inputs)
                if f"{i}.bias" in shapes:
                    then[f"{i}.bias"] = (outputs,)
        then |= {"4.weight": (hidden,), "4.bias": (hidden,)}
        answer = {"shape": shapes, "number": numbers, "names": waiting}[what]
        buffers = [name for name, _ in net.named_buffers()]
        expected: dict[str, Any] = {"answer": answer, "what": what, "then": then, "every": list(kept), "lazy": buffers}
        cases.append(Case(label, {"net": net, "X": normal(rng, 4, width)}, expected))
    return cases


def make(variant: Variant) -> Question:
    head = f"\ndef {variant.answer}(net: nn.Module) -> {variant.kind}:\n"
    measured = {"shape": "tuple(p.shape)", "number": "p.numel()"}.get(variant.what)
    body = f"""    lazy = nn.parameter.is_lazy
    return {{
        name: None if lazy(p) else {measured} for name, p in net.named_parameters()
    }}
"""
    if variant.what == "names":
        body = "    return [name for name, t in net.state_dict().items() if nn.parameter.is_lazy(t)]\n"
    it = {"shape": "its shape, and it raises", "number": "its number, and it raises"}.get(variant.what)
    return Question(
        name="q5",
        section="initialization",
        taught=("1-access",),
        title="Look at a lazy net before its first batch",
        points=6,
        task=wrapped(f"""
`net` has lazy layers, whose input size is unknown until the first batch. {variant.asked} Leave the net as it is: it \
must still be lazy afterwards, and
take its first batch, of whatever width, as if nobody had looked.
"""),
        answer=variant.answer,
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"{head}{body}",
        hints=(
            f"Ask a parameter without a shape for {it or 'its shape, and it raises'}. So ask first what kind of "
            "parameter it is.",
            "`nn.parameter.is_lazy(p)` tells; it looks for an `nn.parameter.UninitializedParameter`"
            + (" or an `UninitializedBuffer`." if variant.what == "names" else "."),
        ),
        cases=partial(make_cases, variant.what),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(make(variant) for variant in VARIANTS)
question = variants[0]
