"""Figures of target against yours, for exercises whose answers can be seen. Nothing is loaded until one is drawn.

Each function takes what the cases expect and the facts that came back, or None, which draws the target alone.
"""

import torch

from . import compare


def weights(expected: list, facts: list | None) -> "Figure":  # noqa: F821
    """Draw q4: for each activation the law of the weight, and a histogram of yours."""
    figure, axes = _panels(len(expected), sharey=True)
    for i, (axis, law) in enumerate(zip(axes, expected, strict=True)):
        x = torch.linspace(-3.5, 3.5, 701, dtype=torch.float64) * law["std"]
        density = law["cdf"](x).diff() / x.diff()
        _target(axis, (x[1:] + x[:-1]) / 2, density)
        title = f"{law['name']}: target std {law['std']:.3f}"
        if facts:
            came = compare.tensor(facts[i]["weight"], "the weight", law["before"].dtype).flatten()
            axis.hist(came.numpy(), bins=41, density=True, color=_color(0), alpha=0.6, label="yours")
            title += f", yours {came.std():.3f}"
        axis.set_xlabel("weight")
        axis.set_title(title, fontsize=9)
    axes[0].set_ylabel("density")
    axes[-1].legend(frameon=False, fontsize=8)
    return figure


def gaps(expected: list, facts: list | None) -> "Figure":  # noqa: F821
    """Draw q6: the share of entries at or below each value, for the law and for yours."""
    figure, axes = _panels(len(expected), sharey=True)
    for i, (axis, case) in enumerate(zip(axes, expected, strict=True)):
        x = torch.linspace(-1.15, 1.15, 2001, dtype=torch.float64) * case["high"]
        _target(axis, x, case["law"](x) * (1 - case["zero"]) + case["zero"] * (x >= 0))
        title = f"{case['zero']:.0%} zeros, else ±{case['low']:.1f} to {case['high']:.1f}"
        if facts:
            came = compare.tensor(facts[i]["filled"][0], "the tensor", case["dtype"]).flatten().sort().values
            shares = torch.arange(1, len(came) + 1) / len(came)
            axis.step(came.numpy(), shares.numpy(), where="post", color=_color(0), label="yours")
            title += f"; yours: {(came == 0).double().mean():.0%}"
        axis.set_xlabel("value")
        axis.set_title(title, fontsize=9)
    axes[0].set_ylabel("share at or below it")
    axes[-1].legend(frameon=False, fontsize=8)
    return figure


def report(expected: list, facts: list | None) -> "Figure":  # noqa: F821
    """Draw q13: each number of the report over steps, for each parameter."""
    wanted = expected[0]["report"]
    came = {}
    if facts:
        described = dict(zip(facts[0]["report"]["keys"], facts[0]["report"]["items"], strict=True))
        came = {name: compare.table(described[name], name) for name in wanted}
    figure, axes = _panels(3)
    for column, (axis, quantity) in enumerate(zip(axes, ("weight norm", "gradient norm", "update:data"), strict=True)):
        off = 0.0
        for i, (name, rows) in enumerate(wanted.items()):
            steps = range(1, len(rows) + 1)
            axis.plot(steps, rows[:, column].numpy(), color=_color(i), linewidth=5, alpha=0.3, label=name)
            if came:
                yours = came[name][:, column]
                axis.plot(steps, yours.numpy(), color=_color(i), linestyle="--")
                off = max(off, ((yours - rows[:, column]).abs() / rows[:, column]).max().item())
        found = f", yours at most {off:.1%} off" if came else ": the target"
        axis.set(xlabel="step", ylabel=f"{quantity}, no unit", xticks=list(steps))
        axis.set_title(quantity + found, fontsize=9)
    lines, names = axes[0].get_legend_handles_labels()
    marks = "wide: target" + "\ndashed: yours" * bool(came)
    figure.legend(lines, names, loc="outside right upper", frameon=False, fontsize=8, title=marks, title_fontsize=8)
    return figure


def _panels(number, **options):
    import matplotlib.pyplot as plt

    from d2lparams import plots

    figure, axes = plots.panels(number, width=3.4, height=2.7, **options)
    plt.close(figure)  # a cell's last expression shows it: once is enough
    return figure, axes


def _target(axis, x, y):
    axis.plot(x.numpy(), y.numpy(), color=_color(1), linestyle="--", label="target", zorder=3)


def _color(i):
    from d2lparams import plots

    return plots.color(i)
