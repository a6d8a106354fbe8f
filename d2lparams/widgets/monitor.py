"""The training monitor: a live view of any loop that runs under `track`, with pause, stop and the learning rate."""

import html
import threading
import time

from IPython.display import display
from torch.optim.optimizer import register_optimizer_step_post_hook

from .. import plots
from ..plots.board import Point
from .base import Face, answer_at_once, button, logarithmic, source
from .canvas import Canvas

LINES = 7  # weights that are drawn, one for each color: of a deeper net the first, the last, and some between
QUANTITIES = {"weight_norm": "weight norm ‖w‖", "grad_norm": "gradient norm ‖g‖", "update_ratio": "‖Δw‖ / ‖w‖"}
POINTS = 1000  # beyond these, what `log` was given is thinned to half


class Stopped(KeyboardInterrupt):
    """What the stop button raises between two steps of the loop; the `with` block that it ends catches it."""


class Curves(plots.Board):
    """Keeps the curves that d2l's Trainer hands to `net.board`, and leaves the drawing to the monitor."""

    def _redraw(self):
        pass

    def _progress(self, x):
        pass


class Monitor(Face):
    """What `monitor` returns: a face to enter in a `with` statement, around the loop.

    board: for `net.board` of a d2l module. changes: (step, factor) for each change of the learning rate.
    The controls only set flags; pausing, stopping and drawing happen in the loop's own thread, between two steps.
    """

    def __init__(self, record, seconds, share):
        self.record, self.seconds, self.share = record, seconds, share
        self.board, self.changes = Curves(), []
        self.board.xlabel = "optimizer step"
        self._every, self._lines, self._seen, self._hook, self._optimizer = {}, {}, 0, None, None
        self._going, self._stopped, self._factors = threading.Event(), False, []
        self._going.set()
        self._next = 0.0
        self.pausing = button("pause", self.pause_or_resume, "wait after the step that is running; or go on")
        self.stopping = button("stop", self.stop, "end the loop after the step that is running; record and net stay")
        self.halving = button("rate × ½", lambda: self.scale_rate(0.5), "halve the learning rate from the next step on")
        self.doubling = button("rate × 2", lambda: self.scale_rate(2.0), "double the learning rate from the next step")
        self.controls = [self.pausing, self.stopping, self.halving, self.doubling]
        super().__init__("training monitor", Canvas(9.6, 4.8), self.controls)
        self._lay_out()
        self._enable(False)
        self.draw("not started")

    # ---- what the controls do, from any thread

    def pause(self):
        """Let the loop wait after the step that is running."""
        self._going.clear()
        self.pausing.description = "resume"

    def resume(self):
        """Let the loop go on, with nothing lost."""
        self.pausing.description = "pause"
        self._going.set()

    def pause_or_resume(self):
        """Do the one or the other."""
        (self.pause if self._going.is_set() else self.resume)()

    def stop(self):
        """End the loop after the step that is running, and with it the `with` block. The net keeps what it learned."""
        self._stopped = True
        self._going.set()

    def scale_rate(self, factor):
        """Multiply the learning rate of every group by `factor`, from the next step on, until the loop sets it anew."""
        self._factors.append(factor)

    # ---- what the loop does

    def log(self, **values):
        """Take numbers of this step, such as `monitor.log(train_loss=loss, train_acc=accuracy)`, for the curves."""
        for label, value in values.items():
            every = self._every.setdefault(label, 1)
            number = value.item() if hasattr(value, "item") else value
            self.board.draw(self.record.total_steps, number, label, every)
            points = self.board.data.get(label, [])
            if len(points) == POINTS:
                pairs = zip(points[::2], points[1::2], strict=True)
                points[:] = [Point((a.x + b.x) / 2, (a.y + b.y) / 2) for a, b in pairs]
                self._every[label] = 2 * every

    def __enter__(self):
        if self._hook:
            raise RuntimeError("this monitor is watching a loop already: make another one, monitor(record)")
        self._stopped, self._seen = False, self.record.total_steps
        self._hook = register_optimizer_step_post_hook(self._after_step)
        self._enable(True)
        self.show("<b>waiting</b> for the first step.")
        self._handle = display(self, display_id=True)
        return self

    def __exit__(self, kind, error, trace):
        self._hook.remove()
        self._hook = None
        self.resume()
        self._enable(False)
        mine = isinstance(error, Stopped) and error.args == (id(self),)
        if error is None or mine:
            self.draw("stopped" if mine else "finished")
        else:
            self.draw("interrupted" if isinstance(error, KeyboardInterrupt) else f"✗ {kind.__name__}: {error}")
        if self._handle:
            self._handle.update(self)  # the picture that the notebook stores is the last one
        return mine

    def _after_step(self, optimizer, args, kwargs):
        if self.record.total_steps == self._seen:  # another net's optimizer
            return
        self._seen, self._optimizer = self.record.total_steps, optimizer
        self._set_rate()
        if not self._going.is_set():
            self.draw("paused")
            while not self._going.wait(0.1):  # an interrupt from the keyboard gets through
                if self._factors:
                    self._set_rate()
                    self.draw("paused")
            self._next = 0.0
        if self._stopped:
            raise Stopped(id(self))
        if time.monotonic() > self._next:
            self.draw("running")

    def _set_rate(self):
        while self._factors:
            factor = self._factors.pop(0)
            for group in self._optimizer.param_groups:
                group["lr"] *= factor
            self.changes.append((self.record.total_steps, factor))

    # ---- drawing

    def draw(self, state):
        """Draw the record as it stands, and say what the loop is doing. An error here ends no training: it is told."""
        started = time.monotonic()
        try:
            self._draw_all()
            self.show(self._words(state))
        except Exception as error:
            self.tell(error)
        ended = time.monotonic()
        self._next = ended + max(self.seconds, (ended - started) / self.share)

    def _draw_all(self):
        for name, points in self.board.data.items():
            axis = self._axes["accuracy" if "acc" in name else "loss"]
            self._line(axis, name, "val" in name, *zip(*points, strict=True), name.replace("_", " "))
            axis.set_title(f"{name.replace('_', ' ')} {points[-1].y:.3f}", fontsize=9)
        frame = self.record.frame()
        if len(frame):
            self._draw_record(frame)
        for name, axis in self._axes.items():
            axis.set_visible(bool(axis.lines) or name in QUANTITIES)
            axis.relim()
            axis.autoscale_view()
        self._axes["loss"].set_xlabel(self.board.xlabel)
        self._axes["accuracy"].set_xlabel(self.board.xlabel)
        self.canvas.still()

    def _draw_record(self, frame):
        weights = [name for name in self.record.names if not name.endswith("bias")] or self.record.names
        some = dict.fromkeys(weights[round(i * (len(weights) - 1) / (LINES - 1))] for i in range(LINES))
        for quantity in QUANTITIES:
            wide = frame.pivot(index="step", columns="parameter", values=quantity)
            for i, name in enumerate(some):
                if name in wide:
                    label = self.record.label(name) if quantity == "weight_norm" else ""
                    self._line(self._axes[quantity], (quantity, name), i, wide.index, wide[name], label)
        shared = [name for name in self.record.shared if name in weights] or self.record.shared
        if shared:
            norms = self.record.uses(shared[0])["norm"]
            for i, place in enumerate(norms):
                self._line(self._axes["uses"], ("uses", place), i, norms.index, norms[place], f"use at {place}")
            self._axes["uses"].set_title(f"gradient by use of {shared[0]}", fontsize=9)

    def _line(self, axis, key, i, x, y, label):
        if key not in self._lines:
            form = {"color": plots.color(i), "linestyle": plots.line_style(i), "linewidth": 1.2, "marker": "."}
            form["markersize"] = 4 if isinstance(key, str) else 0  # a curve may have a single point so far
            (self._lines[key],) = axis.plot([], [], label=label, **form)
            if label:
                axis.legend(frameon=False, fontsize=7)
        self._lines[key].set_data(x, y)

    def _lay_out(self):
        figure = self.canvas.figure
        names = ["loss", "accuracy", "uses", *QUANTITIES]
        grid = figure.add_gridspec(2, 3, left=0.07, right=0.985, bottom=0.11, top=0.91, wspace=0.3, hspace=0.5)
        source(figure, self.record)
        self._axes = {name: plots.dress(figure.add_subplot(cell)) for name, cell in zip(names, grid, strict=True)}
        for name, axis in self._axes.items():
            axis.set(xlabel="optimizer step", ylabel=QUANTITIES.get(name, name))
            if name in ("grad_norm", "update_ratio", "uses"):
                logarithmic(axis)
            axis.xaxis.set_label_coords(0.5, -0.17)
            axis.yaxis.set_label_coords(-0.17, 0.5)
        self._axes["uses"].set_ylabel("gradient norm ‖g‖")

    def _words(self, state):
        rates = {f"{float(group['lr']):.4g}" for group in self._optimizer.param_groups} if self._optimizer else set()
        rate = f", learning rate {' and '.join(sorted(rates))}" if rates else ""
        changed = "".join(f"; × {factor:g} after step {step:,}" for step, factor in self.changes)
        curves = (
            ""
            if self.board.data
            else (
                " No loss came yet: <code>net.board = monitor.board</code> with d2l, "
                "<code>monitor.log(train_loss=loss)</code> in a loop of your own."
            )
        )
        return f"<b>{html.escape(state)}</b> at step {self.record.total_steps:,}{rate}{changed}.{curves}"

    def _enable(self, on):
        for control in self.controls:
            control.disabled = not on
            answer_at_once(control)


