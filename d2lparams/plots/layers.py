"""Deep nets: a map of layers and steps in place of more lines than a reader can tell apart."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.patches import Patch

from .._torch import weight_names
from ..record import Record
from .style import COLORS

MOST_LINES = len(COLORS)  # in one panel: each has a color of its own
MOST_CELLS = 256  # of a map, in each direction: no more can be seen
DECADES = 8  # that the colors of a map span at most
ZERO, NOT_A_NUMBER = "lightgray", "#D55E00"  # cells that have no place on a logarithmic scale


def spread(length: int, number: int) -> list[int]:
    """Return some positions in a list, evenly spread: the first, the last, and some between.

    Args:
        length: of the list, 1 or more.
        number: how many positions at most, 2 or more.

    Returns:
        The positions, from 0 up.

    Example:
        >>> spread(10, 4)
        [0, 3, 6, 9]
    """
    return sorted({round(i * (length - 1) / (number - 1)) for i in range(number)})


def short(name: str, most: int) -> str:
    """Return a name in about `most` characters: of the first parts only a letter is left, numbers stay.

    Args:
        name: of a parameter or a module.
        most: how long it may be.

    Returns:
        The name, or a shorter one.

    Example:
        >>> short("encoder.layer.11.attention.self.query.weight", 28)
        'e.l.11.a.self.query.weight'
    """
    parts = name.split(".")
    for i, part in enumerate(parts[:-1]):
        if len(".".join(parts)) <= most:
            break
        parts[i] = part if part.isdecimal() else part[:1]
    cut = ".".join(parts)
    return cut if len(cut) <= most else f"…{cut[1 - most :]}"


def short_label(record: Record, name: str) -> str:
    """Return how a legend names a parameter: a shared one with its places, of many the first and the last.

    Args:
        record: what `track` yielded.
        name: the parameter's first name.

    Returns:
        Its names.

    Example:
        >>> short_label(Record(["0.weight"], {"0.weight": [f"{i}.weight" for i in range(9)]}, 20, 200), "0.weight")
        '0.weight = … = 8.weight'
    """
    places = record.aliases.get(name, [])
    return f"{places[0]} = … = {places[-1]}" if len(places) > 3 else record.label(name)


def recorded(record: Record, names: Sequence[str]) -> np.ndarray:
    """Return at which steps each parameter has a row, so that a NaN there is a real one.

    Args:
        record: what `track` yielded.
        names: of parameters, each its first name.

    Returns:
        Shape (steps, parameters), bool.

    Example:
        >>> from d2lparams.plots import example_record
        >>> recorded(example_record(), ["0.weight", "4.weight"]).shape
        (20, 2)
    """
    frame = record.frame()
    steps, column = np.unique(frame["step"]), pd.Index(names).get_indexer(frame["parameter"])
    found = np.zeros((len(steps), len(names)), dtype=bool)
    found[np.searchsorted(steps, frame["step"])[column >= 0], column[column >= 0]] = True
    return found


def draw_map(axis: Axes, table: pd.DataFrame, there: np.ndarray | None = None, labels: int = 24) -> QuadMesh:
    """Draw a map: a row for each column of a table, the first on top, steps to the right, the color logarithmic.

    What is 0 is gray, what is not a number is red, what was not recorded is white. Of more than `MOST_CELLS` rows or
    steps neighbors are one cell, which has the color of the largest.

    Args:
        axis: it is changed in place.
        table: a row for each step.
        there: shape of the table: what was recorded; by default all.
        labels: how many rows are named at most, 2 or more.

    Returns:
        What a color bar needs.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axis = Figure().subplots()
        >>> mesh = draw_map(axis, pd.DataFrame({"a.weight": [1.0, 0.1], "b.weight": [0.0, 0.01]}))
        >>> [text.get_text() for text in axis.get_yticklabels()], mesh.get_clim()
        (['a.weight', 'b.weight'], (0.01, 1.0))
    """
    values = table.to_numpy(dtype=float)
    if there is not None:
        values = np.where(there, values, -np.inf)
    names, steps = list(table.columns), table.index.to_numpy(dtype=float)
    rows, columns = _starts(len(names)), _starts(len(steps))
    cells = np.maximum.reduceat(np.maximum.reduceat(values, columns, axis=0), rows, axis=1).T
    apart = steps[-1] - steps[-2] if len(steps) > 1 else 1.0
    x, y = np.append(steps[columns], steps[-1] + apart), np.append(rows, len(names)).astype(float)
    positive = np.isfinite(cells) & (cells > 0)
    low, high = (cells[positive].min(), cells[positive].max()) if positive.any() else (0.1, 1.0)
    norm = LogNorm(max(low, high * 10.0**-DECADES), high if high > low else 1.1 * low)
    bad = np.where(np.isnan(cells) | (cells == np.inf), 1.0, 0.0)
    marks = np.ma.masked_array(bad, positive | (cells == -np.inf))
    if not marks.mask.all():
        axis.pcolormesh(x, y, marks, cmap=ListedColormap([ZERO, NOT_A_NUMBER]), vmin=0, vmax=1, rasterized=True)
    masked = np.ma.masked_array(cells, ~positive)
    mesh = axis.pcolormesh(x, y, masked, cmap=matplotlib.colormaps["viridis"], norm=norm, rasterized=True)
    named = spread(len(names), labels)
    axis.set_yticks([i + 0.5 for i in named], [str(names[i]) for i in named], fontsize=6)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(len(names), 0)
    axis.grid(False)
    return mesh


def _starts(length: int) -> np.ndarray:
    """Return where each cell's rows begin, no more than `MOST_CELLS`."""
    cells = min(length, MOST_CELLS)
    return np.arange(cells) * length // cells


