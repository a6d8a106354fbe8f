"""One matrix on an interactive canvas: a framed grid of colored cells with their numbers, under a title.

Everything is on top, so that the browser alone draws a change.
"""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from torch import Tensor

from .. import plots
from ..widgets.canvas import Canvas

PALER = 1.6  # colors reach so much further than the entries: black on them keeps a contrast of 5 to 1
TITLE_SIZE, NUMBER_SIZE, INDEX_SIZE = 8, 8, 7  # in points, as all of these
TITLE_PAD, INDEX_PAD = 6, 3.5  # between the matrix and its title, or the numbers of its rows and columns
FRAME_WIDTH, OUTLINE_WIDTH = 3, 2.5
OUTLINED = 0.92  # of a cell, in width and height


class Matrix(NamedTuple):
    """What a panel shows."""

    title: str
    values: Tensor  # shape (rows, columns)
    parameter: int  # whose it is, counted from 0: the color of its frame
    outlined: Tensor | None = None  # True where an entry was just changed


class MatrixPanel:
    """A place for one matrix after the other.

    Args:
        canvas: what it is drawn on.
        axes: of the canvas's figure; the cells fill them.
    """

    def __init__(self, canvas: Canvas, axes: Axes) -> None:
        self.canvas, self.axes = canvas, axes
        axes.axis("off")
        self._image = canvas.on_top(axes.imshow(np.zeros((1, 1)), cmap=plots.SIGNED, aspect="auto"))
        whole = {"transform": axes.transAxes, "clip_on": False}
        self._frame = self._rectangle((0, 0), 1, linewidth=FRAME_WIDTH, **whole)
        self._title = canvas.on_top(axes.set_title("", fontsize=TITLE_SIZE, y=1, pad=TITLE_PAD))
        self._numbers: list[Text] = []
        self._outlines: list[Rectangle] = []
        below, *_ = axes.get_xaxis_text1_transform(INDEX_PAD)
        beside, *_ = axes.get_yaxis_text1_transform(INDEX_PAD)
        self._below = {"transform": below, "size": INDEX_SIZE, "ha": "center", "va": "top"}
        self._beside = {"transform": beside, "size": INDEX_SIZE, "ha": "right", "va": "center"}
        self._indices: list[Text] = []
        self._shape = (0, 0)

    def show(self, matrix: Matrix | None) -> None:
        """Show a matrix, or nothing.

        Args:
            matrix: of any size.
        """
        self.axes.set_visible(matrix is not None)
        if matrix is None:
            return
        values = matrix.values.numpy()
        if values.shape != self._shape:
            self._lay_out(*values.shape)
        reach = PALER * float(abs(values).max()) or 1.0
        self._image.set_data(values)
        self._image.set_clim(-reach, reach)
        self._frame.set_edgecolor(plots.color(matrix.parameter))
        self._title.set_text(matrix.title)
        for number, value in zip(self._numbers, values.flat, strict=True):
            number.set_text(f"{value:.2f}")
        self.canvas.leave_out(*self._outlines)
        outlined = [] if matrix.outlined is None else matrix.outlined.nonzero().tolist()
        corners = [(column - OUTLINED / 2, row - OUTLINED / 2) for row, column in outlined]
        black = {"edgecolor": "black", "linewidth": OUTLINE_WIDTH}
        self._outlines = [self._rectangle(corner, OUTLINED, **black) for corner in corners]

    def _lay_out(self, rows: int, columns: int) -> None:
        """Have a text for each entry, and number the rows and columns."""
        self._shape = rows, columns
        self._image.set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
        self.canvas.leave_out(*self._numbers, *self._indices)
        places = [(column, row) for row in range(rows) for column in range(columns)]
        self._numbers = [self._text(*place, "", size=NUMBER_SIZE, ha="center", va="center") for place in places]
        self._indices = [self._text(column, 0, str(column), **self._below) for column in range(columns)]
        self._indices += [self._text(0, row, str(row), **self._beside) for row in range(rows)]

    def _text(self, x: float, y: float, text: str, **style: Any) -> Text:
        return self.canvas.on_top(self.axes.text(x, y, text, **style))

    def _rectangle(self, corner: tuple[float, float], side: float, **style: Any) -> Rectangle:
        rectangle = Rectangle(corner, side, side, fill=False, **style)
        self.axes.add_patch(rectangle)
        return self.canvas.on_top(rectangle)
