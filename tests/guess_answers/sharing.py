"""The answers to the guesses of notebook 4, each computed: a number, or the right choice word for word."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from d2lparams import ties


def _chain(shared: nn.Module, other: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), other, nn.ReLU(), nn.Linear(8, 1))


def _twins() -> tuple[nn.Sequential, nn.Sequential]:
    """Return the shared net, and a net of equal values in which nothing is shared."""
    torch.manual_seed(0)
    shared = nn.Linear(8, 8)
    net, twin = _chain(shared, shared), _chain(nn.Linear(8, 8), nn.Linear(8, 8))
    twin.load_state_dict(net.state_dict())
    return net, twin


def count() -> int:
    net, _ = _twins()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    return sum(p.numel() for group in optimizer.param_groups for p in group["params"])


def equal() -> str:
    found = []
    for net in _twins():
        with torch.no_grad():
            net[2].weight[0, 0] = 100
        found.append(net[4].weight[0, 0].item() == 100)
    return {
        (True, True): "in both nets",
        (True, False): "in the shared net alone",
        (False, False): "in neither net",
    }[tuple(found)]


def decay() -> str:
    left = []
    for way in ("Parameter", "storage"):
        a, b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.ones_(a.weight)
        if way == "Parameter":
            b.weight = a.weight
        else:
            b.weight.data = a.weight.data
        net = nn.Sequential(a, b)
        for p in net.parameters():
            p.grad = torch.zeros_like(p)
        torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=1).step()
        left.append(round(b.weight.item(), 4))
    return f"{left[0]} and {left[1]}"


def gradient() -> float:
    w = nn.Parameter(torch.tensor(3.0))
    (w * w).backward()
    return w.grad.item()


def add_up() -> str:
    """Compare the shared net's gradient with those of the two layers of the twin."""
    net, twin = _twins()
    torch.manual_seed(3)
    X, Y = torch.randn(32, 4), torch.randn(32, 1)
    for model in (net, twin):
        F.mse_loss(model(X), Y).backward()
    terms = [twin[i].weight.grad.norm() for i in (2, 4)]
    total = net[2].weight.grad.norm()
    if total < max(terms):
        return "shorter than the longer of its two terms"
    return "as long as both terms together" if total > 0.99 * sum(terms) else "between these two"


def _agree(skip: bool) -> str:
    """Say how the gradients of two layers with equal values stand to each other, without the package."""
    torch.manual_seed(0)
    start, first, second, end = nn.Linear(784, 256), nn.Linear(256, 256), nn.Linear(256, 256), nn.Linear(256, 10)
    second.load_state_dict(first.state_dict())
    X, y = torch.rand(256, 784), torch.randint(10, (256,))
    H = torch.relu(start(X))
    for layer in (first, second):
        H = torch.relu(layer(H)) + (H if skip else 0)
    F.cross_entropy(end(H), y).backward()
    cosine = F.cosine_similarity(first.weight.grad.flatten(), second.weight.grad.flatten(), dim=0).item()
    return "at right angles" if abs(cosine) < 0.2 else "alike" if cosine > 0.5 else f"at {cosine:.2f}"


def skip() -> str:
    plain, with_skip = _agree(skip=False), _agree(skip=True)
    if plain == with_skip:
        return f"{plain} in both nets"
    return f"{plain} in the plain net, {with_skip} with the skip connection"


class _Repeat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Linear(8, 8)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.block(self.block(self.block(X)))


def repeat() -> int:
    return len(ties(_Repeat()))


def norm() -> int:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(10, 10, bias=False))
    return sum(p.numel() for p in layer.parameters())


def flops() -> str:
    counts = []
    for net in _twins():
        with FlopCounterMode(display=False) as counter:
            net(torch.ones(2, 4)).sum().backward()
        counts.append(counter.get_total_flops())
    shared, untied = counts
    return "just as many" if shared == untied else f"{shared} against {untied}"


ANSWERS: dict[str, Callable[[], object]] = {
    "count": count,
    "equal": equal,
    "decay": decay,
    "gradient": gradient,
    "sum": add_up,
    "skip": skip,
    "repeat": repeat,
    "norm": norm,
    "flops": flops,
}
