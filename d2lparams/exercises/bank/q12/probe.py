"""What runs beside an answer to q12, in the sandbox too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from d2lparams.exercises.inside.plain_data import describe


def probe(
    answer: Callable[..., Any], net: nn.Module, lr: float, decay: float, gradients: list[dict[str, Tensor]]
) -> dict[str, Any]:
    """The parameters after the optimizer took a step with each set of gradients."""
    optimizer = answer(net, lr, decay)
    if not isinstance(optimizer, torch.optim.Optimizer):
        return {"optimizer": describe(optimizer)}
    named = dict(net.named_parameters())
    for step in gradients:
        for name, gradient in step.items():
            named[name].grad = gradient.clone()
        optimizer.step()
    return {"optimizer": {"type": "Optimizer"}, "values": {name: describe(p) for name, p in named.items()}}