def monitor(record, seconds=1.0, share=0.02):
    """Return a live view of the loop that fills `record`, to be entered behind `track` in one `with` statement.

    record: what `track` yields. seconds: at least so long between two pictures. share: of the time that drawing may
    take. Losses and accuracies come from `net.board = monitor.board` (d2l) or `monitor.log(train_loss=loss)`.
    Its buttons pause the loop, go on with it, stop it and scale its learning rate, each between two steps: nothing is
    lost, and what is paused ends in the same numbers as what is not. They work while the cell runs in JupyterLab 4.4
    and newer, which hands controls to a thread of their own; elsewhere interrupt the kernel: record and net stay valid.
    When the block ends, for whatever reason, the hook is gone. Met in notebook 5.

    >>> import torch
    >>> import d2lparams
    >>> net = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> with d2lparams.track(net) as record, monitor(record) as view:
    ...     for step in range(5):
    ...         loss = net(torch.ones(1, 2)).square().mean()
    ...         optimizer.zero_grad()
    ...         loss.backward()
    ...         optimizer.step()
    ...         view.log(train_loss=loss)
    ...         if step == 2:
    ...             view.scale_rate(0.5)
    training monitor
    >>> view.changes, optimizer.param_groups[0]["lr"]
    ([(4, 0.5)], 0.05)
    """
    return Monitor(record, seconds, share)
