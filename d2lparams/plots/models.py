"""Figures of matrices, gradients and samples."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from .style import PALE, SIGNED, color, panels


def matrices(named: Mapping[str, Tensor], title: str = "", numbers: bool = False) -> Figure:
    """Draw matrices side by side, red above 0 and blue below, each on a scale of its own, symmetric about 0.

    Args:
        named: {label: tensor of shape (rows, columns)}, as `nn.Linear` stores a weight: (outputs, inputs).
        title: above them all.
        numbers: write each entry in, in place of a color bar: for small ones.

    Returns:
        A figure with a panel for each matrix, without numbers beside its color bar.

    Met in notebooks 1 and 2.

    Example:
        >>> import torch
        >>> [axis.get_title() for axis in matrices({"W": torch.eye(2)}, numbers=True).axes]
        ['W']
    """
    figure, axes = panels(len(named), width=3.6 if numbers else 2.5, height=2.5)
    for axis, (label, matrix) in zip(axes, named.items(), strict=True):
        values = _as_array(matrix)
        limit = float(abs(values).max()) or 1.0
        reach = PALE * limit if numbers else limit
        image = axis.imshow(values, cmap=SIGNED, vmin=-reach, vmax=reach, aspect="auto")
        axis.set(xlabel="input", ylabel="output", xticks=[], yticks=[])
        axis.set_title(label, fontsize=10)
        axis.grid(False)
        if not numbers:
            figure.colorbar(image, ax=axis, ticks=[-limit, 0, limit], format="%.2g")
            continue
        axis.set(xticks=range(values.shape[1]), yticks=range(values.shape[0]))
        for (row, column), value in np.ndenumerate(values):
            axis.text(column, row, f"{value:.2f}", ha="center", va="center")
    figure.suptitle(title, fontsize=11)
    return figure


def gradient_uses(uses: Mapping[str, Tensor]) -> Figure:
    """Draw the gradient of one shared matrix, split by use, beside the sum that `.grad` holds.

    Args:
        uses: {place: gradient of shape (rows, columns)}, one entry of what `gradient_by_use` returns.

    Returns:
        A figure with a panel for each use and one for the sum, all on one scale, symmetric about 0.

    Met in notebook 4.

    Example:
        >>> import torch
        >>> gradient_uses({"0": torch.eye(2), "1": -torch.eye(2)}).get_suptitle()
        'The uses partly cancel: norms of 1.414 and 1.414 make a sum of norm 0.000'
    """
    total = torch.stack(list(uses.values())).sum(0)
    norms = [gradient.norm().item() for gradient in uses.values()]
    shown = {f"use at {place}": gradient for place, gradient in uses.items()} | {"sum = .grad": total}
    limit = max(gradient.abs().max().item() for gradient in shown.values()) or 1.0
    figure, axes = panels(len(shown), width=2.9, height=3.1)
    for axis, (label, gradient) in zip(axes, shown.items(), strict=True):
        image = axis.imshow(_as_array(gradient), cmap=SIGNED, vmin=-limit, vmax=limit)
        axis.set(title=f"{label}\nnorm {gradient.norm():.3f}", xlabel="input", ylabel="unit")
        axis.grid(False)
    figure.colorbar(image, ax=axes, label="gradient", shrink=0.8)
    finding = "The uses partly cancel" if total.norm() < max(norms) else "The uses add up"
    terms = " and ".join(f"{norm:.3f}" for norm in norms)
    figure.suptitle(f"{finding}: norms of {terms} make a sum of norm {total.norm():.3f}")
    return figure


def distribution(
    values: ArrayLike,
    cdf: Callable[[np.ndarray], np.ndarray],
    name: str = "the claimed distribution",
    bins: int = 61,
) -> Figure:
    """Draw a sample beside the distribution that it is claimed to have, with the widest gap between the two marked.

    The gap is the statistic of Kolmogorov and Smirnov's test: the shares jump at each value, so it is looked for there
    and just below.

    Args:
        values: the sample, such as a weight's entries: shape (n,).
        cdf: the cumulative distribution function, from an array to one of the same shape, 0 to 1; it may jump.
        name: of the distribution, for the legend.
        bins: of the histogram.

    Returns:
        A figure of two panels, left the sample's histogram, right the share at or below each value.

    Met in notebook 3.

    Example:
        >>> distribution([0.0, 0.5, 1.0], lambda x: np.clip(x, 0, 1)).axes[1].get_title()
        'widest gap: 0.33'
    """
    ordered = np.sort(np.asarray(values))
    distinct, counts = np.unique(ordered, return_counts=True)
    share = np.cumsum(counts) / len(ordered)
    at, below = (share, cdf(distinct)), (share - counts / len(ordered), cdf(np.nextafter(distinct, -np.inf)))
    ends = np.concatenate([at, below], axis=1)  # of the gap at each value, then just below: the sample's, the claim's
    gaps = np.abs(ends[0] - ends[1])
    widest = gaps.argmax()

    figure, (left, right) = panels(2, width=4.0, height=2.8)
    left.hist(ordered, bins=bins, color=color(5))
    left.set(xlabel="value", ylabel="how many")
    zeros = (ordered == 0).mean()
    left.set_title(f"{zeros:.0%} are exactly 0" if zeros else f"mean {ordered.mean():.2g}, std {ordered.std():.2g}")
    margin = 0.05 * (ordered[-1] - ordered[0])
    line = np.linspace(ordered[0] - margin, ordered[-1] + margin, 1001)
    right.plot(line, cdf(line), color=color(1), linestyle="--", label=name, zorder=3)
    right.step(distinct, share, where="post", color=color(0), label="the sample")
    right.vlines(distinct[widest % len(distinct)], *ends[:, widest], color=color(6), linewidth=3, zorder=4)
    right.set(xlabel="value", ylabel="share at or below it")
    right.set_title(f"widest gap: {gaps[widest]:.2g}")
    right.legend(frameon=False, fontsize=8)
    return figure


def _as_array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
