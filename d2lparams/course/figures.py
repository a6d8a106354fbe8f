"""Pictures that a learner pasted or plotted: only plain PNG and JPEG files of a moderate size reach a reader's page."""

import base64
import binascii
import re
from typing import NamedTuple

LARGEST_FIGURE = 2 << 20  # bytes
MOST_PIXELS = 40_000_000  # what a browser makes of a small file can be large
PASTED = re.compile(r"data:(image/(?:png|jpeg));base64,([A-Za-z0-9+/=]+)")


class Figure(NamedTuple):
    """A picture: its type, "image/png" or "image/jpeg", and its bytes in base64."""

    kind: str
    data: str


def checked_figure(kind: object, data: object) -> Figure | None:
    """Return a picture of a notebook if it is what it says; None for anything else.

    kind: its type; data: base64, in one string or in a list of lines.
    """
    text = "".join(line for line in data if isinstance(line, str)) if isinstance(data, list) else data
    if not isinstance(kind, str) or not isinstance(text, str) or len(text) > LARGEST_FIGURE * 3 // 2:
        return None
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    width, height = {"image/png": _png_size, "image/jpeg": _jpeg_size}.get(kind, _no_size)(content)
    if not 0 < width * height <= MOST_PIXELS or len(content) > LARGEST_FIGURE:
        return None
    return Figure(kind, base64.b64encode(content).decode())


def pasted_figures(markdown: str) -> tuple[str, list[Figure]]:
    """Take the pictures out of Markdown that holds them as data, as Colab writes it: return the rest, and them."""
    found = [checked_figure(kind, data) for kind, data in PASTED.findall(markdown)]
    return PASTED.sub("figure", markdown), [figure for figure in found if figure]


def _no_size(content: bytes) -> tuple[int, int]:
    return 0, 0


def _png_size(content: bytes) -> tuple[int, int]:
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR":
        return 0, 0
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _jpeg_size(content: bytes) -> tuple[int, int]:
    place = 2 if content.startswith(b"\xff\xd8\xff") else len(content)
    for _ in range(1000):  # segments before the one that tells
        if content[place : place + 1] != b"\xff" or place + 9 > len(content):
            return 0, 0
        marker = content[place + 1]
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = content[place + 5 : place + 7], content[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return 0, 0
