"""What cases are made of: random inputs, all from one generator, and a step of gradient descent."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Generator, Tensor, nn

Item = TypeVar("Item")
Module = TypeVar("Module", bound=nn.Module)


def integer(rng: Generator, low: int, high: int) -> int:
    """Return a whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=rng))


def real(rng: Generator, low: float, high: float) -> float:
    """Return a number between low and high, rounded to 3 digits so that it can be read."""
    return round(low + (high - low) * torch.rand((), generator=rng, dtype=torch.float64).item(), 3)


def normal(rng: Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return a tensor of standard normal numbers."""
    return torch.randn(shape, generator=rng, dtype=dtype)


def shuffled(rng: Generator, items: Sequence[Item]) -> list[Item]:
    """Return the items in another order."""
    return [items[i] for i in torch.randperm(len(items), generator=rng).tolist()]


def seeds(rng: Generator, number: int) -> list[int]:
    """Return different seeds."""
    found: list[int] = (torch.randperm(2**16, generator=rng)[:number] + 1).tolist()
    return found


def filled(net: Module, rng: Generator, std: float = 0.5) -> Module:
    """Draw every parameter of a net, so that nothing depends on the global random state."""
    with torch.no_grad():
        for p in net.parameters():
            if not nn.parameter.is_lazy(p):
                p.copy_(std * torch.randn(p.shape, generator=rng))
    return net


def descend(net: nn.Module, loss: Tensor, lr: float) -> None:
    """Take one step of plain gradient descent."""
    gradients = torch.autograd.grad(loss, list(net.parameters()))
    with torch.no_grad():
        for p, gradient in zip(net.parameters(), gradients, strict=True):
            p.sub_(lr * gradient)
