"""The answers to the guesses of notebook 5, each computed: a number, or the right choice word for word."""

import functools
import math
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from d2lparams import Record, track, untie
from d2lparams.chapter import standin
from d2lparams.widgets.scrubber import vectors


class Block(nn.Module):
    """A layer, with or without a skip connection around it."""

    def __init__(self, layer: nn.Module, skip: bool) -> None:
        super().__init__()
        self.layer, self.skip = layer, skip

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.layer(X)) + (X if self.skip else 0)


def mlp(skip: bool = False, width: int = 256) -> nn.Sequential:
    """Return a net whose middle layer is used twice; the same at each call."""
    torch.manual_seed(0)
    shared = nn.Linear(width, width)
    blocks = Block(shared, skip), Block(shared, skip)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), *blocks, nn.Linear(width, 10))


@functools.cache
def images() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 6,400 drawn images and their labels."""
    X, y = standin.draw(6_400, seed=0)
    return X.reshape(-1, 1, 28, 28).float() / 255, y.long()


def train(net: nn.Module, rate: float, steps: int, every: int = 5) -> Record:
    X, y = images()
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    with track(net, every=every, histograms=0) as record:
        for step in range(steps):
            batch = slice(step % 50 * 128, step % 50 * 128 + 128)
            optimizer.zero_grad()
            F.cross_entropy(net(X[batch]), y[batch]).backward()
            optimizer.step()
    return record


def hit_rate(net: nn.Module) -> float:
    X, y = images()
    return float((net(X).argmax(1) == y).float().mean())


@functools.cache
def trained(skip: bool) -> Record:
    return train(mlp(skip), rate=0.1, steps=60)


def accuracy() -> str:
    net = mlp()
    twin = untie(net)
    for model in (net, twin):
        train(model, rate=0.1, steps=100)
    gap = hit_rate(twin) - hit_rate(net)
    if abs(gap) < 0.05:
        return "they end less than 5 points apart"
    return f"the {'twin' if gap > 0 else 'shared net'} ends at least 5 points higher"


def update() -> str:
    ratio = train(mlp(), rate=0.5, steps=60).table("update_ratio").filter(like="weight").median().median()
    return f"about 1 part in {10 ** round(-math.log10(ratio)):,}"


def late_cosines(skip: bool) -> list[float]:
    """Return the cosines between the uses in the second half of a training."""
    record = trained(skip)
    cosines = record.uses(record.shared[0])["cosine"].iloc[:, 0].tolist()
    return cosines[len(cosines) // 2 :]


def uses() -> str:
    cosine = median(late_cosines(skip=False))
    if abs(cosine) < 0.2:
        return "it stays near 0: the uses keep standing at right angles"
    if cosine > 0:
        return "it grows: in the end the uses agree"
    return "it falls below −0.3: in the end the uses partly cancel"


def skip() -> str:
    lowest = min(late_cosines(skip=True))
    if lowest > 0.7:
        return "it stays above 0.7"
    return (
        "it falls to about 0.4" if lowest > 0.2 else "it falls to about 0: in training the uses learn different tasks"
    )


def legs() -> float:
    """Let one weight take two steps at right angles, of lengths 3 and 4."""
    weight = nn.Parameter(torch.zeros(2))
    (3 * weight[0] + 4 * weight[1]).backward()
    torch.optim.SGD([weight], lr=1.0).step()
    return round(weight.detach().norm().item(), 4)


def arrows() -> str:
    table = trained(skip=False).uses("3.layer.weight")
    found = [[across for _, across in vectors(row).values()][:2] for _, row in table.iterrows()]
    both = sum(min(pair) > 0 for pair in found) / len(found)
    return "no, never" if both == 0 else "yes, but rarely" if both < 0.1 else "yes, at many steps"


def halve() -> str:
    rows = [train(mlp(), rate=rate, steps=1, every=1).frame().iloc[0] for rate in (0.5, 0.25)]
    update, gradient = (rows[1][quantity] / rows[0][quantity] for quantity in ("update_ratio", "grad_norm"))
    return f"update:data ×{update:.1g}, the gradient's norm ×{gradient:.1g}"


def groups() -> int:
    shared = nn.Linear(8, 8)
    net = nn.Sequential(shared, nn.LayerNorm(8), nn.ReLU(), shared, nn.LayerNorm(8), nn.Linear(8, 1))
    return sum(p.dim() > 1 for p in net.parameters())


def decay() -> str:
    frozen, quiet = nn.Parameter(torch.ones(1), requires_grad=False), nn.Parameter(torch.ones(1))
    quiet.grad = torch.zeros(1)
    torch.optim.AdamW([frozen, quiet], lr=0.1, weight_decay=0.5).step()
    smaller = frozen.item() < 1, quiet.item() < 1
    return {
        (True, True): "both",
        (True, False): "only the frozen one",
        (False, True): "only the one whose gradient is zero",
        (False, False): "neither",
    }[smaller]


ANSWERS: dict[str, Callable[[], object]] = {
    "accuracy": accuracy,
    "update": update,
    "uses": uses,
    "skip": skip,
    "legs": legs,
    "arrows": arrows,
    "halve": halve,
    "groups": groups,
    "decay": decay,
}
