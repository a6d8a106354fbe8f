"""Questions about what one writes oneself: an initializer, a layer."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .. import compare, pictures
from ..compare import Wrong, same_tensor
from ..question import Case, Question
from .draws import descend, normal, real, seeds, whole


def _q6_cases(rng):
    cases = []
    for shape, dtype in (((40, 40), torch.float32), ((8, 10, 20), torch.float64)):
        zero, low = real(rng, 0.1, 0.2), real(rng, 1, 2)  # far from 1/2, and from low / high
        numbers = {"zero": zero, "low": low, "high": real(rng, low + 1, low + 2)}
        factor, (seed, first, second) = real(rng, 1.5, 2.5), seeds(rng, 3)
        before = normal(rng, *shape, dtype=dtype)
        inputs = {"tensor": nn.Parameter(before), "numbers": numbers}
        inputs |= {"seeds": [first, second, first], "factor": factor}
        after = torch.rand(4, generator=torch.Generator().manual_seed(seed))
        expected = numbers | {"factor": factor, "shape": shape, "dtype": dtype, "next": after}
        expected["before"] = before.double().clone()
        expected["law"] = _gapped_cdf(low, numbers["high"])
        cases.append(Case(f"on a Parameter of shape {shape}", inputs, expected, seed))
    return cases


def _q6_judge(expected, facts):
    filled_ = [compare.tensor(fact, "the tensor", expected["dtype"]) for fact in facts["filled"]]
    one, two, again, globally, next_ = filled_
    if torch.equal(one, expected["before"]):
        looks = "a new tensor was made, and the one that came was left as it was"
        raise Wrong("value of the tensor afterwards", "what it was before", "a new draw", looks)
    for values in filled_:
        if values.shape != expected["shape"]:
            raise Wrong("shape of the tensor", tuple(values.shape), expected["shape"])
        _gapped(values, expected)
    if torch.equal(one, two):
        raise Wrong("value with another seed", "the same numbers", "other numbers", "a seed is set inside")
    if not torch.equal(one, again):
        looks = "the draws don't all come from `generator`"
        raise Wrong("value with the same seed", "other numbers", "the same numbers", looks)
    if torch.equal(globally, next_):
        looks = "a generator of its own stands in for the global one, with the same seed each time"
        raise Wrong("value without a generator, twice", "the same numbers", "other numbers", looks)
    scaled = (again * expected["factor"]).to(expected["dtype"])
    same_tensor(facts["returned"], scaled, "what was returned, after the tensor was scaled")
    same_tensor(facts["next"], expected["next"], "the next draw of the global generator, which was not to be used")


def _gapped(values, expected):
    """Judge one sample: zeros, bounds, signs, then the law of what is not zero."""
    zero, low, high = expected["zero"], expected["low"], expected["high"]
    n, flat = values.numel(), values.flatten()
    share, error = (flat == 0).double().mean().item(), compare.SIGMAS * math.sqrt(zero * (1 - zero) / n)
    if not abs(share - zero) <= error:
        looks = {
            "zero and non-zero changed places": 1 - zero,
            "zeros are what fell below `low`, as in the book's recipe": low / high,
            "each entry is 0 with probability 1/2": 0.5,
        }
        looks = next((name for name, other in looks.items() if abs(share - other) <= error), "")
        raise Wrong("distribution, share of zeros", f"{share:.3f}", f"{zero:.3f}", looks)
    rest = flat[flat != 0]
    size = rest.abs()
    if not (size.min() >= low * (1 - 1e-6) and size.max() <= high * (1 + 1e-6)):
        came = f"{size.min():.3f} to {size.max():.3f}"
        raise Wrong("distribution, size of the non-zero entries", came, f"{low} to {high}")
    margin = 0.03 * (high - low)  # a correct sample leaves such a piece at either end empty once in 1e16 times
    if not (size.min() <= low + margin and size.max() >= high - margin):
        looks = "one draw serves two purposes: whether an entry is 0, and how large it is"
        came = f"{size.min():.3f} to {size.max():.3f}"
        raise Wrong("distribution, size of the non-zero entries", came, f"{low:.3f} to {high:.3f}", looks)
    positive = (rest > 0).double().mean().item()
    if not abs(positive - 0.5) <= compare.SIGMAS / 2 / math.sqrt(len(rest)):
        raise Wrong("distribution, share of positive among the non-zero", f"{positive:.3f}", "0.500")
    std = math.sqrt((low**2 + low * high + high**2) / 3)
    compare.sample(rest[None], expected["law"], std, (low + high) / 2, "the non-zero entries")
    compare.independent((flat != 0).double().reshape(values.shape[0], -1), "the zeros")


def _gapped_cdf(low, high):
    """Return the law of the non-zero entries."""

    def cdf(x):
        size = ((x.abs() - low) / (high - low)).clamp(0, 1) / 2
        return torch.where(x > 0, 0.5 + size, 0.5 - size)

    return cdf


q6 = Question(
    name="q6",
    title="Write an initializer with a gap",
    points=8,
    task="""
