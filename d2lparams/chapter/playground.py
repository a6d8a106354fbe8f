"""The tie playground: share layers in every way that notebook 4 names, edit one entry, see where it shows up."""

import html

import ipywidgets
import torch
from matplotlib.patches import Rectangle

from .. import plots
from ..access import count_parameters, parameter_table
from ..sharing import ties, untie
from ..widgets.base import Face, answer, button, choice, slider
from ..widgets.canvas import Canvas
from .small_nets import NETS, WAYS, places, set_entry, share, weight_uses

_LETTERS = "ABC"


class Playground(Face):
    """What `tie_playground` returns. Controls: kind; way, one, other, tie, untie; place, row, column, value, write;
    and again, to start afresh."""

    def __init__(self, net):
        self.kind = choice("net", NETS, net, "360px")
        self.way = choice("share", WAYS, width="330px")
        self.one, self.other, self.place = (choice(label, [], width="150px") for label in ("of", "with", "weight at"))
        self.row, self.column = (
            ipywidgets.BoundedIntText(description=label, value=0, min=0, max=3, layout={"width": "150px"})
            for label in ("row", "column")
        )
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
        self.kind.observe(self.rebuild, "value")
        self.rebuild()

    @answer
    def rebuild(self):
        """Start afresh with the chosen net."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = NETS[self.kind.value]()
        for control, index in ((self.one, 0), (self.other, -1), (self.place, 0)):
            control.options = [(path or "(the net)", path) for path in places(self.net)]
            control.index = index % len(control.options)
        self._draw("Nothing done yet.", {})

    @answer
    def do_tie(self):
        """Share the two layers in the chosen way."""
        share(self.net, self.way.value, self.one.value, self.other.value)
        self._draw(f"{self.other.value} now shares with {self.one.value}: {self.way.value}.", {})

    @answer
    def do_untie(self):
        """Go on with a twin in which every place has a copy of its own."""
        self.net = untie(self.net)
        self._draw("Untied: every place has a copy of its own.", {})

    @answer
    def do_write(self):
        """Write the value into the chosen entry and outline where it shows up."""
        changed = set_entry(self.net, self.place.value, self.row.value, self.column.value, self.value.value)
        seen = [f"{path or '(the net)'} {index}" for path, mask in changed.items() for index in mask.nonzero().tolist()]
        where = ", ".join(seen) or "nowhere: it had that value already"
        self._draw(f"Written through {self.place.value or '(the net)'}; it shows up at {where}.", changed)

    def _draw(self, told, changed):
        uses, net = weight_uses(self.net), self.net
        weights, figure = places(net), self.canvas.figure
        owner = {p: i for i, p in enumerate(dict.fromkeys(weights.values()))}  # a Parameter is hashed by identity
        self.canvas.clear()
        upper = figure.add_gridspec(1, 4, left=0.04, right=0.99, bottom=0.6, top=0.86, wspace=0.3)
        lower = figure.add_gridspec(1, 4, left=0.04, right=0.99, bottom=0.06, top=0.34, wspace=0.3)
        for slot, (path, weight) in zip(upper, weights.items(), strict=False):
            i = owner[weight]
            title = f"{path + '.' if path else ''}weight: Parameter {_LETTERS[i]}"
            _matrix(figure.add_subplot(slot), weight.detach(), title, i, changed.get(path))
        panels = []
        for i, gradients in enumerate(entry.gradients for entry in uses):
            panels += [(f"{_LETTERS[i]}: use at {use}", gradient, i) for use, gradient in gradients.items()]
            if len(gradients) > 1:
                panels.append((f"{_LETTERS[i]}.grad: the sum", sum(gradients.values()), i))
        for slot, (title, gradient, i) in zip(lower, panels, strict=False):
            _matrix(figure.add_subplot(slot), gradient, f"{title}\nnorm {gradient.norm():.3f}", i)
        figure.text(0.01, 0.94, "weights, a frame's color for each Parameter; outlined: just changed", size=9)
        figure.text(0.01, 0.47, "gradient of each use, and the sum where there are several", size=9)
        names, parameters = list(net.state_dict()), [name for name, _ in net.named_parameters()]
        self.name = (
            f"tie playground: {self.kind.value}; numbers: {count_parameters(net)}, "
            f"in parameters(): {len(parameters)}, in state_dict(): {len(names)}"
        )
        self.show(
            f"<b>{html.escape(told)}</b><br>"
            f"<code>parameters()</code> has {len(parameters)}: {', '.join(parameters)}<br>"
            f"<code>state_dict()</code> has {len(names)}: {', '.join(names)}<br>{ties(net)._repr_html_()}"
            f"{parameter_table(net)._repr_html_()}"
        )


def _matrix(axis, values, title, i, outlined=None):
    """Draw a matrix with its entries written in, framed in the color of its Parameter."""
    reach = 1.4 * float(values.abs().max()) or 1.0  # paler, so that text stays legible
    axis.imshow(values.numpy(), cmap=plots.SIGNED, vmin=-reach, vmax=reach, aspect="auto")
    for (row, column), value in (((r, c), values[r, c]) for r in range(len(values)) for c in range(values.shape[1])):
        axis.text(column, row, f"{value:.2f}", ha="center", va="center", size=8)
        if outlined is not None and outlined[row, column]:
            box = {"xy": (column - 0.46, row - 0.46), "width": 0.92, "height": 0.92}
            axis.add_patch(Rectangle(**box, fill=False, edgecolor="black", linewidth=2.5))
    axis.set_title(title, fontsize=8)
    axis.set(xticks=range(values.shape[1]), yticks=range(len(values)))
    axis.tick_params(labelsize=7, length=0)
    for spine in axis.spines.values():
        spine.set(color=plots.color(i), linewidth=3)


def tie_playground(net="three linear layers"):
    """Return a small net to share the layers of, in every way of `small_nets.WAYS`, and to edit one entry of.

    net: a key of `small_nets.NETS`. Above, the weight at each place, framed by Parameter; below, the gradient that
    each use adds; beneath, what `parameters()`, `state_dict()`, `ties` and `parameter_table` say. Met in notebook 4.

    >>> playground = tie_playground()
    >>> playground
    tie playground: three linear layers; numbers: 36, in parameters(): 6, in state_dict(): 6
    >>> playground.tie.click()
    >>> playground
    tie playground: three linear layers; numbers: 27, in parameters(): 5, in state_dict(): 6
    """
    return Playground(net)
