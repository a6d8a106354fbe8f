"""Training curves while they grow."""

import io
import sys
import time
from collections import namedtuple

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import Image, display
from tqdm import tqdm

from .style import color, dress, line_style

Point = namedtuple("Point", ["x", "y"])


class Board:
    """Draw d2l's training curves into one figure, about ten times as fast as its own board: `model.board = Board()`.

    A progress bar counts epochs above two panels, losses and accuracies. They are redrawn at the end, and before it as
    often as costs at most `share` of the time. `data` maps each curve's label to its points (x, y), as in d2l's
    ProgressBoard. Without a notebook it draws nothing and keeps the data. Source: d2l.ProgressBoard. Met in notebook 5.

    >>> board = Board()
    >>> for x in range(4):
    ...     board.draw(x / 2, 10 - x, "train_loss", every_n=2)
    >>> board.data["train_loss"]
    [Point(x=0.25, y=9.5), Point(x=1.25, y=7.5)]
    """

    def __init__(self, share=0.03):
        self.share, self.xlabel, self.xlim = share, "epoch", None  # d2l's Trainer sets xlim
        self.data, self._waiting = {}, {}
        self._figure = self._handle = self._bar = None
        self._next = 0.0  # when to redraw

    def draw(self, x, y, label, every_n=1):
        """Take one value; every `every_n` of them make a point, their mean, as in d2l."""
        waiting = self._waiting.setdefault(label, [])
        waiting.append((float(x), float(y)))
        if self.xlim:
            self._progress(float(x))
        if len(waiting) < every_n:
            return
        xs, ys = zip(*waiting, strict=True)
        waiting.clear()
        self.data.setdefault(label, []).append(Point(sum(xs) / len(xs), sum(ys) / len(ys)))
        last = self.xlim and x >= self.xlim[1]
        started = time.monotonic()
        if get_ipython() and (last or started > self._next):
            self._redraw()
            self._next = time.monotonic() + (time.monotonic() - started) / self.share

    def _progress(self, x):
        if self._bar is None:
            form = "{percentage:3.0f}%|{bar:40}| epoch {n:.1f} of {total:.0f}, {elapsed} spent, {remaining} left"
            options = {"bar_format": form, "mininterval": 0.5, "disable": not get_ipython()}
            self._bar = tqdm(total=self.xlim[1], file=sys.stdout, **options)
        if not self._bar.disable:
            self._bar.update(x - self._bar.n)
            if x >= self.xlim[1]:
                self._bar.close()

    def _redraw(self):
        if self._figure is None:
            self._figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), facecolor="white")
            self._figure.subplots_adjust(0.08, 0.18, 0.98, 0.88, wspace=0.25)  # a constrained layout costs 4 times more
            self._panels = dict(zip(("loss", "accuracy"), axes, strict=True))
            self._lines = {}
            for name, axis in self._panels.items():
                axis.set(xlabel=self.xlabel, ylabel=name, xlim=self.xlim)
                dress(axis)
            plt.close(self._figure)  # or the notebook would show it a second time
        for i, (label, points) in enumerate(self.data.items()):
            axis = self._panels["accuracy" if "acc" in label else "loss"]
            if label not in self._lines:
                (self._lines[label],) = axis.plot([], [], color=color(i), linestyle=line_style(i), label=label)
                axis.legend(frameon=False)
            self._lines[label].set_data(*zip(*points, strict=True))
            axis.relim()
            axis.autoscale_view(scalex=not self.xlim)
            axis.set_title(f"{label.replace('_', ' ')} {points[-1].y:.3f}", fontsize=10)
        png = io.BytesIO()
        self._figure.savefig(png, format="png")  # showing the figure itself would lay it out and draw it twice
        if self._handle is None:
            self._handle = display(Image(png.getvalue()), display_id=True)
        else:
            self._handle.update(Image(png.getvalue()))
