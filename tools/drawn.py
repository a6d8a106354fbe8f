"""What a figure draws, as data small enough to be stored beside its picture, and what differs between two of them.

A description holds texts, colors, styles and points, and nothing that a screen, a font or a layout decides. Points are
kept on the scale of their axis: those of a logarithmic one as logarithms.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter, StrCategoryLocator
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.spines import Spine
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, NullLocator, StrMethodFormatter
from matplotlib.transforms import Transform

SAMPLES = 60  # of more numbers than these, the extremes are kept, and the means of as many stretches
PIXELS = 256  # the same for the values in an image, which is first made of at most 16 x 16 blocks
TOLERANCE = 1e-3  # of what an artist spans; from machine to machine its numbers differ by 2e-5 of it
ON_AXIS = {side + part for side in "xy" for part in ("", " end", " of shapes")}  # names of columns on an axis's scale

Description = dict[str, Any]
Columns = dict[str, np.ndarray]  # numbers by what they are: x, y, values


def describe(figure: Figure) -> Description:
    """Return what a figure shows."""
    axes = [part for part in figure.axes if part.get_visible()]
    axes += [child for part in axes for child in part.child_axes if isinstance(child, Axes)]
    texts = [text for text in figure.texts if text.get_text() != figure.get_suptitle()]
    return {
        "title": figure.get_suptitle(),
        "legends": [_legend(legend) for legend in figure.legends],
        "artists": _artists([*texts, *figure.lines, *figure.patches, *figure.images], None),
        "axes": [_axes(part) for part in axes],
    }


def _axes(axes: Axes) -> Description:
    titles = [axes.get_title(place) for place in ("left", "center", "right")]
    sides = [f"{side} {_color(spine.get_edgecolor())}" for side, spine in axes.spines.items() if spine.get_visible()]
    legend = axes.get_legend()
    apart = (Axis, Spine, Legend, Axes)
    titled = [axes.title, axes._left_title, axes._right_title]  # type: ignore[attr-defined]
    artists = [a for a in axes.get_children() if not isinstance(a, apart) and a not in [axes.patch, *titled]]
    return {
        "title": " | ".join(filter(None, titles)),
        "x axis": _axis(axes.xaxis),
        "y axis": _axis(axes.yaxis),
        "frame": ", ".join(sides) if axes.axison else "off",
        "legends": [_legend(legend)] if legend else [],
        "artists": _artists(artists, axes),
    }


def _axis(axis: Axis) -> Description:
    described: Description = {"label": axis.get_label_text(), "scale": axis.get_scale()}
    columns = {"limits": _limits(axis)}
    locator, formatter = axis.get_major_locator(), axis.get_major_formatter()
    worded = isinstance(formatter, (FixedFormatter, FuncFormatter, StrCategoryFormatter, StrMethodFormatter))
    if isinstance(locator, (FixedLocator, NullLocator, StrCategoryLocator)):  # others choose by the room that there is
        places = list(locator.tick_values(*axis.get_view_interval()))
        columns["ticks"] = _scaled(axis, places)
        described["ticks"] = formatter.format_ticks(places) if worded else []
    elif worded:
        described["ticks"] = formatter.format_ticks([1, 1000])
    return described | {"points": {name: _numbers(column) for name, column in columns.items()}}


def _limits(axis: Axis) -> np.ndarray:
    return _scaled(axis, axis.get_view_interval())


def _scaled(axis: Axis, values: Any) -> np.ndarray:
    """Return values on the axis's scale; NaN where it has no place for them."""
    with np.errstate(all="ignore"):
        scaled = np.asarray(axis.get_transform().transform(_plain(values)), float)
    return np.where(scaled > -1000, scaled, np.nan)  # there matplotlib puts the logarithms of 0 and below


def _plain(values: Any) -> np.ndarray:
    return np.ma.filled(np.ma.asarray(values, float), np.nan)


