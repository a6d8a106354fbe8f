"""Figures that one notebook draws."""

import math

import matplotlib.pyplot as plt

from ..plots.style import color, line_style, panels


def images(batch, titles, source):
    """Draw a row of images. batch: (n, 1, height, width). titles: n texts. source: where the images come from.

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


def blocks(counts, net="the net"):
    """Draw how many numbers each block of a net holds, from {block: count}, and say which holds most.

    >>> blocks({"a": 10, "b": 30}).axes[0].get_title()
    'b holds 75% of the 40 numbers of the net'
    """
    total = sum(counts.values())
    most = max(counts, key=counts.get)
    figure, (axis,) = panels(width=6, height=0.5 + 0.32 * len(counts))
    bars = axis.barh(list(counts), list(counts.values()), color=[color(1 if b == most else 0) for b in counts])
    axis.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=3)
    axis.set(xlabel="numbers in its Parameters", xlim=(0, 1.18 * max(counts.values())))
    axis.set_title(f"{most} holds {counts[most] / total:.0%} of the {total:,} numbers of {net}")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.invert_yaxis()
    axis.grid(False, axis="y")
    return figure


def tie_survival(kept):
    """Draw which ways to share survive what, from {way: {what happens: bool}}; words and hatching beside color.

    >>> tie_survival({"by name": {"copy": True, "load": False}, "by memory": {"copy": False, "load": False}}).axes[
    ...     0
    ... ].get_title()
    'By name survives most: 1 of 2'
    """
    happenings = list(next(iter(kept.values())))
    figure, (axis,) = panels(width=1.15 * len(happenings) + 2, height=0.55 * len(kept) + 1.3)
    for i, row in enumerate(kept.values()):
        for j, what in enumerate(happenings):
            left, bottom = j - 0.48, i - 0.46
            shade, hatch = (color(0), "") if row[what] else ("white", "////")
            axis.add_patch(
                plt.Rectangle((left, bottom), 0.96, 0.92, facecolor=shade, hatch=hatch, edgecolor=color(1 - row[what]))
            )
            box = None if row[what] else {"facecolor": "white", "edgecolor": "none", "pad": 2}
            text = axis.text(j, i, "kept" if row[what] else "broken", ha="center", va="center", bbox=box)
            text.set_color("white" if row[what] else "black")
    axis.set(xlim=(-0.5, len(happenings) - 0.5), ylim=(len(kept) - 0.5, -0.5))
    axis.set_xticks(range(len(happenings)), happenings)
    axis.set_yticks(range(len(kept)), list(kept))
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[["left", "bottom"]].set_visible(False)
    most = max(kept, key=lambda way: sum(kept[way].values()))
    best = sum(kept[most].values())
    axis.set_title(f"{most[0].upper()}{most[1:]} survives most: {best} of {len(happenings)}")
    return figure


def memory_bars(costs):
    """Draw what a training step keeps in memory, from {net: {part: bytes}}, one stacked bar for each net.

    >>> memory_bars({"shared": {"weights": 2**20}, "untied": {"weights": 2**21}}).axes[0].get_title()
    'One training step holds 1.00 MiB in place of 2.00: 50% less'
    """
    figure, (axis,) = panels(width=6.4, height=2.2)
    left = dict.fromkeys(costs, 0.0)
    for i, part in enumerate(next(iter(costs.values()))):
        sizes = [cost[part] / 2**20 for cost in costs.values()]
        hatch = ["", "//", "..", "xx"][i % 4]
        starts = list(left.values())
        axis.barh(list(costs), sizes, left=starts, color=color(i), hatch=hatch, edgecolor="white", label=part)
        left = {net: left[net] + size for net, size in zip(costs, sizes, strict=True)}
    low, high = min(left.values()), max(left.values())
    axis.set_title(f"One training step holds {low:.2f} MiB in place of {high:.2f}: {1 - low / high:.0%} less")
    axis.set_xlabel("memory (MiB)")
    axis.invert_yaxis()
    axis.grid(False, axis="y")
    axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.35), frameon=False)
    return figure


def sharing_error(sizes, errors):
    """Draw test error over training rows for each fit, a panel for each world, from {(world, fit): errors}.

    >>> sharing_error([10, 20], {("w", "tied"): [3, 1], ("w", "free"): [2, 2]}).axes[0].get_title()
    'w: tied wins in the end'
    """
    worlds = list(dict.fromkeys(world for world, _ in errors))
    fits = list(dict.fromkeys(fit for _, fit in errors))
    figure, axes = panels(len(worlds), height=3, sharey=True)
    for axis, world in zip(axes, worlds, strict=True):
        for i, fit in enumerate(fits):
            axis.loglog(sizes, errors[world, fit], line_style(i), color=color(i), marker="os"[i % 2], label=fit)
        best = min(fits, key=lambda fit, world=world: errors[world, fit][-1])
        always = all(errors[world, best][k] <= min(errors[world, f][k] for f in fits) for k in range(len(sizes)))
        axis.set(title=f"{world}: {best} wins" + ("" if always else " in the end"), xlabel="training rows")
        axis.set_xticks(sizes, [str(n) for n in sizes])
        axis.minorticks_off()
        axis.legend(frameon=False)
    axes[0].set_ylabel("test error (squared,\nbeyond the noise)")
    return figure


def depth(scales, quantity):
    """Draw how a scale runs through the layers of a deep net: a panel per activation, a line per scheme.

    scales: {activation: {scheme: [number per layer]}}. quantity: what the numbers are, for the axis.

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
        best = min(change, key=lambda scheme: abs(math.log(max(change[scheme], 1e-300))))
        axis.set_title(f"{activation}: best {best}, ×{change[best]:.2g}", fontsize=10)
        axis.set(xlabel="layer, counted from the input")
    axes[0].set_ylabel(quantity)
    axes[-1].legend(frameon=False, fontsize=8)
    return figure


def first_losses(losses, classes):
    """Draw the first loss of each scheme, {name: loss}, on a logarithmic axis beside ln(classes).

    >>> first_losses({"default": 2.3, "wild": 4e7}, classes=10).axes[0].get_title()
    '1 of 2 begin far above ln 10 = 2.30 (dashed)'
    """
    figure, (axis,) = panels(1, width=6.4, height=0.32 * len(losses) + 1.1)
    guess = math.log(classes)
    names = list(losses)[::-1]
    axis.barh(names, [losses[name] for name in names], color=[color(5 if losses[n] < 3 * guess else 1) for n in names])
    for name in names:
        number = f"{losses[name]:.3g}" if losses[name] < 100 else f"{losses[name]:.0e}"
        axis.text(losses[name] * 1.15, name, number, va="center")
    axis.axvline(guess, color=color(6), linestyle="--")
    far = sum(loss >= 3 * guess for loss in losses.values())
    axis.set(xscale="log", xlim=(1, max(losses.values()) * 30), xlabel="first loss, nats (logarithmic)")
    axis.set_title(f"{far} of {len(losses)} begin far above ln {classes} = {guess:.2f} (dashed)", fontsize=10)
    axis.grid(False, axis="y")
    return figure
