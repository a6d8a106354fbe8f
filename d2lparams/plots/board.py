"""Training curves while they grow: `Curves` keeps them, `Board` draws them too."""

import base64
import io
import sys
import time
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import color, dress, line_style

_BAR_LENGTH = 40  # characters
_BAR_EVERY = 0.5  # seconds


class Point(NamedTuple):
    """One point of a curve.

    Attributes:
        x: where it stands, such as the epoch.
        y: its value, such as the loss.
    """

    x: float
    y: float


class Curves:
    """Keep the training curves that a loop hands over, one value after the other, as d2l's boards take them.

    Attributes:
        data: {label of a curve: list of its points}, as in d2l's ProgressBoard.
        xlabel: what `x` counts.
        xlim: the first and the last `x`, which d2l's Trainer sets; None where nobody does.

    Source: `d2l.ProgressBoard`.

    Example:
        >>> curves = Curves()
        >>> for x in range(4):
        ...     curves.draw(x / 2, 10 - x, "train_loss", every_n=2)
        >>> curves.data["train_loss"]
        [Point(x=0.25, y=9.5), Point(x=1.25, y=7.5)]
    """

    data: dict[str, list[Point]]
    xlabel: str
    xlim: list[float] | None

    def __init__(self) -> None:
        self.data, self.xlabel, self.xlim = {}, "epoch", None
        self._waiting: dict[str, list[Point]] = {}  # for the point that they will make

    def draw(self, x: float, y: float, label: str, every_n: int = 1) -> None:
        """Take one value; every `every_n` of them make a point, their mean, as in d2l.

        Args:
            x: where on the horizontal axis, such as the epoch.
            y: the value, such as a loss.
            label: of the curve that it belongs to.
            every_n: how many values make one point.
        """
        waiting = self._waiting.setdefault(label, [])
        waiting.append(Point(float(x), float(y)))
        if len(waiting) >= every_n:
            xs, ys = zip(*waiting, strict=True)
            waiting.clear()
            self.data.setdefault(label, []).append(Point(sum(xs) / len(xs), sum(ys) / len(ys)))


