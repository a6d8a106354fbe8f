"""Figures of the appendix on sharing in practice."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from matplotlib.figure import Figure

from ...plots.style import color, line_style, panels
from ...record import Record


def pulls(records: Mapping[str, Record], name: str) -> Figure:
    """Draw how hard each use of a shared weight pulls in training.

    Args:
        records: {start: the record of a net that began so}.
        name: the shared weight, the same in each net.

    Returns:
        A figure with a panel for each start, one under the other; each title compares the last use with the first, by
        the median over steps. Met in the appendix on sharing in practice.

    Example:
        >>> from d2lparams.plots import example_record
        >>> record = example_record()
        >>> pulls({"made up": record}, record.shared[0]).axes[0].get_ylabel()
        'gradient norm'
    """
    figure, axes = panels(len(records), width=5, height=2.3, columns=1, sharex=True)
    for axis, (start, record) in zip(axes, records.items(), strict=True):
        norms = record.uses(name)["norm"]
        for i, place in enumerate(norms.columns):
            axis.plot(norms[place], color=color(i), linestyle=line_style(i), label=place)
        first, last = norms.columns[0], norms.columns[-1]
        times = (norms[last] / norms[first]).median()
        axis.set(yscale="log", ylabel="gradient norm")
        axis.set_title(f"{start}: the {last} pulls {times:.1f} times as hard")
    axes[0].legend(frameon=False, fontsize=8)
    axes[-1].set_xlabel("optimizer step")
    return figure


def agreement(cosines: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how far the uses of one block agree with its first use.

    Args:
        cosines: {net: the cosine of each use's gradient with the first use's, from the first use on}.

    Returns:
        A figure of one panel; its title tells the range for the second and the last use. Met in the appendix on sharing
        in practice.

    Example:
        >>> agreement({"a": [1, 0.9, 0.4], "b": [1, 0.3, 0.1]}).axes[0].get_title()
        'cosine with use 1: use 2 from 0.3 to 0.9, use 3 from 0.1 to 0.4'
    """
    figure, (axis,) = panels(width=5, height=3.2)
    for i, (net, values) in enumerate(cosines.items()):
        axis.plot(range(1, len(values) + 1), values, "o", color=color(i), linestyle=line_style(i), label=net)
    number = len(next(iter(cosines.values())))
    second, last = ([round(values[i], 1) + 0.0 for values in cosines.values()] for i in (1, -1))
    ranges = f"use 2 from {min(second)} to {max(second)}, use {number} from {min(last)} to {max(last)}"
    axis.set_title(f"cosine with use 1: {ranges}", fontsize=9)
    axis.set(xlabel="use of the block", ylabel="cosine with the first use", ylim=(-0.25, 1.05))
    axis.set_xticks(range(1, number + 1))
    axis.axhline(0, color="gray", linewidth=1, zorder=0)
    axis.legend(frameon=False, fontsize=8)
    return figure


def fading(norms: Sequence[float]) -> Figure:
    """Draw how the pull of a use fades with its distance from the loss.

    Args:
        norms: the gradient norm of each use, the first in time first; none is 0.

    Returns:
        A figure of one panel; its title tells the factor of one step back, by the median. Met in the appendix on
        sharing in practice.

    Example:
        >>> fading([1, 2, 4]).axes[0].get_title()
        'each step back in time leaves 0.50 of the pull'
    """
    figure, (axis,) = panels(width=5, height=2.8)
    back = range(len(norms) - 1, -1, -1)
    axis.plot(back, norms, "o-", color=color(0))
    factor = median(earlier / later for earlier, later in pairwise(norms))
    axis.set_title(f"each step back in time leaves {factor:.2f} of the pull")
    axis.set(yscale="log", xlabel="steps before the last", ylabel="gradient norm of the use")
    return figure
