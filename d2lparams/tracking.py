"""Watch the parameters of a net while any loop trains it."""

import warnings
from contextlib import contextmanager

import torch
from torch import nn
from torch.linalg import vector_norm
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from .record import BINS, Record, _thin
from .uses import Uses

PLACES = 16  # uses at one place that are told apart: a loop over time steps may have any number


@contextmanager
def track(net: nn.Module, every: int = 20, histograms: int = 200, source: str = ""):
    """Record weights, gradients and updates of `net` while any loop in the `with` block trains it.

    net: any module with parameters. every, histograms: intervals in optimizer steps, the second a multiple of the
    first, or 0 for no histograms. Step 0 is the first. At the defaults the shared MLP of notebook 5 trains about 2%
    slower; memory is two copies of the parameters, at recorded steps one more of a shared one for each use (16 at most
    at one place), and a bounded record: past 1,024 rows the interval doubles and every other row is dropped. source:
    what the net is trained on, for the titles of figures.

    Yields a `Record`, which can be read at any time. It holds four norms of each parameter (`QUANTITIES`), and for a
    parameter that is used more than once the gradient of each use. The loop is any that calls `net(...)` and the
    `step` of a torch optimizer. Nothing about the training changes, to the last bit; one exception is rounding where a
    backward pass sums several uses under autocast, or several runs of one RNN. When the block ends, also by an
    exception, every hook is gone. On a GPU no step waits for a number. NaN and inf are recorded as they come.
    Uses are split for whatever function takes the parameter; a compiled or scripted net runs as one piece, so there
    only the totals are recorded, as for what torch.func transforms.

    Raises ValueError if `net` has no parameters, or a lazy layer that has not seen its first batch. Warns if the
    block ends and no optimizer took a step. Source: torch's global module and optimizer hooks; the update:data ratio
    is Karpathy's. Met in notebook 5.

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
    tracker = _Tracker(net, every, histograms)
    tracker.record.source = source
    tracker.start()
    try:
        yield tracker.record
    finally:
        tracker.stop()
    if not tracker.record.total_steps:
        warnings.warn(
            "no optimizer took a step on this net while it was tracked, so nothing was recorded: "
            "train it inside the `with` block, with a torch.optim optimizer over net.parameters()",
            stacklevel=3,
        )


class _Tracker:
    """The hooks behind `track`: optimizer steps for the norms, `Uses` for the split."""

    def __init__(self, net, every, histograms):
        if every < 1 or histograms < 0:
            raise ValueError(f"intervals are steps: every={every} must be 1 or more, histograms={histograms} 0 or more")
        names = {}  # Parameter -> its names; a Parameter is hashed by identity
        for name, p in net.named_parameters(remove_duplicate=False):
            names.setdefault(p, []).append(name)
        if not names:
            raise ValueError(f"this {type(net).__name__} has no parameters, so there is nothing to track")
        if lazy := [all_[0] for p, all_ in names.items() if nn.parameter.is_lazy(p)]:
            raise ValueError(
                f"{', '.join(lazy)} have no shape yet: run one batch through the net first, net(X), then track it"
            )
        self.index = {p: i for i, p in enumerate(names)}
        aliases = {all_[0]: all_ for all_ in names.values() if len(all_) > 1}
        self.record = Record([all_[0] for all_ in names.values()], aliases, every, histograms)
        self.steps = {}  # Parameter -> how many steps of optimizers it has had
        self.uses = None if _runs_as_one_piece(net) else Uses(net, self._used, PLACES)
        self.record.note = "uses not split, since " + (
            "no forward pass was seen: the loop has to call the net itself, net(X), outside torch.func"
            if self.uses
            else "a part of the net is compiled or scripted"
        )
        self.first = {p: p.detach().clone() for p in names}
        self.before = {}  # optimizer -> [(step, {Parameter: its value before, if due})]: a step may call another
        self.splits = {}  # Parameter -> _Split, since the last step
        self.hooks = []

    def start(self):
        self.hooks = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        if self.uses:
            self.uses.start()

    def stop(self):
        for hook in self.hooks:
            hook.remove()
        if self.uses:
            self.uses.stop()
        self._forget_splits([*self.splits])
        self.first = self.before = None

    def _mine(self, optimizer):
        return {p: None for group in optimizer.param_groups for p in group["params"] if p in self.index}

    def _due(self, step):
        return step % self.record.every == 0

    def _before_step(self, optimizer, args, kwargs):
        if mine := self._mine(optimizer):
            step = max(self.steps.get(p, 0) for p in mine)  # it goes on where another one ended
            begun = self.before.setdefault(optimizer, [])
            begun.append((step, {p: p.detach().clone() for p in mine if self._due(step)}))
            del begun[:-4]  # a step that raises an error never ends

    @torch.no_grad()
    def _after_step(self, optimizer, args, kwargs):
        if optimizer not in self.before:
            return
        record = self.record
        step, before = self.before[optimizer].pop()
        if not self.before[optimizer]:
            del self.before[optimizer]
        mine = [p for p in before if p.grad is not None] if self._due(step) else []
        if mine:
            norms = torch.stack([self._norms(p, before[p]).to(mine[0].device) for p in mine], 1)
            record._rows.append((step, [self.index[p] for p in mine], norms))
            if record.histogram_every and step % record.histogram_every == 0:
                histograms = {}
                for p in mine:
                    name = record.names[self.index[p]]
                    histograms[name, "weight"] = _histogram(p.detach())
                    histograms[name, "gradient"] = _histogram(_dense(p.grad))
                record._histograms.append((step, histograms))
            for p in mine:
                if p in self.splits and (entry := self.splits[p].entry()):
                    places, gram, error = entry
                    record._uses.setdefault((record.names[self.index[p]], places), []).append((step, gram, error))
            _thin(record)
        now = dict.fromkeys(self._mine(optimizer), step + 1)
        record.total_steps += any(self.steps.get(p) != step + 1 for p in now)  # of a step within a step, one
        self.steps |= now
        self._forget_splits(self._mine(optimizer))
        if self.uses:
            (self.uses.start if any(map(self._due, set(self.steps.values()))) else self.uses.stop)()

    def _norms(self, p, spare):
        """Return `QUANTITIES` of one parameter, as one tensor of shape (4,) on its device; spare: its value before."""
        now = p.detach()
        self.first[p] = self.first[p].to(now)  # the net may have moved to another device
        weight = _norm(now)
        update = _norm(torch.sub(now, spare, out=spare))
        distance = _norm(torch.sub(now, self.first[p], out=spare))
        return torch.stack([weight, _norm(_dense(p.grad)), update / weight, distance]).float()

    def _used(self, p, place, view):
        self.record.note = ""
        self.splits.setdefault(p, _Split(p)).used(place, view)

    def _forget_splits(self, parameters):
        for p in parameters:
            if p in self.splits:
                self.splits.pop(p).close()


class _Split:
    """The gradients of the uses of one parameter since the last step, over as many backward passes as it took."""

    def __init__(self, p):
        self.p, self.gradients, self.hook = p, {}, None
        self.base, self.total = None, None  # .grad before the first pass, if it was not zeroed; what was added since
        self.grad, self.version = None, None  # .grad, and its version, as the last pass left it
        self.passes = {}  # a backward pass that is under way, by autograd's number -> {place: gradient that arrived}

    def used(self, place, view):
        self.gradients.setdefault(place, None)
        view.register_hook(lambda gradient: self._use_arrived(place, gradient))
        if len(self.gradients) == 2 and not self.hook:
            self.hook = self.p.register_post_accumulate_grad_hook(self._sum_arrived)

    def close(self):
        if self.hook:
            self.hook.remove()
        self.hook = self.grad = None

    def _use_arrived(self, place, gradient):
        if not self.hook:
            return
        number, grad = torch._C._current_graph_task_id(), self.p.grad
        if number not in self.passes:
            if grad is None or grad is not self.grad or grad._version != self.version:
                # zeroed or changed: what arrived before is no part of it any more, and if it is, the check tells
                new = self.total is None and grad is not None
                self.gradients, self.base = dict.fromkeys(self.gradients), _dense(grad).clone() if new else None
            self.passes[number] = {}
            # when the pass ends, forget what never reached .grad, as by autograd.grad
            torch.autograd.Variable._execution_engine.queue_callback(lambda: self.passes.pop(number, None))
        arrived = self.passes[number]
        arrived[place] = _sum(arrived.get(place), _dense(gradient).clone())

    def _sum_arrived(self, p):
        """Take over what arrived in this pass. One that reached no .grad, by autograd.grad, is never taken over."""
        if p.grad is None:  # a hook before this one has used it up
            return
        for place, gradient in self.passes.pop(torch._C._current_graph_task_id(), {}).items():
            self.gradients[place] = _sum(self.gradients[place], gradient)
        self.total = _dense(p.grad).clone() if self.base is None else _dense(p.grad) - self.base
        self.grad, self.version = p.grad, p.grad._version

    def entry(self):
        """Return (places, their Gram matrix, relative error of their sum), or None if fewer than two were used."""
        found = {place: gradient for place, gradient in self.gradients.items() if gradient is not None}
        if len(found) < 2 or self.total is None:
            return None
        flat = torch.stack([_real(gradient).flatten() for gradient in found.values()])
        flat = flat if flat.dtype == torch.float64 else flat.float()
        total = _real(self.total).flatten().to(flat.dtype)
        return tuple(found), (flat @ flat.T).float(), (_norm(flat.sum(0) - total) / _norm(total)).float()


def _runs_as_one_piece(net):
    """Whether some part of `net` is compiled or scripted, so that the functions it calls cannot be seen."""
    return any(
        isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod") or module._compiled_call_impl
        for module in net.modules()
    )


def _norm(tensor):
    low = tensor.dtype in (torch.float16, torch.bfloat16)  # whose own norm overflows or rounds to 3 digits
    return vector_norm(tensor, dtype=torch.float32 if low else None)


def _dense(gradient):
    return gradient.detach().to_dense() if gradient.is_sparse else gradient.detach()


def _real(tensor):
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _sum(a, b):
    return b if a is None else a + b


def _histogram(tensor):
    """Return (counts of BINS equal bins over ±scale, scale), the largest finite |value|; no device waits for it."""
    values = _real(tensor).flatten().float()
    if not len(values):
        return torch.zeros(BINS, dtype=torch.long, device=tensor.device), values.new_zeros(())
    nowhere = values - values  # 0, or NaN where a value is NaN or inf
    values = values.nan_to_num(0, 0, 0)
    scale = values.abs().amax()
    values.mul_(BINS / 2 / scale.clamp_min(1e-30)).add_(BINS / 2).clamp_(0, BINS - 1).add_(nowhere)
    bins = values.nan_to_num_(BINS).long()  # one bin more, for what belongs to none
    one = torch.ones((), dtype=torch.long, device=tensor.device)
    counts = torch.zeros(BINS + 1, dtype=torch.long, device=tensor.device)
    return counts.scatter_add_(0, bins, one.expand_as(bins))[:BINS], scale
