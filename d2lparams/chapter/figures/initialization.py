"""Figures of notebook 2 and of the appendix on `torch.nn.init`."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ...plots.style import color, dress, line_style, panels


def three_starts(losses: Mapping[str, Sequence[float]], source: str, classes: int = 10, window: int = 20) -> Figure:
    """Draw the training loss of one net from several starts, beside ln(classes), the loss of guessing.

    Args:
        losses: {start: the loss at each step, in nats}.
        source: where the data come from.
        classes: how many there are.
        window: each point is the mean of so many steps, and the last of them stands in the legend.

    Returns:
        A figure with a line for each start. Met in notebook 2.

    Example:
        >>> fig = three_starts({"default": [2.3] * 40, "He": [2.3] * 20 + [0.8] * 20}, "made up")
        >>> fig.axes[0].get_title()
        'After 40 steps the loss is 2.30 (default), 0.80 (He)'
    """
    figure, (axis,) = panels(width=5.2, height=3.2)
    ends = {}
    for i, (start, line) in enumerate(losses.items()):
        means = [sum(line[k : k + window]) / window for k in range(0, len(line) - window + 1, window)]
        steps = [k * window + window / 2 for k in range(len(means))]
        ends[start] = f"{means[-1]:.2f}"
        axis.plot(steps, means, line_style(i), color=color(i), linewidth=2, label=f"{start}: {ends[start]}")
    guess = math.log(classes)
    axis.axhline(guess, color=color(6), linestyle=":", label=f"guessing: ln {classes} = {guess:.2f}")
    axis.set(xlabel=f"step (each point is the mean of {window})", ylabel="training loss (nats)", ylim=(0, None))
    steps_taken = len(next(iter(losses.values())))
    found = ", ".join(f"{end} ({start})" for start, end in ends.items())
    axis.set_title(f"After {steps_taken} steps the loss is {found}", fontsize=10)
    axis.legend(frameon=False, fontsize=9)
    figure.suptitle(source, fontsize=9)
    return figure


def depth(scales: Mapping[str, Mapping[str, Sequence[float]]], quantity: str) -> Figure:
    """Draw how a scale runs through the layers of a deep net: a panel for each thing measured, a line for each scheme.

    Args:
        scales: {what is measured: {scheme: a number for each layer, from the input on}}; one, two or four panels.
        quantity: what the numbers are, for the axis.

    Returns:
        A figure, at most two panels in a row. Each title names the scheme that changes least, that is, whose
        largest number is the smallest multiple of its smallest. Met in notebook 2.

    Example:
        >>> depth({"tanh": {"Xavier": [1.0, 0.9, 0.8], "small": [1.0, 0.1, 0.01]}}, "std").axes[0].get_title()
        'tanh: Xavier changes least, ×1.2'
    """
    columns = min(2, len(scales))
    rows = math.ceil(len(scales) / columns)
    size = (5.2, 3.0) if columns == 1 else (6.2, 2.7 * rows)
    figure, grid = plt.subplots(
        rows, columns, figsize=size, layout="constrained", facecolor="white", squeeze=False, sharex=True, sharey=True
    )
    schemes = list(dict.fromkeys(scheme for lines in scales.values() for scheme in lines))
    for axis, (name, lines) in zip(grid.flat, scales.items(), strict=True):
        dress(axis)
        for scheme, line in lines.items():
            i = schemes.index(scheme)
            layers = range(1, len(line) + 1)
            axis.semilogy(layers, line, color=color(i), linestyle=line_style(i), linewidth=1.8, label=scheme)
        spread = {scheme: max(line) / max(min(line), 1e-300) for scheme, line in lines.items()}
        best = min(spread, key=lambda scheme: spread[scheme])
        times = f"{spread[best]:.1f}" if spread[best] < 10 else f"{spread[best]:.2g}"
        axis.set_title(f"{name}: {best} changes least, ×{times}", fontsize=9)
    for axis in grid[-1]:
        axis.set_xlabel("layer, counted from the input")
    for axis in grid[:, 0]:
        axis.set_ylabel(quantity)
    grid[0, 0].legend(frameon=False, fontsize=8)
    return figure


def sums(terms: Sequence[int], stds: Sequence[float]) -> Figure:
    """Draw the measured std of sums of n products beside the square root of n.

    Args:
        terms: how many are added, n.
        stds: of the sums.

    Returns:
        A figure; its title has the last pair. Met in notebook 2.

    Example:
        >>> sums([4, 256], [2.0, 16.1]).axes[0].get_title()
        '256 terms: std 16, and √256 = 16'
    """
    figure, (axis,) = panels(width=4.6, height=2.7)
    axis.loglog(terms, [math.sqrt(n) for n in terms], color=color(6), linestyle="--", label="√n")
    axis.loglog(terms, stds, "o", color=color(0), label="measured")
    axis.set(xlabel="terms in the sum, n", ylabel="std of the sum")
    axis.set_xticks(terms, [str(n) for n in terms])
    axis.set_yticks([math.sqrt(n) for n in terms], [f"{math.sqrt(n):.3g}" for n in terms])
    axis.minorticks_off()
    axis.set_title(f"{terms[-1]} terms: std {stds[-1]:.0f}, and √{terms[-1]} = {math.sqrt(terms[-1]):.0f}", fontsize=10)
    axis.legend(frameon=False)
    return figure


def draws(drawn: Mapping[str, Tensor], columns: int = 3) -> Figure:
    """Draw a small histogram of what each function of `nn.init` filled a tensor with, zeros among others left out.

    Args:
        drawn: {function, as it is called: the tensor that it filled}.
        columns: panels in a row.

    Returns:
        A figure with a panel for each; its title has the std, and the share of zeros where there are any. Met in
        appendix A.

    Example:
        >>> import torch
        >>> draws({"eye_": torch.eye(4)}, columns=1).axes[0].get_title()
        'eye_\\nstd 0.43, 75% zeros'
    """
    rows = math.ceil(len(drawn) / columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.1 * columns, 1.75 * rows), layout="constrained", facecolor="white", squeeze=False
    )
    for axis, (name, tensor) in zip(grid.flat, drawn.items(), strict=False):
        dress(axis)
        values = tensor.detach().flatten()
        other = values[values != 0]
        zeros = 1 - len(other) / len(values)
        shown = other if len(other) else values
        axis.hist(shown.numpy(), bins=40 if len(shown.unique()) > 1 else 3, histtype="stepfilled", color=color(0))
        words = [f"std {values.std(correction=0):.2g}"] + [f"{100 * zeros:.3g}% zeros"] * (zeros > 0)
        axis.set_title(f"{name}\n{', '.join(words)}", fontsize=9)
        axis.set_yticks([])
    for axis in grid.flat[len(drawn) :]:
        axis.set_visible(False)
    return figure
