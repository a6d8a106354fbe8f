"""Figures of what `track` recorded. Titles state what the data show, and are worked out from them."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from .._torch import weight_names
from ..record import Record
from . import layers
from .style import REFERENCE, SIGNED, color, line_style, panels

USUAL_UPDATE = 1e-3
"""The update:data ratio that is usual in a training that goes well, by Karpathy's rule of thumb."""

# What `training` draws: {quantity: how the axis is labeled}.
_TRAINING = {
    "weight_norm": "weight norm ‖w‖",
    "grad_norm": "gradient norm ‖g‖",
    "update_ratio": "update:data ‖Δw‖/‖w‖",
}
_NOT_A_NUMBER = "not a number in the end"


def training(record: Record, names: Sequence[str] | None = None) -> Figure:
    """Draw weight norms, gradient norms and update:data ratios over steps, a line for each parameter.

    A parameter keeps its color in every figure of its record; a shared one is labeled with each of its places. What
    never had a gradient (frozen, or not used) is left out. More than seven parameters are drawn as a map: a row for
    each, the first on top, steps to the right, the color logarithmic.

    Args:
        record: what `track` yielded.
        names: which parameters; by default all but biases.

    Returns:
        A figure of three panels, ‖w‖, ‖g‖ as the optimizer got it, and ‖Δw‖/‖w‖ with the usual one as a dashed line.
        None has a unit.

    Raises:
        ValueError: If the record holds no step.
        KeyError: If a name in `names` has no row in the record.

    Source: Karpathy's update:data ratio, of which about 1e-3 is usual. Met in notebook 5.

    Example:
        >>> from d2lparams.plots import example_record
        >>> figure = training(example_record())
        >>> [axis.get_title() for axis in figure.axes][1]
        'largest gradient: 4.weight'
    """
    frame = record.frame()
    recorded = set(frame["parameter"])
    if not recorded:
        raise ValueError("this record holds no step yet: train the net inside the `with track(net)` block")
    names = [record.first_name(name) for name in names or weight_names(n for n in record.names if n in recorded)]
    if unknown := [name for name in names if name not in recorded]:
        raise KeyError(f"no step of {unknown} was recorded; recorded: {[n for n in record.names if n in recorded]}")
    tables = [record.table(quantity, names) for quantity in _TRAINING]
    if record.lean:  # each parameter has a row at some steps only: its number stands until the next
        tables = [table.ffill() for table in tables]
    figure = _maps(record, tables) if len(names) > layers.MOST_LINES else _lines(record, tables)
    weight, gradient, ratio = figure.axes[:3]
    weight.set_title(_largest(_growth(frame)[names], "{} grew most: ×{:.2g}"))
    gradient.set_title(_largest(_medians(_second_half(tables[1])), "largest gradient: {}"))
    ratio.set_title(_size_of_updates(tables[2]))
    return _finish(figure, record)


def _lines(record: Record, tables: list[pd.DataFrame]) -> Figure:
    """Draw a few parameters, a line for each."""
    figure, axes = panels(3, columns=2)
    for name, i in layers.line_numbers(record, list(tables[0].columns)).items():
        label = layers.short_label(record, name) + (" (shared)" if name in record.aliases else "")
        axes[0].plot(tables[0][name], color=color(i), linestyle=line_style(i), label=label)
        _plot_smooth(axes[1], tables[1][name], label, i)
        _plot_smooth(axes[2], tables[2][name], label, i)
    _scale_to(axes[1], tables[1])
    _scale_to(axes[2], tables[2])
    for axis, ylabel in zip(axes, _TRAINING.values(), strict=True):
        axis.set(xlabel="optimizer step", ylabel=ylabel)
    draw_yardstick(axes[2])
    legend = figure.legend(*axes[0].get_legend_handles_labels(), loc="center", frameon=False, fontsize=8)
    legend.set_bbox_to_anchor((0.75, 0.26))  # in the fourth place
    return figure


