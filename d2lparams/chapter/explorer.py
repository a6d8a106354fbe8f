"""The init explorer: turn a scheme, a gain or a depth, and see every layer answer. Its numbers are `first_pass`'s."""

import html
import math
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from .. import plots
from ..health import HealthReport
from ..plots.style import BAD, GOOD, REFERENCE
from ..widgets.base import InteractiveFigure, dropdown, mark, on_control, slider
from ..widgets.canvas import Canvas
from .deep_net import ACTIVATIONS, SCHEMES, FirstPass, first_pass, profile

KINDS = ("weights", "activations", "gradients")
LOWEST, HIGHEST = 1e-12, 1e9  # standard deviations that are shown; what lies beyond stands at its edge
MARKS = {"healthy": ("✓", GOOD), "vanishes": ("↓", "#0072B2"), "explodes": ("↑", BAD)}  # by verdict
OTHER_MARK = ("✗", BAD)


class Explorer(InteractiveFigure):
    """What `init_explorer` returns. Its controls: scheme, activation, gain, depth, units."""

    def __init__(self, scheme: str, gain: float, depth: int, width: int, activation: str) -> None:
        self.scheme = dropdown("scheme", SCHEMES, scheme)
        self.activation = dropdown("activation", ACTIVATIONS, activation)
        self.gain = slider(ipywidgets.FloatLogSlider, "gain", value=gain, min=-1, max=1, step=0.02)
        self.gain.readout_format = ".2f"
        self.depth = slider(ipywidgets.IntSlider, "hidden layers", value=depth, min=1, max=16)
        self.units = slider(ipywidgets.SelectionSlider, "units in each", value=width, options=[16, 64, 128, 256, 512])
        super().__init__("", Canvas(9.6, 3.4), [self.scheme, self.activation], [self.gain, self.depth, self.units])
        self._lay_out()
        for control in (self.scheme, self.activation, self.gain, self.depth, self.units):
            control.observe(self.redraw, "value")
        self.redraw()

    @on_control
    def redraw(self) -> None:
        """Draw what the controls say now."""
        scheme, gain, depth = self.scheme.value, self.gain.value, self.depth.value
        units, activation = self.units.value, self.activation.value
        start = first_pass(scheme, gain, depth, units, activation)
        self._show_layers(start)
        self._name_layers(depth + 1)
        self.summary = (
            f"init explorer: {scheme}, gain {gain:.2f}, {depth} hidden layers of {units} units, {activation}: "
            f"{start.report.verdict}"
        )
        self.show(self._describe(start.report))

    def _show_layers(self, start: FirstPass) -> None:
        for kind in KINDS:
            limit, heights = profile(getattr(start, kind))
            stds = start.stds[kind]
            self._outlines[kind].set_data(*outlines(heights))
            self._stds[kind].set_data([_within_scale(std) for std in stds], bottoms(len(stds)))
            before, after = stds[0], stds[-1]
            if kind == "gradients":  # which come back, from the last layer to the first
                before, after = after, before
            change = after / before if before else math.nan
            self._titles[kind].set_text(f"{kind}: std ×{change:.2g}")
            low, high = self._limits[kind]
            low.set_text(f"−{limit:.2g}")
            high.set_text(f"{limit:.2g}")

    def _name_layers(self, layers: int) -> None:
        """Write a number beside every layer, or every second one where there are many; the last one has a name."""
        places = bottoms(layers)
        for row, text in enumerate(self._names):
            text.set_visible(row < layers and row % (1 + layers // 9) == 0)
            if row < layers:
                text.set_text("last" if row == layers - 1 else str(row + 1))
                text.set_y(places[row])

    def _describe(self, report: HealthReport) -> str:
        """Write the verdict above the last panel, and return the caption, in HTML."""
        symbol, color = MARKS.get(report.verdict, OTHER_MARK)
        self._titles["verdict"].set_text(f"{report.verdict}: first loss {report.loss:.3g}")
        self._titles["verdict"].set_color(color)
        return (
            f"{mark(symbol, color)} <b>{report.verdict}</b>: first loss {report.loss:.3g}, where "
            f"guessing gives ln {report.classes} = {report.expected:.3f}. {html.escape('; '.join(report.reasons))}."
        )

    def _lay_out(self) -> None:
        """Draw the axes, and on top what moves in them, for as many layers as there can be."""
        figure = self.canvas.figure
        self._titles: dict[str, Any] = {}
        self._limits: dict[str, Any] = {}
        self._outlines: dict[str, Any] = {}
        self._stds: dict[str, Any] = {}
        for i, kind in enumerate((*KINDS, "verdict")):
            axis = plots.dress(figure.add_axes((0.055 + 0.23 * i, 0.15, 0.2 if kind in KINDS else 0.245, 0.74)))
            axis.set(ylim=(0, 1), yticks=[])
            self._titles[kind] = self._text(axis, 0.5, 1.03, ha="center", size=9)
            if kind in KINDS:
                axis.set(xlim=(-1, 1), xlabel=f"{kind}, density")
                axis.set_xticks([-1, 0, 1], ["", "0", ""])
                low = self._text(axis, 0, -0.03, ha="left", va="top", size=8)
                high = self._text(axis, 1, -0.03, ha="right", va="top", size=8)
                self._limits[kind] = low, high
                self._outlines[kind] = self.canvas.on_top(axis.plot([], [], color=plots.color(i), linewidth=1.1)[0])
        first, *_, last = figure.axes
        first.set_ylabel("layer, from the input up", labelpad=24)
        most_layers = self.depth.max + 1
        self._names = [self._text(first, -0.04, 0, ha="right", va="center", size=8) for _ in range(most_layers)]
        last.set(xscale="log", xlim=(LOWEST / 3, HIGHEST * 3), xlabel="standard deviation (logarithmic)")
        last.set_xticks([1e-12, 1e-6, 1e-3, 1, 1e3, 1e9])
        last.axvline(1, color=REFERENCE, linewidth=1, zorder=0)
        for i, kind in enumerate(KINDS):
            (line,) = last.plot([], [], color=plots.color(i), marker="os^"[i], markersize=4, label=kind)
            line.set(linestyle=plots.line_style(i))
            self._stds[kind] = self.canvas.on_top(line)
        spacing = {"borderpad": 0, "columnspacing": 0.8, "handlelength": 1.8, "handletextpad": 0.3}
        last.legend(frameon=False, fontsize=7, loc="upper center", ncols=3, **spacing)

    def _text(self, axis: Axes, x: float, y: float, **style: Any) -> Any:
        """Return an empty text on top; x and y as fractions of the axis."""
        return self.canvas.on_top(axis.text(x, y, "", transform=axis.transAxes, **style))


def bottoms(layers: int) -> np.ndarray:
    """Return where each layer stands on the vertical axis from 0 to 1: the first at the bottom."""
    return (np.arange(layers) + 0.3) * 0.85 / layers


def outlines(heights: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of one line that outlines every layer's histogram, with gaps between them, where y is NaN.

    heights: shape (layers, bins), as `profile` returns them; a bin over 1.15 is cut there.
    """
    layers, bins = heights.shape
    edges = np.linspace(-1, 1, bins + 1).repeat(2)[1:-1]  # of the bins, each side twice
    rows = bottoms(layers)[:, None] + 0.85**2 / layers * heights.clamp(max=1.15).numpy()
    y = np.hstack([rows.repeat(2, axis=1), np.full((layers, 1), np.nan)])  # one line: many take long to draw
    return np.tile(np.append(edges, np.nan), layers), y.ravel()


def _within_scale(std: float) -> float:
    """Return a standard deviation as far as the scale reaches; what is no number stands at its upper edge."""
    return HIGHEST if math.isnan(std) else min(max(std, LOWEST), HIGHEST)


def init_explorer(
    scheme: str = "He", gain: float = 1.0, depth: int = 4, width: int = 256, activation: str = "ReLU"
) -> Explorer:
    """Return an interactive figure of how a deep net begins: every layer's weights, activations and gradients.

    Beside the histograms stand the standard deviations, the first loss against ln 10, and the verdict of `health`. The
    batch is random. All arguments can be moved in the figure.

    Args:
        scheme: a key of `SCHEMES` in `deep_net`.
        gain: a factor on every weight, 0.1 to 10.
        depth: hidden layers, 1 to 16.
        width: their units: 16, 64, 128, 256 or 512.
        activation: a key of `ACTIVATIONS` in `deep_net`.

    Returns:
        A widget for the notebook.

    Source: Glorot & Bengio (2010), figures 6 and 7. Met in notebook 2.

    Example:
        >>> explorer = init_explorer("normal(0.01)", depth=8)
        >>> explorer
        init explorer: normal(0.01), gain 1.00, 8 hidden layers of 256 units, ReLU: vanishes
        >>> explorer.scheme.value = "He"
        >>> explorer
        init explorer: He, gain 1.00, 8 hidden layers of 256 units, ReLU: healthy
    """
    return Explorer(scheme, gain, depth, width, activation)