def _artists(artists: Iterable[Artist], axes: Axes | None) -> list[Description]:
    """Describe artists; neighboring bars of one style make one entry, and so do texts."""
    entries: list[tuple[Description, Columns]] = []
    for artist in artists:
        if not artist.get_visible():
            continue
        entry, columns = _artist(artist, axes)
        last, earlier = entries[-1] if entries else ({}, {})
        alike = [entry["kind"], entry["style"]] == [last.get("kind"), last.get("style")]
        if entry["kind"] in ("bars", "texts") and alike and columns.keys() == earlier.keys():
            last.get("texts", []).extend(entry.get("texts", []))
            for name, column in columns.items():
                earlier[name] = np.append(earlier[name], column)
        else:
            entries.append((entry, columns))
    return [
        entry | {"points": {name: _numbers(column, _span(axes, name), name) for name, column in columns.items()}}
        for entry, columns in entries
    ]


def _artist(artist: Artist, axes: Axes | None) -> tuple[Description, Columns]:
    """Return the words and the numbers that describe one artist."""
    entry: Description = {"kind": type(artist).__name__, "style": _style(artist)}
    label = str(artist.get_label())
    if label and not label.startswith("_") and not isinstance(artist, (Text, Rectangle)):
        entry["label"] = label
    match artist:
        case Line2D():
            return entry | {"kind": "line"}, _columns(axes, artist.get_xydata(), artist.get_transform())
        case Text():
            at, where = artist.get_unitless_position(), artist.get_transform()
            if isinstance(artist, Annotation) and artist.xycoords == "data" and axes:
                at, where = artist.xy, axes.transData  # what it points at, not where there was room for it
            return entry | {"kind": "texts", "texts": [artist.get_text()]}, _columns(axes, at, where)
        case Rectangle(angle=0.0):
            low, size = np.array(artist.get_xy()), (artist.get_width(), artist.get_height())
            where = artist.get_data_transform()
            return entry | {"kind": "bars"}, _columns(axes, low, where) | _columns(axes, low + size, where, " end")
        case FancyArrowPatch():
            return entry, _columns(axes, artist._posA_posB, artist.get_data_transform())  # type: ignore[attr-defined]
        case Patch():
            path = artist.get_patch_transform().transform_path(artist.get_path())
            return entry, _columns(axes, path.vertices, artist.get_data_transform())
        case AxesImage():
            left, right, bottom, top = artist.get_extent()
            values = _plain(artist.get_array())
            entry["shape"] = " x ".join(map(str, values.shape))
            corners = _columns(axes, [(left, bottom), (right, top)], artist.get_transform())
            return entry, corners | {"values": _blocks(values), "color limits": _plain(artist.get_clim())}
        case Collection():
            return entry, _collection(artist, axes)
    return entry | {"texts": [text.get_text() for text in artist.findobj(Text)]}, {}


def _collection(artist: Collection, axes: Axes | None) -> Columns:
    if isinstance(artist, QuadMesh):
        columns = _columns(axes, artist.get_coordinates(), artist.get_transform())
    else:
        corners = np.concatenate([np.empty((0, 2)), *(path.vertices for path in artist.get_paths())])
        columns = _columns(axes, artist.get_offsets(), artist.get_offset_transform())
        columns |= _columns(axes, corners, artist.get_transform(), " of shapes")
        columns["sizes"] = _plain(getattr(artist, "get_sizes", list)())
    if artist.get_array() is not None:
        columns |= {"values": _plain(artist.get_array()).ravel(), "color limits": _plain(artist.get_clim())}
    return columns


def _columns(axes: Axes | None, points: Any, transform: Transform, name: str = "") -> Columns:
    """Return the two columns of points, each on its axis's scale if the transform takes it from there."""
    in_data = transform.contains_branch_seperately(axes.transData) if axes else (False, False)
    columns = {}
    for letter, column, from_data in zip("xy", _plain(points).reshape(-1, 2).T, in_data, strict=True):
        if axes and from_data:
            columns[letter + name] = _scaled(getattr(axes, f"{letter}axis"), column)
        else:
            columns[f"{letter}{name}, not in data"] = column
    return columns