def _maps(record: Record, tables: list[pd.DataFrame]) -> Figure:
    """Draw many parameters, a row of a map for each."""
    figure, axes = panels(3, height=3.6, columns=2)
    names = list(tables[0].columns)
    there = tables[0].notna().to_numpy() if record.lean else layers.recorded(record, names)
    shown = [layers.short(name, 30) + (" (shared)" if name in record.aliases else "") for name in names]
    for axis, table, label in zip(axes, tables, _TRAINING.values(), strict=True):
        mesh = layers.draw_map(axis, table.set_axis(shown, axis=1), there)
        axis.set_xlabel("optimizer step")
        bar = _color_bar(mesh, axis, label)
        if axis is axes[1]:  # whose rows are named on the left
            axis.set_yticklabels([])
    low, high = bar.mappable.get_clim()
    if low <= USUAL_UPDATE <= high:
        bar.ax.axhline(USUAL_UPDATE, color="white", linestyle="--")
        bar.set_label(f"{bar.ax.get_ylabel()}, dashed: usual {USUAL_UPDATE:g}", fontsize=8)
    for axis in (axes[0], axes[2]):
        axis.set_ylabel(f"{len(names)} parameters, the first on top", fontsize=9)
    marks = layers.explain_marks(np.stack([table.to_numpy() for table in tables]), np.stack([there] * 3))
    if marks:
        figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=8)
    return figure


def uses(record: Record, name: str) -> Figure:
    """Draw the gradient of a shared parameter split by use: the norm of each use and of their sum, and their cosine.

    Args:
        record: what `track` yielded.
        name: a parameter that was used more than once: one of `record.shared`, a KeyError else.

    Returns:
        A figure of two panels, left ‖g‖ over steps, right the cosine between each two uses, from −1 to 1.

    Met in notebook 5.

    Example:
        >>> from d2lparams.plots import example_record
        >>> figure = uses(example_record(), "0.weight")
        >>> figure.axes[0].get_legend_handles_labels()[1]
        ['use at 0', 'use at 2', 'their sum']
    """
    table = record.uses(name)
    places, pairs = list(table["norm"]), list(table["cosine"])
    figure, (left, right) = panels(2, width=4.6, height=2.6 if len(places) <= layers.MOST_LINES else 3.6)
    if len(places) > layers.MOST_LINES:
        mesh = layers.draw_map(left, table["norm"].rename(columns=lambda place: layers.short(place, 24)))
        _color_bar(mesh, left, "gradient norm ‖g‖")
        left.set_ylabel("use, the first on top")
    else:
        for i, place in enumerate(places):
            _plot_smooth(left, table["norm", place], f"use at {place}", i)
        _plot_smooth(left, table["sum", "norm"], "their sum", 6, linestyle=":" if len(places) < 7 else (0, (1, 4)))
        left.set_ylabel("gradient norm ‖g‖")
        _scale_to(left, table["norm"])
        left.legend(frameon=False, fontsize=8)
    left.set(xlabel="optimizer step", title=_share_of_uses(_medians(table["norm"])))
    cosines = _medians(table["cosine"])
    if len(pairs) > layers.MOST_LINES:
        _draw_cosines(right, places, cosines)
    else:
        for i, pair in enumerate(pairs):
            _plot_smooth(right, table["cosine", pair], pair, i + 2, linestyle=line_style(i))
        right.axhline(0, color=REFERENCE, linewidth=1, zorder=0)
        right.set(xlabel="optimizer step", ylabel="cosine between the uses", ylim=(-1, 1))
        if len(pairs) > 1:
            right.legend(frameon=False, fontsize=8)
    right.set_title(_agreement(_median(cosines)))
    return _finish(figure, record)


def _draw_cosines(axis: Axes, places: list[str], cosines: pd.Series) -> None:
    """Draw the median cosine of each two of many uses."""
    square = np.eye(len(places))
    for i in range(len(places)):
        for j in range(i):
            square[i, j] = square[j, i] = cosines[f"{places[j]}, {places[i]}"]
    mesh = axis.pcolormesh(square, cmap=SIGNED, vmin=-1, vmax=1)
    named = layers.spread(len(places), 24)
    axis.set_yticks([i + 0.5 for i in named], [layers.short(places[i], 24) for i in named], fontsize=6)
    axis.set(xlabel="use, in the same order", ylabel="use", xticks=[], aspect="equal", ylim=(len(places), 0))
    axis.grid(False)
    _color_bar(mesh, axis, "median cosine")


