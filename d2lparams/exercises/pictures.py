"""Figures of target against yours, for exercises whose answers can be seen. Nothing is loaded until one is drawn.

Each function takes what the cases expect and the facts that came back, or None, which draws the target alone.
"""

from typing import Any

import torch
from torch import Tensor

from . import compare
from .question import Figure

Axes = Any  # matplotlib's, which is loaded when a picture is drawn


def weights(expected: list[Any], facts: list[Any] | None) -> Figure:
    """Draw q4: for each activation the wanted distribution of the weight, and a histogram of yours."""
    figure, axes = _panels(len(expected), sharey=True)
    for i, (axis, case) in enumerate(zip(axes, expected, strict=True)):
        x = torch.linspace(-3.5, 3.5, 701, dtype=torch.float64) * case["law"].std
        density = case["law"].cdf(x).diff() / x.diff()
        _target(axis, (x[1:] + x[:-1]) / 2, density)
        title = f"{case['name']}: target std {case['law'].std:.3f}"
        if facts:
            yours = compare.tensor(facts[i]["weight"], "the weight", case["before"].dtype).flatten()
            axis.hist(yours.numpy(), bins=41, density=True, color=_color(0), alpha=0.6, label="yours")
            title += f", yours {yours.std():.3f}"
        axis.set_xlabel("weight")
        axis.set_title(title, fontsize=9)
    axes[0].set_ylabel("density")
    axes[-1].legend(frameon=False, fontsize=8)
    return figure


def gaps(expected: list[Any], facts: list[Any] | None) -> Figure:
    """Draw q6: the share of entries at or below each value, for the target and for yours."""
    figure, axes = _panels(len(expected), sharey=True)
    for i, (axis, case) in enumerate(zip(axes, expected, strict=True)):
        law, zero, positive = case["law"], case["zero"], case["positive"]
        x = torch.linspace(-1.15, 1.15, 2000, dtype=torch.float64) * law.high  # none at 0, where it jumps
        below = torch.where(x > 0, 1 - positive + positive * law.cdf(x), (1 - positive) * (1 - law.cdf(-x)))
        _target(axis, x, below * (1 - zero) + zero * (x >= 0))
        title = f"{zero:.0%} zeros, else ±{law.low:.1f} to {law.high:.1f}"
        if facts:
            calls = [compare.tensor(fact, "the tensor", case["dtype"]).flatten() for fact in facts[i]["filled"]]
            yours = torch.cat(calls).sort().values
            shares = torch.arange(1, len(yours) + 1) / len(yours)
            axis.step(yours.numpy(), shares.numpy(), where="post", color=_color(0), label="yours")
            title += f"; yours: {(yours == 0).double().mean():.0%}"
        axis.set_xlabel("value")
        axis.set_title(title, fontsize=9)
    axes[0].set_ylabel("share at or below it")
    axes[-1].legend(frameon=False, fontsize=8)
    return figure


def report(expected: list[Any], facts: list[Any] | None) -> Figure:
    """Draw q13: each number of the report over steps, for each parameter."""
    wanted = expected[0]["report"]
    actual = {}
    if facts:
        described = dict(zip(facts[0]["report"]["keys"], facts[0]["report"]["items"], strict=True))
        actual = {name: compare.table(described[name], name) for name in wanted}
    figure, axes = _panels(3)
    for column, (axis, quantity) in enumerate(zip(axes, expected[0]["labels"], strict=True)):
        off, quantity = 0.0, quantity.removesuffix(" ratio")
        for i, (name, rows) in enumerate(wanted.items()):
            steps = range(1, len(rows) + 1)
            axis.plot(steps, rows[:, column].numpy(), color=_color(i), linewidth=5, alpha=0.3, label=name)
            if actual:
                yours = actual[name][:, column]
                axis.plot(steps, yours.numpy(), color=_color(i), linestyle="--")
                off = max(off, ((yours - rows[:, column]).abs() / rows[:, column].abs()).max().item())
        found = f", yours at most {off:.1%} off" if actual else ": the target"
        axis.set(xlabel="step", ylabel=f"{quantity}, no unit", xticks=list(steps))
        axis.set_title(quantity + found, fontsize=9)
    lines, names = axes[0].get_legend_handles_labels()
    marks = "wide: target\ndashed: yours" if actual else "wide: target"
    axes[0].figure.legend(
        lines, names, loc="outside right upper", frameon=False, fontsize=8, title=marks, title_fontsize=8
    )
    return figure


def _panels(number: int, **options: Any) -> tuple[Figure, list[Axes]]:
    import matplotlib.pyplot as plt

    from d2lparams import plots

    figure, axes = plots.panels(number, width=3.4, height=2.7, **options)
    plt.close(figure)  # a cell's last expression shows it: once is enough
    return figure, axes


def _target(axis: Axes, x: Tensor, y: Tensor) -> None:
    axis.plot(x.numpy(), y.numpy(), color=_color(1), linestyle="--", label="target", zorder=3)


def _color(i: int) -> str:
    from d2lparams import plots

    return plots.color(i)
