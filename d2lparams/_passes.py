"""One pass of a net forward and backward, through a copy of it that shares nothing with it."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ._batches import call, tensors
from ._first_loss import Guess, Shares, Watch, first_loss
from ._probe import Probe
from ._torch import children, uncompiled
from ._waking import Pass


def twin_of(net: nn.Module) -> nn.Module:
    """Return a copy of `net` that shares nothing with it, hooks of Parameters included."""
    keep: list[Tensor] = []
    for module in net.modules():  # a tensor that autograd made cannot be copied; what forward makes anew is set anew
        keep += [value for value in vars(module).values() if isinstance(value, Tensor) and value.grad_fn is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's, of how it copies what it exported itself
        try:
            twin = copy.deepcopy(net, {id(value): value for value in keep})
        except Exception as error:
            raise TypeError(f"health looks at a copy of the net, and copy.deepcopy(net) fails: {error}") from error
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        vars(q).update(vars(p))  # what forward may read of a Parameter, which copying leaves out
    for module in twin.modules():
        for name, child in children(module).items():
            if (inner := uncompiled(child)) is not child:
                setattr(module, name, inner)
    return twin


def run(
    net: nn.Module,
    twin: nn.Module,
    X: Any,
    y: Any,
    loss: Callable[[Any, Any], Tensor] | None,
    shares: Shares = None,
    at_random: bool = False,
) -> tuple[Pass, Guess]:
    """Run one batch forward and backward through the twin.

    With `at_random` the gradients are those of a random sum of all that the net hands out, in place of the loss.
    """
    for whole in (False, True):
        probe, watch = Probe(twin), Watch()
        with probe:
            with watch:
                with probe.mode:
                    output = call(twin, X)
                probe.finish(output)
                value = first_loss(output, y, loss)
            if not value.requires_grad:
                raise ValueError(
                    "the loss depends on no parameter: unfreeze some, and compute it from the net's output"
                )
            target = _random_sum(output) if at_random else value
            try:
                gradients = _gradients(net, twin, target, whole)
            except RuntimeError as error:
                if whole or "checkpoint" not in str(error).lower():
                    raise
                continue  # checkpointing that enters anew takes no backward pass but a whole one
        return Pass(value.item(), probe.layers, probe.runs, probe.ran, gradients), watch.guess(value, shares)
    raise AssertionError


def _random_sum(output: object) -> Tensor:
    found = [tensor for tensor in tensors(output) if tensor.requires_grad]
    return torch.stack([(tensor * torch.randn_like(tensor)).sum().abs() for tensor in found]).sum()


def _gradients(net: nn.Module, twin: nn.Module, value: Tensor, whole: bool) -> dict[str, Tensor | None]:
    """Return the gradients by name. A closure may hold the net's own parameters; what they have in `.grad` stays."""
    pairs = {
        name: (p, q)
        for (name, p), q in zip(twin.named_parameters(), net.parameters(), strict=True)
        if p.requires_grad or q.requires_grad
    }
    wanted = [p for pair in pairs.values() for p in pair if p.requires_grad]
    if whole:
        kept = [p.grad for p in wanted]
        for p in wanted:
            p.grad = None
        value.backward()
        found = [p.grad for p in wanted]
        for p, grad in zip(wanted, kept, strict=True):
            p.grad = grad
    else:
        found = list(torch.autograd.grad(value, wanted, allow_unused=True))
    by_parameter = dict(zip(wanted, found, strict=True))
    return {
        name: next((grad for p in pair if (grad := by_parameter.get(p)) is not None), None)
        for name, pair in pairs.items()
    }
