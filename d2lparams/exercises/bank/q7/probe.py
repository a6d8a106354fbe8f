"""What runs beside an answer to q7, in the sandbox too."""

import copy
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from d2lparams.exercises.inside.descent import step
from d2lparams.exercises.inside.plain_data import describe


def probe(
    answer: type, sizes: tuple[int, int], state: dict[str, Tensor], X: Tensor, Y: Tensor, lr: float, steps: int
) -> dict[str, Any]:
    """The output from given values, the values after some steps of gradient descent; what moves from its own start."""
    layer = answer(*sizes)
    held = layer.state_dict()
    facts: dict[str, Any] = {"names": describe(list(held))}
    if sorted(held) == sorted(state) and all(held[name].shape == state[name].shape for name in state):
        start = copy.deepcopy(held)
        _descend(layer, X, Y, lr, steps)
        facts["moved"] = describe([name for name, value in layer.state_dict().items() if (value != start[name]).any()])
        layer.load_state_dict(state)
        facts["output"] = describe(layer(X))
        _descend(layer, X, Y, lr, steps)
        facts["values"] = {name: describe(value) for name, value in layer.state_dict().items()}
    return facts


def _descend(layer: nn.Module, X: Tensor, Y: Tensor, lr: float, steps: int) -> None:
    held = nn.ParameterList(layer.parameters())  # as an optimizer holds them: what comes later it does not know
    for _ in range(steps):
        held.zero_grad()
        loss = F.mse_loss(layer(X), Y)
        if loss.requires_grad:
            loss.backward()
        step(held, lr)