def explain_marks(values: np.ndarray, there: np.ndarray) -> list[Patch]:
    """Return what a legend needs for cells without a number above 0, of those that there are.

    Args:
        values: what maps show.
        there: of the same shape, what was recorded.

    Returns:
        A patch for each kind.

    Example:
        >>> [patch.get_label() for patch in explain_marks(np.array([0.0, 1.0]), np.array([True, False]))]
        ['0', 'not recorded']
    """
    kinds = {
        "0": ((values == 0) & there, ZERO),
        "not a number": (~np.isfinite(values) & there, NOT_A_NUMBER),
        "not recorded": (~there, "white"),
    }
    found = {label: color for label, (cells, color) in kinds.items() if cells.any()}
    return [Patch(facecolor=color, edgecolor="gray", label=label) for label, color in found.items()]


def color_number(record: Record, name: str) -> int:
    """Return which color a parameter has in every figure of its record: weights are counted among themselves.

    Args:
        record: what `track` yielded.
        name: the parameter's first name.

    Returns:
        A number for `color` and `line_style`.

    Example:
        >>> color_number(Record(["0.weight", "0.bias", "1.weight"], {}, 20, 200), "1.weight")
        1
    """
    weights = weight_names(record.names)
    return weights.index(name) if name in weights else record.names.index(name)


def line_numbers(record: Record, names: Sequence[str]) -> dict[str, int]:
    """Return which color each of several parameters has in one panel: its own, or if two would share one, its place.

    Args:
        record: what `track` yielded.
        names: of at most `MOST_LINES` parameters, each its first name.

    Returns:
        A dictionary from name to a number for `color` and `line_style`, no two of which look alike.

    Example:
        >>> record = Record([f"{i}.weight" for i in range(9)], {}, 20, 200)
        >>> line_numbers(record, ["0.weight", "2.weight"]), line_numbers(record, ["0.weight", "7.weight"])
        ({'0.weight': 0, '2.weight': 2}, {'0.weight': 0, '7.weight': 1})
    """
    own = {name: color_number(record, name) for name in names}
    alike = len({i % MOST_LINES for i in own.values()}) < len(own)
    return {name: i for i, name in enumerate(names)} if alike else own
