"""What runs beside an answer to q1, in the sandbox too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from d2lparams.exercises.inside.plain_data import describe


def probe(answer: Callable[..., Any], net: nn.Module, X: Tensor, factor: float) -> dict[str, Any]:
    """The returned tensor, its gradient, and what the net computes after it was multiplied in place."""
    weight = answer(net)
    facts: dict[str, Any] = {"weight": describe(weight)}
    if isinstance(weight, Tensor):
        net(X).square().sum().backward()
        facts["gradient"] = describe(weight.grad)
        with torch.no_grad():
            weight *= factor
            facts["output"] = describe(net(X))
    return facts
