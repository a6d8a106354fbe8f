"""Questions about initialization: choose a scheme, wait for a shape."""

import math

import torch
from torch import nn

from .. import compare, pictures
from ..compare import Wrong, kind, same_tensor
from ..question import Case, Question
from .draws import filled, normal, real, seeds, shuffled, whole


def _normal_cdf(std):
    return lambda x: torch.special.ndtr(x / std)


def _uniform_cdf(low, high):
    return lambda x: ((x - low) / (high - low)).clamp(0, 1)


def _q4_cases(rng):
    cases = []
    for activation in (nn.ReLU(), nn.LeakyReLU(real(rng, 0.5, 0.7)), nn.Tanh()):
        fan_in, fan_out = whole(rng, 110, 120), whole(rng, 60, 64)
        layer = filled(nn.Linear(fan_in, fan_out), rng)
        slope = getattr(activation, "negative_slope", 0.0)
        he, glorot = math.sqrt(2 / (1 + slope**2) / fan_in), math.sqrt(2 / (fan_in + fan_out))
        looks = {
            "fan-out was taken for fan-in": math.sqrt(2 / (1 + slope**2) / fan_out),
            "the gain was left out": math.sqrt(1 / fan_in),
            "the negative slope was left out": math.sqrt(2 / fan_in),
            "this is Glorot's scheme, which is meant for tanh": glorot,
            "this is PyTorch's default": math.sqrt(1 / 3 / fan_in),
            "a variance was taken for a standard deviation": he**2,
        }
        expected = {"std": he, "cdf": _normal_cdf(he), "size": math.sqrt(2 / math.pi)}
        if isinstance(activation, nn.Tanh):
            std = 5 / 3 * glorot
            looks = {
                "tanh's gain was left out": glorot,
                "this is He's scheme, which is meant for ReLU": he,
                "fan-in stands for the mean of fan-in and fan-out": 5 / 3 * math.sqrt(1 / fan_in),
                "a bound was taken for a standard deviation": math.sqrt(3) * std,
                "a standard deviation was taken for a bound": std / math.sqrt(3),
            }
            bound = math.sqrt(3) * std
            expected = {"std": std, "cdf": _uniform_cdf(-bound, bound), "size": math.sqrt(3) / 2}
        expected |= {"name": type(activation).__name__, "looks": looks, "before": layer.weight.detach().clone()}
        expected["bias"] = layer.bias.detach().clone()
        (seed,) = seeds(rng, 1)
        cases.append(Case(f"before {activation}", {"layer": layer, "activation": activation}, expected, seed))
    return cases


def _q4_judge(expected, facts):
    before = expected["before"]
    weight = compare.tensor(facts["weight"], "the weight", before.dtype)
    if weight.shape != before.shape:
        raise Wrong("shape of the weight", tuple(weight.shape), tuple(before.shape))
    if torch.equal(weight, before.double()):
        looks = "nothing was filled in place: a new Parameter, or one in a copy, is not the layer's own"
        raise Wrong("value of the layer's weight", "what it was before", "a new draw", looks)
    std = expected["std"]
    compare.sample(weight, expected["cdf"], std, expected["size"] * std, "the weight", expected["looks"])
    looks = {
        "nobody filled the layer's own bias; a new Parameter that takes its place is another one": expected["bias"]
    }
    same_tensor(facts["bias"], torch.zeros(len(before)), "the bias", looks)


q4 = Question(
    name="q4",
    title="Choose the scheme by the activation",
    points=7,
    task="""
Initialize a linear layer in place, for the activation that follows it. Look the schemes up in the documentation of
`torch.nn.init`.

| `activation` | weight | bias |
| --- | --- | --- |
| `nn.ReLU()` | He and others (2015), normal, by fan-in | 0 |
| `nn.LeakyReLU(slope)` | the same, with the gain of its own `negative_slope` | 0 |
| `nn.Tanh()` | Glorot and Bengio (2010), uniform, with the gain of tanh | 0 |

The weight is judged as a sample: its mean, its standard deviation, its law. A correct answer is refused less than once
in a thousand million draws.
""",
    answer="initialize_linear_",
    stub="""
def initialize_linear_(layer: nn.Linear, activation: nn.Module) -> None:
    # your turn
    ...
""",
    solution_code="""
def initialize_linear_(layer: nn.Linear, activation: nn.Module) -> None:
    if isinstance(activation, nn.Tanh):
        gain = nn.init.calculate_gain("tanh")
        nn.init.xavier_uniform_(layer.weight, gain=gain)
    else:
        slope = getattr(activation, "negative_slope", 0.0)
        nn.init.kaiming_normal_(layer.weight, a=slope)
    nn.init.zeros_(layer.bias)
""",
    hints=(
        "Glorot's scheme goes by the name of Xavier, his first name, and He's by Kaiming, likewise.",
        "`kaiming_normal_` takes the negative slope as `a`, and `leaky_relu` with a slope of 0 is ReLU.",
        '`nn.init.calculate_gain("tanh")` is 5/3, and `xavier_uniform_` takes it as `gain`; by itself it uses 1.',
    ),
    cases=_q4_cases,
    judge=_q4_judge,
    picture=pictures.weights,
)


def _q5_cases(rng):
    cases = []
    for label in ("a lazy net", "another one"):
        width, hidden, last = whole(rng, 3, 9), whole(rng, 10, 19), whole(rng, 20, 29)
        layers = shuffled(rng, [nn.LazyLinear(hidden), nn.Linear(hidden, hidden), nn.LazyLinear(hidden, bias=False)])
        if isinstance(layers[0], nn.Linear) and not isinstance(layers[0], nn.LazyLinear):
            width = hidden
        net = nn.Sequential(*layers[:2], nn.ReLU(), layers[2], nn.LazyBatchNorm1d(), nn.Linear(hidden, last))
        lazy = {name: nn.parameter.is_lazy(p) for name, p in net.named_parameters()}
        shapes = {name: None if lazy[name] else tuple(p.shape) for name, p in net.named_parameters()}
        then = {}
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


def _q5_judge(expected, facts):
    came, wanted = _shapes(facts["shapes"]), expected["shapes"]
    if sorted(came) != sorted(wanted):
        left = sorted(set(wanted) - set(came))
        looks = "lazy parameters were left out" if left and all(wanted[name] is None for name in left) else ""
        raise Wrong("names", sorted(came), sorted(wanted), looks)
    for name in wanted:
        if came[name] != wanted[name]:
            looks = ""
            if wanted[name] is None:
                looks = "a batch went through the net" if any(came[name]) else "a size of 0 was taken for a shape"
            raise Wrong(f"shape of {name}", came[name], wanted[name], looks)
    try:
        then = _shapes(facts["then"])
    except Wrong:
        then = None
    if then != expected["then"]:
        looks = "your answer ran a batch of its own width through the net, and so fixed its shapes"
        raise Wrong(
            "the net after its first true batch", "other shapes, or an error", "shapes that fit the batch", looks
        )


def _shapes(fact):
    if fact["type"] != "dict":
        raise Wrong("type of what was returned", kind(fact), "a dict from names to shapes")
    shapes = {}
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


q5 = Question(
    name="q5",
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
    cases=_q5_cases,
    judge=_q5_judge,
)
