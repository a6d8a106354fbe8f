"""The ways to share that notebook 4 names, each on a net small enough to look at whole."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..sharing import tie
from ..uses import gradient_by_use


class Repeat(nn.Module):
    """One layer, called three times in `forward`: it has one place, so there is no tie to find."""

    def __init__(self):
        super().__init__()
        self.block = nn.Linear(3, 3)

    def forward(self, X):
        for _ in range(3):
            X = torch.tanh(self.block(X))
        return X


class Autoencoder(nn.Module):
    """One weight, read by `F.linear` forward and transposed."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 3) / 3**0.5)

    def forward(self, X):
        return F.linear(F.linear(X, self.weight), self.weight.t())


class WordModel(nn.Module):
    """A table that turns words into features, and a classifier that scores words by features: one shape."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4, 3)
        self.classifier = nn.Linear(3, 4, bias=False)

    def forward(self, X):
        return self.classifier(self.embedding(X))


def three_layers():
    """Return three linear layers of one shape, with tanh between them."""
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))


NETS = {
    "three linear layers": three_layers,
    "a word model: embedding and classifier": WordModel,
    "one layer, called three times": Repeat,
    "one weight and its transpose, by F.linear": Autoencoder,
}


def _one_module(net, one, other):
    if type(net.get_submodule(one)) is not type(net.get_submodule(other)):
        raise ValueError(f"{one!r} and {other!r} are layers of different kinds: they cannot be one module")
    net.set_submodule(other, net.get_submodule(one))


def _one_parameter(net, one, other):
    tie(net, f"{one}.weight", f"{other}.weight")


def _one_storage(net, one, other):
    net.get_submodule(other).weight.data = net.get_submodule(one).weight.data


def _transposed(net, one, other):
    a, b = (net.get_submodule(path) for path in (one, other))
    if a.weight.t().shape != b.weight.shape:
        raise ValueError(f"the transpose of {one!r} has shape {tuple(a.weight.t().shape)}, but {other!r} needs another")
    b.weight = nn.Parameter(a.weight.detach().t())


def _equal_values(net, one, other):
    net.get_submodule(other).load_state_dict(net.get_submodule(one).state_dict(), strict=False)


WAYS = {
    "one Parameter (tie)": _one_parameter,
    "one module, twice": _one_module,
    "one storage (.data = .data)": _one_storage,
    "a view of it (Parameter of .t())": _transposed,
    "equal values (load_state_dict)": _equal_values,
}


def share(net: nn.Module, way: str, one: str, other: str) -> nn.Module:
    """Make the layer `other` share with the layer `one`, in place, and return `net`.

    way: a key of `WAYS`. one, other: paths of layers with a weight, as in `net.named_modules()`.
    Raises ValueError for an unknown way, for one layer named twice, and where the way cannot work.
    Met in notebook 4, which makes each by hand.

    >>> net = share(three_layers(), "one storage (.data = .data)", "0", "2")
    >>> net[0].weight is net[2].weight, net[0].weight.data_ptr() == net[2].weight.data_ptr()
    (False, True)
    """
    if way not in WAYS:
        raise ValueError(f"no way to share is called {way!r}; choose one of {', '.join(WAYS)}")
    if one == other:
        raise ValueError(f"{one!r} and {other!r} are one place: choose two")
    WAYS[way](net, one, other)
    return net


def places(net: nn.Module) -> dict[str, nn.Parameter]:
    """Return {path of a module: its weight} for each place of `net` that has one, shared modules at every path.

    Met in notebook 4.

    >>> list(places(three_layers()))
    ['0', '2', '4']
    """
    modules = net.named_modules(remove_duplicate=False)
    return {path: module._parameters["weight"] for path, module in modules if "weight" in module._parameters}


@torch.no_grad()
def set_entry(net: nn.Module, place: str, row: int, column: int, value: float) -> dict[str, Tensor]:
    """Write one entry of the weight at `place` and return where it shows up: {place: True where an entry changed}.

    place: a key of `places(net)`. Raises ValueError if that weight has no such place, row or column.
    Met in notebook 4.

    >>> net = share(three_layers(), "a view of it (Parameter of .t())", "0", "2")
    >>> {place: changed.nonzero().tolist() for place, changed in set_entry(net, "0", 0, 1, 5.0).items()}
    {'0': [[0, 1]], '2': [[1, 0]], '4': []}
    """
    before = {path: weight.detach().clone() for path, weight in places(net).items()}
    if place not in before:
        raise ValueError(f"no weight at {place!r}; there is one at {', '.join(map(repr, before))}")
    rows, columns = before[place].shape
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"the weight at {place!r} has {rows} rows and {columns} columns, counted from 0")
    places(net)[place][row, column] = value
    return {path: weight != before[path] for path, weight in places(net).items()}


class Uses(NamedTuple):
    """What each use of one weight adds to its gradient. names: every name. gradients: {place of use: matrix}."""

    names: list
    gradients: dict


def weight_uses(net: nn.Module, seed: int = 0) -> list[Uses]:
    """Return a `Uses` for each matrix among the parameters of `net`: its gradient on one random batch, split by use.

    net: one of `NETS`, shared in any way. seed: of the batch, of 16 rows, and its targets; the loss is the mean square.
    Met in notebook 4.

    >>> net = share(three_layers(), "one Parameter (tie)", "0", "4")
    >>> [(uses.names, list(uses.gradients)) for uses in weight_uses(net)]
    [(['0.weight', '4.weight'], ['0', '4']), (['2.weight'], ['2'])]
    """
    generator = torch.Generator().manual_seed(seed)
    embedding = isinstance(net, WordModel)
    X = torch.randint(4, (16,), generator=generator) if embedding else torch.randn(16, 3, generator=generator)
    Y = torch.randn(16, 4 if embedding else 3, generator=generator)
    by_use = gradient_by_use(net, lambda: F.mse_loss(net(X), Y))
    names = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        names.setdefault(p, []).append(name)
    return [Uses(all_, by_use[all_[0]]) for p, all_ in names.items() if p.dim() == 2]
