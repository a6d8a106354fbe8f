"""Figures that one notebook draws."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ..plots.style import color, line_style, panels


def images(batch: Tensor, titles: Sequence[str], source: str) -> Figure:
    """Draw a row of images.

    Args:
        batch: shape (n, 1, height, width).
        titles: n texts, one above each image.
        source: where the images come from.

    Returns:
        A figure with a panel for each image. Met in notebook 5.

    Example:
        >>> import torch
        >>> images(torch.rand(2, 1, 28, 28), ["Coat", "Bag"], "drawn").get_suptitle()
        'drawn'
    """
    figure, axes = panels(len(batch), width=0.95, height=1.5)
    for axis, image, title in zip(axes, batch, titles, strict=True):
        axis.imshow(image[0].cpu().numpy(), cmap="gray_r")
        axis.set_title(title, fontsize=8)
        axis.set_axis_off()
    figure.suptitle(source, fontsize=9)
    return figure


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


def tie_survival(kept: Mapping[str, Mapping[str, bool]]) -> Figure:
    """Draw which ways to share survive what; words and hatching stand beside color.

    Args:
        kept: {way: {what happens: whether the tie is kept}}.

    Returns:
        A figure with a row for each way and a column for each thing that happens. Met in notebook 4.

    Example:
        >>> kept = {"by name": {"copy": True, "load": False}, "by memory": {"copy": False, "load": False}}
        >>> tie_survival(kept).axes[0].get_title()
        'By name survives most: 1 of 2'
    """
    happenings = list(next(iter(kept.values())))
    figure, (axis,) = panels(width=1.15 * len(happenings) + 2, height=0.55 * len(kept) + 1.3)
    for i, row in enumerate(kept.values()):
        for j, what in enumerate(happenings):
            tile = Rectangle((j - 0.48, i - 0.46), 0.96, 0.92)
            text = axis.text(j, i, "kept" if row[what] else "broken", ha="center", va="center")
            if row[what]:
                tile.set(facecolor=color(0), edgecolor=color(0))
                text.set_color("white")
            else:
                tile.set(facecolor="white", edgecolor=color(1), hatch="////")
                text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 2})
            axis.add_patch(tile)
    axis.set(xlim=(-0.5, len(happenings) - 0.5), ylim=(len(kept) - 0.5, -0.5))
    axis.set_xticks(range(len(happenings)), happenings)
    axis.set_yticks(range(len(kept)), list(kept))
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[["left", "bottom"]].set_visible(False)
    most = max(kept, key=lambda way: sum(kept[way].values()))
    axis.set_title(f"{most[0].upper()}{most[1:]} survives most: {sum(kept[most].values())} of {len(happenings)}")
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
