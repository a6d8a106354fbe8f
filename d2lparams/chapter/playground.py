"""The tie playground: share layers in every way that notebook 4 names, edit one entry, see where it shows up.

Its numbers are those of `small_nets`: `places`, `set_entry` and `weight_uses`.
"""

import html
from collections.abc import Iterator, Mapping
from itertools import chain, repeat

import ipywidgets
import torch
from torch import Tensor, nn

from ..access import count_parameters, parameter_table
from ..sharing import ties, untie
from ..widgets.base import InteractiveFigure, button, dropdown, on_control, slider
from ..widgets.canvas import Canvas
from .matrix_panel import Matrix, MatrixPanel
from .small_nets import COPY, NETS, WAYS_TO_SHARE, places, set_entry, share, weight_uses

_LETTERS = "ABC"  # of the Parameters
START = "Nothing done yet."
ALONE = f"{START} This net has one place with a weight, so no second one can share it."
PANELS = 4  # in each row: as many as a weight with three uses has gradients, with their sum
CAPTIONS = {  # by height, from the bottom
    0.94: "weights, a frame's color for each Parameter; outlined: just changed",
    0.47: "gradient of each use, and the sum where there are several",
}
SAID_SIZE = 9  # of the captions, in points


class Playground(InteractiveFigure):
    """What `tie_playground` returns. Controls: kind; way, one, other, tie, untie; place, row, column, value, write;
    and again, to start afresh. `weights` and `gradients` are the panels above and below."""

    def __init__(self, net: str) -> None:
        self.kind = dropdown("net", NETS, net, "360px")
        self.way = dropdown("share", WAYS_TO_SHARE, width="330px")
        self.one = dropdown("of", [], width="150px")
        self.other = dropdown("with", [], width="150px")
        self.place = dropdown("weight at", [], width="150px")
        self.row = ipywidgets.BoundedIntText(description="row", min=0, max=3, layout={"width": "150px"})
        self.column = ipywidgets.BoundedIntText(description="column", min=0, max=3, layout={"width": "150px"})
        self.value = slider(ipywidgets.FloatSlider, "new value", value=2.0, min=-3, max=3, step=0.25)
        self.tie = button("tie", self.do_tie, "share the two layers in the chosen way")
        self.untie = button("untie all", self.do_untie, "give each place a copy of its own: d2lparams.untie")
        self.write = button("write", self.do_write, "write the value into that entry of that weight, through that name")
        self.again = button("start again", self.rebuild, "the same net as at first, nothing shared")
        rows = [
            [self.kind, self.again],
            [self.way, self.one, self.other, self.tie, self.untie],
            [self.place, self.row, self.column, self.value, self.write],
        ]
        super().__init__("", Canvas(8.2, 4.4), *rows)
        self.weights, self.gradients = self._panels(0.6, 0.86), self._panels(0.06, 0.34)
        for height, words in CAPTIONS.items():
            self.canvas.figure.text(0.01, height, words, size=SAID_SIZE)
        self.kind.observe(self.rebuild, "value")
        self.place.observe(self._limit_entry, "value")
        self.rebuild()

    def _panels(self, bottom: float, top: float) -> list[MatrixPanel]:
        """Return a row of panels."""
        figure = self.canvas.figure
        grid = figure.add_gridspec(1, PANELS, left=0.04, right=0.99, bottom=bottom, top=top, wspace=0.3)
        return [MatrixPanel(self.canvas, figure.add_subplot(grid[i])) for i in range(PANELS)]

    @on_control
    def rebuild(self) -> None:
        """Start afresh with the chosen net."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = NETS[self.kind.value]()
        options = [(_show_path(path), path) for path in places(self.net)]
        for control, index in ((self.one, 0), (self.other, len(options) - 1), (self.place, 0)):
            control.options = options
            control.index = index
        self._limit_entry()
        for control in (self.way, self.one, self.other, self.tie):
            control.disabled = len(options) == 1
        self._show_net(START if len(options) > 1 else ALONE)

    def _limit_entry(self, *event: object) -> None:
        """Offer the rows and columns that the chosen weight has."""
        if self.place.value is not None:
            rows, columns = places(self.net)[self.place.value].shape
            self.row.max, self.column.max = rows - 1, columns - 1

    @on_control
    def do_tie(self) -> None:
        """Share the two layers in the chosen way."""
        way, one, other = self.way.value, self.one.value, self.other.value
        share(self.net, way, one, other)
        if way == COPY:
            self._show_net(f"{other} now holds the values of {one}, in memory of its own: no tie.")
        else:
            self._show_net(f"{other} now shares with {one}: {way}.")

    @on_control
    def do_untie(self) -> None:
        """Go on with a twin in which every place has a copy of its own."""
        self.net = untie(self.net)
        self._show_net("Untied: every place has a copy of its own.")

    @on_control
    def do_write(self) -> None:
        """Write the value into the chosen entry and outline where it shows up."""
        place = self.place.value
        changed = set_entry(self.net, place, self.row.value, self.column.value, self.value.value)
        seen = [f"{_show_path(path)} {index}" for path, mask in changed.items() for index in mask.nonzero().tolist()]
        where = ", ".join(seen) or "nowhere: it had that value already"
        self._show_net(f"Written through {_show_path(place)}; it shows up at {where}.", changed)

    def _show_net(self, done: str, changed: Mapping[str, Tensor] | None = None) -> None:
        """Draw the net as it stands, and say what was done to it, and which entries that has changed."""
        net = self.net
        for panels, matrices in ((self.weights, weights(net, changed or {})), (self.gradients, gradients(net))):
            for panel, matrix in zip(panels, chain(matrices, repeat(None)), strict=False):
                panel.show(matrix)
        names, parameters = list(net.state_dict()), [name for name, _ in net.named_parameters()]
        self.summary = (
            f"tie playground: {self.kind.value}; numbers: {count_parameters(net)}, "
            f"in parameters(): {len(parameters)}, in state_dict(): {len(names)}"
        )
        self.show(
            f"<b>{html.escape(done)}</b><br>"
            f"<code>parameters()</code> has {len(parameters)}: {', '.join(parameters)}<br>"
            f"<code>state_dict()</code> has {len(names)}: {', '.join(names)}<br>{ties(net)._repr_html_()}"
            f"{parameter_table(net)._repr_html_()}",
            said=done,
        )


def weights(net: nn.Module, changed: Mapping[str, Tensor]) -> Iterator[Matrix]:
    """Yield the weight at each place; `changed` is what `set_entry` returned."""
    numbers = _numbers(net)
    for path, weight in places(net).items():
        name = f"{path}.weight" if path else "weight"
        i = numbers[weight]
        yield Matrix(f"{name}: Parameter {_LETTERS[i]}", weight.detach(), i, changed.get(path))


def gradients(net: nn.Module) -> Iterator[Matrix]:
    """Yield the gradient that each use of each weight adds, and their sum where there are several."""
    numbers = _numbers(net)
    for name, by_use in weight_uses(net).items():
        i = numbers[net.get_parameter(name)]
        shown = {f"{_LETTERS[i]}: use at {place}": gradient for place, gradient in by_use.items()}
        if len(by_use) > 1:
            shown[f"{_LETTERS[i]}.grad: the sum"] = torch.stack(list(by_use.values())).sum(0)
        for title, gradient in shown.items():
            yield Matrix(f"{title}\nnorm {gradient.norm():.3f}", gradient, i)


def _numbers(net: nn.Module) -> dict[nn.Parameter, int]:
    """Return {weight: which of the Parameters it is, counted from 0}; a Parameter is hashed by identity."""
    return {parameter: i for i, parameter in enumerate(dict.fromkeys(places(net).values()))}


def _show_path(path: str) -> str:
    return path or "(the net)"


def tie_playground(net: str = "three linear layers") -> Playground:
    """Return a small net to share the layers of, in every way of `small_nets.WAYS_TO_SHARE`, and to edit one entry of.

    Above, the weight at each place, framed by Parameter; below, the gradient that each use adds; beneath, what
    `parameters()`, `state_dict()`, `ties` and `parameter_table` say.

    Args:
        net: a key of `small_nets.NETS`.

    Returns:
        A widget for the notebook; its `net` is the module as it stands.

    Met in notebook 4.

    Example:
        >>> playground = tie_playground()
        >>> playground
        tie playground: three linear layers; numbers: 36, in parameters(): 6, in state_dict(): 6
        >>> playground.tie.click()
        >>> playground
        tie playground: three linear layers; numbers: 27, in parameters(): 5, in state_dict(): 6
    """
    return Playground(net)
