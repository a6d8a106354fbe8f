"""The init explorer: turn a scheme, a gain or a depth, and see every layer answer."""

import html
import math

import ipywidgets
import numpy as np

from .. import plots
from ..widgets.base import Face, answer, choice, slider
from ..widgets.canvas import Canvas
from .deep_net import ACTIVATIONS, BINS, SCHEMES, first_pass, profile

KINDS = ("weights", "activations", "gradients")
EDGES = np.append(np.linspace(-1, 1, BINS + 1).repeat(2)[1:-1], np.nan)  # of the bins, each side twice; and a gap
LOW, HIGH = 1e-12, 1e9  # the scale of standard deviations; what lies beyond stands at its edge
VERDICTS = {"healthy": ("✓", "#009E73"), "vanishes": ("↓", "#0072B2"), "explodes": ("↑", "#D55E00")}


class Explorer(Face):
    """What `init_explorer` returns. Its controls: scheme, activation, gain, depth, width."""

    def __init__(self, scheme, gain, depth, width, activation):
        self.scheme = choice("scheme", SCHEMES, scheme)
        self.activation = choice("activation", ACTIVATIONS, activation)
        self.gain = slider(ipywidgets.FloatLogSlider, "gain", value=gain, min=-1, max=1, step=0.02)
        self.gain.readout_format = ".2f"
        self.depth = slider(ipywidgets.IntSlider, "hidden layers", value=depth, min=1, max=16)
        self.units = slider(ipywidgets.SelectionSlider, "units in each", value=width, options=[16, 64, 128, 256, 512])
        super().__init__("", Canvas(9.6, 3.4), [self.scheme, self.activation], [self.gain, self.depth, self.units])
        self._lay_out()
        for control in (self.scheme, self.activation, self.gain, self.depth, self.units):
            control.observe(self.redraw, "value")
        self.redraw()

    @answer
    def redraw(self):
        """Draw what the controls say now."""
        setting = self.scheme.value, self.gain.value, self.depth.value, self.units.value, self.activation.value
        start = first_pass(*setting)
        layers = setting[2] + 1
        height = 0.85 / layers
        places = (np.arange(layers) + 0.3) * height  # the first layer at the bottom
        for row, text in enumerate(self._names):
            text.set_text("last" if row == layers - 1 else row + 1)
            text.set_y(places[min(row, layers - 1)])
            text.set_visible(row < layers and row % (1 + layers // 9) == 0)
        for kind in KINDS:
            limit, heights = profile(getattr(start, kind))
            ridges = places[:, None] + 0.85 * height * heights.clamp(max=1.15).numpy()
            gaps = np.full((layers, 1), np.nan)  # between the layers, in one line: many lines take long to draw
            self._ridges[kind].set_data(np.tile(EDGES, layers), np.hstack([ridges.repeat(2, axis=1), gaps]).ravel())
            stds = start.stds[kind]
            self._stds[kind].set_data([min(max(std, LOW), HIGH) if std == std else HIGH for std in stds], places)
            first, *_, last = stds  # a gradient comes back: from the last layer to the first
            start_, end = (last, first) if kind == "gradients" else (first, last)
            self._titles[kind].set_text(f"{kind}: std ×{end / start_ if start_ else math.nan:.2g}")
            for text, sign in zip(self._limits[kind], ("−", ""), strict=True):
                text.set_text(f"{sign}{limit:.2g}")
        report = start.report
        mark, shade = VERDICTS.get(report.verdict, ("✗", "#D55E00"))
        self._titles["verdict"].set_text(f"{report.verdict}: first loss {report.loss:.3g}")
        self._titles["verdict"].set_color(shade)
        self.name = (
            f"init explorer: {setting[0]}, gain {setting[1]:.2f}, {setting[2]} hidden layers of {setting[3]} units, "
            f"{setting[4]}: {report.verdict}"
        )
        self.show(
            f'<b><span style="color:{shade}">{mark}</span> {report.verdict}</b>: first loss {report.loss:.3g}, where '
            f"guessing gives ln {report.classes} = {report.expected:.3f}. {html.escape('; '.join(report.reasons))}."
        )

    def _lay_out(self):
        """Draw the axes, and what moves in them, for as many layers as there can be."""
        canvas, most = self.canvas, self.depth.max + 1
        self._ridges, self._titles, self._limits, self._stds = {}, {}, {}, {}
        for i, kind in enumerate((*KINDS, "verdict")):
            axis = canvas.figure.add_axes([0.055 + 0.23 * i, 0.15, 0.245 if i == 3 else 0.2, 0.74])
            plots.dress(axis)
            axis.set(ylim=(0, 1), yticks=[])
            self._titles[kind] = canvas.moving(axis.text(0.5, 1.03, "", transform=axis.transAxes, ha="center", size=9))
            if kind == "verdict":
                break
            axis.set(xlim=(-1, 1), xlabel=f"{kind}, density")
            axis.set_xticks([-1, 0, 1], ["", "0", ""])
            form = {"transform": axis.transAxes, "va": "top", "size": 8}
            ends = (axis.text(x, -0.03, "", ha=side, **form) for x, side in ((0, "left"), (1, "right")))
            self._limits[kind] = [canvas.moving(text) for text in ends]
            form = {"color": plots.color(i), "linewidth": 1.1}
            self._ridges[kind] = canvas.moving(axis.plot([], [], **form)[0])
        first = canvas.figure.axes[0]
        first.set_ylabel("layer, from the input up", labelpad=24)
        form = {"transform": first.transAxes, "ha": "right", "va": "center", "size": 8}
        self._names = [canvas.moving(first.text(-0.04, 0, "", **form)) for _ in range(most)]
        axis.set(xscale="log", xlim=(LOW / 3, HIGH * 3), xlabel="standard deviation (logarithmic)")
        axis.set_xticks([1e-12, 1e-6, 1e-3, 1, 1e3, 1e9])
        axis.axvline(1, color="lightgrey", zorder=0)
        for i, kind in enumerate(KINDS):
            form = {"color": plots.color(i), "linestyle": plots.line_style(i), "marker": "os^"[i], "markersize": 4}
            self._stds[kind] = canvas.moving(axis.plot([], [], label=kind, **form)[0])
        form = {"ncols": 3, "borderpad": 0, "columnspacing": 0.8, "handlelength": 1.8, "handletextpad": 0.3}
        axis.legend(frameon=False, fontsize=7, loc="upper center", **form)


def init_explorer(scheme="He", gain=1.0, depth=4, width=256, activation="ReLU"):
    """Return an interactive figure of how a deep net begins: every layer's weights, activations and gradients.

    scheme, activation: keys of `SCHEMES` and `ACTIVATIONS` in `deep_net`. gain: a factor on every weight, 0.1 to 10.
    depth: hidden layers, 1 to 16. width: their units: 16, 64, 128, 256 or 512. All can be moved. Beside the histograms
    stand the standard deviations, the first loss against ln 10, and the verdict of `health`. The batch is random.
    Source: Glorot & Bengio (2010), figures 6 and 7. Met in notebook 2.

    >>> explorer = init_explorer("normal(0.01)", depth=8)
    >>> explorer
    init explorer: normal(0.01), gain 1.00, 8 hidden layers of 256 units, ReLU: vanishes
    >>> explorer.scheme.value = "He"
    >>> explorer
    init explorer: He, gain 1.00, 8 hidden layers of 256 units, ReLU: healthy
    """
    return Explorer(scheme, gain, depth, width, activation)
