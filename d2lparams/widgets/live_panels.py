"""The six panels of the training monitor: the loop's own curves, and what the record holds so far."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from .. import plots
from .._torch import weight_names
from ..plots.board import Curves
from ..plots.layers import spread
from ..record import Record
from .base import name_source, use_log_scale
from .canvas import Canvas

MOST_WEIGHTS = 7  # that are drawn, one for each color: of a deeper net the first, the last, and some between
NORMS = {"weight_norm": "weight norm ‖w‖", "grad_norm": "gradient norm ‖g‖", "update_ratio": "‖Δw‖ / ‖w‖"}
YLABELS = {"loss": "loss", "accuracy": "accuracy", "uses": "gradient norm ‖g‖", **NORMS}  # of each panel, in order


class LivePanels:
    """Lines on a canvas that grow with a record and with curves; each line's label says what it shows.

    Args:
        canvas: what is drawn on.
        record: what `track` fills.
        curves: what the loop hands over itself.
    """

    def __init__(self, canvas: Canvas, record: Record, curves: Curves) -> None:
        self.canvas, self.record, self.curves = canvas, record, curves
        self._lines: dict[tuple[str, str], Line2D] = {}  # by panel and label
        self._axes: dict[str, Axes] = {}
        grid = canvas.figure.add_gridspec(2, 3, left=0.07, right=0.985, bottom=0.11, top=0.91, wspace=0.3, hspace=0.5)
        name_source(canvas.figure, record)
        for position, (panel, ylabel) in enumerate(YLABELS.items()):
            axis = self._axes[panel] = plots.dress(canvas.figure.add_subplot(grid[position]))
            axis.set(xlabel="optimizer step", ylabel=ylabel)
            if panel in ("grad_norm", "update_ratio", "uses"):
                use_log_scale(axis)
            axis.xaxis.set_label_coords(0.5, -0.17)
            axis.yaxis.set_label_coords(-0.17, 0.5)

    def draw(self) -> None:
        """Draw the record and the curves as they stand now."""
        self._draw_curves()
        frame = self.record.frame()
        if len(frame):
            self._draw_norms(frame)
            self._draw_uses()
        for panel, axis in self._axes.items():
            axis.set_visible(bool(axis.lines) or panel in NORMS)
            axis.relim()
            axis.autoscale_view()
        self.canvas.forget_background()

    def _draw_curves(self) -> None:
        for label, points in self.curves.data.items():
            panel = "accuracy" if "acc" in label else "loss"
            words = label.replace("_", " ")
            x, y = zip(*points, strict=True)
            self._grow(panel, words, 1 if "val" in label else 0, x, y, marker_size=4)  # which may be a single point
            self._axes[panel].set_title(f"{words} {points[-1].y:.3f}", fontsize=9)
            self._axes[panel].set_xlabel(self.curves.xlabel)

    def _draw_norms(self, frame: pd.DataFrame) -> None:
        weights = weight_names(self.record.names)
        drawn = [weights[position] for position in spread(len(weights), MOST_WEIGHTS)]
        for quantity in NORMS:
            table = frame.pivot(index="step", columns="parameter", values=quantity)
            for i, name in enumerate(drawn):
                if name in table:
                    self._grow(quantity, self.record.label(name), i, table.index, table[name])

    def _draw_uses(self) -> None:
        shared = weight_names(self.record.shared)
        if not shared:
            return
        norms = self.record.uses(shared[0])["norm"]
        for i, place in enumerate(norms):
            self._grow("uses", f"use at {place}", i, norms.index, norms[place])
        self._axes["uses"].set_title(f"gradient by use of {shared[0]}", fontsize=9)

    def _grow(self, panel: str, label: str, i: int, x: ArrayLike, y: ArrayLike, marker_size: float = 0) -> None:
        """Give the line of this label its points so far; the first time draw it, in the i-th color."""
        if (panel, label) not in self._lines:
            (line,) = self._axes[panel].plot([], [], label=label, linewidth=1.2, marker=".", markersize=marker_size)
            line.set(color=plots.color(i), linestyle=plots.line_style(i))
            self._lines[panel, label] = line
            if panel not in ("grad_norm", "update_ratio"):  # which have the lines of the weight norms
                self._axes[panel].legend(frameon=False, fontsize=7)
        self._lines[panel, label].set_data(x, y)
