"""What an interactive figure is drawn on: a background that stays, and what the browser draws over it, again and again.

`canvas.js` is the browser's half. Both name what passes between them alike: background, overlay, label, is_local.
"""

import contextlib
import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import anywidget
import matplotlib
import numpy as np
import PIL.Image
import traitlets
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

_BASELINES = {"top": "top", "center": "middle", "baseline": "alphabetic", "bottom": "bottom"}
LINE_SPACING = 1.2  # from line to line of a text, in its size
_Artist = TypeVar("_Artist", bound=Line2D | Text | Rectangle | AxesImage)

# Jupyter's server leaves Nagle's algorithm on: what fills no TCP segment, of 64 KiB between programs of one machine,
# waits up to 40 ms until the browser has acknowledged the message before it.
TCP_SEGMENT = 2**16


class Canvas:
    """A figure on white. What is drawn on top is left to the browser, which needs milliseconds; the rest is a picture.

    The figure is no pyplot figure, so no notebook shows it a second time.

    Args:
        width: in inches, of 100 pixels.
        height: in inches, of 100 pixels.
    """

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure((width, height), dpi=100, facecolor="white")
        self._agg = FigureCanvasAgg(self.figure)
        self._lines: list[Line2D] = []
        self._texts: list[Text] = []
        self._boxes: list[Rectangle | AxesImage] = []
        self._background: bytes | None = None

    def on_top(self, artist: _Artist) -> _Artist:
        """Have an artist drawn over the rest, anew for each overlay: rectangles and images first, texts last.

        An image is drawn as it is on axes that its extent fills: its pixels are rectangles.

        Args:
            artist: of this figure.

        Returns:
            The same artist.
        """
        artist.set_animated(True)
        if isinstance(artist, Text):
            self._texts.append(artist)
        elif isinstance(artist, Line2D):
            self._lines.append(artist)
        else:
            self._boxes.append(artist)
        return artist

    @contextlib.contextmanager
    def lifted(self, *artists: Line2D | Text) -> Iterator[None]:
        """Have lines and texts of the background drawn on top for a while, alone.

        Args:
            *artists: of this figure.
        """
        before = self._boxes, self._lines, self._texts
        self._boxes, self._lines, self._texts = [], [], []
        for artist in artists:
            self.on_top(artist)
        self.forget_background()
        try:
            yield
        finally:
            self._boxes, self._lines, self._texts = before
            for artist in artists:
                artist.set_animated(False)
            self.forget_background()

    def leave_out(self, *artists: Artist) -> None:
        """Remove artists that are on top.

        Args:
            *artists: of this figure.
        """
        for artist in artists:
            artist.remove()
        self._boxes = [artist for artist in self._boxes if artist not in artists]
        self._lines = [artist for artist in self._lines if artist not in artists]
        self._texts = [artist for artist in self._texts if artist not in artists]

    def forget_background(self) -> None:
        """Draw the background anew when it is asked for next: it has changed."""
        self._background = None

    def clear(self) -> None:
        """Empty the figure."""
        self.figure.clear()
        self._lines, self._texts, self._boxes, self._background = [], [], [], None

    def png(self) -> bytes:
        """Return the whole picture as it stands now.

        Returns:
            A PNG file's content.
        """
        self._agg.draw()
        for artist in [*self._boxes, *self._lines, *self._texts]:
            if _is_seen(artist):
                self.figure.draw_artist(artist)
        return self._encoded()

    def background(self) -> bytes:
        """Return the picture without what is drawn on top.

        Returns:
            A PNG file's content.
        """
        if self._background is None:
            self._agg.draw()
            self._background = self._encoded()
        return self._background

    def overlay(self) -> dict[str, Any]:
        """Return what is drawn on top, for `canvas.js`.

        All lengths are pixels, from the upper left corner. An axis that scales itself has done so in `background`.

        Returns:
            `boxes`, `lines` and `texts`: a dictionary for each; a text of several lines is several. `points`: x and y
            of each point of all lines, one line after the other, as little-endian float32.
        """
        boxes = [box for artist in self._boxes if _is_seen(artist) for box in self._describe_box(artist)]
        texts = [line for text in self._texts if _is_seen(text) for line in self._describe_text(text)]
        seen = [line for line in self._lines if _is_seen(line)]
        points = [line.get_transform().transform(line.get_xydata()) for line in seen]
        lines = [self._describe_line(line, len(xy)) for line, xy in zip(seen, points, strict=True)]
        every = np.concatenate([np.empty((0, 2)), *points])
        every[:, 1] = self.figure.bbox.height - every[:, 1]
        return {"boxes": boxes, "texts": texts, "lines": lines, "points": every.astype("<f4").tobytes()}

    def _describe_text(self, text: Text) -> Iterator[dict[str, Any]]:
        x, y = text.get_transform().transform(text.get_unitless_position())
        size = self._pixels(float(text.get_fontsize()))
        lines = text.get_text().split("\n")
        for above, line in zip(reversed(range(len(lines))), lines, strict=True):
            yield {
                "text": line,
                "x": x,
                "y": self.figure.bbox.height - y - above * LINE_SPACING * size,
                "color": _hex(text.get_color()),
                "size": size,
                "align": text.get_horizontalalignment(),
                "baseline": _BASELINES[text.get_verticalalignment()],
            }

    def _describe_box(self, artist: Rectangle | AxesImage) -> Iterator[dict[str, Any]]:
        if isinstance(artist, Rectangle):
            x, y = artist.get_transform().transform([(0, 0), (1, 1)]).T
            left, right, bottom, top = *sorted(x), *sorted(y)  # an axis may run the other way
            fill = _hex(artist.get_facecolor()) if artist.get_fill() else ""
            yield {
                "box": [left, self.figure.bbox.height - top, right - left, top - bottom],
                "fill": fill,
                "edge": _hex(artist.get_edgecolor()),
                "width": self._pixels(artist.get_linewidth()),
            }
            return
        whole = artist.axes.bbox
        colors = artist.to_rgba(np.asarray(artist.get_array()), bytes=True)
        rows, columns = colors.shape[:2]
        width, height = whole.width / columns, whole.height / rows
        for row, column in np.ndindex(rows, columns):
            corner = [whole.x0 + column * width, self.figure.bbox.height - whole.y1 + row * height]
            fill = f"#{colors[row, column, :3].tobytes().hex()}"
            yield {"box": [*corner, width, height], "fill": fill, "edge": "", "width": 0}

    def _describe_line(self, line: Line2D, count: int) -> dict[str, Any]:
        style, width = line.get_linestyle(), self._pixels(line.get_linewidth())
        patterns: dict[object, list[float]] = {
            "--": matplotlib.rcParams["lines.dashed_pattern"],
            "-.": matplotlib.rcParams["lines.dashdot_pattern"],
            ":": matplotlib.rcParams["lines.dotted_pattern"],
        }
        mark, size = line.get_marker(), line.get_markersize()
        if mark == ".":  # matplotlib's name for a circle of half the size
            mark, size = "o", size / 2
        box = line.axes.bbox if line.axes else self.figure.bbox
        return {
            "count": count,
            "color": to_hex(line.get_color()),
            "width": 0 if style == "None" else width,
            "dash": [width * length for length in patterns.get(style, [])],
            "mark": "" if mark == "None" or size == 0 else mark,
            "radius": self._pixels(size + line.get_markeredgewidth()) / 2,
            "clip": [box.x0, self.figure.bbox.height - box.y1, box.width, box.height],
        }

    def _pixels(self, points: float) -> float:
        return points * self.figure.dpi / 72

    def _encoded(self) -> bytes:
        size = self._agg.get_width_height()
        picture = PIL.Image.frombuffer("RGBA", size, self._agg.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
        png = io.BytesIO()
        picture.save(png, "png", compress_level=1)  # a little: somebody waits for it, and it does not go far
        return png.getvalue()


def _is_seen(artist: Artist) -> bool:
    return artist.get_visible() and (artist.axes is None or artist.axes.get_visible())


_hex = functools.cache(to_hex)


class CanvasWidget(anywidget.AnyWidget):
    """What shows a `Canvas` in the browser, by `canvas.js`.

    Attributes:
        background: what `Canvas.background` returns.
        overlay: what `Canvas.overlay` returns.
        label: what a screen reader says of the picture.
        is_local: whether the browser runs on the server's machine, as `canvas.js` finds out.
    """

    _esm = Path(__file__).with_name("canvas.js").read_text(encoding="utf-8")  # anywidget keeps all widgets of a Path
    background = traitlets.Bytes().tag(sync=True)
    overlay = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    is_local = traitlets.Bool(False).tag(sync=True)

    def show(self, canvas: Canvas, label: str) -> None:
        """Show a canvas as it stands now.

        Args:
            canvas: what to show.
            label: what a screen reader says of it.
        """
        background, overlay = canvas.background(), canvas.overlay()  # in this order: see `Canvas.overlay`
        if self.is_local:
            overlay["padding"] = bytes(TCP_SEGMENT)
        with self.hold_sync():  # one message: no frame shows the one without the other
            self.background, self.overlay, self.label = background, overlay, label
