"""Wait for a shape."""

from typing import Any

from torch import Generator, nn

from ...compare import Fact, Wrong, kind
from ...question import Case, Question
from ..case_parts import integer, normal, shuffled
from .probe import probe


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for label in ("a lazy net", "another one"):
        width, hidden, last = integer(rng, 3, 9), integer(rng, 10, 19), integer(rng, 20, 29)
        layers = shuffled(rng, [nn.LazyLinear(hidden), nn.Linear(hidden, hidden), nn.LazyLinear(hidden, bias=False)])
        if isinstance(layers[0], nn.Linear) and not isinstance(layers[0], nn.LazyLinear):
            width = hidden
        net = nn.Sequential(*layers[:2], nn.ReLU(), layers[2], nn.LazyBatchNorm1d(), nn.Linear(hidden, last))
        lazy = {name: nn.parameter.is_lazy(p) for name, p in net.named_parameters()}
        shapes = {name: None if lazy[name] else tuple(p.shape) for name, p in net.named_parameters()}
        then: dict[str, tuple[int, ...]] = {}
        widths = iter([width, hidden, hidden])
        for i, layer in enumerate(net):
            if isinstance(layer, nn.Linear):
                inputs, outputs = (next(widths), hidden) if i < 4 else (hidden, last)
                then[f"{i}.weight"] = (outputs, inputs)
                if f"{i}.bias" in shapes:
                    then[f"{i}.bias"] = (outputs,)
        then |= {"4.weight": (hidden,), "4.bias": (hidden,)}
        cases.append(Case(label, {"net": net, "X": normal(rng, 4, width)}, {"shapes": shapes, "then": then}))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    actual, wanted = _shapes(facts["shapes"]), expected["shapes"]
    if sorted(actual) != sorted(wanted):
        left = sorted(set(wanted) - set(actual))
        likely = "lazy parameters were left out" if left and all(wanted[name] is None for name in left) else ""
        raise Wrong("names", sorted(actual), sorted(wanted), likely)
    for name in wanted:
        shape = actual[name]
        if shape != wanted[name]:
            likely = ""
            if shape is not None and wanted[name] is None:
                likely = "a batch went through the net" if any(shape) else "a size of 0 was taken for a shape"
            raise Wrong(f"shape of {name}", shape, wanted[name], likely)
    if facts["then"]["type"] != "dict" or _shapes(facts["then"]) != expected["then"]:
        likely = "your answer ran a batch of its own width through the net, and so fixed its shapes"
        what = "the net after its first true batch"
        raise Wrong(what, "other shapes, or an error", "shapes that fit the batch", likely)


def _shapes(fact: Fact) -> dict[str, tuple[int, ...] | None]:
    if fact["type"] != "dict":
        raise Wrong("type of what was returned", kind(fact), "a dict from names to shapes")
    shapes: dict[str, tuple[int, ...] | None] = {}
    for name, item in zip(fact["keys"], fact["items"], strict=True):
        if item["type"] == "NoneType":
            shapes[name] = None
        elif item["type"] in ("tuple", "list"):
            if odd := [entry for entry in item["items"] if entry["type"] != "int"]:
                raise Wrong(f"type of the shape of {name}", f"{kind(odd[0])} in it", "ints alone")
            shapes[name] = tuple(entry["value"] for entry in item["items"])
        else:
            raise Wrong(f"type of the shape of {name}", kind(item), "a tuple or None")
    return shapes


question = Question(
    name="q5",
    section="initialization",
    taught=("1-access",),
    title="Look at a lazy net before its first batch",
    points=6,
    task="""
`net` has lazy layers, whose input size is unknown until the first batch. Return the shape of each of its parameters by
name, as a tuple, and None where there is no shape yet. Leave the net as it is: it must still be lazy afterwards, and
take its first batch, of whatever width, as if nobody had looked.
""",
    answer="shapes_so_far",
    stub="""
def shapes_so_far(net: nn.Module) -> dict[str, tuple[int, ...] | None]:
    # your turn
    return ...
""",
    solution_code="""
def shapes_so_far(net: nn.Module) -> dict[str, tuple[int, ...] | None]:
    lazy = nn.parameter.is_lazy
    return {
        name: None if lazy(p) else tuple(p.shape) for name, p in net.named_parameters()
    }
""",
    hints=(
        "Ask a parameter without a shape for its shape, and it raises. So ask first what kind of parameter it is.",
        "`nn.parameter.is_lazy(p)` tells; it looks for an `nn.parameter.UninitializedParameter`.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
