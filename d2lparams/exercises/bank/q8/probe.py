"""What runs beside an answer to q8, in the sandbox too."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from d2lparams.exercises.inside.plain_data import describe


def probe(answer: Callable[..., Any], net: nn.Module, X: Tensor) -> dict[str, Any]:
    """The groups of names, and the output of the net that was looked at."""
    return {"groups": describe(answer(net)), "output": describe(net(X))}
