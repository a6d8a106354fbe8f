"""Figures of what `track` recorded. Titles state what the data show, and are worked out from them."""

import matplotlib.pyplot as plt
import numpy as np

from .style import color, line_style, panels


def training(record, names=None):
    """Draw weight norms, gradient norms and update:data ratios over steps, a line per parameter.

    record: what `track` yielded. names: which parameters, by default all but biases. A parameter keeps its color in
    every figure of its record; a shared one is labelled with each of its places. What never had a gradient (frozen,
    or not used) is left out. Raises ValueError if the record holds no step.
    """
    seen = set(record.frame()["parameter"])
    if not seen:
        raise ValueError("this record holds no step yet: train the net inside the `with track(net)` block")
    names = names or [n for n in _weights(record) if n in seen] or [n for n in record.names if n in seen]
    figure, axes = panels(3)
    finds = []
    for axis, quantity in zip(axes, ("weight_norm", "grad_norm", "update_ratio"), strict=True):
        table = record.table(quantity)
        for name in names:
            _line(axis, table[name], record, name, smooth=quantity != "weight_norm")
        logarithmic = quantity != "weight_norm" and (table[names] > 0).any(axis=None)
        axis.set(xlabel="optimizer step", yscale="log" if logarithmic else "linear")
        finds.append(table[names])
    _, gradient, ratio = finds
    rows = record.frame().drop(columns="step").groupby("parameter")["weight_norm"]  # each over the steps of its own
    ends = rows.agg(first=lambda norms: norms.iloc[0], last=lambda norms: norms.iloc[-1]).loc[names]
    growth = ends["last"] / ends["first"]
    axes[0].set(ylabel="weight norm ‖w‖", title=_most(growth, "{} grew most: ×{:.2g}"))
    late = _medians(gradient.iloc[len(gradient) // 2 :])
    axes[1].set(ylabel="gradient norm ‖g‖", title=_most(late, "largest gradient: {}"))
    typical = _medians(ratio.iloc[len(ratio) // 2 :]).dropna().median()
    title = f"an update changes 1 part in {1 / typical:,.0f}" if typical > 0 else "not a number in the end"
    if typical == 0:
        title = "most updates changed nothing" if (ratio > 0).any(axis=None) else "no update changed anything"
    axes[2].set(ylabel="update:data ‖Δw‖/‖w‖", title=title)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names), frameon=False)
    return _sourced(figure, record)


def uses(record, name):
    """Draw the gradient of a shared parameter split by use: the norm of each use and of their sum, and their cosine."""
    table = record.uses(name)
    figure, (left, right) = panels(2, width=4.6)
    for i, place in enumerate(table["norm"]):
        _smooth(left, table["norm", place], f"use at {place}", color(i), line_style(i))
    _smooth(left, table["sum", "norm"], "their sum", color(6), line_style(3))
    left.set(xlabel="optimizer step", ylabel="gradient norm ‖g‖")
    left.set_yscale("log" if (table["norm"] > 0).any(axis=None) else "linear")
    left.legend(frameon=False, fontsize=8)
    norms = _medians(table["norm"])
    title = "not a number in the end" if norms.isna().any() else "half of the gradients or more are zero"
    if norms.min() > 0:
        title = f"{norms.idxmax()} contributes most: ×{norms.max() / norms.min():.1f} {norms.idxmin()}"
    left.set_title(title)
    for i, pair in enumerate(table["cosine"]):
        _smooth(right, table["cosine", pair], pair, color(i + 2), line_style(i))
    right.axhline(0, color="lightgrey", zorder=0)
    typical = _medians(table["cosine"]).dropna().median()
    verdict = "pull together" if typical > 0.1 else "pull apart" if typical < -0.1 else "hardly know of each other"
    right.set(xlabel="optimizer step", ylabel="cosine between the uses", ylim=(-1, 1))
    told = f"the uses {verdict}: median cosine {round(typical, 2) + 0.0:+.2f}"
    right.set_title(told if typical == typical else "no cosine: a gradient is zero or not a number")
    return _sourced(figure, record)


def twins(record, twin, name):
    """Draw a shared parameter beside the parameters that stand in its places in an untied twin.

    record, twin: of the shared net and of `untie(net)`, trained alike. name: the shared parameter. Left, the gradient
    of each use against the gradient of the twin's layer there; right, how far each has moved from the common start.
    """
    places = record.aliases[name]
    figure, (left, right) = panels(2, width=4.6, height=3.0)
    table, alone = record.uses(name)["norm"], twin.table("grad_norm")
    for i, (place, own) in enumerate(zip(table, places, strict=True)):
        _smooth(left, table[place], f"shared, use at {place}", color(i), "-")
        _smooth(left, alone[own], f"twin, {own}", color(i), ":")
    ratio = alone[places].median().sum() / table.median().sum()
    left.set(xlabel="optimizer step", ylabel="gradient norm ‖g‖", yscale="log")
    left.set_title(f"the twin's gradients are ×{ratio:.2f} the uses'")
    far, moved = twin.table("distance"), record.table("distance")[name]
    right.plot(moved, color=color(6), label="shared")
    for i, own in enumerate(places):
        right.plot(far[own], color=color(i), linestyle=":", label=f"twin, {own}")
    apart = moved.iloc[-1] / far[places].iloc[-1].mean()
    right.set(xlabel="optimizer step", ylabel="distance ‖w − w₀‖", ylim=(0, None))
    right.set_title(f"the shared weight moved ×{apart:.2f} as far as its twins on average")
    for axis in (left, right):
        axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2)
    return _sourced(figure, record)


def histograms(record, name, rows=12):
    """Draw the histograms of one parameter's values and gradients over time, from the first step up to the last."""
    figure, axes = panels(2, width=4.6, height=3.2)
    for axis, kind in zip(axes, ("weight", "gradient"), strict=True):
        steps, edges, counts = record.histograms(name, kind)
        chosen = sorted({round(i * (len(steps) - 1) / (rows - 1)) for i in range(rows)})
        with np.errstate(divide="ignore", invalid="ignore"):  # a step with zeros alone, or no number, has no ridge
            share = counts / counts.sum(1, keepdims=True)
            density = share / (edges[:, 1:] - edges[:, :-1])
        tops = density.max(1)
        tops = tops[np.isfinite(tops)]
        height = tops.mean() / 2.5 if len(tops) else 1.0  # a ridge reaches over about two of its neighbors
        for row, i in enumerate(reversed(chosen)):
            middle = (edges[i, 1:] + edges[i, :-1]) / 2
            shade = plt.get_cmap("viridis")(0.9 * row / len(chosen))
            base = len(chosen) - 1 - row
            axis.fill_between(middle, base, base + density[i] / height, color=shade, alpha=0.8, zorder=row)
            axis.plot(middle, base + density[i] / height, color="white", linewidth=0.6, zorder=row)
        axis.set(xlabel=f"{kind} (density)", ylabel="optimizer step")
        axis.set_yticks(range(0, len(chosen), 3), [f"{steps[i]:,}" for i in chosen[::3]])
        center = (edges[:, 1:] + edges[:, :-1]) / 2
        spread = (center**2 * share).sum(1) ** 0.5
        axis.set_title(f"RMS {kind}: {spread[0]:.2g} at first, {spread[-1]:.2g} at last")
    return _sourced(figure, record)


def _medians(table):
    """Return each column's median; NaN, without a warning, where there is no number."""
    return table.apply(lambda column: column.dropna().median())


def _most(values, title):
    return title.format(values.idxmax(), values.max()) if values.notna().any() else "not a number in the end"


def _weights(record):
    return [name for name in record.names if not name.endswith("bias")]


def _line(axis, values, record, name, smooth):
    i = record.names.index(name) if name not in _weights(record) else _weights(record).index(name)
    label = record.label(name) + (" (shared)" if name in record.aliases else "")
    if smooth:
        _smooth(axis, values, label, color(i), line_style(i))
    else:
        axis.plot(values, color=color(i), linestyle=line_style(i), label=label)


def _smooth(axis, values, label, color, linestyle):
    """Plot a pandas Series faintly, and its running mean over a fiftieth of it on top."""
    axis.plot(values, color=color, linewidth=0.5, alpha=0.3)
    mean = values.rolling(max(1, len(values) // 50), center=True, min_periods=1).mean()
    axis.plot(mean, color=color, linestyle=linestyle, label=label)


def _sourced(figure, record):
    """Give the figure of a record its last touch: what the net was trained on, and titles of one size."""
    if record.source:
        figure.suptitle(record.source, fontsize=9)
    for axis in figure.axes:
        axis.title.set_size(10)
    return figure
