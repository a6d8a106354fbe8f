"""What runs beside an answer to q4, in the sandbox too."""

from collections.abc import Callable
from typing import Any

from torch import nn

from d2lparams.exercises.inside.plain_data import describe


def probe(answer: Callable[..., Any], layer: nn.Linear, activation: nn.Module) -> dict[str, Any]:
    """The layer's weight and bias after the answer filled them, and its weight after another time."""
    weight, bias = layer.weight, layer.bias
    answer(layer, activation)
    facts = {"weight": describe(weight), "bias": describe(bias)}
    answer(layer, activation)
    return facts | {"again": describe(layer.weight)}
