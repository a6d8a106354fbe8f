"""Figures of notebook 2."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ...plots.style import color, line_style, panels


def depth(scales: Mapping[str, Mapping[str, Sequence[float]]], quantity: str) -> Figure:
    """Draw how a scale runs through the layers of a deep net: a panel for each activation, a line for each scheme.

    Args:
        scales: {activation: {scheme: a number for each layer}}.
        quantity: what the numbers are, for the axis.

    Returns:
        A figure; each title names the scheme whose scale changes least. Met in notebook 2.

    Example:
        >>> depth({"tanh": {"Xavier": [1.0, 0.9], "small": [1.0, 0.01]}}, "std").axes[0].get_title()
        'tanh: best Xavier, ×0.9'
    """
    figure, axes = panels(len(scales), width=3.3, height=2.9, sharey=True)
    schemes = list(dict.fromkeys(scheme for lines in scales.values() for scheme in lines))
    for axis, (activation, lines) in zip(axes, scales.items(), strict=True):
        change = {scheme: line[-1] / line[0] for scheme, line in lines.items()}
        for scheme, line in lines.items():
            i = schemes.index(scheme)
            axis.semilogy(range(1, len(line) + 1), line, color=color(i), linestyle=line_style(i), label=scheme)
        off = {scheme: abs(math.log(max(factor, 1e-300))) for scheme, factor in change.items()}
        best = min(off, key=lambda scheme: off[scheme])
        axis.set_title(f"{activation}: best {best}, ×{change[best]:.2g}", fontsize=10)
        axis.set(xlabel="layer, counted from the input")
    axes[0].set_ylabel(quantity)
    axes[-1].legend(frameon=False, fontsize=8)
    return figure
