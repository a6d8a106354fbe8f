"""The ways to share that notebook 4 names, each on a net small enough to look at whole."""

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..sharing import tie
from ..uses import gradient_by_use


class Repeat(nn.Module):
    """One layer, called three times in `forward`: it has one place, so there is no tie to find."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Linear(3, 3)

    def forward(self, X: Tensor) -> Tensor:
        for _ in range(3):
            X = torch.tanh(self.block(X))
        return X


class Autoencoder(nn.Module):
    """One weight, read by `F.linear` forward and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 3) / 3**0.5)

    def forward(self, X: Tensor) -> Tensor:
        return F.linear(F.linear(X, self.weight), self.weight.t())


class WordModel(nn.Module):
    """A table that turns words into features, and a classifier that scores words by features: one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 3)
        self.classifier = nn.Linear(3, 4, bias=False)

    def forward(self, X: Tensor) -> Tensor:
        return self.classifier(self.embedding(X))


def three_layers() -> nn.Sequential:
    """Return three linear layers of one shape, with tanh between them."""
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))


NETS: dict[str, Callable[[], nn.Module]] = {
    "three linear layers": three_layers,
    "a word model: embedding and classifier": WordModel,
    "one layer, called three times": Repeat,
    "one weight and its transpose, by F.linear": Autoencoder,
}


# ---- ways to share: each changes the net so that the layer at the path `other` shares with the one at `one`


def _share_module(net: nn.Module, one: str, other: str) -> None:
    a, b = net.get_submodule(one), net.get_submodule(other)
    if type(a) is not type(b):
        raise ValueError(f"{one!r} and {other!r} are layers of different kinds: they cannot be one module")
    net.set_submodule(other, a)


def _share_parameter(net: nn.Module, one: str, other: str) -> None:
    tie(net, f"{one}.weight", f"{other}.weight")


def _share_storage(net: nn.Module, one: str, other: str) -> None:
    a, b = _weight(net, one), _weight(net, other)
    if a is b:
        raise ValueError(f"{one!r} and {other!r} have one Parameter already, and so one storage: untie them first")
    if (a.data_ptr(), a.stride()) == (b.data_ptr(), b.stride()):
        raise ValueError(f"{one!r} and {other!r} read one storage already: nothing to share")
    b.data = a.data


def _share_transposed(net: nn.Module, one: str, other: str) -> None:
    transpose, b = _weight(net, one).detach().t(), _weight(net, other)
    if transpose.shape != b.shape:
        raise ValueError(
            f"the transpose of {one!r} has shape {tuple(transpose.shape)}, but {other!r} needs {tuple(b.shape)}"
        )
    if (transpose.data_ptr(), transpose.stride()) == (b.data_ptr(), b.stride()):
        raise ValueError(f"{other!r} reads the memory of {one!r} transposed already: nothing to share")
    net.get_submodule(other).weight = nn.Parameter(transpose)


def _copy_values(net: nn.Module, one: str, other: str) -> None:
    a, b = _weight(net, one), _weight(net, other)
    if a.data_ptr() == b.data_ptr() and a.stride() != b.stride():
        raise ValueError(
            f"{other!r} reads the memory of {one!r} transposed, so it cannot hold a copy: untie them first"
        )
    net.get_submodule(other).load_state_dict(net.get_submodule(one).state_dict(), strict=False)


def _weight(net: nn.Module, path: str) -> nn.Parameter:
    return cast(nn.Parameter, net.get_submodule(path).weight)


COPY = "equal values (load_state_dict)"  # the way that shares nothing
WAYS_TO_SHARE: dict[str, Callable[[nn.Module, str, str], None]] = {
    "one Parameter (tie)": _share_parameter,
    "one module, twice": _share_module,
    "one storage (.data = .data)": _share_storage,
    "a view of it (Parameter of .t())": _share_transposed,
    COPY: _copy_values,
}


def share(net: nn.Module, way: str, one: str, other: str) -> nn.Module:
    """Make one layer share with another, in place.

    Args:
        net: any module.
        way: a key of `WAYS_TO_SHARE`.
        one: the path of a layer with a weight, as in `net.named_modules()`.
        other: the path of the layer that is changed.

    Returns:
        The same net.

    Raises:
        ValueError: For an unknown way or path, for one layer named twice, for a net with one place only, and where the
            way cannot work or would change nothing. Nothing is changed then.

    Met in notebook 4, which makes each by hand.

    Example:
        >>> net = share(three_layers(), "one storage (.data = .data)", "0", "2")
        >>> net[0].weight is net[2].weight, net[0].weight.data_ptr() == net[2].weight.data_ptr()
        (False, True)
    """
    if way not in WAYS_TO_SHARE:
        raise ValueError(f"no way to share is called {way!r}; choose one of {', '.join(WAYS_TO_SHARE)}")
    there = places(net)
    for path in (one, other):
        if path not in there:
            raise ValueError(f"no weight at {path!r}; there is one at {_listed(there)}")
    if len(there) == 1:
        raise ValueError(f"this net has one place with a weight, {one or '(the net)'}: no second one can share it")
    if one == other:
        raise ValueError(f"{one!r} and {other!r} are one place: choose two")
    if net.get_submodule(one) is net.get_submodule(other):
        raise ValueError(f"{one!r} and {other!r} are one module already: untie them first to share in another way")
    WAYS_TO_SHARE[way](net, one, other)
    return net


def places(net: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weight at each place of `net` that has one, shared modules at every path.

    Args:
        net: any module.

    Returns:
        {path of a module, "" for the net itself: its weight}.

    Met in notebook 4.

    Example:
        >>> list(places(three_layers()))
        ['0', '2', '4']
    """
    modules = net.named_modules(remove_duplicate=False)
    weights = {path: getattr(module, "weight", None) for path, module in modules}
    return {path: weight for path, weight in weights.items() if isinstance(weight, nn.Parameter)}


