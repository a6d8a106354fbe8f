"""The gradients of the uses of one parameter, gathered while backward passes run."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from . import _processes, _torch
from ._gram import gram_and_error


class Split:
    """The gradients of the uses of one parameter since the last step, over as many backward passes as it took.

    An error ends no backward pass: then this split has no entry.

    Where several processes train one net, `.grad` becomes their average when a backward pass ends. The uses are of this
    process's own batch then, and held against what its own pass has put into `.grad`; or all processes ask for an
    entry together, and get that of their average.

    Args:
        p: the parameter.
        failed: called with the first error.
        own: whether other processes will have their part in `.grad`, and are not asked.
    """

    def __init__(self, p: Tensor, failed: Callable[[Exception], object], own: bool = False) -> None:
        self.p, self.failed, self.own = p, failed, own
        self.gradients: dict[str, Tensor | None] = {}
        self.hook: RemovableHandle | None = None
        self.base: Tensor | None = None  # .grad before the first pass, if it was not zeroed
        self.before: Tensor | None = None  # .grad before this pass, with parts of other processes
        self.grad: Tensor | None = None  # .grad, as the last pass left it
        self.version = 0  # of that
        self.size: Tensor | None = None  # its norm
        self.passes: dict[int, dict[str, Tensor]] = {}  # a pass under way, by its number -> {place: what arrived}
        self.error: Tensor | None = None  # of this process's own uses, the largest of all passes
        self.broken = False

    def used(self, place: str, view: Tensor) -> None:
        """Gather, from now on, what flows into a view.

        Args:
            place: where the parameter was used.
            view: what was used in its place there.
        """
        self.gradients.setdefault(place, None)
        view.register_hook(partial(self._carefully, partial(self._use_arrived, place)))
        if len(self.gradients) == 2 and not self.hook:
            self.hook = self.p.register_post_accumulate_grad_hook(partial(self._carefully, self._sum_arrived))

    def close(self) -> None:
        """Gather no more."""
        if self.hook:
            self.hook.remove()
        self.hook = self.grad = None

    def entry(
        self, gradient: Tensor, unscale: Tensor | None = None, together: bool = False
    ) -> tuple[tuple[str, ...], Tensor, Tensor] | None:
        """Return what was gathered, in the units of the gradient that the optimizer got.

        What comes between a backward pass and a step, such as clipping, multiplies the whole gradient by one factor,
        and so it does the uses. Where there was more to it, the error tells.

        Args:
            gradient: the parameter's, when the step began.
            unscale: by what the optimizer itself multiplies it; None for 1.
            together: whether all processes ask now, for the average of their uses.

        Returns:
            (places, their Gram matrix, relative error of their sum), or None if fewer than two were used.
        """
        found = {place: part for place, part in self.gradients.items() if part is not None}
        if len(found) < 2 or self.size is None or self.broken:
            return None
        # torch's GradScaler changes a gradient without counting its version up, so the norms have to tell
        ratio = _torch.norm(_torch.dense(gradient)) / self.size
        factor = ratio.nan_to_num(1.0, 1.0)  # 0 / 0
        if together and not _processes.same_everywhere("".join(found), gradient.device):
            return None
        parts = [*found.values(), *([] if self.base is None else [self.base])]
        total, add_up = _torch.dense(gradient), None
        if _torch.is_sharded(self.p):  # the gradients of its uses are those of the whole net already
            *parts, total = _processes.own_parts([*parts, total], self.p)
            add_up = partial(_processes.sum_over_parts, self.p)
        elif together:
            parts = _processes.averages(parts)
        base = parts.pop() if self.base is not None else None
        gram, error = gram_and_error(parts, total, factor, base, add_up)
        if self.own and self.error is not None:
            error = self.error
        return tuple(found), gram if unscale is None else gram * unscale**2, error

    def _carefully(self, function: Callable[..., object], *args: Any) -> None:
        """Do `function(*args)` for a hook of torch's, which goes on whatever happens."""
        if self.broken or not self.hook:
            return
        try:
            function(*args)
        except Exception as error:
            self.broken = True
            self.failed(error)

    def _use_arrived(self, place: str, gradient: Tensor) -> None:
        number, grad = _torch.backward_pass(), self.p.grad
        if number not in self.passes:
            if not self.passes and (grad is None or grad is not self.grad or _torch.version(grad) != self.version):
                self._start_anew(grad)
            self._begin(number)
        arrived = self.passes[number]
        # no copy is needed: autograd changes no tensor that somebody else holds
        arrived[place] = _sum(arrived.get(place), _torch.dense(gradient))

    def _start_anew(self, grad: Tensor | None) -> None:
        """Forget what arrived before .grad was zeroed or changed; if that is a part of it yet, the check tells."""
        if grad is None or self.size is None or _torch.is_sharded(grad):
            self.gradients = dict.fromkeys(self.gradients)
            self.base = None if grad is None or self.size is not None else _torch.dense(grad).clone()
        else:  # DistributedDataParallel moves a .grad that is a view of its bucket; a GPU does not wait for the answer
            moved = (_torch.norm(_torch.dense(grad)) - self.size).abs() <= 1e-5 * self.size
            kept = {place: None if g is None else torch.where(moved, g, 0) for place, g in self.gradients.items()}
            self.gradients = kept
            self.base = None if self.base is None else torch.where(moved, self.base, 0)

    def _sum_arrived(self, p: Tensor) -> None:
        """Take over what arrived in this pass. One that reached no .grad, by autograd.grad, is never taken over."""
        if p.grad is None:  # a hook before this one has used it up
            return
        number = _torch.backward_pass()
        if number not in self.passes:  # a penalty's pass, in which no use has a part
            self._begin(number)
        arrived = self.passes[number]
        if self.own and arrived:
            _, error = gram_and_error([*arrived.values()], _torch.dense(p.grad), 1.0, self.before)
            self.error = error if self.error is None else torch.maximum(self.error, error)
        for place, gradient in arrived.items():
            self.gradients[place] = _sum(self.gradients[place], gradient)
        self.passes[number] = {}

    def _begin(self, number: int) -> None:
        if self.own:
            self.before = None if self.p.grad is None else _torch.dense(self.p.grad).clone()
        self.passes[number] = {}
        _torch.when_backward_ends(partial(self._carefully, self._pass_ended, number))

    def _pass_ended(self, number: int) -> None:
        """Forget what never reached .grad, as by autograd.grad; look at .grad when all others have done with it."""
        self.passes.pop(number, None)
        _torch.when_backward_ends(partial(self._carefully, self._look))

    def _look(self) -> None:
        if self.p.grad is not None:
            self.grad, self.version = self.p.grad, _torch.version(self.p.grad)
            self.size = _torch.norm(_torch.dense(self.p.grad))


def _sum(a: Tensor | None, b: Tensor) -> Tensor:
    return b if a is None else a + b
