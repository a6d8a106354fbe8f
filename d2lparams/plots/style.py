"""How every figure looks: its colors, its line styles, its panels."""

import matplotlib.pyplot as plt

COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe and Ito (2008)
SIGNED = "RdBu_r"  # the one map for signed values: red above 0, blue below
LINE_STYLES = ["-", "--", "-.", ":"]  # a second mark beside color, for eyes and printers that see none


def color(i):
    """Return the i-th color: one meaning, a layer or a scheme, keeps one color in every figure.

    >>> color(0), color(7)
    ('#0072B2', '#0072B2')
    """
    return COLORS[i % len(COLORS)]


def line_style(i):
    """Return the i-th line style.

    >>> line_style(1)
    '--'
    """
    return LINE_STYLES[i % len(LINE_STYLES)]


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
