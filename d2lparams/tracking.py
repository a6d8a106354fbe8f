"""Watch the parameters of a net while any loop trains it."""

import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.optim import optimizer as torch_optimizer
from torch.utils.hooks import RemovableHandle

from . import _torch
from ._histograms import Histogram, histogram
from ._splits import Split
from .record import Record
from .uses import Uses, lacking

MOST_PLACES = 16  # uses at one place that are told apart: a loop over time steps may have any number


@contextmanager
def track(net: nn.Module, every: int = 20, histograms: int = 200, source: str = "") -> Generator[Record, None, None]:
    """Record weights, gradients and updates of `net` while any loop in the `with` block trains it.

    The record holds four norms of each parameter (`d2lparams.record.QUANTITIES`), and for a parameter that is used more
    than once the gradient of each use. The loop is any that calls `net(...)` and the `step` of a torch optimizer.

    Nothing about the training changes, to the last bit; one exception is rounding where a backward pass sums several
    uses under autocast, or several runs of one RNN. When the block ends, also by an exception, every hook is gone. An
    error while recording ends no training: a warning tells the first, and `record.errors` all that is missing.

    On a GPU no step waits for a number. NaN and inf are recorded as they come. Uses are split for whatever function
    takes the parameter; a compiled or scripted net runs as one piece, so there only the totals are recorded, as for
    what torch.func transforms. It warns if the block ends and no optimizer took a step.

    At the defaults the shared MLP of notebook 5 trains about 2% slower; memory is two copies of the parameters, at
    recorded steps one more of a shared one for each use (16 at most at one place), and a bounded record: past 1,024
    rows the interval doubles and every other row is dropped.

    Args:
        net: any module with parameters.
        every: the interval between two rows, in optimizer steps. Step 0 is the first.
        histograms: the interval between two histograms, in optimizer steps, a multiple of `every`; 0 for none.
        source: what the net is trained on, for the titles of figures.

    Yields:
        Record: what was seen so far, which can be read at any time.

    Raises:
        ValueError: If `net` has no parameters, or a lazy layer that has not seen its first batch, or if an interval is
            no number of steps.

    Source: torch's global module and optimizer hooks; the update:data ratio is Karpathy's. Met in notebook 5.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> with track(net) as record:
        ...     for _ in range(40):
        ...         optimizer.zero_grad()
        ...         net(torch.ones(1, 2)).square().mean().backward()
        ...         optimizer.step()
        >>> record
        Record of 4 parameters: 2 rows of 40 steps, 20 apart; 1 histogram; no parameter was seen to be used twice
    """
    if every < 1 or histograms < 0:
        raise ValueError(f"intervals are steps: every={every} must be 1 or more, histograms={histograms} 0 or more")
    names = _torch.parameter_names(net)
    if not names:
        raise ValueError(f"this {type(net).__name__} has no parameters, so there is nothing to track")
    _torch.check_not_lazy(its_names[0] for p, its_names in names.items() if is_lazy(p))
    aliases = {its_names[0]: its_names for its_names in names.values() if len(its_names) > 1}
    record = Record([its_names[0] for its_names in names.values()], aliases, every, histograms)
    record.source = source
    tracker = _Tracker(net, record)
    try:
        tracker.start()
        yield record
    finally:
        tracker.stop()
    if tracker.untold:
        warnings.warn(tracker.untold, RuntimeWarning, stacklevel=3)
    elif not record.total_steps and not record.errors:
        warnings.warn(
            "no optimizer took a step on this net while it was tracked, so nothing was recorded: "
            "train it inside the `with` block, with a torch.optim optimizer over net.parameters()",
            stacklevel=3,
        )


class _Step(NamedTuple):
    """A step of an optimizer that has begun.

    Attributes:
        number: counted from 0.
        before: {parameter: its value before}, empty if the step is not recorded.
    """

    number: int
    before: dict[Tensor, Tensor]


