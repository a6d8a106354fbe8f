"""A figure in words, for those who do not see it: what `drawn` knows of it, as a sentence or two for each panel.

An interactive figure has a summary beside its picture, which comes first.
"""

import math
import re
from typing import Any

Description = dict[str, Any]
Output = dict[str, Any]
MOST = 7  # names of curves, bars or rows that are read out
LETTER = r"[^\W\d_]"
WORDY = rf"{LETTER}{{3}}.{{3}}"  # a word and more, where a lone one names a tick
SERIES = {"line", "FillBetweenPolyCollection", "PolyCollection", "PathCollection"}


def alternative(output: Output) -> str:
    """Return the alternative text of an output that has a picture; "" if nothing is known of it."""
    summary = "".join(output["data"].get("text/plain", ""))
    drawn = output.get("metadata", {}).get("image/png", {}).get("drawn")
    said = ["" if summary.startswith("<") else _sentence(summary), words(drawn) if drawn else ""]
    return " ".join(filter(None, said))


def words(description: Description) -> str:
    """Return what a figure shows, from its description by `drawn.describe`."""
    panels = [axes for axes in description["axes"] if not _is_color_bar(axes)]
    said = [_sentence(description["title"])]
    said += [_sentence("; ".join(_flat(artist["texts"]))) for artist in description["artists"] if artist.get("texts")]
    said += [f"{len(panels)} panels."] if len(panels) > 1 else []
    said += [_sentence(f"Curves: {_some(legend['texts'])}") for legend in description["legends"]]
    titles = [_title(axes) for axes in panels]
    bodies = [_body(axes, panels[0], len(panels) < 4) for axes in panels]
    if len(panels) > 1 and len(set(bodies)) == 1:  # what is the same in all of them is said once
        said.append("; ".join(f"{number}: {title}" for number, title in enumerate(titles, start=1)) + ".")
        said.append(bodies[0] and f"Each: {bodies[0]}")
    else:
        for number, (title, body) in enumerate(zip(titles, bodies, strict=True), start=1):
            place = f"{number}:" if len(panels) > 1 else ""
            said += [place, _sentence(title), body]
    return " ".join(filter(None, said))


def _is_color_bar(axes: Description) -> bool:
    kinds = [artist["kind"] for artist in axes["artists"]]
    return "QuadMesh" in kinds and set(kinds) <= {"QuadMesh", "LineCollection"}


def _title(axes: Description) -> str:
    """Return a panel's title, or the words in it that stand for one."""
    words = [text for artist in axes["artists"] for text in artist.get("texts", []) if re.search(WORDY, text)]
    return " ".join((axes["title"] or ("; ".join(words) if len(words) <= 3 else "")).split())


def _body(axes: Description, first: Description, few: bool) -> str:
    """Return what is drawn over what; `first`: the panel that may name the axis for its neighbors."""
    across, up = (axes[f"{side} axis"]["label"] for side in "xy")
    if not up and across == first["x axis"]["label"]:
        up = first["y axis"]["label"]
    curves = [artist for artist in axes["artists"] if artist["kind"] in SERIES and artist.get("label")]
    if up and few and not re.search("density|share|across", up):
        told = [_course(curve, axes["y axis"]["scale"]) for curve in curves]
    else:
        told = [name for legend in axes["legends"] for name in legend["texts"]] or [curve["label"] for curve in curves]
    shapes = [artist["shape"] for artist in axes["artists"] if artist.get("shape")]
    rows = [tick for side in "yx" for tick in axes[f"{side} axis"].get("ticks", []) if re.search(LETTER, tick)]
    if not told and not curves:
        told = [name for legend in axes["legends"] for name in legend["texts"]] or rows
    drawn = [f"a matrix of {shapes[0].replace(' x ', ' by ')}" if shapes else "", _some(told)]
    return _sentence(": ".join(filter(None, [" over ".join(filter(None, [up.strip(), across.strip()])), *drawn])))


def _course(curve: Description, scale: str) -> str:
    """Return a curve's name, and where it begins and ends if its points say so."""
    name = curve["label"].replace("\n", " ")
    numbers = curve.get("points", {}).get("y", "").partition(":")[2]
    ends = [float(number) for number in numbers.split()]
    # of more points than are kept, the first two numbers are the extremes
    first, last = (ends[2], ends[-1]) if len(ends) > 60 else (ends[0], ends[-1]) if len(ends) > 1 else (0.0, 0.0)
    if curve["kind"] != "line" or first == last or not (math.isfinite(first) and math.isfinite(last)):
        return name
    if scale == "log":
        first, last = 10**first, 10**last
    return f"{name} from {_number(first)} to {_number(last)}"


def _number(number: float) -> str:
    return f"{number:.2g}" if abs(number) < 100 or abs(number) >= 1e6 else f"{number:,.0f}"


def _flat(texts: list[str]) -> list[str]:
    return [text.replace("\n", " ") for text in texts]


def _some(names: list[str]) -> str:
    """Return names in a row, of many the first ones and how many more there are."""
    more = len(names) - MOST
    names = _flat(list(dict.fromkeys(names)))
    return "; ".join(names) if more < 2 else f"{'; '.join(names[:MOST])}; and {more} more"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."
