"""The scrubber: replay the gradient by use that a record holds, step by step."""

import ipywidgets
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .. import plots
from .._torch import weight_names
from ..plots.style import REFERENCE
from ..record import Record
from .base import InteractiveFigure, dropdown, name_source, on_control, slider, use_log_scale
from .canvas import Canvas
from .replay import packed, series

SUM = "their sum"


def vectors(row: pd.Series) -> dict[str, tuple[float, float]]:
    """Return each use's gradient as a vector, by its parts along the sum of all uses and across it.

    Across, the uses take turns between the two sides: of two uses this is the true picture; of more, only how far each
    stands off the sum.

    Args:
        row: one step of `Record.uses`.

    Returns:
        {place of use: (along, across)}, in the unit of the gradient, and `SUM`, which has nothing across.

    Example:
        >>> first = plots.example_record().uses("0.weight").iloc[0]
        >>> {place: (round(along, 2), round(across, 2)) for place, (along, across) in vectors(first).items()}
        {'0': (1.5, 1.51), '2': (1.57, -1.51), 'their sum': (3.07, 0.0)}
    """
    total = float(row["sum", "norm"])
    parts = {}
    for i, (place, norm) in enumerate(row["norm"].items()):
        along = float(row["share", place]) * total
        across = max(float(norm) ** 2 - along**2, 0.0) ** 0.5
        parts[place] = (along, across if i % 2 == 0 else -across)
    return parts | {SUM: (total, 0.0)}