def _listed(paths: Iterable[str]) -> str:
    return ", ".join(map(repr, paths))


@torch.no_grad()
def set_entry(net: nn.Module, place: str, row: int, column: int, value: float) -> dict[str, Tensor]:
    """Write one entry of the weight at one place, and look where it shows up.

    Args:
        net: whose weights are matrices; it is changed in place.
        place: a key of `places(net)`.
        row: counted from 0.
        column: counted from 0.
        value: the new one.

    Returns:
        {place: a boolean matrix of the weight's shape, True where an entry changed}.

    Raises:
        ValueError: If that weight has no such place, row or column.

    Met in notebook 4.

    Example:
        >>> net = share(three_layers(), "a view of it (Parameter of .t())", "0", "2")
        >>> {place: changed.nonzero().tolist() for place, changed in set_entry(net, "0", 0, 1, 5.0).items()}
        {'0': [[0, 1]], '2': [[1, 0]], '4': []}
    """
    before = {path: weight.detach().clone() for path, weight in places(net).items()}
    if place not in before:
        raise ValueError(f"no weight at {place!r}; there is one at {_listed(before)}")
    rows, columns = before[place].shape
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"the weight at {place!r} has {rows} rows and {columns} columns, counted from 0")
    places(net)[place][row, column] = value
    return {path: weight != before[path] for path, weight in places(net).items()}


def batch(net: nn.Module, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return the random batch on which `weight_uses` looks at a net.

    Args:
        net: one of `NETS`.
        seed: of the batch and of its targets.

    Returns:
        Inputs and targets. The inputs have shape (16, 3), of the word model (16,): numbers of words; the targets (16,
        outputs).

    Met in notebook 4.

    Example:
        >>> [tuple(part.shape) for part in batch(WordModel())]
        [(16,), (16, 4)]
    """
    generator = torch.Generator().manual_seed(seed)
    if isinstance(net, WordModel):
        X, outputs = torch.randint(4, (16,), generator=generator), 4
    else:
        X, outputs = torch.randn(16, 3, generator=generator), 3
    return X, torch.randn(16, outputs, generator=generator)


def weight_uses(net: nn.Module, seed: int = 0) -> dict[str, dict[str, Tensor]]:
    """Return what each use of each matrix among the parameters adds to its gradient, on one random batch.

    Args:
        net: one of `NETS`, shared in any way.
        seed: of the batch, of 16 rows, and its targets; the loss is the mean square.

    Returns:
        {first name of a matrix: {place of use: gradient, of the matrix's shape}}, as `gradient_by_use` returns it.

    Met in notebook 4.

    Example:
        >>> net = share(three_layers(), "one Parameter (tie)", "0", "4")
        >>> {name: list(by_use) for name, by_use in weight_uses(net).items()}
        {'0.weight': ['0', '4'], '2.weight': ['2']}
    """
    X, Y = batch(net, seed)
    by_use = gradient_by_use(net, lambda: F.mse_loss(net(X), Y))
    return {name: by_use[name] for name, parameter in net.named_parameters() if parameter.dim() == 2}
