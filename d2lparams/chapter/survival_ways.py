"""Twelve small nets that use one weight twice, each in its own way.

Given the unit matrix, each returns the weights with which its two uses compute, turned so that a tie makes them equal.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

START = torch.tensor([[0.1, 0.7, -0.4], [0.5, -0.2, 0.9], [-0.8, 0.3, 0.6]])
UNIT = torch.eye(3)


class Pair(nn.Module):
    """Two modules that read one input."""

    def __init__(self, one: nn.Module, other: nn.Module) -> None:
        super().__init__()
        self.one, self.other = one, other

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(X), self.other(X)


class Words(Pair):
    """An embedding and a linear layer: the unit matrix is read as the words 0, 1, 2."""

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(X.argmax(1)).t(), self.other(X)


class Turned(Pair):
    """The second weight is the transpose of the first."""

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(X), self.other(X).t()


class Halved(Pair):
    """The second weight is twice the first."""

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(X), self.other(X) / 2


class Repeat(nn.Module):
    """One layer, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer(X), self.layer(X)


class Functional(nn.Module):
    """One Parameter, read twice by `F.linear`."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(START.clone())

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return F.linear(X, self.weight), F.linear(X, self.weight)


class Transposed(Functional):
    """One Parameter, read once as it is and once transposed."""

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return F.linear(X, self.weight), F.linear(X, self.weight.t()).t()


class Doubled(nn.Module):
    """A parametrization: the layer computes with twice the numbers that are stored."""

    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight / 2


def linear() -> nn.Linear:
    """Return a layer whose weight is `START`."""
    layer = nn.Linear(3, 3, bias=False)
    layer.weight = nn.Parameter(START.clone())
    return layer


def _module_twice() -> nn.Module:
    layer = linear()
    return Pair(layer, layer)


def _two_containers() -> nn.Module:
    layer = linear()
    return Pair(nn.Sequential(layer), nn.Sequential(layer))


def _one_parameter() -> nn.Module:
    net = Pair(linear(), linear())
    net.other.weight = net.one.weight
    return net


def _embedding_and_head() -> nn.Module:
    net = Words(nn.Embedding(3, 3), linear())
    net.one.weight = net.other.weight
    return net


def _parametrized(both: bool) -> nn.Module:
    net = Pair(linear(), linear()) if both else Halved(linear(), linear())
    for layer in [net.one, net.other] if both else [net.other]:
        parametrize.register_parametrization(layer, "weight", Doubled())
    shared = net.one.get_parameter("parametrizations.weight.original" if both else "weight")
    net.other.get_submodule("parametrizations.weight").original = shared
    if both:
        with torch.no_grad():
            shared.copy_(START / 2)
    return net


def _one_storage() -> nn.Module:
    net = Pair(linear(), linear())
    net.other.get_parameter("weight").data = net.one.get_parameter("weight").data
    return net


def _view() -> nn.Module:
    net = Turned(linear(), linear())
    net.other.weight = nn.Parameter(net.one.get_parameter("weight").t())
    return net


@dataclass(frozen=True)
class Way:
    """A way to share.

    Attributes:
        build: makes the net.
        place: the path of the module whose `weight` the second use reads.
        tie: the way to share one Parameter that computes the same; itself where this is one.
    """

    build: Callable[[], nn.Module]
    place: str = "other"
    tie: str = "one Parameter in two layers"


WAYS: dict[str, Way] = {
    "one layer, called twice": Way(Repeat, "layer"),
    "one Parameter, read twice (F.linear)": Way(Functional, ""),
    "one Parameter, read as it is and transposed": Way(Transposed, ""),
    "one layer, two names": Way(_module_twice),
    "one layer in two containers": Way(_two_containers, "other.0"),
    "one Parameter in two layers": Way(_one_parameter),
    "one Parameter in embedding and head": Way(_embedding_and_head),
    "one Parameter under two parametrizations": Way(lambda: _parametrized(both=True)),
    "one Parameter, the second parametrized": Way(lambda: _parametrized(both=False)),
    "one memory (b.data = a.data)": Way(_one_storage),
    "one memory, a view (nn.Parameter(a.t()))": Way(_view),
    "no tie: equal numbers": Way(lambda: Pair(linear(), linear())),
}
"""Twelve ways in which a net can use one weight twice; the last is a control, in which nothing is shared."""
