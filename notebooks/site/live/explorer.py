"""What the init explorer needs on a page without a kernel: the layout, the words and the bounds of the notebook's own."""

import base64
import math
import re
from typing import Any

from d2lparams.chapter.deep_net import CLASSES, EXAMPLES
from d2lparams.chapter.explorer import (
    HIGHEST,
    KINDS,
    LOWEST,
    MARKS,
    OTHER_MARK,
    Explorer,
)
from d2lparams.health import _VERDICTS, _WRONG, FACTOR, HealthReport

SUMMARY = r"init explorer: (?P<scheme>.+), gain (?P<gain>[\d.]+), (?P<depth>\d+) hidden layers of (?P<units>\d+) units, "
SUMMARY += r"(?P<activation>.+): "
BINS = 65  # as `profile` has by default
LOSS = 7.77  # which stands for any


def data(text: str) -> dict[str, Any]:
    """Return what `explorer.js` draws with.

    Args:
        text: what the notebook stores beside the picture: an explorer's `summary`, which tells its setting.

    Returns:
        Lengths are pixels from the upper left corner; lines and texts are those of `Canvas.overlay`.
    """
    setting = re.match(SUMMARY, text)
    if setting is None:
        raise ValueError(
            f"this is no summary of an init explorer, such as `repr` gives: {text!r}"
        )
    scheme, gain, depth, units, activation = setting.groups()
    view = Explorer(scheme, float(gain), int(depth), int(units), activation)
    background = view.canvas.background()
    overlay = view.canvas.overlay()
    axes = dict(zip((*KINDS, "verdict"), view.canvas.figure.axes, strict=True))
    height = view.canvas.figure.bbox.height
    gains = offered(view.gain)
    texts, lines = overlay["texts"], overlay["lines"]
    result = {
        "background": base64.b64encode(background).decode(),
        "boxes": {
            kind: [a.bbox.x0, height - a.bbox.y1, a.bbox.width, a.bbox.height]
            for kind, a in axes.items()
        },
        "kinds": KINDS,
        "scale": axes["verdict"].get_xlim(),
        "texts": {
            kind: dict(zip(("title", "low", "high"), texts[3 * i :], strict=False))
            for i, kind in enumerate(KINDS)
        }
        | {"verdict": {"title": texts[9]}},
        "layers": texts[10],
        "lines": {
            kind: {"outline": lines[i], "stds": lines[i + 3]}
            for i, kind in enumerate(KINDS)
        },
        "lowest": LOWEST,
        "highest": HIGHEST,
        "verdicts": {verdict: words_of(view, verdict) for verdict in _VERDICTS},
        "gains": gains,
        "units": view.units.options,
        "mostLayers": view.depth.max,
        "schemes": view.scheme.options,
        "activations": view.activation.options,
        "setting": {
            "scheme": scheme,
            "activation": activation,
            "gain": min(
                range(len(gains)), key=lambda i: abs(math.log(gains[i] / float(gain)))
            ),
            "depth": int(depth),
            "units": view.units.options.index(int(units)),
        },
        "constants": {
            "classes": CLASSES,
            "examples": EXAMPLES,
            "bins": BINS,
            "factor": FACTOR,
            "wrong": _WRONG,
            "verdicts": _VERDICTS,
        },
    }
    view.close()
    return result


def words_of(view: Explorer, verdict: str) -> dict[str, str]:
    """Return the color of a verdict, and the explorer's caption with LOSS and REASONS in it."""
    report = HealthReport(LOSS, CLASSES, None, [])
    report.verdict, report.reasons = verdict, ["REASONS"]
    caption = view._describe(report).replace(f"{LOSS:.3g}", "LOSS")
    return {"caption": caption, "color": MARKS.get(verdict, OTHER_MARK)[1]}


def offered(slider: Any) -> list[float]:
    """Return the values that a slider with a logarithmic scale offers."""
    steps = round((slider.max - slider.min) / slider.step)
    return [
        slider.base ** round(slider.min + i * slider.step, 10) for i in range(steps + 1)
    ]
