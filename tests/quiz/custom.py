"""Quiz questions on notebook 3."""

import torch
from scipy import stats
from torch import nn

from d2lparams import Initializer, half_zero_uniform_, initialize

from . import Quiz


class _Normal(Initializer):
    """A scheme with a rule for weights alone."""

    def init_weight_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        return tensor.normal_(0, 7, generator=generator)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _erased_share() -> float:
    values = torch.empty(1_000_000).uniform_(-8, 8, generator=_seeded())
    return (values * (values.abs() >= 2) == 0).double().mean().item()


def _kept_share() -> float:
    return (half_zero_uniform_(torch.empty(1_000_000), 2, 8, _seeded()) == 0).double().mean().item()


def _std() -> float:
    return half_zero_uniform_(torch.empty(1_000_000), 3, 6, _seeded()).double().std().item()


def _gap_of_a_constant() -> float:
    return float(stats.kstest([6.0] * 1000, stats.uniform(5, 5).cdf).statistic)


def _bar() -> float:
    """Find by bisection the gap of 10,000 numbers that a right scheme exceeds once in 1,000 samples."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if stats.kstwo.sf(middle, 10_000) > 0.001 else (low, middle)
    return low


def _factor() -> float:
    """Measure what one more hidden layer does to the std of the outputs."""
    X = torch.rand(2000, 1024, generator=_seeded())
    first, second = (half_zero_uniform_(torch.empty(1024, 1024), generator=g) for g in _two())
    before = X @ first.T
    return ((torch.relu(before) @ second.T).std() / before.std()).item()


def _two() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in (1, 2)]


def _scale_and_bias() -> tuple[float, float]:
    layer = nn.LayerNorm(5)
    nn.init.constant_(layer.weight, 3)
    nn.init.constant_(layer.bias, 3)
    initialize(layer, {"*": _Normal(say=lambda line: None)}, _seeded())
    return layer.weight.unique().item(), layer.bias.unique().item()


def _cubed() -> float:
    w = torch.tensor(2.0, requires_grad=True)
    cube = w**3
    w.data.fill_(1)
    cube.backward()
    assert w.grad is not None
    return w.grad.item()


def _moved_after_rebinding() -> int:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net[2].bias = nn.Parameter(torch.zeros(2))
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return int((net[2].bias != 0).sum())


def _without_no_grad() -> str:
    try:
        nn.Conv2d(3, 8, 3).weight.mul_(2)
    except RuntimeError:
        return "an error"
    return "it is doubled"


QUIZ: list[Quiz] = [
    Quiz(
        asks="A scheme draws uniform numbers from -8 to 8 and sets to 0 what is nearer to 0 than 2. What share is 0?",
        answer=0.25,
        computed=_erased_share,
        taught="3-custom-initialization: Find the hidden assumption",
        within=0.02,
    ),
    Quiz(
        asks="What share of the numbers does half_zero_uniform_(tensor, 2, 8) set to 0?",
        answer=0.5,
        computed=_kept_share,
        taught="3-custom-initialization: Find the hidden assumption",
        within=0.02,
    ),
    Quiz(
        asks="Half of the numbers are 0, the others have sizes uniform between 3 and 6 and random signs. What is the "
        "standard deviation of all of them?",
        answer=3.24,
        computed=_std,
        taught="3-custom-initialization: Test a distribution by its moments",
        within=0.01,
    ),
    Quiz(
        asks="A scheme claims sizes that are uniform from 5 to 10, but every size is 6. How wide is the widest gap "
        "between the two shares?",
        answer=0.8,
        computed=_gap_of_a_constant,
        taught="3-custom-initialization: Look for the widest gap",
        within=0.01,
    ),
    Quiz(
        asks="You test 10,000 numbers of a continuous distribution. Which widest gap does a right scheme exceed only "
        "once in 1,000 samples?",
        answer=0.0195,
        computed=_bar,
        taught="3-custom-initialization: Look for the widest gap",
        within=0.02,
    ),
    Quiz(
        asks="Layers of 1,024 units with ReLU between them; half of the weights are 0, the others come from ±(5, 10). "
        "By which factor does the outputs' std grow from one layer to the next?",
        answer=122,
        computed=_factor,
        taught="3-custom-initialization: See what it does to a net",
        within=0.1,
    ),
    Quiz(
        asks="An Initializer with an init_weight_ of your own, and nothing else, fills nn.LayerNorm(5) under the rule "
        '"*". Which values do its weight and its bias get?',
        answer=(1.0, 0.0),
        computed=_scale_and_bias,
        taught="3-custom-initialization: Build an initializer that says what it touches",
    ),
    Quiz(
        asks="y = w³ at w = 2; before backward() somebody sets w.data to 1. What is w.grad?",
        answer=3.0,
        computed=_cubed,
        taught="3-custom-initialization: Set values directly, and safely",
    ),
    Quiz(
        asks="An optimizer over nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) was built; then net[2].bias "
        "= nn.Parameter(torch.zeros(2)). How many numbers of this new bias does the next step move?",
        answer=0,
        computed=_moved_after_rebinding,
        taught="3-custom-initialization: Set values directly, and safely",
    ),
    Quiz(
        asks="What comes of nn.Conv2d(3, 8, 3).weight.mul_(2) outside of no_grad, an error or a doubled weight?",
        answer="an error",
        computed=_without_no_grad,
        taught="3-custom-initialization: Write a scheme in PyTorch's grammar",
    ),
]