def twins(record: Record, twin: Record, name: str) -> Figure:
    """Draw a shared parameter beside the parameters that stand in its places in an untied twin.

    Both gradients are as the optimizer got them. Of more than six places six are drawn; the titles are about all.

    Args:
        record: of the net that shares.
        twin: of `untie(net)`, trained alike.
        name: the shared parameter: one of `record.shared`, a KeyError else. It is a ValueError if its uses are not one
            in each place, so that no layer of the twin has the gradient of one use.

    Returns:
        A figure of two panels over steps, left the gradient norm of each use and of the twin's layer in its place;
        right how far each parameter has moved from the common start, ‖w − w₀‖.

    Met in notebook 5.

    Example:
        >>> from d2lparams.plots import example_record
        >>> figure = twins(example_record(), example_record(tied=False), "0.weight")
        >>> figure.axes[1].get_legend_handles_labels()[1]
        ['shared', 'twin, 0.weight', 'twin, 2.weight']
    """
    by_use = record.uses(name)["norm"]
    name = record.first_name(name)
    places = _places_of_twins(list(by_use), record.aliases.get(name, [name]))
    alone, far = twin.table("grad_norm", places), twin.table("distance", places)
    moved = record.table("distance")[name]
    figure, (left, right) = panels(2, width=4.6, height=3.0)
    drawn = layers.spread(len(places), layers.MOST_LINES - 1)  # the last color is the shared weight's
    for i, k in enumerate(drawn):
        _plot_smooth(left, by_use.iloc[:, k], f"shared, use at {by_use.columns[k]}", i, linestyle="-")
        _plot_smooth(left, alone[places[k]], f"twin, {places[k]}", i, linestyle=":")
    ratio = alone.median().sum() / by_use.median().sum()
    left.set(xlabel="optimizer step", ylabel="gradient norm ‖g‖", yscale="log")
    left.set_title(f"the twin's gradients are ×{ratio:.2f} the uses'")
    right.plot(moved, color=color(6), label="shared")
    for i, k in enumerate(drawn):
        right.plot(far[places[k]], color=color(i), linestyle=":", label=f"twin, {places[k]}")
    apart = moved.iloc[-1] / far.iloc[-1].mean()
    right.set(xlabel="optimizer step", ylabel="distance ‖w − w₀‖", ylim=(0, None))
    right.set_title(f"the shared weight moved ×{apart:.2f} as far as its twins on average")
    for axis in (left, right):
        axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2)
    return _finish(figure, record)


def histograms(record: Record, name: str, rows: int = 12) -> Figure:
    """Draw the histograms of one parameter's values and gradients over time, from the first step up to the last.

    Args:
        record: what `track(net, histograms=...)` yielded.
        name: of a parameter, one of `record.names`, a KeyError else.
        rows: how many of the recorded steps are drawn, evenly spread; 2 or more.

    Returns:
        A figure of two panels, the weight's entries left, its gradient's right, a ridge of unit area for each step.

    Met in notebook 5.

    Example:
        >>> from d2lparams.plots import example_record
        >>> figure = histograms(example_record(), "0.weight", rows=4)
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['0', '19']
    """
    recorded = {kind: record.histograms(name, kind) for kind in ("weight", "gradient")}
    figure, axes = panels(2, width=4.6, height=3.2)
    for axis, (kind, (steps, edges, counts)) in zip(axes, recorded.items(), strict=True):
        centers = (edges[:, 1:] + edges[:, :-1]) / 2
        with np.errstate(divide="ignore", invalid="ignore"):  # a step with zeros alone, or no number, has no ridge
            share = counts / counts.sum(1, keepdims=True)
            density = share / (edges[:, 1:] - edges[:, :-1])
        chosen = layers.spread(len(steps), rows)
        _draw_ridges(axis, centers[chosen], density[chosen] / _ridge_height(density))
        axis.set_yticks(range(0, len(chosen), 3), [f"{steps[i]:,}" for i in chosen[::3]])
        rms = (centers**2 * share).sum(1) ** 0.5
        axis.set(xlabel=f"{kind} (density)", ylabel="optimizer step")
        axis.set_title(f"RMS {kind}: {rms[0]:.2g} at first, {rms[-1]:.2g} at last")
    return _finish(figure, record)


# ---- what the panels show


def draw_yardstick(axis: Axes, size: float = 8) -> None:
    """Draw the usual update:data ratio as a dashed line, and say what it is.

    Args:
        axis: of update:data ratios over steps; it is changed in place.
        size: of the letters, in points.

    Source: Karpathy's rule of thumb, `USUAL_UPDATE`. Met in notebook 5.

    Example:
        >>> figure, (axis,) = panels()
        >>> draw_yardstick(axis)
        >>> axis.texts[0].get_text()
        'usual: 0.001'
    """
    axis.axhline(USUAL_UPDATE, color=REFERENCE, linestyle="--", linewidth=1, zorder=1)
    words, where = f"usual: {USUAL_UPDATE:g}", axis.get_yaxis_transform()
    axis.text(0.98, USUAL_UPDATE, words, transform=where, ha="right", va="bottom", fontsize=size, color="dimgray")