Fill a tensor of any shape in place, and return it. The law, entry by entry, in naive code:

    if random() < zero:
        entry = 0
    else:
        entry = choice([-1, 1]) * uniform(low, high)

Follow PyTorch's grammar: it works on a Parameter that requires gradients; all draws come from `generator`, and from the
global one only if that is None.
""",
    answer="gapped_uniform_",
    stub="""
def gapped_uniform_(
    tensor: torch.Tensor,
    zero: float,
    low: float,
    high: float,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    # your turn
    return ...
""",
    solution_code="""
def gapped_uniform_(
    tensor: torch.Tensor,
    zero: float,
    low: float,
    high: float,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(kept * sign * size)
""",
    hints=(
        "Make three tensors of the same shape: which entries stay, their signs, their sizes. Then multiply.",
        "`torch.empty_like(tensor).uniform_(low, high, generator=generator)` draws the sizes, `bernoulli_` the rest.",
        "Under `torch.no_grad()`, `tensor.copy_(values)` fills a Parameter in place and returns it.",
    ),
    cases=_q6_cases,
    judge=_q6_judge,
    picture=pictures.gaps,
)


class _Scaled(nn.Module):
    """What the layer of q7 promises."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, X):
        return torch.relu(X @ self.weight + self.bias) * self.scale


def _q7_cases(rng):
    cases = []
    for _ in range(2):
        inputs, outputs, n = whole(rng, 2, 4), whole(rng, 5, 7), 12
        state = {"weight": normal(rng, inputs, outputs), "bias": normal(rng, outputs), "scale": normal(rng, outputs)}
        X, Y, lr = normal(rng, n, inputs), normal(rng, n, outputs), real(rng, 0.5, 1)
        layer = _Scaled(inputs, outputs)
        layer.load_state_dict(state)
        expected = {"start": state, "output": layer(X).detach()}
        expected["unclipped"] = ((X @ layer.weight + layer.bias) * layer.scale).detach()
        for _ in range(3):
            descend(layer, F.mse_loss(layer(X), Y), lr)
        expected["values"] = layer.state_dict()
        given = {"sizes": (inputs, outputs), "state": state, "X": X, "Y": Y, "lr": lr, "steps": 3}
        cases.append(Case(f"with {inputs} inputs and {outputs} outputs", given, expected))
    return cases


def _q7_judge(expected, facts):
    came, wanted = compare.names(facts["names"], "the names in state_dict"), sorted(expected["start"])
    if came != wanted:
        looks = "a plain tensor is among the attributes, and the layer does not know of it" * (set(came) < set(wanted))
        raise Wrong("names in state_dict", came, wanted, looks)
    if "output" not in facts:
        raise Wrong("shapes in state_dict", "others", {name: tuple(t.shape) for name, t in expected["start"].items()})
    looks = {"relu was lost in the repair": expected["unclipped"]}
    same_tensor(facts["output"], expected["output"], "the output", looks)
    for name, start in expected["start"].items():
        value = compare.tensor(facts["values"][name], name, start.dtype)
        if torch.equal(value, start.double()):
            looks = "no gradient reaches it, or the optimizer is not given it: .data, .detach() and buffers do that"
            raise Wrong(f"value of {name} after three steps", "what it was at the start", "another one", looks)
    for name, value in expected["values"].items():
        same_tensor(facts["values"][name], value, f"{name} after three steps")
    still = sorted(set(wanted) - set(compare.names(facts["moved"], "what moved")))
    if still:
        looks = "it starts where no gradient flows: zeros multiplied by zeros"
        raise Wrong(f"values of {', '.join(still)} after three steps from its own start", "the same", "others", looks)


q7 = Question(
    name="q7",
    title="Repair a layer that never trains",
    points=7,
    task="""
This layer promises `relu(X W + b) * scale`, and computes it, too. But train it, and nothing in it moves. Repair it in
place; keep the names `weight`, `bias` and `scale`. It is judged by its `state_dict()`, its output, and its values after
some steps of gradient descent.
""",
    answer="ScaledLinear",
    stub="""
class ScaledLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = torch.zeros(outputs, requires_grad=True)
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = torch.relu(X @ self.weight.data + self.bias)
        return Y * self.scale.detach()


# your turn
""",
    solution_code="""
class ScaledLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = torch.relu(X @ self.weight + self.bias)
        return Y * self.scale
""",
    hints=(
        "There are three faults, one for each of weight, bias and scale.",
        "Print `list(layer.state_dict())`: who is missing? Then `p.grad` of each after a backward pass: who has None?",
        "The layer sees a tensor only if it is an `nn.Parameter`; `.data` and `.detach()` cut it out of the graph.",
    ),
    cases=_q7_cases,
    judge=_q7_judge,
)
