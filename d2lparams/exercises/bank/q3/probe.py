"""What runs beside an answer to q3, in the sandbox too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lparams.exercises.inside.plain_data import describe


class Parallel(nn.Module):
    """Run blocks side by side on one input, and lay their outputs end to end."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, X: Tensor) -> Tensor:
        return torch.cat([block(X) for block in self.blocks], dim=1)


class Fancy(nn.Module):
    """A block with fixed weights, after D2L's FancyMLP: they are saved, and never trained."""

    fixed: Tensor

    def __init__(self, width: int, fixed: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.register_buffer("fixed", fixed)
        self.register_buffer("scratch", torch.zeros(width), persistent=False)

    def forward(self, X: Tensor) -> Tensor:
        X = self.linear(X)
        Y: Tensor = self.linear(F.relu(X @ self.fixed + 1))
        return Y


def probe(answer: Callable[..., Any], net: nn.Module) -> dict[str, Any]:
    """The names that the answer found."""
    return {"names": describe(answer(net))}