def _span(axes: Axes | None, name: str) -> float:
    """Return how long the axis is that a column belongs to, 0 if it belongs to none."""
    if axes is None or name not in ON_AXIS:
        return 0.0
    return float(abs(np.diff(_limits(getattr(axes, f"{name[0]}axis")))[0]))


def _legend(legend: Legend) -> Description:
    return {
        "title": legend.get_title().get_text(),
        "texts": [text.get_text() for text in legend.get_texts()],
        "styles": [_style(handle) for handle in legend.legend_handles if handle],
    }


def _style(artist: Artist) -> str:
    """Return the colors, line style and marks of an artist in a line."""
    parts: list[Any] = []
    match artist:
        case Line2D():
            parts = [_color(artist.get_color(), artist.get_alpha()), artist.get_linestyle(), artist.get_linewidth()]
            parts += [_dashes(artist._unscaled_dash_pattern)]  # type: ignore[attr-defined]
            parts += [artist.get_drawstyle()] if artist.get_drawstyle() != "default" else []
            if str(artist.get_marker()) not in ("None", "none", "", " "):
                parts += ["marker", artist.get_marker(), artist.get_markersize()]
                parts += [_color(artist.get_markerfacecolor()), _color(artist.get_markeredgecolor())]
        case Text():
            parts = [_color(artist.get_color(), artist.get_alpha())]
        case Patch():
            parts = [_color(artist.get_facecolor()), "edge", _color(artist.get_edgecolor())]
            parts += [artist.get_linestyle(), artist.get_linewidth(), artist.get_hatch() or ""]
        case AxesImage():
            parts = [artist.get_cmap().name, type(artist.norm).__name__]
        case Collection():
            if artist.get_array() is not None:
                parts = [artist.get_cmap().name]
            else:
                parts = [*map(_color, artist.get_facecolor()[:SAMPLES]), "edge"]
                parts += map(_color, artist.get_edgecolor()[:SAMPLES])
            parts += [artist.get_hatch() or "", *map(_dashes, artist.get_linestyle()[:SAMPLES])]
            parts += [*np.ravel(artist.get_linewidth())[:SAMPLES]]
    return " ".join(str(part) for part in parts if part != "")


def _dashes(pattern: Any) -> str:
    return "" if pattern[1] is None else f"[{' '.join(f'{length:g}' for length in pattern[1])}]"


def _color(color: Any, alpha: float | None = None) -> str:
    name = to_hex(color if alpha is None else (color, alpha), keep_alpha=True)
    return "none" if name.endswith("00") else name.removesuffix("ff")


def _numbers(values: np.ndarray, span: float = 0.0, name: str = "") -> str:
    """Return how many numbers there are, and as many digits of them as can be seen on an axis of this length."""
    most = PIXELS if name == "values" else SAMPLES
    finite = values[np.isfinite(values)]
    count = f"{len(values)}" if len(finite) == len(values) else f"{len(values)}, {len(finite)} of them finite"
    if len(finite) == 0:
        return f"{count}:"
    largest = abs(finite).max()
    resolution = max(np.ptp(finite) / 1e4, span / 1e5, largest / 1e6)
    decimals = -math.floor(math.log10(resolution)) if resolution > 0 else 0
    steps = np.diff(values)
    if len(finite) == len(values) > 2 and np.ptp(steps) <= max(2 * resolution, 2e-5 * largest):
        return f"{count} in equal steps: {_digits(values[[0, -1]], decimals)}"
    if len(values) > most:
        parts = [part[np.isfinite(part)] for part in np.array_split(values, most)]
        values = np.array([finite.min(), finite.max(), *(part.mean() if len(part) else np.nan for part in parts)])
    return f"{count}: {_digits(values, decimals)}"


def _digits(values: np.ndarray, decimals: int) -> str:
    return " ".join(f"{number + 0.0:.9g}" for number in np.round(values, decimals))


