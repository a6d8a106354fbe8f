"""Figures that one notebook draws, a module for each notebook."""

from .access import blocks, weight_and_gradient
from .custom import first_losses
from .initialization import depth, draws, sums, three_starts
from .practice import agreement, fading, pulls
from .sharing import cosines_of_uses, memory_bars, sharing_error, tie_survival
from .survival import survival_matrix
from .training import cosines_by_kind, images, right_triangle

__all__ = [
    "agreement",
    "blocks",
    "cosines_by_kind",
    "cosines_of_uses",
    "depth",
    "draws",
    "fading",
    "first_losses",
    "images",
    "memory_bars",
    "pulls",
    "right_triangle",
    "sharing_error",
    "sums",
    "survival_matrix",
    "three_starts",
    "tie_survival",
    "weight_and_gradient",
]
