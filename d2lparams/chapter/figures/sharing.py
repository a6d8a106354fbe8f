"""Figures of notebook 4 and the appendix on keeping ties."""

from collections.abc import Mapping, Sequence
from statistics import median

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...plots.style import color, line_style, panels


def tie_survival(kept: Mapping[str, Mapping[str, bool]]) -> Figure:
    """Draw which ways to share survive what; words and hatching stand beside color.

    Args:
        kept: {way: {what happens: whether the tie is kept}}.

    Returns:
        A figure with a column for each way and a row for each thing that happens. Met in the appendix on keeping ties.

    Example:
        >>> kept = {"by name": {"copy": True, "load": False}, "by memory": {"copy": False, "load": False}}
        >>> tie_survival(kept).axes[0].get_title()
        'By name survives most: 1 of 2'
    """
    happenings = list(next(iter(kept.values())))
    figure, (axis,) = panels(width=1.2 * len(kept) + 1.4, height=0.45 * len(happenings) + 1)
    for i, row in enumerate(kept.values()):
        for j, what in enumerate(happenings):
            tile = Rectangle((i - 0.48, j - 0.45), 0.96, 0.9)
            text = axis.text(i, j, "kept" if row[what] else "broken", ha="center", va="center")
            if row[what]:
                tile.set(facecolor=color(0), edgecolor=color(0))
                text.set_color("white")
            else:
                tile.set(facecolor="white", edgecolor=color(1), hatch="////")
                text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 2})
            axis.add_patch(tile)
    axis.set(xlim=(-0.5, len(kept) - 0.5), ylim=(len(happenings) - 0.5, -0.5))
    axis.set_xticks(range(len(kept)), list(kept))
    axis.set_yticks(range(len(happenings)), happenings)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[["left", "bottom"]].set_visible(False)
    most = max(kept, key=lambda way: sum(kept[way].values()))
    name = most.replace("\n", " ")
    axis.set_title(f"{name[0].upper()}{name[1:]} survives most: {sum(kept[most].values())} of {len(happenings)}")
    return figure


def cosines_of_uses(cosines: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how far the two uses of a weight agree, a row of dots for each kind of net, a dot for each seed.

    Args:
        cosines: {kind of net: the cosine between the gradients of the two uses, by seed}.

    Returns:
        A figure of one panel; its title says which kind agrees least in the middle, and which most. Met in notebook 4.

    Example:
        >>> cosines_of_uses({"plain": [-0.1, 0, 0.1], "skip": [0.7, 0.8, 0.9]}).axes[0].get_title()
        'median cosine: 0.0 (plain) to 0.8 (skip)'
    """
    figure, (axis,) = panels(width=6, height=0.5 * len(cosines) + 1.2)
    kinds = list(cosines)
    for i, kind in enumerate(kinds):
        axis.plot(cosines[kind], [i] * len(cosines[kind]), "o", color=color(i), alpha=0.5)
    axis.axvline(0, color="gray", linewidth=1, zorder=0)
    axis.set(xlabel="cosine between the gradients of the two uses", xlim=(-1, 1.03), ylim=(len(kinds) - 0.5, -0.5))
    axis.set_yticks(range(len(kinds)), kinds)
    axis.grid(False, axis="y")
    middle = {kind: round(median(values), 1) + 0.0 for kind, values in cosines.items()}
    low = min(kinds, key=lambda kind: abs(middle[kind]))
    high = max(reversed(kinds), key=lambda kind: abs(middle[kind]))
    axis.set_title(f"median cosine: {middle[low]} ({low}) to {middle[high]} ({high})")
    return figure


def memory_bars(costs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw what a training step keeps in memory, one stacked bar for each net.

    Args:
        costs: {net: {part: bytes}}, the same parts in each.

    Returns:
        A figure in MiB. Met in notebook 4.

    Example:
        >>> memory_bars({"shared": {"weights": 2**20}, "untied": {"weights": 2**21}}).axes[0].get_title()
        'One training step holds 1.00 MiB in place of 2.00: 50% less'
    """
    figure, (axis,) = panels(width=6.4, height=2.2)
    ends = [0.0 for _ in costs]  # of the bars so far
    for i, part in enumerate(next(iter(costs.values()))):
        sizes = [cost[part] / 2**20 for cost in costs.values()]
        hatch = ["", "//", "..", "xx"][i % 4]
        axis.barh(list(costs), sizes, left=ends, color=color(i), hatch=hatch, edgecolor="white", label=part)
        ends = [end + size for end, size in zip(ends, sizes, strict=True)]
    low, high = min(ends), max(ends)
    axis.set_title(f"One training step holds {low:.2f} MiB in place of {high:.2f}: {1 - low / high:.0%} less")
    axis.set_xlabel("memory (MiB)")
    axis.invert_yaxis()
    axis.grid(False, axis="y")
    axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.35), frameon=False)
    return figure


def sharing_error(sizes: Sequence[int], errors: Mapping[tuple[str, str], Sequence[float]]) -> Figure:
    """Draw test error over training rows for each fit, a panel for each world.

    Args:
        sizes: how many training rows.
        errors: {(world, fit): the test error at each size}.

    Returns:
        A figure; each title says which fit wins there. Met in notebook 4.

    Example:
        >>> sharing_error([10, 20], {("w", "tied"): [3, 1], ("w", "free"): [2, 2]}).axes[0].get_title()
        'w: tied wins in the end'
    """
    worlds = list(dict.fromkeys(world for world, _ in errors))
    fits = list(dict.fromkeys(fit for _, fit in errors))
    figure, axes = panels(len(worlds), height=3, sharey=True)
    for axis, world in zip(axes, worlds, strict=True):
        here = {fit: errors[world, fit] for fit in fits}
        for i, fit in enumerate(fits):
            axis.loglog(sizes, here[fit], line_style(i), color=color(i), marker="os"[i % 2], label=fit)
        lowest = [min(at_one_size) for at_one_size in zip(*here.values(), strict=True)]
        best = next(fit for fit in fits if here[fit][-1] == lowest[-1])
        always = list(here[best]) == lowest
        axis.set(title=f"{world}: {best} wins" if always else f"{world}: {best} wins in the end")
        axis.set_xlabel("training rows")
        axis.set_xticks(sizes, [str(n) for n in sizes])
        axis.minorticks_off()
        axis.legend(frameon=False)
    axes[0].set_ylabel("test error (squared,\nbeyond the noise)")
    return figure
