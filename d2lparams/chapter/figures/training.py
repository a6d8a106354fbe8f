"""Figures of notebook 5: what a training came to."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from matplotlib.figure import Figure
from torch import Tensor

from ...plots.style import color, line_style, panels
from ...record import Record


def images(batch: Tensor, titles: Sequence[str], source: str) -> Figure:
    """Draw a row of images.

    Args:
        batch: shape (n, 1, height, width).
        titles: n texts, one above each image.
        source: where the images come from.

    Returns:
        A figure with a panel for each image. Met in notebook 5.

    Example:
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


def cosines_by_kind(runs: Mapping[tuple[str, int], Record], source: str) -> Figure:
    """Draw the cosine between the uses of a shared weight over steps, a line for each training.

    Args:
        runs: {(kind of net, seed): its record}; the first shared weight of each is drawn.
        source: what the nets were trained on.

    Returns:
        A figure of one panel; its title names the median cosine of each kind. Met in notebook 5.

    Example:
        >>> from d2lparams.plots import example_record
        >>> cosines_by_kind({("plain", 0): example_record()}, "made up").axes[0].get_title()
        'median cosine of the uses: plain -0.06'
    """
    figure, (axis,) = panels(width=6, height=3)
    kinds = list(dict.fromkeys(kind for kind, _ in runs))
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for (kind, seed), record in runs.items():
        cosines = record.uses(record.shared[0])["cosine"].iloc[:, 0]
        found[kind] += cosines.tolist()
        i = kinds.index(kind)
        label = f"{kind}, seed {seed}"
        axis.plot(cosines, color=color(i), linestyle=line_style(seed), label=label)
    axis.axhline(0, color="gray", linewidth=1, zorder=0)
    axis.set(xlabel="optimizer step", ylabel="cosine between the uses", ylim=(-1, 1))
    medians = ", ".join(f"{kind} {median(values):+.2f}" for kind, values in found.items())
    axis.set_title(f"median cosine of the uses: {medians}", fontsize=10)
    axis.legend(frameon=False, fontsize=8, ncols=len(kinds), loc="lower right")
    figure.suptitle(source, fontsize=9)
    return figure


def right_triangle(record: Record, twin: Record, name: str) -> Figure:
    """Draw how far a shared weight moved beside the hypotenuse of its twins' distances.

    Args:
        record: of a net in which a parameter has two places.
        twin: of its untied twin, trained alike.
        name: the shared parameter, one of `record.aliases`.

    Returns:
        A figure of one panel: the twins' distances are the legs of a right triangle, an arc marks how far the shared
        weight moved, and the title compares that with the hypotenuse. Met in notebook 5.

    Example:
        >>> from d2lparams.plots import example_record
        >>> right_triangle(example_record(), example_record(tied=False), "0.weight").axes[0].get_title()
        'the shared weight moved 1.01 times the hypotenuse'
    """
    far = twin.table("distance").iloc[-1]
    x, y = (float(far[place]) for place in record.aliases[name])
    moved = float(record.table("distance")[name].iloc[-1])
    hypotenuse = math.hypot(x, y)
    figure, (axis,) = panels(width=5, height=3.4)
    places = record.aliases[name]
    axis.plot([0, x], [0, 0], color=color(0), linewidth=3, label=f"twin, {places[0]}: {x:.3g}")
    axis.plot([x, x], [0, y], color=color(1), linewidth=3, linestyle="--", label=f"twin, {places[1]}: {y:.3g}")
    axis.plot([0, x], [0, y], color="gray", linewidth=1.5, label=f"hypotenuse: {hypotenuse:.3g}")
    angles = [math.pi / 2 * i / 60 for i in range(61)]
    arc = [moved * math.cos(a) for a in angles], [moved * math.sin(a) for a in angles]
    axis.plot(*arc, color=color(6), linestyle=":", linewidth=2, label=f"shared: {moved:.3g}")
    axis.set(aspect="equal", xlabel="distance ‖w − w₀‖", ylabel="distance ‖w − w₀‖")
    axis.set_title(f"the shared weight moved {moved / hypotenuse:.2f} times the hypotenuse", fontsize=10)
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(record.source, fontsize=9)
    return figure
