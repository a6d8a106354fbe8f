"""All that a figure of a record can show, packed small: a page without a kernel replays it.

`scenes.js` of the HTML edition is the other half. Both name alike what passes between them.
"""

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..plots.board import Curves
from .canvas import Canvas

Series = dict[str, Any]
_DECIMALS = 1  # of a pixel


class NotedCurves(Curves):
    """Curves that note at which step each point came.

    Attributes:
        step: how many steps were made; who watches the loop says so.
        steps: {label of a curve: `step` for each of its points, as it was when the point came}.

    Example:
        >>> curves = NotedCurves()
        >>> for curves.step in range(4):
        ...     curves.draw(curves.step / 2, 1.0, "train_loss", every_n=2)
        >>> curves.steps
        {'train_loss': [1, 3]}
    """

    step: int
    steps: dict[str, list[int]]

    def __init__(self) -> None:
        super().__init__()
        self.step, self.steps = 0, {}

    def draw(self, x: float, y: float, label: str, every_n: int = 1) -> None:
        """Take one value as `Curves` does, and note the step of a point that it completes.

        Args:
            x: where on the horizontal axis, such as the epoch.
            y: the value, such as a loss.
            label: of the curve that it belongs to.
            every_n: how many values make one point, their mean.
        """
        super().draw(x, y, label, every_n)
        noted = self.steps.setdefault(label, [])
        if len(noted) < len(self.data.get(label, [])):
            noted.append(self.step)


def series(canvas: Canvas, label: str, steps: Sequence[int], draw: Callable[[int], str]) -> Series:
    """Return what a canvas shows at each of several steps; what does not change is there once.

    Args:
        canvas: what is drawn on; only what is on top of it may change, and none of it comes or goes.
        label: what a screen reader says of the picture.
        steps: at least one.
        draw: changes the canvas to how it looks at the i-th step, and returns the caption, in HTML.

    Returns:
        `background`, `label`, `steps`, `captions`, `lines` and `texts`. A line has its `points`, x and y in turn, in
        pixels, and `shown`, how many of them at each step; where they move, `points` are a list for each step.
    """
    background = base64.b64encode(canvas.background()).decode()
    captions, overlays = [], []
    for i in range(len(steps)):
        captions.append(draw(i))
        overlays.append(canvas.overlay())
    points = [_points(overlay) for overlay in overlays]
    first = overlays[0]
    lines = [{**line, **_merged([points_now[i] for points_now in points])} for i, line in enumerate(first["lines"])]
    texts = [
        {**text, "text": _one_or_all([overlay["texts"][i]["text"] for overlay in overlays])}
        for i, text in enumerate(first["texts"])
    ]
    found = {"background": background, "label": label, "steps": list(steps), "captions": captions}
    return found | {"lines": lines, "texts": texts}


def _points(overlay: dict[str, Any]) -> list[list[float | None]]:
    """Return the points of each line; None in place of NaN, which JSON has not."""
    numbers = np.frombuffer(overlay["points"], "<f4").astype(float).round(_DECIMALS)
    ends = np.cumsum([2 * line["count"] for line in overlay["lines"]])[:-1]
    return [[None if np.isnan(x) else x for x in part.tolist()] for part in np.split(numbers, ends)]


def _merged(points: list[list[float | None]]) -> Series:
    """Return a line's points once, if each list of them begins the longest one."""
    longest = max(points, key=len)
    if all(part == longest[: len(part)] for part in points):
        return {"points": longest, "shown": [len(part) // 2 for part in points]}
    return {"points": points}


def _one_or_all(texts: list[str]) -> str | list[str]:
    return texts[0] if len(set(texts)) == 1 else texts


def packed(name: str, choice: str, shown: str, slider: str, every: dict[str, Series]) -> str:
    """Return all that a figure can show, as text that a notebook stores.

    Args:
        name: of the figure.
        choice: label of the list that chooses among several series.
        shown: which one is chosen at first.
        slider: label of the slider over the steps.
        every: {option: what `series` returned}.

    Returns:
        JSON, compressed by zlib, in base64.
    """
    words = {"name": name, "choice": choice, "shown": shown, "slider": slider, "series": every}
    return base64.b64encode(zlib.compress(json.dumps(words, allow_nan=False).encode(), 9)).decode()


def unpacked(text: str) -> dict[str, Any]:
    """Return what `packed` packed.

    Args:
        text: what it returned.

    Returns:
        Its arguments by name, and `every` as "series".
    """
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return content
