"""Figures of notebook 3."""

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from ...plots.style import color, panels


def first_losses(losses: Mapping[str, float], classes: int) -> Figure:
    """Draw the first loss of each scheme on a logarithmic axis, beside ln(classes), the loss of guessing.

    Args:
        losses: {scheme: first loss, in nats}.
        classes: how many there are.

    Returns:
        A figure with a bar for each scheme. Met in notebook 3.

    Example:
        >>> first_losses({"default": 2.3, "wild": 4e7}, classes=10).axes[0].get_title()
        '1 of 2 begin far above ln 10 = 2.30 (dashed)'
    """
    figure, (axis,) = panels(1, width=6.4, height=0.32 * len(losses) + 1.1)
    guess = math.log(classes)
    names = list(losses)[::-1]
    far = [name for name in names if losses[name] >= 3 * guess]
    axis.barh(names, [losses[name] for name in names], color=[color(1 if name in far else 5) for name in names])
    for position, name in enumerate(names):
        number = f"{losses[name]:.3g}" if losses[name] < 100 else f"{losses[name]:.0e}"
        axis.text(losses[name] * 1.15, position, number, va="center")
    axis.axvline(guess, color=color(6), linestyle="--")
    axis.set(xscale="log", xlim=(1, max(losses.values()) * 30), xlabel="first loss, nats (logarithmic)")
    axis.set_title(f"{len(far)} of {len(losses)} begin far above ln {classes} = {guess:.2f} (dashed)", fontsize=10)
    axis.grid(False, axis="y")
    return figure