def _color_bar(mesh: QuadMesh, axis: Axes, label: str) -> Colorbar:
    bar = axis.figure.colorbar(mesh, ax=axis, pad=0.02)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(which="both", labelsize=7)
    return bar


def _places_of_twins(uses: list[str], names: list[str]) -> list[str]:
    """Return the name of the twin's parameter in the place of each use."""
    by_module = {name.rpartition(".")[0]: name for name in names}
    if all(use in by_module for use in uses):
        return [by_module[use] for use in uses]
    if len(uses) != len(names):
        raise ValueError(
            f"{names[0]!r} was used at {', '.join(uses)}, and its twins stand at {', '.join(names)}: "
            "to compare them there has to be one use for each"
        )
    return names


def _plot_smooth(axis: Axes, values: pd.Series, label: str, i: int, linestyle: Any = None) -> None:
    """Plot values faintly in the i-th color, and their running mean over a fiftieth of them on top."""
    axis.plot(values, color=color(i), linewidth=0.5, alpha=0.3)
    mean = values.rolling(max(1, len(values) // 50), center=True, min_periods=1).mean()
    axis.plot(mean, color=color(i), linestyle=linestyle or line_style(i), label=label)


def _scale_to(axis: Axes, table: pd.DataFrame) -> None:
    """Make the vertical axis logarithmic, unless there is nothing above 0 to show."""
    axis.set_yscale("log" if (table > 0).any(axis=None) else "linear")


def _ridge_height(density: np.ndarray) -> float:
    """Return how much density is one row high: a ridge reaches over about two of its neighbors."""
    tops = density.max(1)
    tops = tops[np.isfinite(tops)]
    return tops.mean() / 2.5 if len(tops) else 1.0


def _draw_ridges(axis: Axes, x: np.ndarray, heights: np.ndarray) -> None:
    """Draw one ridge for each row of `x` and `heights`, the first at the bottom and in front of the next."""
    for order, base in enumerate(reversed(range(len(x)))):
        shade = matplotlib.colormaps["viridis"](0.9 * order / len(x))
        axis.fill_between(x[base], base, base + heights[base], color=shade, alpha=0.8, zorder=order)
        axis.plot(x[base], base + heights[base], color="white", linewidth=0.6, zorder=order)


def _finish(figure: Figure, record: Record) -> Figure:
    """Say what the net was trained on, and make the titles of one size."""
    if record.source:
        figure.suptitle(record.source, fontsize=9)
    for axis in figure.axes:
        axis.title.set_fontsize(10)
    return figure


# ---- what the titles say


def _median(values: pd.Series) -> float:
    """Return the median of what are numbers; NaN, without numpy's warning, where none is."""
    return values.dropna().median()


def _medians(table: pd.DataFrame) -> pd.Series:
    return table.apply(_median)


def _second_half(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[len(table) // 2 :]


def _growth(frame: pd.DataFrame) -> pd.Series:
    """Return by what factor each parameter's norm grew, from its own first step to its own last one."""
    first, last = (frame.drop_duplicates("parameter", keep=which) for which in ("first", "last"))
    return last.set_index("parameter")["weight_norm"] / first.set_index("parameter")["weight_norm"]


def _largest(values: pd.Series, title: str) -> str:
    """Return the title with the name and the number of the largest value."""
    return title.format(layers.short(str(values.idxmax()), 24), values.max()) if values.notna().any() else _NOT_A_NUMBER


def _size_of_updates(ratio: pd.DataFrame) -> str:
    typical = _median(_medians(_second_half(ratio)))
    if math.isnan(typical):
        return _NOT_A_NUMBER
    if typical > 0:
        return f"an update changes 1 part in {1 / typical:,.0f}"
    return "most updates changed nothing" if (ratio > 0).any(axis=None) else "no update changed anything"


def _share_of_uses(norms: pd.Series) -> str:
    """Say which use contributes most, from the typical gradient norm of each."""
    if norms.isna().any():
        return _NOT_A_NUMBER
    if norms.min() > 0:
        return f"{norms.idxmax()} contributes most: ×{norms.max() / norms.min():.1f} {norms.idxmin()}"
    return "half of the gradients or more are zero"


def _agreement(cosine: float) -> str:
    if math.isnan(cosine):
        return "no cosine: a gradient is zero or not a number"
    verdict = "are at right angles"
    if cosine > 0.1:
        verdict = "pull together"
    if cosine < -0.1:
        verdict = "pull apart"
    return f"the uses {verdict}: median cosine {round(cosine, 2) + 0.0:+.2f}"  # + 0.0 makes −0.0 a 0
