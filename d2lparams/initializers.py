"""Schemes by name and by type of layer, for all parameters of a net or for none."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._calls import Scheme, described
from ._drawing import buffers_kept, check_can_be_filled, drawn, shared_memory, write
from ._rules import check, choose
from ._tables import Column, Table, mean_and_std, shortened
from ._torch import moments_of, parameter_names


class Init(NamedTuple):
    """One Parameter in the report of `initialize`. Met in notebook 2.

    Attributes:
        names: every name; a tied Parameter has several.
        shape: the size of each dimension; None while the layer is lazy.
        scheme: what filled it; None where it was not touched.
        mean: of the values that it has now; None on the meta device, which holds none.
        std: the standard deviation of these values; None likewise.

    Example:
        >>> initialize(nn.Linear(4, 8), {"bias": nn.init.zeros_}).touched[0]
        Init(names=('bias',), shape=(8,), scheme='zeros_', mean=0.0, std=0.0)
    """

    names: tuple[str, ...]
    shape: tuple[int, ...] | None
    scheme: str | None
    mean: float | None
    std: float | None


class InitReport:
    """What `initialize` did, as text and as an HTML table in Jupyter. Met in notebook 2.

    Args:
        rows: an `Init` for each Parameter of the net.
        notes: a sentence for each memory that several Parameters lie over. Both arguments are kept as attributes.

    Example:
        >>> report = initialize(nn.Linear(4, 8), {"bias": nn.init.zeros_})
        >>> len(report.touched), len(report.untouched)
        (1, 1)
    """

    def __init__(self, rows: list[Init], notes: Sequence[str] = ()) -> None:
        self.rows, self.notes = rows, list(notes)

    @property
    def touched(self) -> list[Init]:
        """The rows that a scheme was found for."""
        return [row for row in self.rows if row.scheme is not None]

    @property
    def untouched(self) -> list[Init]:
        """The rows that stayed as they were."""
        return [row for row in self.rows if row.scheme is None]

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        columns = [
            Column("name", "names"),
            Column("shape"),
            Column("scheme"),
            Column("mean", "numbers"),
            Column("std", "numbers"),
        ]
        summary = f"{len(self.touched)} touched, {len(self.untouched)} not"
        return Table(columns, shortened(self.rows, _cells), below=[*_first(self.notes), summary])


def _cells(row: Init) -> tuple[str, ...]:
    shape = "lazy" if row.shape is None else str(row.shape)
    return " = ".join(row.names), shape, row.scheme or "not touched", *mean_and_std(row.mean, row.std)


def _shape(p: Tensor) -> tuple[int, ...] | None:
    if p.is_nested and p.layout is torch.strided:  # it has no shape to ask for
        return p.size(0), *(-1 for _ in range(p.dim() - 1))
    return None if is_lazy(p) else tuple(p.shape)


def _first(notes: list[str], most: int = 3) -> list[str]:
    return notes if len(notes) <= most else [*notes[:most], f"{len(notes) - most:,} more of one memory: see `notes`"]


@torch.no_grad()
def initialize(
    net: nn.Module, schemes: Mapping[Any, Scheme | None], generator: torch.Generator | None = None
) -> InitReport:
    """Initialize the parameters of `net` by name and layer type, all or none, and return a report of what was touched.

    Each scheme works on a copy, and the copies move into the net when the last one has succeeded. If a scheme fails, or
    a Parameter refuses its new values, nothing has changed. That takes, for a moment, as much memory as the parameters
    that were matched. With a `generator` the copy lies on the generator's device, so a CPU generator gives a CPU net
    and a GPU net the same numbers. Buffers are not touched.

    **Which rule wins.** The first that matches, as in if/elif: write "*.bias" before "*". There is one exception: a
    layer type alone gets biases only when all other rules have left them, so that in
    `{nn.Linear: nn.init.xavier_uniform_, "*.bias": nn.init.zeros_}` the second rule counts, too.
    (With None in place of a scheme a type takes the biases at once.)

    Where the layer knows better than the scheme: the row of an embedding that stands for padding is 0, whatever the
    scheme. In a layer with `parametrize` or weight normalization a rule by type draws the weight that the layer uses,
    and stores what makes it, as assigning to `layer.weight` does; a rule by name fills what it names. The shards of a
    DTensor get the numbers that one process draws for the whole tensor; all processes have to call.

    Args:
        net: any module; it is changed.
        schemes: {rule: scheme}. A rule is a pattern of names as `select` takes it, such as "*.weight", or a compiled
            regular expression; or a type of layers, such as `nn.Linear`, for all that stands in such layers; or a
            tuple of types, as for `isinstance`. A pattern at the tuple's end picks among the names within such a layer:
            `(nn.Linear, nn.Conv2d, "weight")`. A tied Parameter answers to each of its names and layers and is drawn
            once. A scheme is any function that fills a tensor in place, as those of `nn.init` do; bind its arguments
            with `functools.partial` or a lambda. If it has a parameter called `name`, `layer` or `generator`, it is
            given the Parameter's name, the module that holds it, and this `generator`; it may read the module, but what
            it writes there is not undone. None for a scheme: leave these as they are.
        generator: where the schemes draw from; None for torch's global one.

    Returns:
        A report that prints as text, and as HTML in Jupyter. Its numbers are taken when all has been written; where
        several Parameters lie over one memory, it says which values stand there.

    Raises:
        ValueError: For a rule that matches nothing (it lists the nearest names) or that comes after others which took
            all it matches; for a matched Parameter that is lazy, expanded, quantized, nested, or made under
            `inference_mode`; for a scheme that fails, that returns a new tensor instead of filling its own, or that
            draws from torch's global generator although another one was passed.
        TypeError: If `schemes` is no mapping from rules to functions.

    Source: `nn.init`; Gluon's `net.initialize(init, force_reinit=True)`. Met in notebooks 2 and 3.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> initialize(net, {"0.weight": nn.init.ones_, "*.bias": nn.init.zeros_}).touched[0]
        Init(names=('0.weight',), shape=(8, 4), scheme='ones_', mean=1.0, std=0.0)
        >>> he = nn.init.kaiming_normal_
        >>> report = initialize(net, {nn.Linear: he, "*.bias": nn.init.zeros_})
        >>> [row.scheme for row in report.rows]
        ['kaiming_normal_', 'zeros_', 'kaiming_normal_', 'zeros_']
    """  # noqa: DOC502  # what it calls raises
    check(schemes)
    names = parameter_names(net)
    found = choose(net, schemes)
    met = {p: (known[0], found[p]) for p, known in names.items() if p in found}
    chosen = {p: choice for p, (_, choice) in met.items() if choice.scheme is not None}
    check_can_be_filled((p, name) for p, (name, choice) in met.items() if choice.scheme is not None)
    with buffers_kept(chosen):
        values = drawn(chosen, generator)
        write(values, names)
    labels = {choice.key: described(choice.scheme) for choice in chosen.values() if choice.scheme is not None}
    said = {p: labels[choice.key] for p, choice in chosen.items()}
    rows = [
        Init(tuple(known), _shape(p), said.get(p), *numbers)
        for (p, known), numbers in zip(names.items(), moments_of([*names]), strict=True)
    ]
    return InitReport(rows, shared_memory(names, said))
