"""What runs beside an answer to q11, in the sandbox too."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from d2lparams.exercises.inside.descent import step
from d2lparams.exercises.inside.plain_data import describe


def probe(answer: Callable[..., Any], net: nn.Module, X: Tensor, Y: Tensor, lr: float) -> dict[str, Any]:
    """The twin's and the net's outputs: at once, after a step of the twin, after a step of the net."""
    twin = answer(net)
    if not isinstance(twin, nn.Module):
        return {"twin": describe(twin)}
    facts: dict[str, Any] = {"twin": {"type": "Module"}, "at once": _outputs(twin, net, X)}
    facts["count"] = describe(sum(p.numel() for p in twin.parameters()))
    facts["trains"] = describe(all(p.requires_grad for p in twin.parameters()))
    for name, module in (("twin", twin), ("net", net)):
        module.zero_grad()
        loss = F.mse_loss(module(X), Y)
        if loss.requires_grad:
            loss.backward()
        step(module, lr)
        facts[f"after a step of the {name}"] = _outputs(twin, net, X)
    return facts


def _outputs(twin: nn.Module, net: nn.Module, X: Tensor) -> dict[str, Any]:
    return {"twin": describe(twin(X)), "net": describe(net(X))}
