"""The kernels that run and test the notebooks: what they do before the first cell, and what that adds to outputs.

Beside the picture of each figure, in the output's metadata, stands a description of what it draws; see `drawn`. A
figure of a training has a second one, of the figure that its cell draws from a shorter training; see `short_training`.
"""

import ast
import base64
import functools
import hashlib
import os
import runpy
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent
START = f"__import__('runpy').run_path({str(TOOLS / 'kernels.py')!r})['start']()"
START_TO_STORE = START.replace("()", "(replays=True)")
PNG = "image/png"
TRAINED = "trained"  # the tag of a cell whose figure shows what a training came to
Output = dict[str, Any]


def start(replays: bool = False) -> None:
    """Prepare the kernel that runs this: figures are described, and drawn in line, whatever the user's settings are.

    replays: whether what a figure of a record can show is stored too, for the pages of the HTML edition.
    """
    from IPython import get_ipython

    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["MATPLOTLIBRC"] = os.devnull
    formatter = get_ipython().display_formatter
    formatter.format = functools.partial(_format, formatter.format, replays)


def _format(plain: Any, replays: bool, shown: Any, *args: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Do what the kernel's formatter does, `plain`, and describe the figure that is shown, all of it if `replays`."""
    data, metadata = plain(shown, *args, **options)
    figure = getattr(getattr(shown, "canvas", shown), "figure", None)  # of a Figure, a widget or an exercise's Picture
    if PNG in data and figure is not None:
        described = {"drawn": _describe()(figure), "picture": digest(data[PNG])}
        if replays and hasattr(shown, "replay") and (replay := shown.replay()):
            described["replay"] = replay
        metadata = metadata | {PNG: metadata.get(PNG, {}) | described}
    return data, metadata


@functools.cache
def _describe() -> Any:
    return runpy.run_path(str(TOOLS / "drawn.py"))["describe"]  # it loads matplotlib: not before there is a figure


def digest(png: str | bytes) -> str:
    """Return what tells one picture from another."""
    return hashlib.sha256(base64.b64decode(png) if isinstance(png, str) else png).hexdigest()[:16]


def redrawing(source: str) -> str:
    """Return the expression for a kernel that draws a cell's figures again; its value describes them."""
    return f"__import__('runpy').run_path({str(TOOLS / 'short_training.py')!r})['redraw']({source!r})"


def asking(expression: str) -> dict[str, Any]:
    """Return the arguments with which `execute_interactive` asks a kernel for a value, and leaves nothing there."""
    options = {"silent": True, "store_history": False, "timeout": 120}
    return {"code": "", "user_expressions": {"value": expression}} | options


def answer(reply: dict[str, Any]) -> Any:
    """Return the value that a kernel replied with; RuntimeError if it was an error."""
    value = reply["content"].get("user_expressions", {}).get("value", reply["content"])
    if value["status"] != "ok":
        raise RuntimeError(f"{value.get('ename')}: {value.get('evalue')}")
    return ast.literal_eval(value["data"]["text/plain"])


def figures(outputs: list[Output]) -> list[Output]:
    """Return the outputs that hold an image."""
    return [output for output in outputs if any(kind.startswith("image/") for kind in output.get("data", {}))]


def described(output: Output) -> dict[str, Any]:
    """Return what stands beside a picture in its metadata: "drawn", "redrawn", and "picture", its digest."""
    return output.get("metadata", {}).get(PNG, {})


def add_redrawn(outputs: list[Output], descriptions: list[Any]) -> None:
    """Put beside each picture what its cell draws from a shorter training."""
    for output, description in zip(figures(outputs), descriptions, strict=False):
        output["metadata"].setdefault(PNG, {})["redrawn"] = description