class Scrubber(InteractiveFigure):
    """What `scrubber` returns.

    Args:
        record: with a parameter that was used more than once.
        name: of that parameter; None for the first weight.

    Attributes:
        record: as above.
        parameter: the control that chooses the parameter.
        step: the control that stands at a position among the recorded steps.
        player: the control that moves `step`.
    """

    record: Record
    parameter: ipywidgets.Dropdown
    step: ipywidgets.IntSlider
    player: ipywidgets.Play

    def __init__(self, record: Record, name: str | None) -> None:
        self.record = record
        self.parameter = dropdown("parameter", record.shared, name or weight_names(record.shared)[0])
        self.step = slider(ipywidgets.IntSlider, "recorded step", min=0, max=0)
        self.step.layout.width = "420px"
        self.player = ipywidgets.Play(min=0, max=0, interval=100, show_repeat=False)
        self._link = ipywidgets.jslink((self.player, "value"), (self.step, "value"))
        super().__init__("", Canvas(9.6, 3.6), [self.parameter, self.step, self.player])
        self.parameter.observe(self.rebuild, "value")
        self.step.observe(self.redraw, "value")
        self.rebuild()

    def close(self) -> None:
        """Close every widget in here, and the link between player and slider."""
        self._link.close()
        super().close()

    @on_control
    def rebuild(self) -> None:
        """Show another parameter, from its last recorded step."""
        self._table = self.record.uses(self.parameter.value)
        self._lay_out()
        last = len(self._table) - 1
        self.step.max = self.player.max = last
        with self.hold_trait_notifications():
            self.step.value = self.player.value = last
        self._show_step()

    @on_control
    def redraw(self) -> None:
        """Show the step that the slider stands at."""
        self._show_step()

    def replay(self) -> str:
        """Return every recorded step of every shared parameter, for a page without a kernel.

        Returns:
            What `replay.packed` returns.
        """
        every = {}
        with self._turn:
            for name in self.record.shared:
                self._table = self.record.uses(name)
                self._lay_out()
                steps = [int(step) for step in self._table.index]
                every[name] = series(self.canvas, f"gradient by use of {name}", steps, self._draw_step)
            self._table = self.record.uses(self.parameter.value)
            self._lay_out()
            self._draw_step(self.step.value)
        return packed("scrubber", "parameter", self.parameter.value, "recorded step", every)

    def _show_step(self) -> None:
        self.summary = f"scrubber: gradient by use of {self.parameter.value}"
        self.show(self._draw_step(self.step.value))

    def _draw_step(self, i: int) -> str:
        """Draw the i-th recorded step; return the caption."""
        row, step = self._table.iloc[i], int(self._table.index[i])
        total = row["sum", "norm"]
        longest = max(total, *row["norm"]) or 1.0  # fills the panel at every step
        for label, (along, across) in vectors(row).items():
            shaft, tip = self._vectors[label]
            shaft.set_data([0, along / longest], [0, across / longest])
            tip.set_data([along / longest], [across / longest])
        for marker in self._markers:
            marker.set_xdata([step, step])
        self._title.set_text(f"step {step:,}: sum ‖g‖ {total:.3g}")
        norms = [f"{use} ‖g‖ {norm:.3g} ({row['share', use]:.0%} of the sum)" for use, norm in row["norm"].items()]
        cosines = [f"cosine of {pair}: {round(cosine, 2) + 0.0:+.2f}" for pair, cosine in row["cosine"].items()]
        return f"<b>Step {step:,}</b> of {self._table.index[-1]:,}: {'; '.join(norms)}; {', '.join(cosines)}."

    def _lay_out(self) -> None:
        canvas, table = self.canvas, self._table
        canvas.clear()
        name_source(canvas.figure, self.record)
        left, middle, right = (plots.dress(canvas.figure.add_axes((x, 0.15, 0.255, 0.72))) for x in (0.08, 0.41, 0.735))
        for i, place in enumerate(table["norm"]):
            (line,) = left.plot(table["norm", place], linewidth=0.8, label=place)
            line.set(color=plots.color(i), linestyle=plots.line_style(i))
        left.plot(table["sum", "norm"], color=plots.color(6), linestyle=":", linewidth=0.8, label=SUM)
        left.set(xlabel="optimizer step", ylabel="gradient norm ‖g‖")
        use_log_scale(left)
        left.legend(frameon=False, fontsize=7)
        for i, pair in enumerate(table["cosine"]):
            middle.plot(table["cosine", pair], color=plots.color(i + 2), linewidth=0.8, label=pair)
        middle.axhline(0, color=REFERENCE, linewidth=1, zorder=0)
        middle.set(xlabel="optimizer step", ylabel="cosine between the uses", ylim=(-1.05, 1.05))
        middle.legend(frameon=False, fontsize=7)
        self._markers = [canvas.on_top(axis.axvline(0, color="black", linewidth=1)) for axis in (left, middle)]
        right.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), xlabel="along the sum (the longest is 1)", ylabel="across it")
        self._title = canvas.on_top(right.text(0.5, 1.03, "", transform=right.transAxes, ha="center", size=9))
        self._vectors = {
            place: self._vector(right, place, plots.color(i), plots.line_style(i), "o")
            for i, place in enumerate(table["norm"])
        }
        self._vectors[SUM] = self._vector(right, SUM, plots.color(6), ":", "s")

    def _vector(self, axis: Axes, label: str, color: str, style: str, mark: str) -> tuple[Line2D, Line2D]:
        """Return a line from the origin and the mark at its end, to be moved."""
        (shaft,) = axis.plot([], [], color=color, linestyle=style, linewidth=1.8, label=label)
        (tip,) = axis.plot([], [], mark, color=color, markersize=6, label=label)
        return self.canvas.on_top(shaft), self.canvas.on_top(tip)


def scrubber(record: Record, name: str | None = None) -> Scrubber:
    """Return a slider over the recorded steps, and the gradient of each use at the one where it stands.

    To the right each use is drawn as a vector, by its parts along and across the sum: for two uses this is their true
    picture; of more, only how far each stands off the sum.

    Args:
        record: what `track` yielded or `Record.load` read, with a parameter that was used more than once.
        name: of that parameter, by default the first weight; it can be changed in the figure.

    Returns:
        A widget for the notebook.

    Raises:
        ValueError: If no gradient was split by use.

    Met in notebook 5.

    Example:
        >>> view = scrubber(plots.example_record())
        >>> view.step.value = 2
        >>> view
        scrubber: gradient by use of 0.weight
    """
    if not record.shared:
        raise ValueError(f"this record holds no gradient by use: {record.why_not_split}")
    return Scrubber(record, name)
