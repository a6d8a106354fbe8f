"""Figures of parameters, gradients and updates. Each function takes data and returns the Figure that it drew."""

import matplotlib.pyplot as plt

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe and Ito (2008)
STYLES = ["-", "--", "-.", ":"]  # a second mark beside colour, for eyes and printers that see none


def colour(i):
    """Return the i-th colour: one meaning, a layer or a scheme, keeps one colour in every figure."""
    return COLOURS[i % len(COLOURS)]


def style(i):
    """Return the i-th line style."""
    return STYLES[i % len(STYLES)]


def _figure(panels=1, width=3.4, height=2.6, **options):
    """Return a figure and its axes in a row, on white: legible in JupyterLab's light and dark themes."""
    figure, axes = plt.subplots(
        1, panels, figsize=(width * panels, height), layout="constrained", facecolor="white", squeeze=False, **options
    )
    for axis in axes[0]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
    return figure, list(axes[0])
