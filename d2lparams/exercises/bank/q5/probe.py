"""What runs beside an answer to q5, in the sandbox too."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from d2lparams.exercises.inside.plain_data import describe


def probe(answer: Callable[..., Any], net: nn.Module, X: Tensor) -> dict[str, Any]:
    """What the answer said of the net, and the shapes that the net has after its first batch."""
    facts: dict[str, Any] = {"returned": describe(answer(net))}
    try:
        net(X)
        facts["then"] = describe({name: tuple(p.shape) for name, p in net.named_parameters()})
    except Exception:
        facts["then"] = {"type": "NoneType", "value": None}
    return facts
