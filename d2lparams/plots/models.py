"""Figures of matrices, gradients and samples."""

import numpy as np

from .style import SIGNED, color, panels


def matrices(named, title="", numbers=False):
    """Draw matrices side by side, red above 0 and blue below, each on a scale of its own, symmetric about 0.

    named: {label: tensor of shape (rows, columns)}. numbers: write each entry in, for small ones, in place of a color
    bar. Met in notebooks 1 and 2.

    >>> import torch
    >>> [axis.get_title() for axis in matrices({"W": torch.eye(2)}, numbers=True).axes]
    ['W']
    """
    figure, axes = panels(len(named), width=3.6 if numbers else 2.5, height=2.5)
    for axis, (label, matrix) in zip(axes, named.items(), strict=True):
        values = matrix.detach().float().cpu().numpy()
        limit = float(abs(values).max()) or 1.0
        reach = 1.4 * limit if numbers else limit  # paler, so that text stays legible
        image = axis.imshow(values, cmap=SIGNED, vmin=-reach, vmax=reach, aspect="auto")
        axis.set(xlabel="input", ylabel="output", xticks=[], yticks=[])
        axis.set_title(label, fontsize=10)
        axis.grid(False)
        if not numbers:
            figure.colorbar(image, ax=axis, ticks=[-limit, 0, limit], format="%.2g")
            continue
        axis.set(xticks=range(values.shape[1]), yticks=range(values.shape[0]))
        for (i, j), value in np.ndenumerate(values):
            axis.text(j, i, f"{value:.2f}", ha="center", va="center")
    figure.suptitle(title, fontsize=11)
    return figure


def gradient_uses(uses):
    """Draw the gradient of one shared matrix, split by use, beside the sum that `.grad` holds.

    uses: {place: matrix}, one entry of what `gradient_by_use` returns. All panels have one scale, symmetric about 0.

    >>> import torch
    >>> gradient_uses({"0": torch.eye(2), "1": -torch.eye(2)}).get_suptitle()
    'The uses partly cancel: norms of 1.414 and 1.414 make a sum of norm 0.000'
    """
    total = sum(uses.values())
    shown = {f"use at {place}": gradient for place, gradient in uses.items()} | {"sum = .grad": total}
    limit = max(float(g.abs().max()) for g in shown.values()) or 1.0
    figure, axes = panels(len(shown), width=2.9, height=3.1)
    for axis, (label, gradient) in zip(axes, shown.items(), strict=True):
        image = axis.imshow(gradient.detach().float().cpu().numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
        axis.set(title=f"{label}\nnorm {gradient.norm():.3f}", xlabel="input", ylabel="unit")
        axis.grid(False)
    figure.colorbar(image, ax=axes, label="gradient", shrink=0.8)
    norms = [float(gradient.norm()) for gradient in uses.values()]
    finding = "The uses partly cancel" if total.norm() < max(norms) else "The uses add up"
    terms = " and ".join(f"{norm:.3f}" for norm in norms)
    figure.suptitle(f"{finding}: norms of {terms} make a sum of norm {total.norm():.3f}")
    return figure


def distribution(values, cdf, name="the claimed law", bins=61):
    """Draw a sample's histogram, and its cumulative shares against a claimed law, with the widest gap marked.

    values: 1-D. cdf: the law's cumulative distribution function, of arrays; it may jump. The gap is the statistic of
    Kolmogorov and Smirnov's test: the shares jump at each value, so it is looked for there and just below.

    >>> distribution([0.0, 0.5, 1.0], lambda x: np.clip(x, 0, 1)).axes[1].get_title()
    'widest gap: 0.33'
    """
    figure, (left, right) = panels(2, width=4.0, height=2.8)
    ordered = np.sort(np.asarray(values))
    left.hist(ordered, bins=bins, color=color(5))
    left.set(xlabel="value", ylabel="how many")
    zeros = (ordered == 0).mean()
    left.set_title(f"{zeros:.0%} are exactly 0" if zeros else f"mean {ordered.mean():.2g}, std {ordered.std():.2g}")
    distinct, counts = np.unique(ordered, return_counts=True)
    share = np.cumsum(counts) / len(ordered)
    sides = ((share, cdf(distinct)), (share - counts / len(ordered), cdf(np.nextafter(distinct, -np.inf))))
    ends = np.concatenate(sides, axis=1)  # of the gap at each value, then just below each: the sample's, the law's
    gaps = np.abs(ends[0] - ends[1])
    worst = gaps.argmax()
    margin = 0.05 * (ordered[-1] - ordered[0])
    line = np.linspace(ordered[0] - margin, ordered[-1] + margin, 1001)
    right.plot(line, cdf(line), color=color(1), linestyle="--", label=name, zorder=3)
    right.step(distinct, share, where="post", color=color(0), label="the sample")
    right.vlines(distinct[worst % len(distinct)], *ends[:, worst], color=color(6), linewidth=3, zorder=4)
    right.set(xlabel="value", ylabel="share at or below it")
    right.set_title(f"widest gap: {gaps[worst]:.2g}")
    right.legend(frameon=False, fontsize=8)
    return figure
