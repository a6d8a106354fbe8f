"""What runs beside an answer to q1, in the sandbox too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from d2lparams.exercises.inside.plain_data import describe


def probe(answer: Callable[..., Any], net: nn.Module, X: Tensor, factor: float) -> dict[str, Any]:
    """The returned tensor, its names, its gradient, and what the net computes after it was multiplied in place."""
    named = list(net.named_parameters())
    returned = answer(net)
    facts: dict[str, Any] = {"returned": describe(returned)}
    if isinstance(returned, Tensor):
        facts["own"] = describe([name for name, p in named if p is returned])
        net(X).square().sum().backward()
        facts["gradient"] = describe(returned.grad if returned.is_leaf else None)
        with torch.no_grad():
            returned *= factor
            facts["output"] = describe(net(X))
    return facts
