"""Figures of parameters, gradients and updates. Each function takes data and returns the Figure that it drew.

Titles state what the data show, and are worked out from them::

    style      colors, line styles, panels
    records    what `track` recorded
    layers     maps of deep nets
    models     matrices, gradients, samples
    board      training curves while they grow
    example    a small record, to try them on
"""

from .board import Board
from .example import example_record
from .models import distribution, gradient_uses, matrices
from .records import histograms, training, twins, uses
from .style import SIGNED, color, dress, line_style, panels

__all__ = [
    "SIGNED",
    "Board",
    "color",
    "distribution",
    "dress",
    "example_record",
    "gradient_uses",
    "histograms",
    "line_style",
    "matrices",
    "panels",
    "training",
    "twins",
    "uses",
]
