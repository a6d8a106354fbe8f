"""The answers to the guesses of notebook 2, each computed: a number, or the right choice word for word."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from d2lparams import fan_in_out, initialize
from d2lparams.chapter import standin


def deep() -> str:
    """Train a deep net from each start for a while; exactly one stays at the loss of guessing."""
    images, labels = standin.draw(1000, seed=0)
    X, y = images.float() / 255, labels
    starts = {"PyTorch's default": None, "Xavier": nn.init.xavier_normal_, "He": nn.init.kaiming_normal_}
    stuck = []
    for name, scheme in starts.items():
        torch.manual_seed(0)
        hidden = [layer for _ in range(29) for layer in (nn.Linear(64, 64), nn.ReLU())]
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), *hidden, nn.Linear(64, 10))
        if scheme:
            initialize(net, {"*.weight": scheme, "*.bias": nn.init.zeros_})
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        losses = []
        for k in range(50):
            part = slice(128 * (k % 7), 128 * (k % 7 + 1))
            optimizer.zero_grad()
            loss = F.cross_entropy(net(X[part]), y[part])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if min(losses) > math.log(10) - 0.1:
            stuck.append(name)
    return stuck[0] if len(stuck) == 1 else f"{stuck or 'none'}"


def wider() -> str:
    torch.manual_seed(0)
    few, many = (nn.Linear(400, outputs).weight.std().item() for outputs in (100, 3000))
    if math.isclose(few, many, rel_tol=0.02):
        return "they are equal"
    return f"the one with {100 if few > many else 3000} outputs"


def he() -> str:
    torch.manual_seed(0)
    ratio = (nn.init.kaiming_normal_(torch.empty(300, 400)).std() / nn.Linear(400, 300).weight.std()).item()
    if math.isclose(ratio, 1, rel_tol=0.05):
        return "they are equal: the default is He's scheme"
    name, times = ("He", ratio) if ratio > 1 else ("the default", 1 / ratio)
    return f"{name}'s, {'more' if times > 2 else 'less'} than twice as large"


def add_up() -> float:
    torch.manual_seed(0)
    return (torch.randn(10_000, 256) * torch.randn(10_000, 256)).sum(1).std().item()


def conv() -> int:
    weight = nn.Conv2d(8, 16, kernel_size=3).weight
    assert fan_in_out(weight)[0] == weight[0].numel()
    return weight[0].numel()


def tanh() -> str:
    """Send a gradient back through thirty layers, without the package."""
    torch.manual_seed(0)
    signals = [torch.randn(256, 256, requires_grad=True)]
    for _ in range(30):
        signals.append(torch.tanh(signals[-1] @ (torch.randn(256, 256) * nn.init.calculate_gain("tanh") / 16)))
        signals[-1].retain_grad()
    signals[-1].backward(torch.randn(256, 256))
    change = (signals[1].grad.std() / signals[-1].grad.std()).item()
    if change > 10:
        return "it grows more than ten times"
    if change < 0.1:
        return "it shrinks more than ten times: tanh is flat for large inputs"
    return "it stays the same: 5/3 is made for tanh"


def lazy() -> int:
    net = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(1))
    assert all(isinstance(net[i], nn.Linear) for i in (0, 2))
    return sum(type(m) == nn.Linear for m in net)  # noqa: E721


def _constant(value: float) -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)).double()
    for name, p in net.named_parameters():
        nn.init.constant_(p, value if "weight" in name else 0)
    return net, torch.rand(64, 64).double(), torch.randint(10, (64,))


def zeros() -> str:
    net, X, y = _constant(0.0)
    loss = F.cross_entropy(net(X), y).item()
    return f"ln 10 = {loss:.3f}" if math.isclose(loss, math.log(10)) else f"{loss:.3g}"


def same() -> int:
    net, X, y = _constant(0.01)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        optimizer.step()
    units = net[0].weight.detach()
    assert (units - 0.01).abs().max() > 1e-4
    return int(((units - units[0]).abs().max(dim=1).values > 1e-6).sum())


ANSWERS: dict[str, Callable[[], object]] = {
    "deep": deep,
    "wider": wider,
    "he": he,
    "sum": add_up,
    "conv": conv,
    "tanh": tanh,
    "lazy": lazy,
    "zeros": zeros,
    "same": same,
}