def _blocks(image: np.ndarray) -> np.ndarray:
    """Return an image's pixels, or the means of blocks of them, row by row."""
    for axis in (0, 1):
        parts = np.array_split(image, min(math.isqrt(PIXELS), image.shape[axis]), axis)
        image = np.stack([part.mean(axis) for part in parts], axis)
    return image.ravel()


def differences(stored: Any, drawn: Any, rough: bool = False) -> list[str]:
    """Return what two descriptions differ in, a line each: the place, what is stored, what is drawn now.

    rough: of what differs when a training is repeated, that is, points and the numbers in texts, say nothing.
    """
    return list(_differences(stored, drawn, rough, (), {}))


def _differences(
    stored: Any, drawn: Any, rough: bool, where: tuple[str, ...], spans: dict[str, float]
) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(drawn, dict) and stored.keys() == drawn.keys():
        if "x axis" in stored:
            spans = {side: _spread(_parsed(stored[f"{side} axis"]["points"]["limits"])) for side in "xy"}
        for name, value in stored.items():
            if name == "points" and value.keys() == drawn[name].keys():
                for column, numbers in () if rough else value.items():
                    span = spans.get(column[0], 0.0) if column in ON_AXIS else 0.0
                    if found := _apart(numbers, drawn[name][column], span):
                        yield ": ".join([*where, column, found])
            else:
                yield from _differences(value, drawn[name], rough, (*where, name), spans)
    elif isinstance(stored, list) and isinstance(drawn, list) and len(stored) == len(drawn):
        for i, pair in enumerate(zip(stored, drawn, strict=True), start=1):
            place = *where[:-1], f"{where[-1]} {i}{_name(pair[0])}"
            yield from _differences(*pair, rough, place, spans)
    elif stored != drawn and not (rough and _same_words(stored, drawn)):
        yield ": ".join([*where, f"stored {_short(stored)}, drawn {_short(drawn)}"])


def _same_words(stored: Any, drawn: Any) -> bool:
    """Return whether two texts differ in numbers alone."""
    if not (isinstance(stored, str) and isinstance(drawn, str)):
        return False
    one, other = (re.sub(r"[-+−]?\d[\d.,]*(e[-+]\d+)?", "#", text) for text in (stored, drawn))
    return one == other


def _name(part: Any) -> str:
    """Return what a reader knows a part of a figure by, in brackets."""
    names = [part[key] for key in ("kind", "label", "title") if part.get(key)] if isinstance(part, dict) else []
    return f" ({', '.join(names)})" if names else ""


def _short(part: Any) -> str:
    if isinstance(part, list) and part and isinstance(part[0], dict):
        return f"{len(part)}: {', '.join(_name(one)[2:-1] for one in part)}"
    return f"one with {', '.join(part)}" if isinstance(part, dict) else repr(part)


def _apart(stored: str, drawn: str, span: float) -> str | None:
    """Return where two rows of numbers are further apart than machines are, or None."""
    counts = [numbers.partition(":")[0] for numbers in (stored, drawn)]
    if counts[0] != counts[1]:
        return f"stored {counts[0]} numbers, drawn {counts[1]}"
    old, new = _parsed(stored), _parsed(drawn)
    tolerance = max(TOLERANCE * _spread(old), TOLERANCE * span / 10, 1e-5 * np.nanmax(abs(old), initial=0))
    gap = np.where(np.isnan(old) & np.isnan(new), 0.0, np.nan_to_num(abs(new - old), nan=np.inf))
    worst = gap.argmax() if len(gap) else 0
    return f"stored {old[worst]:.6g}, drawn {new[worst]:.6g}" if len(gap) and gap[worst] > tolerance else None


def _parsed(numbers: str) -> np.ndarray:
    return np.array(numbers.partition(":")[2].split(), float)


def _spread(values: np.ndarray) -> float:
    return float(np.nanmax(values) - np.nanmin(values)) if np.isfinite(values).any() else 0.0
