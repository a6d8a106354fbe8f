"""The answers to the guesses of notebook 1, each computed: a number, or the right choice word for word."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from d2lparams import count_parameters


class _MyLinear(nn.Module):
    def __init__(self, in_units: int, units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_units, units))
        self.bias = nn.Parameter(torch.randn(units))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X @ self.weight.data + self.bias.data


class _Four(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trained = nn.Parameter(torch.rand(2, 2))
        self.register_buffer("kept", torch.rand(2, 2))
        self.register_buffer("scratch", torch.rand(2, 2), persistent=False)
        self.plain = torch.rand(2, 2, requires_grad=True)


class _Listed(nn.Module):
    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = list(blocks)


class _FancyMLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rand_weight = torch.rand(20, 20)
        self.linear = nn.Linear(20, 20)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        X = self.linear(F.relu(self.linear(X) @ self.rand_weight + 1))
        while X.abs().sum() > 1:
            X = X / 2
        return X.sum()


def _center() -> str:
    X = torch.tensor([[1.0, 2, 3], [11, 12, 13]])
    first, second = (X - X.mean()).mean(dim=1).tolist()
    return f"{first:.0f} and {second:.0f}"


def _data() -> int:
    net = nn.Sequential(_MyLinear(5, 3), nn.ReLU(), nn.Linear(3, 1))
    net(torch.rand(2, 5)).sum().backward()
    return sum(p.grad is not None for p in net.parameters())


def _saved() -> str:
    return ", ".join(_Four().state_dict())


def _list() -> int:
    return count_parameters(_Listed(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10)))


def _matched() -> str:
    torch.manual_seed(0)
    net, twin, X = _FancyMLP(), _FancyMLP(), torch.rand(2, 20)
    try:
        twin.load_state_dict(net.state_dict())
    except RuntimeError:
        return "an error: rand_weight is missing"
    return "the same number as net(X)" if torch.equal(net(X), twin(X)) else "another number"


def _before() -> str:
    return str(nn.Linear(4, 3).weight.grad)


def _tied() -> int:
    shared = nn.Linear(8, 8)
    return count_parameters(nn.Sequential(shared, nn.ReLU(), shared))


def _frozen() -> str:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3), nn.Linear(3, 1))
    net[1].requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(torch.rand(8, 4)).square().sum().backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    return ", ".join(name for name, value in net.state_dict().items() if not torch.equal(value, before[name]))


def _best() -> str:
    layer = nn.Linear(3, 2)
    best = layer.state_dict()
    before = best["bias"][0].item()
    nn.init.constant_(layer.bias, 7)
    now = best["bias"][0].item()
    return "the value from before" if now == before else f"{now:.0f}"


def _shape() -> str:
    layer = nn.Linear(20, 512)
    try:
        keys = layer.load_state_dict(nn.Linear(20, 256).state_dict(), strict=False)
    except RuntimeError:
        return "it raises an error"
    return "it leaves the layer out and says so" if keys.missing_keys else "it loads the first 256 units"


ANSWERS: dict[str, Callable[[], object]] = {
    "center": _center,
    "data": _data,
    "saved": _saved,
    "list": _list,
    "matched": _matched,
    "before": _before,
    "tied": _tied,
    "frozen": _frozen,
    "best": _best,
    "shape": _shape,
}
