"""The training monitor: a live view of any loop that runs under `track`, with pause, stop and the learning rate."""

import html
import math
import threading
import time
from types import TracebackType
from typing import Any

from IPython.display import display
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from ..plots.board import Point
from ..record import Record
from .base import InteractiveFigure, answer_while_running, button
from .canvas import Canvas
from .live_panels import LivePanels
from .replay import NotedCurves, packed

_CAPTION_EVERY = 0.5  # seconds, while the loop runs
_BEAT = 5.0  # seconds between two signs of life from a page; a browser lets a hidden one send one a minute
_HIDDEN = 10  # how many times as long a hidden page may be silent
MOST_POINTS = 1000  # of a curve that `log` was given; then it is thinned to half
_NO_CURVES = (
    " No loss came yet: <code>net.board = monitor.board</code> with d2l, "
    "<code>monitor.log(train_loss=loss)</code> in a loop of your own."
)


class Stopped(KeyboardInterrupt):
    """What the stop button raises between two steps of the loop; the `with` block that it ends catches it.

    Args:
        monitor: whose button it was.
    """

    def __init__(self, monitor: "Monitor") -> None:
        super().__init__("stopped by the training monitor")
        self.monitor = monitor


class Monitor(InteractiveFigure):
    """What `monitor` returns: to be entered in a `with` statement, around the loop.

    The controls only set flags; pausing, stopping and drawing happen in the loop's own thread, between two steps.

    Args:
        record: what `track` yields.
        seconds: at least so long between two pictures.
        share: of the time that drawing may take, between 0 and 1.
        alone: seconds after which a paused loop goes on that no page shows any more.

    Attributes:
        record: as above.
        board: for `net.board` of a d2l module.
        changes: (step, factor) for each change of the learning rate.
    """

    record: Record
    board: NotedCurves
    changes: list[tuple[int, float]]

    def __init__(self, record: Record, seconds: float, share: float, alone: float) -> None:
        self.record, self.board, self.changes = record, NotedCurves(), []
        self.board.xlabel = "optimizer step"
        self.seconds, self.share, self.alone = seconds, share, alone
        self._silent_from = math.inf  # when a page that sends no more signs of life is given up; inf before the first
        self._went_on_at: int | None = None  # the step at which nobody was there any more
        self._values_per_point: dict[str, int] = {}  # of each curve that `log` fills
        self._hook: Any = None  # torch's handle, while a loop is watched
        self._shown: Any = None  # the handle of the output in the notebook
        self._optimizer: Optimizer | None = None  # the one that made the last step
        self._last_step = 0
        self._running, self._is_stopped = threading.Event(), False
        self._running.set()
        self._new_factors: list[float] = []  # for the learning rate, from the next step on
        self._next_picture = self._next_caption = 0.0  # in seconds of `time.monotonic`
        self.pause_button = button("pause", self.pause_or_resume, "wait after the step that is running; or go on")
        self.stop_button = button("stop", self.stop, "end the loop after the step that is running; record and net stay")
        self.halve_button = button(
            "rate × ½", lambda: self.scale_rate(0.5), "halve the learning rate from the next step on"
        )
        self.double_button = button(
            "rate × 2", lambda: self.scale_rate(2.0), "double the learning rate from the next step"
        )
        self.controls = [self.pause_button, self.stop_button, self.halve_button, self.double_button]
        super().__init__("training monitor", Canvas(9.6, 4.8), self.controls)
        self._panels = LivePanels(self.canvas, record, self.board)
        self.caption.on_msg(self._hear)
        self._enable_controls(False)
        self.draw("not started")
        self._next_picture = 0.0  # the first step is shown at once

    # ---- what the controls do, from any thread

    def pause(self) -> None:
        """Let the loop wait after the step that is running."""
        self._running.clear()
        self.pause_button.description = "resume"
        self._answer("pausing")

    def resume(self) -> None:
        """Let the loop go on, with nothing lost."""
        self.pause_button.description = "pause"
        self._running.set()

    def pause_or_resume(self) -> None:
        """Pause a running loop, resume a paused one."""
        if self._running.is_set():
            self.pause()
        else:
            self.resume()

    def stop(self) -> None:
        """End the loop after the step that is running, and with it the `with` block. The net keeps what it learned."""
        self._is_stopped = True
        self._running.set()
        self._answer("stopping")

    def scale_rate(self, factor: float) -> None:
        """Multiply the learning rate of every group, from the next step on, until the loop sets it anew.

        Args:
            factor: without unit; 0.5 halves the rate.
        """
        self._new_factors.append(factor)
        self._answer("running" if self._running.is_set() else "paused")

    def _answer(self, state: str) -> None:
        """Say at once what a click has asked for, before the loop comes to its next step."""
        if self._hook:
            self._say(state)

    # ---- what the loop does

    def log(self, **values: Any) -> None:
        """Take numbers of this step for the curves, such as `monitor.log(train_loss=loss, train_acc=accuracy)`.

        Args:
            **values: each a number or a tensor of one entry, by the label of its curve.
        """
        for label, value in values.items():
            number = value.item() if hasattr(value, "item") else value
            every = self._values_per_point.setdefault(label, 1)
            self.board.draw(self.record.total_steps, number, label, every)
            points = self.board.data.get(label, [])
            if len(points) == MOST_POINTS:
                pairs = zip(points[::2], points[1::2], strict=True)
                points[:] = [Point((a.x + b.x) / 2, (a.y + b.y) / 2) for a, b in pairs]
                self.board.steps[label] = self.board.steps[label][1::2]
                self._values_per_point[label] = 2 * every

    def __enter__(self) -> "Monitor":
        if self._hook:
            raise RuntimeError("this monitor is watching a loop already: make another one, monitor(record)")
        self._is_stopped, self._last_step = False, self.record.total_steps
        self._silent_from, self._went_on_at = math.inf, None
        self.caption.beat = min(_BEAT, self.alone / 4)
        self._next_picture = self._next_caption = 0.0
        self._hook = register_optimizer_step_post_hook(self._after_step)
        self._enable_controls(True)
        self.show("<b>waiting</b> for the first step.")
        self._shown = display(self, display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._hook.remove()
        self._hook = None
        self.caption.beat = 0
        self.resume()
        self._enable_controls(False)
        is_own_stop = isinstance(error, Stopped) and error.monitor is self
        if is_own_stop:
            self.draw("stopped")
        elif error is None:
            self.draw("finished")
        elif isinstance(error, KeyboardInterrupt):
            self.draw("interrupted")
        else:
            self.draw(f"✗ {type(error).__name__}: {error}")
        if self._shown:
            self._shown.update(self)  # the picture that the notebook stores is the last one
        return is_own_stop

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self.record.total_steps == self._last_step:  # another net's optimizer
            return
        self._last_step, self._optimizer = self.record.total_steps, optimizer
        self.board.step = self._last_step
        if self._scale_rate_now():
            self._next_caption = 0.0
        if not self._running.is_set():
            self._wait()
        if self._is_stopped:
            raise Stopped(self)
        now = time.monotonic()
        if now > self._next_picture:
            self.draw("running")
        elif now > self._next_caption:
            self._say("running")
            self._next_caption = now + _CAPTION_EVERY

    def _wait(self) -> None:
        """Wait until the loop may go on; an interrupt from the keyboard gets through."""
        self.draw("paused")
        while not self._running.wait(0.1):
            if self._scale_rate_now():
                self._say("paused")
            if time.monotonic() > self._silent_from:
                self._go_on_alone()
        self._next_picture = 0.0

    def _hear(self, widget: object, content: dict[str, Any], buffers: object) -> None:
        """Note that a page shows this figure."""
        if content.get("alive"):
            self._silent_from = time.monotonic() + self.alone * (_HIDDEN if content.get("hidden") else 1)

    def _go_on_alone(self) -> None:
        """Resume a loop that nobody can resume: the page that had its buttons was closed or loaded anew."""
        self._went_on_at, self._silent_from = self.record.total_steps, math.inf
        print(f"monitor: {self._why_it_went_on()}", flush=True)
        self.resume()
        answer_while_running(self.pause_button)

    def _why_it_went_on(self) -> str:
        return f"the loop was paused at step {self._went_on_at:,}, and went on by itself: no page showed its buttons"

    def _scale_rate_now(self) -> bool:
        """Scale the rate as often as was asked for; return whether it was."""
        assert self._optimizer is not None
        asked = bool(self._new_factors)
        while self._new_factors:
            factor = self._new_factors.pop(0)
            for group in self._optimizer.param_groups:
                group["lr"] *= factor
            self.changes.append((self.record.total_steps, factor))
        return asked

    # ---- what is shown

    def draw(self, state: str) -> None:
        """Draw the record as it stands, and say what the loop is doing. An error here is shown, and ends no training.

        Args:
            state: what the loop is doing, such as "running".
        """
        started = time.monotonic()
        try:
            self._panels.draw()
            self.show(self._describe(state), self._spoken(state))
        except Exception as error:
            self.show_error(error)
        ended = time.monotonic()
        self._next_caption = ended + _CAPTION_EVERY
        self._next_picture = ended + max(self.seconds, (ended - started) / self.share)

    def replay(self) -> str | None:
        """Return the training as it went, for a page without a kernel.

        Returns:
            What `replay.packed` returns; None before there is a step.
        """
        with self._turn:
            shown = self._panels.replay(self.board.steps, self._say_changes)
        return packed("training monitor", "", "", "optimizer step", {"": shown}) if shown else None

    def _say_changes(self, step: int) -> str:
        """Return what was done to the learning rate until a step, in HTML."""
        made = [f"× {factor:g} after step {at:,}" for at, factor in self.changes if at <= step]
        return f"; learning rate {', '.join(made)}" if made else ""

    def _say(self, state: str) -> None:
        self.show_caption(self._describe(state), self._spoken(state))

    def _spoken(self, state: str) -> str:
        """Return what is said aloud: only what changes by a click, or once."""
        words = f"The training is {state}" if state[0].islower() else state
        if self.changes or self._new_factors:
            whole = math.prod([*(factor for _, factor in self.changes), *self._new_factors])
            words += f"; the learning rate was changed, × {whole:g}"
        return words

    def _describe(self, state: str) -> str:
        """Return the caption, in HTML."""
        caption = f"<b>{html.escape(state)}</b> at step {self.record.total_steps:,}"
        if self._optimizer is not None:
            rates = {f"{float(group['lr']):.4g}" for group in self._optimizer.param_groups}
            caption += f", learning rate {' and '.join(sorted(rates))}"
        if self.changes:
            whole, (step, _) = math.prod(factor for _, factor in self.changes), self.changes[-1]
            several = f" in all, by {len(self.changes)} changes, the last" if len(self.changes) > 1 else ""
            caption += f"; × {whole:g}{several} after step {step:,}"
        if waiting := list(self._new_factors):
            caption += f"; × {math.prod(waiting):g} from the next step on"
        if self._went_on_at is not None:
            caption += f"; {self._why_it_went_on()}"
        return caption + "." + ("" if self.board.data else _NO_CURVES)

    def _enable_controls(self, on: bool) -> None:
        for control in self.controls:
            control.disabled = not on
            answer_while_running(control)


def monitor(record: Record, seconds: float = 1.0, share: float = 0.02, alone: float = 30.0) -> Monitor:
    """Return a live view of the loop that fills `record`, to be entered behind `track` in one `with` statement.

    Losses and accuracies come from `net.board = monitor.board` (d2l) or `monitor.log(train_loss=loss)`.
    Its buttons pause the loop, go on with it, stop it and scale its learning rate, each between two steps: nothing is
    lost, and what is paused ends in the same numbers as what is not. They work while the cell runs in JupyterLab 4.4
    and newer, which hands controls to a thread of their own; elsewhere interrupt the kernel: record and net stay valid.
    When the block ends, for whatever reason, the hook is gone.

    JupyterLab loses the buttons of a running cell when its page is closed or loaded anew. So the page says every 5
    seconds that it is there; a paused loop that has heard that once, and then nothing for `alone` seconds, goes on, and
    says so in print and below the picture. A browser lets a page that is hidden behind others say so only once a
    minute, so that one may be silent 10 times as long. A laptop that sleeps while its kernel runs elsewhere is silent.

    Args:
        record: what `track` yields.
        seconds: at least so long between two pictures.
        share: of the time that drawing may take, between 0 and 1.
        alone: as above; `math.inf` to wait for ever.

    Returns:
        A widget for the notebook, which shows it when the block begins.

    Met in notebook 5.

    Example:
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
    return Monitor(record, seconds, share, alone)
