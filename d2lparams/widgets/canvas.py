"""What a figure is drawn on: a picture that stays, and lines and words over it that the browser draws anew."""

import io
from pathlib import Path

import anywidget
import matplotlib
import numpy as np
import PIL.Image
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

_DASHES = {"--": "dashed", "-.": "dashdot", ":": "dotted"}
_BASELINES = {"top": "top", "center": "middle", "baseline": "alphabetic", "bottom": "bottom"}


# Jupyter's server leaves Nagle's algorithm on: what fills no TCP segment, of 64 KiB between programs of one machine,
# waits up to 40 ms until the browser has acknowledged the message before it.
SEGMENT = 2**16


class Canvas:
    """A figure on white. What is `moving` is left to the browser, which needs milliseconds; the rest is a picture.

    width, height: in inches, of 100 pixels. The figure is no pyplot figure, so no notebook shows it a second time.
    """

    def __init__(self, width, height):
        self.figure = Figure((width, height), dpi=100, facecolor="white")
        self._agg = FigureCanvasAgg(self.figure)
        self._moving, self._ground = [], None

    def moving(self, artist):
        """Have a line or a text drawn on top of the rest, anew for each scene, and return it."""
        artist.set_animated(True)
        self._moving.append(artist)
        return artist

    def still(self):
        """Forget how the rest looked: it has changed."""
        self._ground = None

    def clear(self):
        """Empty the figure."""
        self.figure.clear()
        self._moving, self._ground = [], None

    def png(self):
        """Return the whole picture as it stands now."""
        self._agg.draw()
        for artist in self._moving:
            self.figure.draw_artist(artist)
        return self._encoded()

    def ground(self):
        """Return the picture without what moves."""
        if self._ground is None:
            self._agg.draw()
            self._ground = self._encoded()
        return self._ground

    def scene(self):
        """Return what moves, for `canvas.js`: texts, lines, and the lines' points one after the other.

        All lengths are pixels, from the upper left corner. An axis that scales itself has done so in `ground`.
        """
        texts = [self._text(artist) for artist in self._moving if isinstance(artist, Text) and artist.get_visible()]
        moving = [artist for artist in self._moving if not isinstance(artist, Text)]
        points = [artist.get_transform().transform(artist.get_xydata()) for artist in moving]
        lines = [self._line(artist) | {"count": len(xy)} for artist, xy in zip(moving, points, strict=True)]
        flipped = np.concatenate([np.empty((0, 2)), *points]) * (1, -1) + (0, self.figure.bbox.height)
        return {"texts": texts, "lines": lines, "points": flipped.astype("<f4").tobytes()}

    def _text(self, artist):
        x, y = artist.get_transform().transform(artist.get_unitless_position())
        return {
            "text": artist.get_text(),
            "x": x,
            "y": self.figure.bbox.height - y,
            "color": to_hex(artist.get_color()),
            "size": self._pixels(artist.get_fontsize()),
            "align": artist.get_horizontalalignment(),
            "baseline": _BASELINES[artist.get_verticalalignment()],
        }

    def _line(self, artist):
        style, box, width = artist.get_linestyle(), artist.axes.bbox, self._pixels(artist.get_linewidth())
        dash = matplotlib.rcParams[f"lines.{_DASHES[style]}_pattern"] if style in _DASHES else []
        return {
            "color": to_hex(artist.get_color()),
            "width": width if style != "None" else 0,
            "dash": [width * length for length in dash],
            "mark": artist.get_marker().replace("None", ""),
            "radius": self._pixels(artist.get_markersize() + artist.get_markeredgewidth()) / 2,
            "clip": [box.x0, self.figure.bbox.height - box.y1, box.width, box.height],
        }

    def _pixels(self, points):
        return points * self.figure.dpi / 72

    def _encoded(self):
        size = self._agg.get_width_height()
        picture = PIL.Image.frombuffer("RGBA", size, self._agg.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
        png = io.BytesIO()
        picture.save(png, "png", compress_level=1)  # a little: somebody waits for it, and it does not go far
        return png.getvalue()


class Screen(anywidget.AnyWidget):
    """The widget that shows a canvas. ground, scene: what `Canvas` returns. label: what a screen reader says of it."""

    _esm = Path(__file__).with_name("canvas.js")
    ground = traitlets.Bytes().tag(sync=True)
    scene = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    near = traitlets.Bool(False).tag(sync=True)  # the browser runs on the server's machine, says canvas.js

    def show(self, canvas, label):
        """Show a canvas as it stands now."""
        with self.hold_sync():  # one message: no frame shows the one without the other
            filling = {"filling": bytes(SEGMENT)} if self.near else {}
            self.ground, self.scene, self.label = canvas.ground(), canvas.scene() | filling, label
