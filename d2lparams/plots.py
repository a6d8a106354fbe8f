"""Figures of parameters, gradients and updates. Each function takes data and returns the Figure that it drew.

Titles state what the data show, and are worked out from them.

    >>> import torch
    >>> from d2lparams import track, untie
    >>> def train(net):
    ...     optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    ...     with track(net, every=1, histograms=1) as record:
    ...         for _ in range(3):
    ...             optimizer.zero_grad()
    ...             net(torch.ones(4, 3)).square().mean().backward()
    ...             optimizer.step()
    ...     return record
    >>> shared = torch.nn.Linear(3, 3)
    >>> net = torch.nn.Sequential(shared, shared)
    >>> twin = untie(net)
    >>> record, other = train(net), train(twin)
    >>> figures = [training(record), uses(record, "0.weight"), twins(record, other, "0.weight")]
    >>> figures.append(histograms(record, "0.weight"))
    >>> figures[1].axes[1].get_ylabel()
    'cosine between the uses'
"""

import io
import math
import sys
import time
from collections import namedtuple

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import Image, display
from tqdm import tqdm

Point = namedtuple("Point", ["x", "y"])

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe and Ito (2008)
SIGNED = "RdBu_r"  # the one map for signed values: red above 0, blue below
STYLES = ["-", "--", "-.", ":"]  # a second mark beside colour, for eyes and printers that see none


def colour(i):
    """Return the i-th colour: one meaning, a layer or a scheme, keeps one colour in every figure.

    >>> colour(0), colour(7)
    ('#0072B2', '#0072B2')
    """
    return COLOURS[i % len(COLOURS)]


def style(i):
    """Return the i-th line style.

    >>> style(1)
    '--'
    """
    return STYLES[i % len(STYLES)]


def panels(number=1, width=3.4, height=2.6, **options):
    """Return a figure and a list of its axes in a row, on white: legible in JupyterLab's light and dark themes.

    number: of axes. width, height: of each, in inches. options: for `plt.subplots`.

    >>> figure, axes = panels(2, width=3)
    >>> len(axes), figure.get_size_inches().tolist()
    (2, [6.0, 2.6])
    """
    figure, axes = plt.subplots(
        1, number, figsize=(width * number, height), layout="constrained", facecolor="white", squeeze=False, **options
    )
    for axis in axes[0]:
        dress(axis)
    return figure, list(axes[0])


def dress(axis):
    """Give an axis the house's look: no frame above and on the right, a faint grid, small letters; return it.

    >>> from matplotlib.figure import Figure
    >>> dress(Figure().subplots()).spines["top"].get_visible()
    False
    """
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.3)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set_size(9)
    axis.tick_params(labelsize=8)
    return axis


