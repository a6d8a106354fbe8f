"""Tensors that a layer computes from other Parameters: what they are now, and which Parameters would make them."""

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList


class Parametrized(Protocol):
    """How a layer makes one of its tensors."""

    def made(self) -> Tensor:
        """Return the tensor as it is now."""

    def taken_apart(self, values: Tensor) -> tuple[Tensor, ...]:
        """Return values of the Parameters from which the tensor would be made."""


class ByList:
    """By `torch.nn.utils.parametrize`."""

    def __init__(self, steps: ParametrizationList) -> None:
        self.steps = steps

    def made(self) -> Tensor:
        """Return the tensor as it is now, without what is done in training alone, as spectral norm does."""
        training = [(module, module.training) for module in self.steps.modules()]
        try:
            made: Tensor = self.steps.eval()()
            return made.detach()
        finally:
            for module, was in training:
                module.training = was

    def taken_apart(self, values: Tensor) -> tuple[Tensor, ...]:
        """Return what assigning to the layer's attribute would store."""
        found: Any = values
        for step in reversed(list(self.steps)):
            inverse: Any = getattr(step, "right_inverse", None)
            if inverse is None:
                raise ValueError(f"{type(step).__name__} has no right_inverse, so its originals need rules by name")
            found = inverse(found)
        return (found,) if isinstance(found, Tensor) else tuple(found)


class ByMagnitude:
    """By the old `torch.nn.utils.weight_norm`: magnitudes times directions."""

    def __init__(self, magnitude: nn.Parameter, direction: nn.Parameter) -> None:
        self.magnitude, self.direction = magnitude, direction

    def made(self) -> Tensor:
        """Return the tensor as it is now."""
        v = self.direction.detach()
        return v.mul(self.magnitude.detach() / self._norm(v))

    def taken_apart(self, values: Tensor) -> tuple[Tensor, ...]:
        """Return magnitude and direction."""
        return self._norm(values), values

    def _norm(self, v: Tensor) -> Tensor:
        whole = self.magnitude.dim() == 0  # weight_norm(dim=None): one magnitude for all
        over = [i for i in range(v.dim()) if whole or self.magnitude.shape[i] == 1]
        sizes: Tensor = torch.linalg.vector_norm(v, dim=over, keepdim=not whole) if over else v.abs()
        return sizes
