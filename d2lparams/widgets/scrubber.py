"""The scrubber: replay the gradient by use that a record holds, step by step."""

import ipywidgets

from .. import plots
from .base import Face, answer, choice, logarithmic, slider, source
from .canvas import Canvas


class Scrubber(Face):
    """What `scrubber` returns. Its controls: parameter, step (a position among the recorded steps), player."""

    def __init__(self, record, name):
        weights = [shared for shared in record.shared if not shared.endswith("bias")] or record.shared
        self.record = record
        self.parameter = choice("parameter", record.shared, weights[0] if name is None else name)
        self.step = slider(ipywidgets.IntSlider, "recorded step", min=0, max=0)
        self.step.layout.width = "420px"
        self.player = ipywidgets.Play(min=0, max=0, interval=100, show_repeat=False)
        self.link = ipywidgets.jslink((self.player, "value"), (self.step, "value"))
        super().__init__("", Canvas(9.6, 3.6), [self.parameter, self.step, self.player])
        self.parameter.observe(self.rebuild, "value")
        self.step.observe(self.redraw, "value")
        self.rebuild()

    def close(self):
        """Close the link between player and slider too."""
        self.link.close()
        super().close()

    @answer
    def rebuild(self):
        """Show another parameter, from its last recorded step."""
        self._table = self.record.uses(self.parameter.value)
        self._lay_out()
        last = len(self._table) - 1
        self.step.max = self.player.max = last
        with self.hold_trait_notifications():
            self.step.value = self.player.value = last
        self._show()

    @answer
    def redraw(self):
        """Show the step that the slider stands at."""
        self._show()

    def _show(self):
        row, step = self._table.iloc[self.step.value], int(self._table.index[self.step.value])
        total, told = row["sum", "norm"], []
        unit = max(total, *row["norm"]) or 1.0  # the longest vector fills the panel at every step
        for i, (place, (arrow, dot)) in enumerate(self._arrows.items()):
            norm, along = row["norm", place], row["share", place] * total
            off = max(norm**2 - along**2, 0.0) ** 0.5 * (-1) ** i
            arrow.set_data([0, along / unit], [0, off / unit])
            dot.set_data([along / unit], [off / unit])
            told.append(f"{place} ‖g‖ {norm:.3g} ({row['share', place]:.0%} of the sum)")
        self._sum[0].set_data([0, total / unit], [0, 0])
        self._sum[1].set_data([total / unit], [0])
        for marker in self._markers:
            marker.set_xdata([step, step])
        cosines = ", ".join(
            f"cosine of {pair}: {round(row['cosine', pair], 2) + 0.0:+.2f}" for pair in self._table["cosine"]
        )
        self._title.set_text(f"step {step:,}: sum ‖g‖ {total:.3g}")
        self.name = f"scrubber: gradient by use of {self.parameter.value}"
        self.show(f"<b>Step {step:,}</b> of {self._table.index[-1]:,}: {'; '.join(told)}; {cosines}.")

    def _lay_out(self):
        table, canvas = self._table, self.canvas
        canvas.clear()
        source(canvas.figure, self.record)
        left, middle, right = (plots.dress(canvas.figure.add_axes([x, 0.15, 0.255, 0.72])) for x in (0.08, 0.41, 0.735))
        for i, place in enumerate(table["norm"]):
            left.plot(
                table["norm", place], color=plots.color(i), linestyle=plots.line_style(i), linewidth=0.8, label=place
            )
        left.plot(table["sum", "norm"], color=plots.color(6), linestyle=":", linewidth=0.8, label="their sum")
        left.set(xlabel="optimizer step", ylabel="gradient norm ‖g‖")
        logarithmic(left)
        left.legend(frameon=False, fontsize=7)
        for i, pair in enumerate(table["cosine"]):
            middle.plot(table["cosine", pair], color=plots.color(i + 2), linewidth=0.8, label=pair)
        middle.axhline(0, color="lightgrey", zorder=0)
        middle.set(xlabel="optimizer step", ylabel="cosine between the uses", ylim=(-1.05, 1.05))
        middle.legend(frameon=False, fontsize=7)
        self._markers = [canvas.moving(axis.axvline(0, color="black", linewidth=1)) for axis in (left, middle)]
        right.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), xlabel="along the sum (the longest is 1)", ylabel="across it")
        self._title = canvas.moving(right.text(0.5, 1.03, "", transform=right.transAxes, ha="center", size=9))
        self._arrows = {
            place: self._arrow(right, plots.color(i), plots.line_style(i), "o") for i, place in enumerate(table["norm"])
        }
        self._sum = self._arrow(right, plots.color(6), ":", "s")

    def _arrow(self, axis, color, style, mark):
        """Return a line from the origin and the mark at its end."""
        form = {"color": color, "clip_on": True}
        (line,), (end,) = (
            axis.plot([], [], linestyle=style, linewidth=1.8, **form),
            axis.plot([], [], mark, markersize=6, **form),
        )
        return self.canvas.moving(line), self.canvas.moving(end)


def scrubber(record, name=None):
    """Return a slider over the recorded steps, and the gradient of each use at the one where it stands.

    record: what `track` yielded or `Record.load` read, with a parameter that was used more than once. name: which, by
    default the first weight; it can be changed. To the right each use is drawn as a vector, by its parts along and
    across the sum: for two uses this is their true picture; of more, only how far each stands off the sum.
    Raises ValueError if no gradient was split by use. Met in notebook 5.

    >>> import torch
    >>> import d2lparams
    >>> shared = torch.nn.Linear(3, 3)
    >>> net = torch.nn.Sequential(shared, torch.nn.Tanh(), shared)
    >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> with d2lparams.track(net, every=1) as record:
    ...     for _ in range(5):
    ...         optimizer.zero_grad()
    ...         net(torch.ones(4, 3)).square().mean().backward()
    ...         optimizer.step()
    >>> view = scrubber(record)
    >>> view.step.value = 2
    >>> view
    scrubber: gradient by use of 0.weight
    """
    if not record.shared:
        raise ValueError(
            f"this record holds no gradient by use: {record.note or 'no parameter was seen to be used twice'}"
        )
    return Scrubber(record, name)
