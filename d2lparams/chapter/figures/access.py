"""Figures of notebook 1."""

from collections.abc import Mapping

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ...plots.style import PALE, SIGNED, color, dress, panels


def blocks(counts: Mapping[str, int], net: str = "the net") -> Figure:
    """Draw how many numbers each block of a net holds, and say which holds most.

    Args:
        counts: {block: numbers in its Parameters}.
        net: its name, for the title.

    Returns:
        A figure with a bar for each block. Met in notebook 1.

    Example:
        >>> blocks({"a": 10, "b": 30}).get_suptitle()
        'b holds 75% of the 40 numbers of the net'
    """
    total = sum(counts.values())
    most = max(counts, key=lambda block: counts[block])
    figure, (axis,) = panels(width=5, height=0.6 + 0.36 * len(counts))
    colors = [color(1) if block == most else color(0) for block in counts]
    bars = axis.barh(list(counts), list(counts.values()), color=colors)
    axis.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=3)
    axis.set(xlabel="numbers in its Parameters", xlim=(0, 1.18 * max(counts.values())))
    figure.suptitle(f"{most} holds {counts[most] / total:.0%} of the {total:,} numbers of {net}")
    axis.locator_params(axis="x", nbins=4)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.invert_yaxis()
    axis.grid(False, axis="y")
    return figure


def weight_and_gradient(weight: Tensor, outputs: Tensor) -> Figure:
    """Draw a weight above its gradient, number by number, and say which units are silent: below 0 for every input.

    Args:
        weight: shape (outputs, inputs), with its `.grad`.
        outputs: what the layer gave, before ReLU, shape (batch, outputs).

    Returns:
        A figure with two panels, each on a color scale of its own, symmetric about 0. Met in notebook 1.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.ones(2, 3))
        >>> weight.grad = torch.tensor([[0.0, 0, 0], [1, 2, 3]])
        >>> weight_and_gradient(weight, torch.tensor([[-1.0, 1], [-2, 2]])).get_suptitle()
        'Unit 0 is silent: its gradient is 0'
    """
    assert weight.grad is not None
    figure, axes = plt.subplots(2, 1, figsize=(4.6, 4.4), layout="constrained", facecolor="white")
    for axis, label, matrix in zip(axes, ("weight", "gradient"), (weight, weight.grad), strict=True):
        values = matrix.detach()
        limit = PALE * float(values.abs().max()) or 1.0
        dress(axis).grid(False)
        axis.imshow(values.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto")
        axis.set(xlabel="input", ylabel="unit", title=label)
        axis.set(xticks=range(values.shape[1]), yticks=range(values.shape[0]))
        for row, numbers in enumerate(values.tolist()):
            for column, number in enumerate(numbers):
                axis.text(column, row, f"{number:.2f}", ha="center", va="center", fontsize=12)
    silent = [str(i) for i, row in enumerate(weight.grad) if not row.any() and not (outputs[:, i] > 0).any()]
    if len(silent) == 1:
        title = f"Unit {silent[0]} is silent: its gradient is 0"
    else:
        title = f"Silent, with gradient 0: {len(silent)} of {len(weight)} units"
    figure.suptitle(title)
    return figure
