"""The hooks behind `track`."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim import optimizer as torch_optimizer
from torch.utils.hooks import RemovableHandle

from . import _processes, _steps, _torch
from ._histograms import histogram
from ._notes import Notes
from ._record_numbers import row_of
from ._splits import Split
from ._steps import Step
from ._turns import turns
from .record import Record
from .uses import Uses, lacking

MOST_PLACES = 16  # uses at one place that are told apart: a loop over time steps may have any number

_COMPILED = "a part of the net is compiled or scripted"


class Tracker:
    """Follows the steps of optimizers for the norms, and `Uses` for the split. No error leaves it.

    Args:
        net: the net that is watched.
        record: what it adds to.
        names: {parameter: its first name} of what is watched.
        wants: whether a parameter of this name is to be watched.
        start: {name: its value at the start}, where that was before this watch.
        lean: keep no copy of all parameters at once.
        each_row: called with each recorded step.
        all_ranks: whether every process of several tracks the net, and they may talk to each other.
    """

    def __init__(
        self,
        net: nn.Module,
        record: Record,
        names: Mapping[Tensor, str],
        wants: Callable[[str], bool],
        start: Mapping[str, Tensor],
        lean: bool,
        each_row: Callable[[dict[str, float]], object] | None,
        all_ranks: bool,
    ) -> None:
        self.net, self.record, self.names, self.each_row = net, record, dict(names), each_row
        self.notes = Notes(record)
        self.steps = dict.fromkeys(self.names, record.total_steps)  # parameter -> how many steps it has had
        self.begun: dict[Optimizer, list[Step]] = {}  # a step may call another
        # optimizer -> (which parameters it has, those of them that are watched)
        self.known: WeakKeyDictionary[Optimizer, tuple[list[int], list[Tensor]]] = WeakKeyDictionary()
        self.first: dict[Tensor, Tensor] = {}  # parameter -> its value at the start
        self.given = dict(start)
        self.turns = turns([*self.names]) if lean else []  # which parameters are measured together
        self.spare: dict[Tensor, Tensor] = {}  # parameter -> memory for its value before a step
        self.splits: dict[Tensor, Split] = {}  # parameter -> the gradients of its uses since the last step
        self.uses: Uses | None = None
        self.filter: object = None  # of warnings
        self.hooks: list[RemovableHandle] = []
        self.stepped = False  # whether any optimizer has taken a step
        self.wants = wants
        self.all_ranks = all_ranks
        self.own = _processes.several() and not all_ranks
        record.whose, record.lean = " (of this process's own batch)" if self.own else "", lean

    # ---- start and stop

    def start(self) -> None:
        for p, name in self.names.items():
            if p.requires_grad and not self.turns:
                with self.notes.noting(f"the norms of {name!r}"):
                    self._keep_first(p)
        with self.notes.noting("the gradients by use"):
            self._start_uses()
        with self.notes.noting("the steps"):
            before, after = map(_torch.left_out_of_graphs, (self._before_step, self._after_step))  # it may be compiled
            self.hooks.append(torch_optimizer.register_optimizer_step_pre_hook(before))
            self.hooks.append(torch_optimizer.register_optimizer_step_post_hook(after))

    def _keep_first(self, p: Tensor) -> None:
        value = self.given.pop(self.names[p], p)
        self.first[p] = value.detach().to(p).clone() if value is p else value.detach().to(p, copy=True)

    def _start_uses(self) -> None:
        if any(isinstance(m, torch.jit.ScriptModule) or _torch.is_compiled(m) for m in self.net.modules()):
            self._not_split(_COMPILED)
        elif name := lacking(self.net) or _torch.lacking_for_backward():
            self._not_split(f"torch {torch.__version__} has no {name}")
            self.notes.warn(self.record.note)
        else:
            if any(_torch.is_sharded(p) for p in self.names):
                self._not_split("a sharded net computes with other tensors than its parameters")
            else:
                self._not_split(
                    "no forward pass was seen: the loop has to call the net itself, net(X), outside torch.func and "
                    "torch.compile"
                )
            # torch advises against hooks where a net is compiled: the watch by use ends there
            warnings.filterwarnings("ignore", r"Using .torch\.compile\(module\). when there are global hooks")
            self.filter = warnings.filters[0]
            self.uses = Uses(self.net, self._used, self._cannot_follow, MOST_PLACES, [*self.names])
            self.uses.start()

    def stop(self) -> None:
        with self.notes.noting("the first NaN"):
            stepped = [p for p in self.names if self.steps.get(p)]
            if stepped and not self.record.errors:
                bad = _torch.nonfinite([p.detach() for p in stepped])
                last = max(self.steps[p] for p in stepped) - 1
                names = [self.names[p] for p in stepped]
                self.record.mark_nonfinite(last, names, torch.stack([bad, torch.zeros_like(bad)]))
        for hook in self.hooks:
            with self.notes.noting("the end of the watch"):
                hook.remove()
        with self.notes.noting("the end of the watch"):
            if self.uses:
                self.uses.stop()
            self._forget_splits([*self.splits])
            for step in itertools.chain(*self.begun.values()):
                step.end()
            filters: Any = warnings.filters
            if self.filter in filters:
                filters.remove(self.filter)
        self.first, self.begun, self.spare = {}, {}, {}

    # ---- what torch calls before and after a step of any optimizer: most steps are not due, and pay for each line

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        try:
            mine = self._mine(optimizer)
            return self._begin(optimizer, mine, args, kwargs) if mine else None
        except Exception as error:
            self.notes.note("a step", error)
            return None

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            if optimizer in self.begun:
                self._end(optimizer)
        except Exception as error:
            self.notes.note("a step", error)

    def _begin(
        self, optimizer: Optimizer, mine: list[Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        step = Step(max(self.steps.get(p, 0) for p in mine))  # it goes on where another optimizer ended
        begun = self.begun.setdefault(optimizer, [])
        begun.append(step)
        while len(begun) > 4:  # a step that raises an error never ends
            begun.pop(0).end()
        closure = _steps.given(args, kwargs)
        if self.record.is_due(step.number):
            self._look_for_old(mine)
            self._copy_all(step, mine, bool(closure))
        # the optimizer may work in the gradient's own memory: look before it does
        if closure:
            return _steps.followed(args, kwargs, partial(self._measure_gradients, optimizer, step, mine))
        if _torch.has_step_hooks(optimizer):  # they may clip
            step.last = optimizer.register_step_pre_hook(lambda *_: self._measure_gradients(optimizer, step, mine))
        else:
            self._measure_gradients(optimizer, step, mine)
        return None

    @torch.no_grad()
    def _copy_all(self, step: Step, mine: list[Tensor], closure: bool) -> None:
        for p in self._whose_turn(step.number, mine):
            if closure or p.grad is not None:
                with self.notes.noting(f"the norms of {self.names[p]!r}"):
                    if p not in self.first and not self.turns:  # frozen so far
                        self._keep_first(p)
                    step.before[p] = self._copy(p)

    def _end(self, optimizer: Optimizer) -> None:
        step = self.begun[optimizer].pop()
        if not self.begun[optimizer]:
            del self.begun[optimizer]
        mine = self._mine(optimizer)
        with self.notes.noting("a step"):
            if self.record.is_due(step.number):
                self._record(step)
            step.end()
        if self.splits:
            self._forget_splits(mine)
        new = all(self.steps.get(p) != step.number + 1 for p in mine)  # of a step within a step, one counts
        self.steps.update(dict.fromkeys(mine, step.number + 1))
        self.stepped = True
        if new:
            self.record.count_step()
        if self.uses:
            if any(map(self.record.is_due, set(self.steps.values()))):
                self.uses.start()
            else:
                self.uses.stop()

    # ---- what changes while the net is watched

    def _meet_new(self, theirs: list[Tensor]) -> None:
        """Go on with Parameters that the net got meanwhile, by load_state_dict(assign=True) or as a new head."""
        foreign = {p for p in theirs if p not in self.names}
        held = _torch.parameter_names(self.net) if foreign else {}
        new = {p: names[0] for p, names in held.items() if p in foreign and self.wants(names[0])}
        for p, name in new.items():
            self._take_over(p, name)
        if new:
            self.known.clear()
            if self.uses:
                self.uses.stop()
                self._start_uses()
            self.notes.warn_once(
                f"the net got new Parameters while it was tracked: {', '.join(new.values())}. The record goes on with "
                "them"
            )

    def _take_over(self, p: Tensor, name: str) -> None:
        old = next((q for q, its_name in self.names.items() if its_name == name), None)
        if old is None:
            self.record.add_name(name)
        else:
            del self.names[old]
            if old in self.first and old.shape == p.shape:
                self.first[p] = self.first.pop(old)
        self.names[p] = name
        self.steps[p] = max(self.steps.values(), default=0)

    def _look_for_old(self, mine: list[Tensor]) -> None:
        held = set(self.net.parameters())
        if old := [self.names[p] for p in mine if p not in held]:
            self.notes.warn_once(
                f"the optimizer steps Parameters that the net no longer holds: {', '.join(old)}. Build the optimizer "
                "after what replaced them, such as load_state_dict(assign=True)"
            )

    def _copy(self, p: Tensor) -> Tensor:
        spare = self.spare.pop(p, None)
        if spare is None or (spare.device, spare.dtype, spare.shape) != (p.device, p.dtype, p.shape):
            return p.detach().clone()
        return spare.copy_(p)

    def _mine(self, optimizer: Optimizer) -> list[Tensor]:
        """Return the parameters of the net that an optimizer steps, each once."""
        theirs = [p for group in optimizer.param_groups for p in group["params"]]
        ids, known = [*map(id, theirs)], self.known.get(optimizer)
        if known is None or known[0] != ids:
            with self.notes.noting("new parameters"):
                self._meet_new(theirs)
            known = self.known[optimizer] = ids, [p for p in dict.fromkeys(theirs) if p in self.names]
        return known[1]

    def _whose_turn(self, number: int, mine: list[Tensor]) -> list[Tensor]:
        if not self.turns:
            return mine
        turn = self.turns[number // max(1, self.record.every) % len(self.turns)]
        return [p for p in mine if p in turn]

    # ---- what is recorded of a step

    def _measure_gradients(self, optimizer: Optimizer, step: Step, mine: list[Tensor]) -> None:
        """Measure the gradients of a step, in the units in which the optimizer uses them; the last time counts."""
        try:
            if getattr(optimizer, "found_inf", None) is None:  # else GradScaler has it skip what is not finite
                self._look_for_nan(step.number, mine)
        except Exception as error:
            self.notes.note("the first NaN", error)
        if self.record.is_due(step.number):
            with self.notes.noting("a step"):
                self._measure_due(optimizer, step, mine)

    @torch.no_grad()
    def _measure_due(self, optimizer: Optimizer, step: Step, mine: list[Tensor]) -> None:
        step.gradients, step.uses, step.histograms = {}, {}, {}
        scale = getattr(optimizer, "grad_scale", None)  # by which such an optimizer divides
        # a step within a step may be this process's alone, as ZeroRedundancyOptimizer's: no other would answer then
        asked = {p for other in self.begun if self.all_ranks and other is not optimizer for p in self._mine(other)}
        for p in self._whose_turn(step.number, mine):
            if p.grad is None:
                continue
            name, unscale = self.names[p], None if scale is None else 1.0 / scale.to(p.device)
            with self.notes.noting(f"the norms of {name!r}"):
                size = _torch.norm(_torch.dense(p.grad))
                step.gradients[p] = size if unscale is None else size * unscale
            with self.notes.noting(f"the gradient of {name!r} by use"):
                if (
                    p in self.splits
                    and p not in asked
                    and (entry := self.splits[p].entry(p.grad, unscale, self.all_ranks))
                ):
                    step.uses[p] = entry
            if self.record.is_due(step.number, "histogram"):
                with self.notes.noting(f"the gradient histogram of {name!r}"):
                    counts, reach = histogram(p.grad)
                    step.histograms[name, "gradient"] = counts, reach if unscale is None else reach * unscale
        if self.uses and self.uses.hidden:
            hidden = [self.names[p] for p in self.names if p in self.uses.hidden]
            self.record.hidden, self.record.note = list(dict.fromkeys([*self.record.hidden, *hidden])), ""
        if self.uses and self.uses.is_compiled():
            self._not_split(_COMPILED)

    def _look_for_nan(self, number: int, mine: list[Tensor]) -> None:
        """Look at the gradients of a step that begins, and at what the step before has made of the weights."""
        with_gradient = [p for p in mine if p.grad is not None]
        gradients = [_torch.dense(g) if g.is_sparse else g for p in with_gradient if (g := p.grad) is not None]
        if not gradients or (all(g.is_cpu for g in gradients) and _torch.all_finite(gradients)):  # there nobody waits
            return
        with torch.no_grad():
            self._mark_nonfinite(number, with_gradient, gradients)

    def _mark_nonfinite(self, number: int, with_gradient: list[Tensor], gradients: list[Tensor]) -> None:
        names = [self.names[p] for p in with_gradient]
        of_weights, of_gradients = _torch.nonfinite(with_gradient), _torch.nonfinite(gradients)
        none = torch.zeros_like(of_weights)
        self.record.mark_nonfinite(max(0, number - 1), names, torch.stack([of_weights, none]))
        self.record.mark_nonfinite(number, names, torch.stack([none, of_gradients]))

    @torch.no_grad()
    def _record(self, step: Step) -> None:
        """Add a step to the record; what fails is left out."""
        names: list[str] = []
        sizes: list[Tensor] = []
        for p, before in step.before.items():
            if p in step.gradients:
                with self.notes.noting(f"the norms of {self.names[p]!r}"):
                    sizes += self._norms(p, step.gradients[p], before)
                    names.append(self.names[p])
        if not self.turns:
            self.spare |= step.before  # asking for memory anew takes longer than a copy
        step.before = {}
        if names:
            with self.notes.noting("the norms"):
                self.record.add_row(step.number, names, row_of(sizes))
        for p, entry in step.uses.items():
            self.record.add_uses(step.number, self.names[p], *entry)
        self._record_histograms(step)
        if self.each_row and names:
            with self.notes.noting("what each_row does"):
                self.each_row(self.record.latest())

    def _record_histograms(self, step: Step) -> None:
        if not self.record.is_due(step.number, "histogram"):
            return
        found = dict(step.histograms)
        for p in step.gradients:
            name = self.names[p]
            with self.notes.noting(f"the weight histogram of {name!r}"):
                found[name, "weight"] = histogram(p)
        if found:
            with self.notes.noting("the histograms"):
                self.record.add_histograms(step.number, found)

    def _norms(self, p: Tensor, gradient: Tensor, spare: Tensor) -> tuple[Tensor, ...]:
        """Return `QUANTITIES` of one parameter, the update for its ratio; spare: its value before."""
        now = p.detach()
        weight = _torch.norm(now)
        update = _torch.norm(torch.sub(now, spare, out=spare))
        if p not in self.first:
            return weight, gradient, update, weight.new_full((), torch.nan)
        self.first[p] = self.first[p].to(now)  # the net may have moved to another device
        return weight, gradient, update, _torch.norm(torch.sub(now, self.first[p], out=spare))

    # ---- uses

    def _used(self, p: Tensor, place: str, view: Tensor) -> None:
        self.record.note = ""
        if not self._whose_turn(self.steps[p], [p]):
            return
        if p not in self.splits:
            failed = partial(self.notes.note, f"the gradient of {self.names[p]!r} by use")
            self.splits[p] = Split(p, failed, own=self.own)
        self.splits[p].used(place, view)

    def _cannot_follow(self, error: Exception) -> None:
        self._not_split("following the uses ended with an error, see .errors")
        self.notes.note("the gradients by use", error)
        self._forget_splits([*self.splits])

    def _not_split(self, reason: str) -> None:
        self.record.note = f"uses not split, since {reason}"

    def _forget_splits(self, parameters: Iterable[Tensor]) -> None:
        for p in parameters:
            if p in self.splits:
                split = self.splits.pop(p)
                with self.notes.noting(f"the gradient of {self.names[p]!r} by use"):
                    split.close()