class _Tracker:
    """The hooks behind `track`: optimizer steps for the norms, `Uses` for the split. No error leaves them.

    Args:
        net: the net that is watched.
        record: what it adds to.
    """

    def __init__(self, net: nn.Module, record: Record) -> None:
        self.net, self.record = net, record
        self.names = {p: names[0] for p, names in _torch.parameter_names(net).items()}
        self.untold = ""  # a warning that the user's filters turned into an error: it waits for the end of the training
        self.steps: dict[Tensor, int] = {}  # parameter -> how many steps of optimizers it has had
        self.begun: dict[Optimizer, list[_Step]] = {}  # a step may call another
        self.first: dict[Tensor, Tensor] = {}  # parameter -> its value at the start
        self.splits: dict[Tensor, Split] = {}  # parameter -> the gradients of its uses since the last step
        self.uses: Uses | None = None
        self.hooks: list[RemovableHandle] = []

    # ---- start and stop

    def start(self) -> None:
        for p, name in self.names.items():
            with self._noting(f"the norms of {name!r}"):
                self.first[p] = p.detach().clone()
        with self._noting("the gradients by use"):
            self._start_uses()
        with self._noting("the steps"):
            before, after = self._noting("a step")(self._before_step), self._noting("a step")(self._after_step)
            self.hooks.append(torch_optimizer.register_optimizer_step_pre_hook(before))
            self.hooks.append(torch_optimizer.register_optimizer_step_post_hook(after))

    def _start_uses(self) -> None:
        if any(isinstance(m, torch.jit.ScriptModule) or _torch.is_compiled(m) for m in self.net.modules()):
            self._not_split("a part of the net is compiled or scripted")
        elif name := lacking(self.net) or _torch.lacking_for_backward():
            self._not_split(f"torch {torch.__version__} has no {name}")
            self._warn(self.record.note)
        else:
            self._not_split("no forward pass was seen: the loop has to call the net itself, net(X), outside torch.func")
            self.uses = Uses(self.net, self._used, self._cannot_follow, MOST_PLACES)
            self.uses.start()

    def stop(self) -> None:
        for hook in self.hooks:
            with self._noting("the end of the watch"):
                hook.remove()
        with self._noting("the end of the watch"):
            if self.uses:
                self.uses.stop()
            self._forget_splits([*self.splits])
        self.first, self.begun = {}, {}

    # ---- errors

    @contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        """Note an error of ours on the record; from a hook it would end the training."""
        try:
            yield
        except Exception as error:
            self._note(what, error)

    def _note(self, what: str, error: Exception) -> None:
        first = not self.record.errors
        self.record.add_error(what, error)
        if first:
            self._warn(
                f"{what} could not be recorded: {self.record.errors[what]}. The training goes on, and so does the "
                "record of all else; record.errors holds what is missing"
            )

    def _warn(self, message: str) -> None:
        try:
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        except Warning:
            self.untold = message

    # ---- what torch calls before and after a step of any optimizer

    def _before_step(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        mine = self._mine(optimizer)
        if not mine:
            return
        step = _Step(max(self.steps.get(p, 0) for p in mine), {})  # it goes on where another optimizer ended
        begun = self.begun.setdefault(optimizer, [])
        begun.append(step)
        del begun[:-4]  # a step that raises an error never ends
        if self.record.is_due(step.number):
            for p in mine:
                with self._noting(f"the norms of {self.names[p]!r}"):
                    step.before[p] = p.detach().clone()

    @torch.no_grad()
    def _after_step(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        if optimizer not in self.begun:
            return
        step = self.begun[optimizer].pop()
        if not self.begun[optimizer]:
            del self.begun[optimizer]
        with self._noting("a step"):
            self._record(step)
        mine = self._mine(optimizer)
        self._forget_splits(mine)
        new = any(self.steps.get(p) != step.number + 1 for p in mine)  # of a step within a step, one counts
        self.steps |= dict.fromkeys(mine, step.number + 1)
        if new:
            self.record.count_step()
        if self.uses:
            if any(self.record.is_due(number) for number in set(self.steps.values())):
                self.uses.start()
            else:
                self.uses.stop()

    def _mine(self, optimizer: Optimizer) -> list[Tensor]:
        """Return the parameters of the net that an optimizer steps, each once."""
        return list(dict.fromkeys(p for group in optimizer.param_groups for p in group["params"] if p in self.names))

    # ---- what is recorded of a step

    def _record(self, step: _Step) -> None:
        """Add a step to the record, if it is due; what fails is left out."""
        if not self.record.is_due(step.number):
            return
        gradients = {p: p.grad for p in step.before if p.grad is not None}
        norms: dict[str, Tensor] = {}
        for p, gradient in gradients.items():
            with self._noting(f"the norms of {self.names[p]!r}"):
                norms[self.names[p]] = self._norms(p, gradient, step.before[p])
        if norms:
            with self._noting("the norms"):
                device = next(iter(norms.values())).device
                columns = [column.to(device) for column in norms.values()]
                self.record.add_row(step.number, list(norms), torch.stack(columns, 1))
        for p in gradients:
            with self._noting(f"the gradient of {self.names[p]!r} by use"):
                if p in self.splits and (entry := self.splits[p].entry()):
                    self.record.add_uses(step.number, self.names[p], *entry)
        self._record_histograms(step.number, gradients)

    def _record_histograms(self, number: int, gradients: dict[Tensor, Tensor]) -> None:
        if not self.record.is_due(number, "histogram"):
            return
        found: dict[tuple[str, str], Histogram] = {}
        for p, gradient in gradients.items():
            for kind, values in (("weight", p), ("gradient", gradient)):
                with self._noting(f"the {kind} histogram of {self.names[p]!r}"):
                    found[self.names[p], kind] = _histogram(values)
        if found:
            with self._noting("the histograms"):
                self.record.add_histograms(number, found)

    def _norms(self, p: Tensor, gradient: Tensor, spare: Tensor) -> Tensor:
        """Return `QUANTITIES` of one parameter, as one tensor of shape (4,) on its device; spare: its value before."""
        now = p.detach()
        self.first[p] = self.first[p].to(now)  # the net may have moved to another device
        weight = _torch.norm(now)
        update = _torch.norm(torch.sub(now, spare, out=spare))
        distance = _torch.norm(torch.sub(now, self.first[p], out=spare))
        return torch.stack([weight, _torch.norm(_torch.dense(gradient)), update / weight, distance]).float()

    # ---- uses

    def _used(self, p: Tensor, place: str, view: Tensor) -> None:
        self.record.note = ""
        if p not in self.splits:
            self.splits[p] = Split(p, partial(self._note, f"the gradient of {self.names[p]!r} by use"))
        self.splits[p].used(place, view)

    def _cannot_follow(self, error: Exception) -> None:
        self._not_split("following the uses ended with an error, see .errors")
        self._note("the gradients by use", error)
        self._forget_splits([*self.splits])

    def _not_split(self, reason: str) -> None:
        self.record.note = f"uses not split, since {reason}"

    def _forget_splits(self, parameters: Iterable[Tensor]) -> None:
        for p in parameters:
            if p in self.splits:
                split = self.splits.pop(p)
                with self._noting(f"the gradient of {self.names[p]!r} by use"):
                    split.close()


def _histogram(values: Tensor) -> Histogram:
    """Return the histogram of a parameter or its gradient, of real and imaginary parts alike."""
    return histogram(_torch.real(_torch.dense(values)))
