"""How every figure looks: its colors, its line styles, its panels."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito (2008), but for the fifth and sixth: orange and sky blue are too pale for a line on white
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#CC0044", "#3A95E9", "#000000"]
GOOD, BAD = "#00805C", "#B85100"  # green and vermilion for words, which have to stand out more than lines
PALE = 1.6  # how far the map of signed values reaches, by their size, where words have to stand out from it
REFERENCE = "gray"  # a line to compare others with
LINE_STYLES = ["-", "--", "-.", ":"]  # a second mark beside color, for eyes and printers that see none
SIGNED = "RdBu_r"  # the one color map for signed values, by matplotlib's name: red above 0, blue below


def color(i: int) -> str:
    """Return the i-th color: one meaning, a layer or a scheme, keeps one color in every figure.

    Args:
        i: counted from 0; after the seventh color the first one comes again.

    Returns:
        The color as `#RRGGBB`. The seven can be told apart by color-blind readers.

    Source: Okabe and Ito (2008), with two that stand out more from white. Met in notebook 2.

    Example:
        >>> color(0), color(7)
        ('#0072B2', '#0072B2')
    """
    return COLORS[i % len(COLORS)]


def line_style(i: int) -> str:
    """Return the i-th line style, a second mark beside color.

    Args:
        i: counted from 0; after the fourth style the first one comes again.

    Returns:
        The style as matplotlib writes it.

    Example:
        >>> line_style(1)
        '--'
    """
    return LINE_STYLES[i % len(LINE_STYLES)]


def panels(
    number: int = 1, width: float = 3.4, height: float = 2.6, columns: int | None = None, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes in a row, or in rows, on white: legible in JupyterLab's light and dark themes.

    The figure is one of pyplot's, so a notebook shows it when its cell ends, and `plt.show()` shows it in a script.

    Args:
        number: how many axes.
        width: of each, in inches.
        height: of each, in inches.
        columns: how many axes stand in a row; all of them by default.
        **options: for `plt.subplots`.

    Returns:
        The figure, and a list of its axes from left to right and down, each as `dress` leaves it.

    Met in notebook 2.

    Example:
        >>> figure, axes = panels(2, width=3)
        >>> len(axes), figure.get_size_inches().tolist()
        (2, [6.0, 2.6])
    """
    columns = columns or number
    rows = -(-number // columns)
    size = width * columns, height * rows
    figure, grid = plt.subplots(
        rows, columns, figsize=size, layout="constrained", facecolor="white", squeeze=False, **options
    )
    axes = list(grid.flat)
    for empty in axes[number:]:
        empty.remove()
    return figure, [dress(axis) for axis in axes[:number]]


def dress(axis: Axes) -> Axes:
    """Give one axis the look of all figures: no frame above and on the right, a faint grid, small letters.

    Args:
        axis: of any figure; it is changed in place.

    Returns:
        The same axis.

    Example:
        >>> from matplotlib.figure import Figure
        >>> dress(Figure().subplots()).spines["top"].get_visible()
        False
    """
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.3)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set_fontsize(9)
    axis.tick_params(labelsize=8)
    return axis
