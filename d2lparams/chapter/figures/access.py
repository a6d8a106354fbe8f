"""Figures of notebook 1."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from ...plots.style import color, panels


def blocks(counts: Mapping[str, int], net: str = "the net") -> Figure:
    """Draw how many numbers each block of a net holds, and say which holds most.

    Args:
        counts: {block: numbers in its Parameters}.
        net: its name, for the title.

    Returns:
        A figure with a bar for each block. Met in notebook 1.

    Example:
        >>> blocks({"a": 10, "b": 30}).axes[0].get_title()
        'b holds 75% of the 40 numbers of the net'
    """
    total = sum(counts.values())
    most = max(counts, key=lambda block: counts[block])
    figure, (axis,) = panels(width=6, height=0.5 + 0.32 * len(counts))
    colors = [color(1) if block == most else color(0) for block in counts]
    bars = axis.barh(list(counts), list(counts.values()), color=colors)
    axis.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=3)
    axis.set(xlabel="numbers in its Parameters", xlim=(0, 1.18 * max(counts.values())))
    axis.set_title(f"{most} holds {counts[most] / total:.0%} of the {total:,} numbers of {net}")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.invert_yaxis()
    axis.grid(False, axis="y")
    return figure
