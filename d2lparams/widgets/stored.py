"""What a notebook stores of a widget, for when there is no kernel, or no page that could show one."""

import io
import os
import sys
from typing import Any

import IPython
import matplotlib
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

REVIVE = "Run the cell to bring this figure to life."
_VIEW = "application/vnd.jupyter.widget-view+json"
_PAGES = ("JPY_SESSION_NAME", "VSCODE_PID", "VOILA_")  # what servers that serve pages put into a kernel's environment
_STRIP = 24  # pixels below a picture


def request() -> dict[str, Any]:
    """Return the message that the kernel answers in this thread.

    Returns:
        Its header, metadata and so on; empty where there is no kernel.
    """
    kernel = getattr(IPython.get_ipython(), "kernel", None)
    return kernel.get_parent() if kernel else {}


def is_for_a_page() -> bool:
    """Return whether what a cell shows may be shown in a page that has widgets.

    `nbconvert --execute` and its like run a notebook with nobody there: they would store a widget, and their page, when
    it is opened without a network, shows neither the widget nor the picture beside it.

    Returns:
        False only if the request to the kernel names no cell, as pages do, and no server of pages started the kernel.
    """
    asked = request()
    if not asked or "cellId" in asked.get("metadata", {}) or "google.colab" in sys.modules:
        return True
    return any(name.startswith(_PAGES) for name in os.environ)


def bundle(view: dict[str, Any] | None, **pictures: str) -> dict[str, Any]:
    """Return what a notebook stores of a widget.

    Args:
        view: what ipywidgets would have it store.
        **pictures: what stands in its place, by MIME type, with "_" for "/".

    Returns:
        Content by MIME type; without the widget, if nobody is there to show it.
    """
    data = dict(view or {})
    if not is_for_a_page():
        data.pop(_VIEW, None)
    return data | {kind.replace("_", "/"): content for kind, content in pictures.items()}


def with_line(png: bytes) -> bytes:
    """Write below a picture how to bring it to life.

    Args:
        png: a PNG file's content.

    Returns:
        The same picture with a strip below it, as a PNG file's content.
    """
    picture = PIL.Image.open(io.BytesIO(png))
    whole = PIL.Image.new("RGB", (picture.width, picture.height + _STRIP), "white")
    whole.paste(picture)
    font = PIL.ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", 12)
    PIL.ImageDraw.Draw(whole).text((10, picture.height + 3), REVIVE, fill="#595959", font=font)
    result = io.BytesIO()
    whole.save(result, "png")
    return result.getvalue()
