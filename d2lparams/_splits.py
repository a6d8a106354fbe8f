"""The gradients of the uses of one parameter, gathered while backward passes run."""

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from . import _torch
from ._gram import gram_and_error


class Split:
    """The gradients of the uses of one parameter since the last step, over as many backward passes as it took.

    An error ends no backward pass: then this split has no entry.

    Args:
        p: the parameter.
        failed: called with the first error.
    """

    def __init__(self, p: Tensor, failed: Callable[[Exception], object]) -> None:
        self.p, self.failed = p, failed
        self.gradients: dict[str, Tensor | None] = {}
        self.hook: RemovableHandle | None = None
        self.base: Tensor | None = None  # .grad before the first pass, if it was not zeroed
        self.total: Tensor | None = None  # what was added to it since
        self.grad: Tensor | None = None  # .grad, as the last pass left it
        self.version = 0  # of that
        self.passes: dict[int, dict[str, Tensor]] = {}  # a pass under way, by its number -> {place: what arrived}
        self.broken = False

    def used(self, place: str, view: Tensor) -> None:
        """Gather, from now on, what flows into a view.

        Args:
            place: where the parameter was used.
            view: what was used in its place there.
        """
        self.gradients.setdefault(place, None)
        use_arrived = partial(self._carefully, partial(self._use_arrived, place))
        view.register_hook(use_arrived)
        if len(self.gradients) == 2 and not self.hook:
            sum_arrived = partial(self._carefully, self._sum_arrived)
            self.hook = self.p.register_post_accumulate_grad_hook(sum_arrived)

    def close(self) -> None:
        """Gather no more."""
        if self.hook:
            self.hook.remove()
        self.hook = self.grad = None

    def entry(self) -> tuple[tuple[str, ...], Tensor, Tensor] | None:
        """Return what was gathered.

        Returns:
            (places, their Gram matrix, relative error of their sum), or None if fewer than two were used.
        """
        found = {place: gradient for place, gradient in self.gradients.items() if gradient is not None}
        if len(found) < 2 or self.total is None or self.broken:
            return None
        return tuple(found), *gram_and_error(list(found.values()), self.total)

    def _carefully(self, function: Callable[[Tensor], object], tensor: Tensor) -> None:
        """Do `function(tensor)` for a hook of torch's, which goes on whatever happens."""
        if self.broken or not self.hook:
            return
        try:
            function(tensor)
        except Exception as error:
            self.broken = True
            self.failed(error)

    def _use_arrived(self, place: str, gradient: Tensor) -> None:
        number, grad = _torch.backward_pass(), self.p.grad
        if number not in self.passes:
            if grad is None or grad is not self.grad or _torch.version(grad) != self.version:
                # zeroed or changed: what arrived before is no part of it any more, and if it is, the check tells
                self.gradients = dict.fromkeys(self.gradients)
                self.base = None if grad is None or self.total is not None else _torch.dense(grad).clone()
            self.passes[number] = {}
            # when the pass ends, forget what never reached .grad, as by autograd.grad
            _torch.when_backward_ends(partial(self.passes.pop, number, None))
        arrived = self.passes[number]
        arrived[place] = _sum(arrived.get(place), _torch.dense(gradient).clone())

    def _sum_arrived(self, p: Tensor) -> None:
        """Take over what arrived in this pass. One that reached no .grad, by autograd.grad, is never taken over."""
        if p.grad is None:  # a hook before this one has used it up
            return
        for place, gradient in self.passes.pop(_torch.backward_pass(), {}).items():
            self.gradients[place] = _sum(self.gradients[place], gradient)
        self.total = _torch.dense(p.grad).clone() if self.base is None else _torch.dense(p.grad) - self.base
        self.grad, self.version = p.grad, _torch.version(p.grad)


def _sum(a: Tensor | None, b: Tensor) -> Tensor:
    return b if a is None else a + b
