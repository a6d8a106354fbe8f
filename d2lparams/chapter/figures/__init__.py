"""Figures that one notebook draws, a module for each notebook."""

from .access import blocks
from .custom import first_losses
from .initialization import depth
from .sharing import memory_bars, sharing_error, tie_survival
from .training import images

__all__ = ["blocks", "depth", "first_losses", "images", "memory_bars", "sharing_error", "tie_survival"]
