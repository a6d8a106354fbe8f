"""The six panels of the training monitor: the loop's own curves, and what the record holds so far."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from .. import plots
from .._torch import weight_names
from ..plots.board import Curves
from ..plots.layers import MOST_LINES, draw_map, line_numbers, recorded, short, short_label
from ..plots.records import draw_yardstick
from ..record import Record
from .base import name_source, use_log_scale
from .canvas import Canvas
from .replay import Series, series

MOST_NAMES = 6  # beside the rows of a map
MOST_REPLAYED = 120  # steps
NORMS = {"weight_norm": "weight norm ‖w‖", "grad_norm": "gradient norm ‖g‖", "update_ratio": "‖Δw‖ / ‖w‖"}
YLABELS = {"loss": "loss", "accuracy": "accuracy", "uses": "gradient norm ‖g‖", **NORMS}  # of each panel, in order


class LivePanels:
    """Lines on a canvas that grow with a record and with curves; each line's label says what it shows.

    Of more weights or uses than there are colors, a panel shows a map: a row for each, and steps to the right.

    Args:
        canvas: what is drawn on.
        record: what `track` fills.
        curves: what the loop hands over itself.
    """

    def __init__(self, canvas: Canvas, record: Record, curves: Curves) -> None:
        self.canvas, self.record, self.curves = canvas, record, curves
        self._lines: dict[tuple[str, str], Line2D] = {}  # by panel and label
        self._axes: dict[str, Axes] = {}
        self._kinds: dict[str, int] = {}  # a color's number for "train", "val" and so on
        self._numbers: dict[str, dict[str, int]] = {"loss": {}, "accuracy": {}}  # and for each curve of a panel
        grid = canvas.figure.add_gridspec(2, 3, left=0.07, right=0.985, bottom=0.11, top=0.91, wspace=0.3, hspace=0.5)
        name_source(canvas.figure, record)
        for position, (panel, ylabel) in enumerate(YLABELS.items()):
            axis = self._axes[panel] = plots.dress(canvas.figure.add_subplot(grid[position]))
            axis.set(xlabel="optimizer step", ylabel=ylabel)
            if panel in ("grad_norm", "update_ratio", "uses"):
                use_log_scale(axis)
            axis.xaxis.set_label_coords(0.5, -0.17)
            axis.yaxis.set_label_coords(-0.17, 0.5)
        draw_yardstick(self._axes["update_ratio"], size=7)

    def draw(self) -> None:
        """Draw the record and the curves as they stand now."""
        self._draw_curves()
        tables = {quantity: self.record.table(quantity) for quantity in NORMS}
        if len(tables["weight_norm"]):
            self._draw_norms(tables)
            self._draw_uses()
        for panel, axis in self._axes.items():
            axis.set_visible(bool(axis.lines or axis.collections) or panel in NORMS)
            if not axis.collections:
                axis.relim()
                axis.autoscale_view()
        self.canvas.forget_background()

    def replay(self, came: dict[str, list[int]], more: Callable[[int], str]) -> Series | None:
        """Return the panels as they stood at the recorded steps, thinned to at most 120; the axes are the last ones.

        Args:
            came: {label of a curve: the step at which each of its points came}.
            more: what the caption says in the end of a step.

        Returns:
            What `replay.series` returns; None if nothing was recorded yet.
        """
        index = self.record.table("weight_norm").index
        if not len(index):
            return None
        places = np.unique(np.linspace(0, len(index) - 1, MOST_REPLAYED).round().astype(int))
        last = self.record.total_steps
        steps = [*(int(index[place]) + 1 for place in places[:-1]), last]  # the first step has the number 0
        whole = {key: np.asarray(line.get_xydata()) for key, line in self._lines.items()}
        titles = {panel: self._axes[panel].title for panel in ("loss", "accuracy")}
        before = {panel: title.get_text() for panel, title in titles.items()}
        points: dict[tuple[str, str], list[int]] = {}  # of a curve, at which step each came
        for label in self.curves.data:
            words = label.replace("_", " ")
            key = ("accuracy" if "acc" in label else "loss", words)
            noted = came.get(label, [])
            points[key] = [*noted, *[last] * (len(whole[key]) - len(noted))]
        maps = [axis.axvline(steps[-1], color="black", linewidth=1) for axis in self._axes.values() if axis.collections]

        def draw(i: int) -> str:
            step, said = steps[i], {}
            for key, line in self._lines.items():
                xy = whole[key]
                shown = xy[: np.searchsorted(points.get(key, xy[:, 0] + 1), step, "right")]
                line.set_data(shown.T)
                if key in points and len(shown):
                    said[key] = f"{key[1]} {shown[-1, 1]:.3f}"
            for panel, title in titles.items():
                title.set_text(next((said[key] for key in reversed(said) if key[0] == panel), ""))
            for marker in maps:
                marker.set_xdata([step] * 2)
            words = "; ".join(said.values())
            return f"<b>Step {step:,}</b> of {last:,}{': ' if words else ''}{words}{more(step)}."

        try:
            with self.canvas.lifted(*self._lines.values(), *maps, *titles.values()):
                return series(self.canvas, "the training as it went", steps, draw)
        finally:
            for key, line in self._lines.items():
                line.set_data(whole[key].T)
            for panel, title in titles.items():
                title.set_text(before[panel])
            for marker in maps:
                marker.remove()

    def _draw_curves(self) -> None:
        for label, points in self.curves.data.items():
            panel = "accuracy" if "acc" in label else "loss"
            words = label.replace("_", " ")
            x, y = zip(*points, strict=True)
            self._grow(panel, words, self._number(panel, label), x, y, marker_size=4)  # which may be a single point
            self._axes[panel].set_title(f"{words} {points[-1].y:.3f}", fontsize=9)
            self._axes[panel].set_xlabel(self.curves.xlabel)

    def _number(self, panel: str, label: str) -> int:
        """Return which color a curve has: train's are alike in both panels, but never two curves in one panel."""
        numbers = self._numbers[panel]
        if label not in numbers:
            kind = label.replace("accuracy", "").replace("acc", "").replace("loss", "").strip("_ ")
            wanted = self._kinds.setdefault(
                kind, 0 if kind in ("", "train") else 1 + len(set(self._kinds) - {"", "train"})
            )
            taken = set(numbers.values())
            numbers[label] = next(i for i in itertools.chain([wanted], itertools.count()) if i not in taken)
        return numbers[label]

    def _draw_norms(self, tables: dict[str, pd.DataFrame]) -> None:
        names = weight_names(map(str, tables["weight_norm"]))
        there = recorded(self.record, names) if len(names) > MOST_LINES else None
        for quantity, table in tables.items():
            if self.record.lean:  # a number stands until the next
                table = table.ffill()
            if there is not None:
                self._draw_map(
                    quantity, NORMS[quantity], table[names], table[names].notna() if self.record.lean else there
                )
                continue
            for name, i in line_numbers(self.record, names).items():
                self._grow(quantity, short_label(self.record, name), i, table.index, table[name])

    def _draw_uses(self) -> None:
        shared = weight_names(self.record.shared)
        if not shared:
            return
        norms = self.record.uses(shared[0])["norm"]
        title = f"gradient by use of {short(shared[0], 24)}"
        if norms.shape[1] > MOST_LINES:
            self._draw_map("uses", title, norms)
            return
        for i, place in enumerate(norms):
            self._grow("uses", f"use at {place}", i, norms.index, norms[place])
        self._axes["uses"].set_title(title, fontsize=9)

    def _draw_map(self, panel: str, title: str, table: pd.DataFrame, there: ArrayLike | None = None) -> None:
        axis = self._axes[panel]
        if not axis.collections:  # it has no map yet: make room for the color bar
            x0, y0, width, height = axis.get_position().bounds
            axis.set_position((x0, y0, 0.86 * width, height))
        axis.clear()
        self._lines = {key: line for key, line in self._lines.items() if key[0] != panel}
        shown = table.set_axis([short(str(name), 14) for name in table], axis=1)
        mesh = draw_map(plots.dress(axis), shown, None if there is None else np.asarray(there), MOST_NAMES)
        if panel in ("grad_norm", "update_ratio"):  # which have the rows of the weight norms
            axis.set_yticklabels([])
        low, high = mesh.get_clim()
        bar = self.canvas.figure.colorbar(mesh, cax=axis.inset_axes((1.02, 0, 0.04, 1)))
        bar.minorticks_off()
        ticks = [low, (low * high) ** 0.5, high]
        bar.set_ticks(ticks, labels=[f"{n:.2g}" if 0.01 < n < 100 else f"{n:.0e}".replace("e-0", "e-") for n in ticks])
        bar.ax.tick_params(labelsize=6, length=2, pad=1)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("optimizer step")
        axis.xaxis.set_label_coords(0.5, -0.17)

    def _grow(self, panel: str, label: str, i: int, x: ArrayLike, y: ArrayLike, marker_size: float = 0) -> None:
        """Give the line of this label its points so far; the first time draw it, in the i-th color."""
        if (panel, label) not in self._lines:
            (line,) = self._axes[panel].plot([], [], label=label, linewidth=1.2, marker=".", markersize=marker_size)
            line.set(color=plots.color(i), linestyle=plots.line_style(i))
            self._lines[panel, label] = line
            if panel not in ("grad_norm", "update_ratio"):  # which have the lines of the weight norms
                self._axes[panel].legend(frameon=False, fontsize=7)
        self._lines[panel, label].set_data(x, y)
