"""The figure of the appendix on sharing in practice: which way to share survives what."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...plots.style import COLORS, panels

BLUE, VERMILION, GREEN, _, RED, SKY, BLACK = COLORS
GRAY = "#E4E4E4"
MARKS = {  # outcome -> (symbol, color of the tile, color of the symbol, what it means)
    "tied": ("●", BLUE, "white", "tied: one Parameter, one training"),
    "shares memory": ("○", SKY, "black", "two Parameters in one memory"),
    "trains differently": ("2", RED, "white", "the same, and stepped as two: not a tie's step"),
    "partly tied": ("½", GREEN, "black", "a write is seen, but the two weights differ"),
    "untied, equal": ("=", GRAY, "black", "untied; the numbers are still equal"),
    "drifts apart": ("×", VERMILION, "black", "untied; the numbers differ"),
    "raises": ("!", BLACK, "white", "an error: nothing goes wrong in silence"),
}


def survival_matrix(matrix: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Figure:
    """Draw which ways to share survive what: a row for each happening, a column for each way.

    Args:
        matrix: {group: {happening: {way: outcome}}}, each outcome a key of `MARKS`.

    Returns:
        A figure to pin to the wall: a symbol stands on each color, and the last row counts what is tied.

    Met in the appendix on sharing in practice.

    Example:
        >>> matrix = {"copy": {"deepcopy": {"one layer": "tied", "one memory": "untied, equal"}}}
        >>> survival_matrix(matrix).axes[0].get_title()
        'One layer: tied through 1 of 1;\\none memory: through 0'
    """
    rows = {happening: row for group in matrix.values() for happening, row in group.items()}
    ways = list(next(iter(rows.values())))
    figure, (axis,) = panels(width=6.0, height=3.9 + 0.23 * (len(rows) + len(matrix)))
    ticks, labels, y = [], [], 0.0
    for group, happenings in matrix.items():
        axis.text(-0.6, y, group, ha="right", va="center", fontsize=9, fontweight="bold")
        for happening, row in happenings.items():
            y += 1
            ticks.append(y)
            labels.append(happening)
            for x, way in enumerate(ways):
                _tile(axis, x, y, row[way])
        y += 1.15
    tied = {way: sum(row[way] == "tied" for row in rows.values()) for way in ways}
    axis.text(-0.6, y, f"tied, of {len(rows)}", ha="right", va="center", fontsize=9, fontweight="bold")
    for x, way in enumerate(ways):
        axis.text(x, y, str(tied[way]), ha="center", va="center", fontsize=9, fontweight="bold")
    for i, (outcome, (_, _, _, meaning)) in enumerate(MARKS.items()):
        _tile(axis, -5.2, y + 1.8 + 1.1 * i, outcome)
        axis.text(-4.4, y + 1.8 + 1.1 * i, meaning, va="center", fontsize=9)
    axis.set(xlim=(-7.2, len(ways) - 0.4), ylim=(y + 2.4 + 1.1 * len(MARKS), -0.6))
    axis.set_yticks([])
    for place, label in zip(ticks, labels, strict=True):
        axis.text(-0.6, place, label, ha="right", va="center", fontsize=8.5)
    axis.xaxis.tick_top()
    axis.set_xticks(range(len(ways)), ways, rotation=90, fontsize=8.5)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    most, least = max(tied, key=lambda way: tied[way]), min(tied, key=lambda way: tied[way])
    title = f"{most[0].upper()}{most[1:]}: tied through {tied[most]} of {len(rows)};\n{least}: through {tied[least]}"
    axis.set_title(title, fontsize=10.5, fontweight="bold")
    return figure


def _tile(axis: Axes, x: float, y: float, outcome: str) -> None:
    symbol, face, ink, _ = MARKS[outcome]
    axis.add_patch(Rectangle((x - 0.46, y - 0.45), 0.92, 0.9, facecolor=face, edgecolor="none"))
    axis.text(x, y, symbol, color=ink, ha="center", va="center", fontsize=9, fontweight="bold")
