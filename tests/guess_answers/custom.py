"""The answers to the guesses of notebook 3, each computed: a number, or the right choice word for word."""

import math
from collections.abc import Callable

import torch
from scipy import stats
from torch import nn

from d2lparams import Initializer, half_zero_uniform_, health, initialize

VARIANCE = (5**2 + 5 * 10 + 10**2) / 6


def _wrong(n: int) -> torch.Tensor:
    """Draw from the wrong scheme: two sizes, and the moments of the right one."""
    g = torch.Generator().manual_seed(1)
    sign = torch.where(torch.rand(n, generator=g) < 0.5, -1.0, 1.0)
    return (torch.rand(n, generator=g) >= 0.5) * sign * math.sqrt(2 * VARIANCE)


def _first_loss(scheme: Callable[..., torch.Tensor]) -> float:
    torch.manual_seed(0)
    X, y = torch.rand(256, 1, 28, 28), torch.randint(10, (256,))
    shared = nn.Linear(256, 256)
    hidden = [nn.Linear(784, 256), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU()]
    net = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(256, 10))
    initialize(net, {"*.bias": nn.init.zeros_, "*.weight": scheme}, torch.Generator().manual_seed(0))
    return health(net, X, y).loss


def leaf() -> str:
    weight = nn.Linear(20, 256).weight
    before = weight.detach().clone()
    try:
        weight.uniform_(-10, 10)
    except RuntimeError:
        return "it raises an error"
    unchanged = torch.equal(weight, before)
    return "it fills a copy, and the weight stays as it was" if unchanged else "it fills the weight"


def share() -> float:
    values = torch.empty(1_000_000).uniform_(-4, 4, generator=torch.Generator().manual_seed(0))
    return (values.mul(values.abs() >= 1) == 0).double().mean().item()


def moments() -> str:
    wrong = _wrong(100_000)
    claims = {"the mean": (wrong.mean(), 0), "the std": (wrong.std(), math.sqrt(VARIANCE))}
    claims["the share of zeros"] = ((wrong == 0).double().mean(), 0.5)
    off = [name for name, (drawn, claimed) in claims.items() if abs(drawn.item() - claimed) > 0.05]
    return " and ".join(off) or "none of them"


def gap() -> float:
    wrong = _wrong(100_000)
    return float(stats.kstest(wrong[wrong != 0].abs().numpy(), stats.uniform(5, 5).cdf).statistic)


def loss() -> str:
    first = _first_loss(half_zero_uniform_)
    names = {10: "about 20", 100: "some hundreds", 1000: "some thousands", 10**7: "tens of millions"}
    return names.get(10 ** math.floor(math.log10(first)), f"{first:.0f}")


def scaled() -> str:
    def scheme(tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        return half_zero_uniform_(tensor, generator=generator).mul_(math.sqrt(2 / tensor.shape[1] / VARIANCE))

    first = _first_loss(scheme)
    names = {2: "some hundreds", 7: "tens of millions"}
    return "below 5" if first < 5 else names.get(math.floor(math.log10(first)), f"{first:.0f}")


def scale() -> str:
    class HalfZero(Initializer):
        def init_weight_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
            return half_zero_uniform_(tensor, generator=generator)

    layer = nn.BatchNorm1d(8)
    nn.init.constant_(layer.weight, 3)
    initialize(layer, {"*": HalfZero(say=lambda line: None)}, torch.Generator().manual_seed(0))
    values = sorted(set(layer.weight.tolist()))
    return {(0.0,): "only zeros", (1.0,): "only ones"}.get(tuple(values), "half zeros, half ±(5, 10)")


def data() -> float:
    w = torch.tensor(3.0, requires_grad=True)
    square = w**2
    w.data.mul_(10)
    square.backward()
    assert w.grad is not None
    return w.grad.item()


def rebind() -> int:
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer.weight = nn.Parameter(torch.ones(2, 2))
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return int((layer.weight != 1).sum())


ANSWERS: dict[str, Callable[[], object]] = {
    "leaf": leaf,
    "share": share,
    "moments": moments,
    "gap": gap,
    "loss": loss,
    "scaled": scaled,
    "scale": scale,
    "data": data,
    "rebind": rebind,
}