class Board:
    """Draw d2l's training curves into one figure, about ten times as fast as its own board: `model.board = Board()`.

    A progress bar counts epochs above two panels, losses and accuracies. They are redrawn at the end, and before it as
    often as costs at most `share` of the time. `data` maps each curve's label to its points (x, y), as in d2l's
    ProgressBoard. Without a notebook it draws nothing and keeps the data. Source: d2l.ProgressBoard. Met in notebook 5.

    >>> board = Board()
    >>> for x in range(4):
    ...     board.draw(x / 2, 10 - x, "train_loss", every_n=2)
    >>> board.data["train_loss"]
    [Point(x=0.25, y=9.5), Point(x=1.25, y=7.5)]
    """

    def __init__(self, share=0.03):
        self.share, self.xlabel, self.xlim = share, "epoch", None  # d2l's Trainer sets xlim
        self.data, self._waiting = {}, {}
        self._figure = self._handle = self._bar = None
        self._next = 0.0  # when to redraw

    def draw(self, x, y, label, every_n=1):
        """Take one value; every `every_n` of them make a point, their mean, as in d2l."""
        waiting = self._waiting.setdefault(label, [])
        waiting.append((float(x), float(y)))
        if self.xlim:
            self._progress(float(x))
        if len(waiting) < every_n:
            return
        xs, ys = zip(*waiting, strict=True)
        waiting.clear()
        self.data.setdefault(label, []).append(Point(sum(xs) / len(xs), sum(ys) / len(ys)))
        last = self.xlim and x >= self.xlim[1]
        started = time.monotonic()
        if get_ipython() and (last or started > self._next):
            self._redraw()
            self._next = time.monotonic() + (time.monotonic() - started) / self.share

    def _progress(self, x):
        if self._bar is None:
            form = "{percentage:3.0f}%|{bar:40}| epoch {n:.1f} of {total:.0f}, {elapsed} spent, {remaining} left"
            options = {"bar_format": form, "mininterval": 0.5, "disable": not get_ipython()}
            self._bar = tqdm(total=self.xlim[1], file=sys.stdout, **options)
        if not self._bar.disable:
            self._bar.update(x - self._bar.n)
            if x >= self.xlim[1]:
                self._bar.close()

    def _redraw(self):
        if self._figure is None:
            self._figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), facecolor="white")
            self._figure.subplots_adjust(0.08, 0.18, 0.98, 0.88, wspace=0.25)  # a constrained layout costs 4 times more
            self._panels = dict(zip(("loss", "accuracy"), axes, strict=True))
            self._lines = {}
            for name, axis in self._panels.items():
                axis.set(xlabel=self.xlabel, ylabel=name, xlim=self.xlim)
                dress(axis)
            plt.close(self._figure)  # or the notebook would show it a second time
        for i, (label, points) in enumerate(self.data.items()):
            axis = self._panels["accuracy" if "acc" in label else "loss"]
            if label not in self._lines:
                (self._lines[label],) = axis.plot([], [], color=colour(i), linestyle=style(i), label=label)
                axis.legend(frameon=False)
            self._lines[label].set_data(*zip(*points, strict=True))
            axis.relim()
            axis.autoscale_view(scalex=not self.xlim)
            axis.set_title(f"{label.replace('_', ' ')} {points[-1].y:.3f}", fontsize=10)
        png = io.BytesIO()
        self._figure.savefig(png, format="png")  # showing the figure itself would lay it out and draw it twice
        if self._handle is None:
            self._handle = display(Image(png.getvalue()), display_id=True)
        else:
            self._handle.update(Image(png.getvalue()))


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


def training(record, names=None):
    """Draw weight norms, gradient norms and update:data ratios over steps, a line per parameter.

    record: what `track` yielded. names: which parameters, by default all but biases. A parameter keeps its colour in
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
        _smooth(left, table["norm", place], f"use at {place}", colour(i), style(i))
    _smooth(left, table["sum", "norm"], "their sum", colour(6), style(3))
    left.set(xlabel="optimizer step", ylabel="gradient norm ‖g‖")
    left.set_yscale("log" if (table["norm"] > 0).any(axis=None) else "linear")
    left.legend(frameon=False, fontsize=8)
    norms = _medians(table["norm"])
    title = "not a number in the end" if norms.isna().any() else "half of the gradients or more are zero"
    if norms.min() > 0:
        title = f"{norms.idxmax()} contributes most: ×{norms.max() / norms.min():.1f} {norms.idxmin()}"
    left.set_title(title)
    for i, pair in enumerate(table["cosine"]):
        _smooth(right, table["cosine", pair], pair, colour(i + 2), style(i))
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
        _smooth(left, table[place], f"shared, use at {place}", colour(i), "-")
        _smooth(left, alone[own], f"twin, {own}", colour(i), ":")
    ratio = alone[places].median().sum() / table.median().sum()
    left.set(xlabel="optimizer step", ylabel="gradient norm ‖g‖", yscale="log")
    left.set_title(f"the twin's gradients are ×{ratio:.2f} the uses'")
    far, moved = twin.table("distance"), record.table("distance")[name]
    right.plot(moved, color=colour(6), label="shared")
    for i, own in enumerate(places):
        right.plot(far[own], color=colour(i), linestyle=":", label=f"twin, {own}")
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
        height = tops.mean() / 2.5 if len(tops) else 1.0  # a ridge reaches over about two of its neighbours
        for row, i in enumerate(reversed(chosen)):
            middle = (edges[i, 1:] + edges[i, :-1]) / 2
            shade = plt.get_cmap("viridis")(0.9 * row / len(chosen))
            base = len(chosen) - 1 - row
            axis.fill_between(middle, base, base + density[i] / height, color=shade, alpha=0.8, zorder=row)
            axis.plot(middle, base + density[i] / height, color="white", linewidth=0.6, zorder=row)
        axis.set(xlabel=f"{kind} (density)", ylabel="optimizer step")
        axis.set_yticks(range(0, len(chosen), 3), [f"{steps[i]:,}" for i in chosen[::3]])
        centre = (edges[:, 1:] + edges[:, :-1]) / 2
        spread = (centre**2 * share).sum(1) ** 0.5
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
        _smooth(axis, values, label, colour(i), style(i))
    else:
        axis.plot(values, color=colour(i), linestyle=style(i), label=label)


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


def matrices(named, title="", numbers=False):
    """Draw matrices side by side, red above 0 and blue below, each on a scale of its own, symmetric about 0.

    named: {label: tensor of shape (rows, columns)}. numbers: write each entry in, for small ones, in place of a colour
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


