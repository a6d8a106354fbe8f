"""Quiz questions on notebook 5."""

import torch
from torch import nn
from torch.nn import functional as F

from d2lparams import gradient_by_use, track
from d2lparams.plots.records import USUAL_UPDATE

from . import Quiz


def times_the_usual() -> float:
    return 1 / 20 / USUAL_UPDATE


def norm_of_the_sum() -> float:
    """Let a weight have two uses whose gradients are at right angles, of norms 6 and 8."""
    layer = nn.Linear(2, 1, bias=False)
    (6 * layer(torch.tensor([1.0, 0.0])) + 8 * layer(torch.tensor([0.0, 1.0]))).backward()
    assert layer.weight.grad is not None
    return layer.weight.grad.norm().item()


class Chain(nn.Module):
    """A tanh net of another width, with a skip connection around each use of its shared layer."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.shared, self.end = nn.Linear(50, 128), nn.Linear(128, 128), nn.Linear(128, 5)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        X = torch.tanh(self.start(X))
        for _ in range(2):
            X = X + torch.tanh(self.shared(X))
        return self.end(X)


def uses_with_a_skip() -> str:
    torch.manual_seed(0)
    net, X, y = Chain(), torch.rand(64, 50), torch.randint(5, (64,))
    first, second = gradient_by_use(net, lambda: F.cross_entropy(net(X), y))["shared.weight"].values()
    cosine = F.cosine_similarity(first.flatten(), second.flatten(), dim=0)
    return "they agree" if cosine > 0.3 else "they are opposite" if cosine < -0.3 else "they are at right angles"


def distance(same_way: bool) -> float:
    """Return how far one weight moves by two steps of lengths 5 and 12, along one direction or at right angles."""
    weight = nn.Parameter(torch.zeros(2))
    (5 * weight[0] + 12 * weight[0 if same_way else 1]).backward()
    torch.optim.SGD([weight], lr=1.0).step()
    return weight.detach().norm().item()


def against_the_hypotenuse() -> str:
    return "more than 13" if distance(same_way=True) > distance(same_way=False) == 13 else "13 or less"


def after_steps(gradient: torch.Tensor | None, steps: int = 1, **options: float) -> float:
    weight = nn.Parameter(torch.tensor([2.0]))
    optimizer = torch.optim.AdamW([weight], lr=0.01, **options)
    for _ in range(steps):
        weight.grad = gradient
        optimizer.step()
    return weight.item()


def without_decay() -> int:
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    return sum(p.dim() <= 1 for p in net.parameters())


def twice_in_an_optimizer() -> str:
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, shared)
    try:
        torch.optim.SGD([{"params": [net[0].weight]}, {"params": [net[1].weight]}], lr=0.1)
    except ValueError:
        return "a ValueError"
    return "a double step"


def halved() -> tuple[float, float]:
    rows = []
    for rate in (0.002, 0.001):
        torch.manual_seed(0)
        net = nn.Linear(3, 1)
        with track(net, every=1) as record:
            net(torch.ones(2, 3)).square().mean().backward()
            torch.optim.SGD(net.parameters(), lr=rate).step()
        rows.append(record.frame().iloc[0])
    return tuple(round(rows[1][quantity] / rows[0][quantity], 1) for quantity in ("update_ratio", "grad_norm"))


def rows_of(steps: int) -> int:
    net = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net) as record:
        for _ in range(steps):
            net(torch.ones(1, 1)).sum().backward()
            optimizer.step()
    return len(record.table("grad_norm"))


_LAYERS, _USES = "5-shared-mlp: See what each layer did", "5-shared-mlp: See what each use did"
_TWIN, _GROUPS = "5-shared-mlp: Compare with the twin", "5-shared-mlp: Give the optimizer its groups"

QUIZ: list[Quiz] = [
    Quiz(
        asks="Each step changes a weight by 1 part in 20. How many times the usual update:data is that?",
        answer=50,
        computed=times_the_usual,
        taught=_LAYERS,
        within=0.01,
    ),
    Quiz(
        asks="Two uses of one weight have gradients of norm 6 and 8, at right angles. What is the norm of `.grad`?",
        answer=10,
        computed=norm_of_the_sum,
        taught=_TWIN,
        within=0.001,
    ),
    Quiz(
        asks="A tanh net of width 128 uses one layer twice, each time with a skip connection around it. How do the "
        "gradients of the two uses stand to each other before training: they agree, are at right angles, are opposite?",
        answer="they agree",
        computed=uses_with_a_skip,
        taught=_USES,
    ),
    Quiz(
        asks="The twin's layers moved 5 and 12, and all the time the two uses of the shared weight pulled the same "
        "way. Did the shared weight move more than 13, or 13 or less?",
        answer="more than 13",
        computed=against_the_hypotenuse,
        taught=_TWIN,
    ),
    Quiz(
        asks="AdamW, rate 0.01, weight decay 0.1. A weight of 2 has a gradient of zero. What is it after one step?",
        answer=1.998,
        computed=lambda: after_steps(torch.zeros(1), weight_decay=0.1),
        taught=_GROUPS,
        within=1e-5,
    ),
    Quiz(
        asks="The same optimizer, a weight of 2 whose `.grad` is None. What is it after 100 steps?",
        answer=2.0,
        computed=lambda: after_steps(None, steps=100, weight_decay=0.1),
        taught=_GROUPS,
    ),
    Quiz(
        asks="`Linear(4, 4)`, `BatchNorm1d(4)`, `ReLU`, `Linear(4, 2)`: how many of the net's Parameters should not "
        "decay?",
        answer=4,
        computed=without_decay,
        taught=_GROUPS,
    ),
    Quiz(
        asks="A tied weight is put into two groups of one optimizer. What comes of it: a double step, or a ValueError?",
        answer="a ValueError",
        computed=twice_in_an_optimizer,
        taught=_GROUPS,
    ),
    Quiz(
        asks="You halve the rate of plain SGD between two steps. In the next step, by which factor does this "
        "change update:data, and by which the gradient's norm?",
        answer=(0.5, 1.0),
        computed=halved,
        taught="5-shared-mlp: Steer a running loop",
    ),
    Quiz(
        asks="`track(net)` watches 101 steps, and its rows are 20 steps apart. How many rows are there?",
        answer=6,
        computed=lambda: rows_of(101),
        taught="5-shared-mlp: Keep a record",
    ),
]