class Board(Curves):
    """Draw d2l's training curves into one figure, about ten times as fast as its own board: `model.board = Board()`.

    A progress bar counts epochs above two panels, losses and accuracies. They are redrawn when the cell ends, by an
    error or an interrupt too, and before it as often as costs at most `share` of the time. Outside a notebook it draws
    nothing and keeps the data: `board.data` is {label of a curve: list of its points}, as in d2l's ProgressBoard.

    Args:
        share: of the training's time that drawing may take, between 0 and 1.

    Attributes:
        figure: what is drawn; None before the first drawing.

    Source: `d2l.ProgressBoard`. Met in notebook 5.

    Example:
        >>> board = Board()
        >>> board.draw(1, 0.5, "train_loss")
        >>> board.data
        {'train_loss': [Point(x=1.0, y=0.5)]}
    """

    figure: Figure | None

    def __init__(self, share: float = 0.03) -> None:
        super().__init__()
        self.share, self.figure = share, None
        self._panels: dict[str, Axes] = {}
        self._lines: dict[str, Line2D] = {}
        self._bar: Any = None  # the handles of the two outputs in the notebook
        self._shown: Any = None
        self._next = self._next_bar = 0.0  # when to redraw, in seconds of `time.monotonic`
        self._is_stale = False  # whether there are points that no picture shows
        self._x, self._step = 0.0, 0.0  # the last `x`, and the smallest distance between two
        self._started: float | None = None
        self._shell: Any = None  # that tells when the cell ends

    def draw(self, x: float, y: float, label: str, every_n: int = 1) -> None:
        """Take one value as `Curves` does, and redraw if it is time.

        Args:
            x: where on the horizontal axis, such as the epoch.
            y: the value; the panel of accuracies takes what has "acc" in its label, that of losses the rest.
            label: of the curve that it belongs to.
            every_n: how many values make one point, their mean.
        """
        super().draw(x, y, label, every_n)
        if not _in_notebook():
            return
        self._note(float(x))
        if self.xlim is not None and time.monotonic() > self._next_bar:
            self._show_bar(self._x)
        self._is_stale |= not self._waiting[label]
        started = time.monotonic()
        if self._is_stale and (started > self._next or self._is_last()):
            self._redraw()
            self._next = time.monotonic() + (time.monotonic() - started) / self.share

    def _note(self, x: float) -> None:
        """Note where the training stands, and have the last state drawn when this cell ends."""
        if self._started is None:
            self._started = time.monotonic()
        if x > self._x:
            self._step = min(self._step or x - self._x, x - self._x)
        self._x = x
        if self._shell is None:
            from IPython import get_ipython

            self._shell = get_ipython()
            self._shell.events.register("post_run_cell", self._finish)

    def _is_last(self) -> bool:
        """Whether the next value would stand at the end, where there is one, or behind it."""
        return self.xlim is not None and self.xlim[1] - self._x < 1.5 * self._step

    def _finish(self, result: Any = None) -> None:
        """Draw the last state: the cell has ended, also where nothing says that the training has."""
        self._shell.events.unregister("post_run_cell", self._finish)
        self._shell = None
        if self.xlim is not None:
            is_done = getattr(result, "success", False) and self._is_last()
            self._show_bar(self.xlim[1] if is_done else self._x)  # a batch's `x` is where it begins
        if self._is_stale:
            self._redraw()

    def _show_bar(self, x: float) -> None:
        from IPython.display import display

        assert self.xlim is not None
        assert self._started is not None
        done = min(max(x / self.xlim[1], 0.0), 1.0)
        spent = time.monotonic() - self._started
        left = _clock(spent * (1 - done) / done) if done else "?"
        bar = "█" * round(_BAR_LENGTH * done)
        words = f"epoch {x:.1f} of {self.xlim[1]:g}, {_clock(spent)} spent, {left} left"
        shown = {"text/plain": f"{done:4.0%}|{bar:{_BAR_LENGTH}}| {words}"}
        if self._bar is None:
            self._bar = display(shown, raw=True, display_id=True)
        else:
            self._bar.update(shown, raw=True)
        self._next_bar = time.monotonic() + _BAR_EVERY

    def _redraw(self) -> None:
        from IPython.display import display

        if self.figure is None:
            self.figure = self._lay_out()
        for i, (label, points) in enumerate(self.data.items()):
            axis = self._panels["accuracy" if "acc" in label else "loss"]
            if label not in self._lines:
                (self._lines[label],) = axis.plot([], [], color=color(i), linestyle=line_style(i), label=label)
                axis.legend(frameon=False)
            self._lines[label].set_data(*zip(*points, strict=True))
            axis.relim()
            axis.autoscale_view(scalex=not self.xlim)
            axis.set_title(f"{label.replace('_', ' ')} {points[-1].y:.3f}", fontsize=10)
        self._is_stale = False
        png = io.BytesIO()
        self.figure.savefig(png, format="png")  # showing the figure itself would lay it out and draw it twice
        titles = [axis.get_title() for axis in self._panels.values()]
        words = f"training curves: {', '.join(filter(None, titles))}"
        picture = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": words}
        if self._shown is None:
            self._shown = display(picture, raw=True, display_id=True)
        else:
            self._shown.update(picture, raw=True)

    def _lay_out(self) -> Figure:
        """Return a figure with two empty panels; pyplot does not know it, or the notebook would show it once more."""
        figure = Figure(figsize=(7, 2.6), facecolor="white")
        figure.subplots_adjust(0.08, 0.18, 0.98, 0.88, wspace=0.25)  # a constrained layout costs 4 times more
        for name, axis in zip(("loss", "accuracy"), figure.subplots(1, 2), strict=True):
            axis.set(xlabel=self.xlabel, ylabel=name, xlim=self.xlim)
            self._panels[name] = dress(axis)
        return figure


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _in_notebook() -> bool:
    """Whether this runs in IPython, which then is loaded: a script needs none."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