def blocks(counts, net="the net"):
    """Draw how many numbers each block of a net holds, from {block: count}, and say which holds most.

    >>> blocks({"a": 10, "b": 30}).axes[0].get_title()
    'b holds 75% of the 40 numbers of the net'
    """
    total = sum(counts.values())
    most = max(counts, key=counts.get)
    figure, (axis,) = panels(width=6, height=0.5 + 0.32 * len(counts))
    bars = axis.barh(list(counts), list(counts.values()), color=[colour(1 if b == most else 0) for b in counts])
    axis.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=3)
    axis.set(xlabel="numbers in its Parameters", xlim=(0, 1.18 * max(counts.values())))
    axis.set_title(f"{most} holds {counts[most] / total:.0%} of the {total:,} numbers of {net}")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.invert_yaxis()
    axis.grid(False, axis="y")
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


def tie_survival(kept):
    """Draw which ways to share survive what, from {way: {what happens: bool}}; words and hatching beside colour.

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
            shade, hatch = (colour(0), "") if row[what] else ("white", "////")
            axis.add_patch(
                plt.Rectangle((left, bottom), 0.96, 0.92, facecolor=shade, hatch=hatch, edgecolor=colour(1 - row[what]))
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
        axis.barh(list(costs), sizes, left=starts, color=colour(i), hatch=hatch, edgecolor="white", label=part)
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
            axis.loglog(sizes, errors[world, fit], style(i), color=colour(i), marker="os"[i % 2], label=fit)
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
            axis.semilogy(range(1, len(line) + 1), line, color=colour(i), linestyle=style(i), label=scheme)
        best = min(change, key=lambda scheme: abs(math.log(max(change[scheme], 1e-300))))
        axis.set_title(f"{activation}: best {best}, ×{change[best]:.2g}", fontsize=10)
        axis.set(xlabel="layer, counted from the input")
    axes[0].set_ylabel(quantity)
    axes[-1].legend(frameon=False, fontsize=8)
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
    left.hist(ordered, bins=bins, color=colour(5))
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
    right.plot(line, cdf(line), color=colour(1), linestyle="--", label=name, zorder=3)
    right.step(distinct, share, where="post", color=colour(0), label="the sample")
    right.vlines(distinct[worst % len(distinct)], *ends[:, worst], color=colour(6), linewidth=3, zorder=4)
    right.set(xlabel="value", ylabel="share at or below it")
    right.set_title(f"widest gap: {gaps[worst]:.2g}")
    right.legend(frameon=False, fontsize=8)
    return figure


def first_losses(losses, classes):
    """Draw the first loss of each scheme, {name: loss}, on a logarithmic axis beside ln(classes).

    >>> first_losses({"default": 2.3, "wild": 4e7}, classes=10).axes[0].get_title()
    '1 of 2 begin far above ln 10 = 2.30 (dashed)'
    """
    figure, (axis,) = panels(1, width=6.4, height=0.32 * len(losses) + 1.1)
    guess = math.log(classes)
    names = list(losses)[::-1]
    axis.barh(names, [losses[name] for name in names], color=[colour(5 if losses[n] < 3 * guess else 1) for n in names])
    for name in names:
        number = f"{losses[name]:.3g}" if losses[name] < 100 else f"{losses[name]:.0e}"
        axis.text(losses[name] * 1.15, name, number, va="center")
    axis.axvline(guess, color=colour(6), linestyle="--")
    far = sum(loss >= 3 * guess for loss in losses.values())
    axis.set(xscale="log", xlim=(1, max(losses.values()) * 30), xlabel="first loss, nats (logarithmic)")
    axis.set_title(f"{far} of {len(losses)} begin far above ln {classes} = {guess:.2f} (dashed)", fontsize=10)
    axis.grid(False, axis="y")
    return figure
