"""What all interactive figures have in common: controls above, a picture, a caption below."""

import base64
import functools
import html
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from ..plots.style import BAD
from ..record import Record
from . import stored
from .canvas import Canvas, CanvasWidget
from .caption import CaptionWidget

_WHOLE_LABEL = {"description_width": "initial"}
_AnyFigure = TypeVar("_AnyFigure", bound="InteractiveFigure")


class InteractiveFigure(ipywidgets.VBox):
    """Rows of controls, a picture, and a caption that says what it shows; any error stands above the caption.

    When the cell that made a figure is run again, that figure is closed with all its controls. The method that draws
    sets `summary` and calls `show`.

    Args:
        summary: what the notebook stores as text, and a screen reader says of the picture.
        canvas: what is drawn on.
        *rows: of controls, each a list of widgets.

    Attributes:
        summary: as above, changed with what is shown.
        canvas: as above.
        canvas_widget: what shows the canvas in the browser.
        caption: the text below.
    """

    summary: str
    canvas: Canvas
    canvas_widget: CanvasWidget
    caption: CaptionWidget

    def __init__(self, summary: str, canvas: Canvas, *rows: list[ipywidgets.Widget]) -> None:
        self.summary, self.canvas = summary, canvas
        self.canvas_widget, self.caption = CanvasWidget(), CaptionWidget()
        self._last_caption = ""
        self._turn = threading.RLock()  # JupyterLab handles controls in a thread of their own, also while a cell runs
        boxes = [ipywidgets.HBox(row, layout={"flex_flow": "row wrap", "align_items": "center"}) for row in rows]
        super().__init__([*boxes, self.canvas_widget, self.caption])
        for widget in with_children(self):
            answer_while_running(widget)
            if isinstance(widget, ipywidgets.SelectionSlider):
                named = {widget.description: [str(option) for option in widget.options]}
                self.caption.offered = self.caption.offered | named
        close_earlier(self)

    def __repr__(self) -> str:
        return self.summary

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        with self._turn:
            picture = base64.b64encode(stored.with_line(self.canvas.png())).decode()
        return stored.bundle(super()._repr_mimebundle_(**options), text_plain=self.summary, image_png=picture)

    def replay(self) -> str | None:
        """Return all that the figure can show, for a page without a kernel.

        Returns:
            What `replay.packed` returns; None, as here, for a figure that computes when it is asked.
        """
        return None

    def show(self, caption: str, said: str | None = None) -> None:
        """Show the canvas as it stands now, and a caption below it.

        Args:
            caption: in HTML.
            said: what a screen reader says of it, where it differs from what it said last; None for the caption.
        """
        self.canvas_widget.show(self.canvas, self.summary)
        self.show_caption(caption, said)

    def show_caption(self, caption: str, said: str | None = None) -> None:
        """Show a caption, and leave the picture as it is.

        Args:
            caption: in HTML.
            said: as above.
        """
        self._last_caption = caption
        self.caption.show(caption, said)
        answer_while_running(self.caption)

    def show_error(self, error: Exception) -> None:
        """Show an error above the caption, which still says what the picture shows.

        Args:
            error: what a control's work has raised.
        """
        message = f"✗ {type(error).__name__}: {error}"
        words = f"{mark(html.escape(message), BAD)}<div>{self._last_caption}</div>"
        self.caption.show(words, message, is_error=True)

    def close(self) -> None:
        """Close every widget in here: the front end forgets them, and no control reaches the kernel any more."""
        for widget in with_children(self):
            widget.unobserve_all()
            for part in (widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()
            ipywidgets.Widget.close(widget)


def on_control(method: Callable[[_AnyFigure], None]) -> Callable[..., None]:
    """Let a method of an `InteractiveFigure` answer its controls: one at a time, and with errors in the caption.

    Args:
        method: what to do when a control has been moved; without arguments but `self`.

    Returns:
        The method, which may be handed to `observe` too.
    """

    @functools.wraps(method)
    def answer(self: _AnyFigure, *event: object) -> None:
        with self._turn:
            try:
                method(self)
            except Exception as error:
                self.show_error(error)

    return answer


def answer_while_running(widget: ipywidgets.Widget) -> None:
    """Let the front end's messages to a widget reach the thread that JupyterLab keeps for controls, while a cell runs.

    ipykernel 7.4 sends them to whichever thread sent to the widget last: let it forget which. Its name for that is
    private; where it is called something else, controls may have to wait for the cell.

    Args:
        widget: any that is in use.
    """
    getattr(widget.comm, "__dict__", {}).pop("_reply_subshell_id", None)


def with_children(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """Return a widget and every one inside it.

    Args:
        widget: of any kind.

    Returns:
        Each widget before those inside it.
    """
    found = [widget]
    for child in getattr(widget, "children", ()):
        found += with_children(child)
    return found


def mark(words: str, color: str) -> str:
    """Return words in white on a color, which stand out in a light page and in a dark one.

    Args:
        words: in HTML.
        color: as `#RRGGBB`.

    Returns:
        HTML.
    """
    return f'<b style="padding:0 0.3em;border-radius:3px;color:white;background:{color}">{words}</b>'


# ---- controls, each with its whole label


def slider(kind: type[ipywidgets.Widget], label: str, **options: Any) -> Any:
    """Return a slider with its whole label.

    Args:
        kind: its class in ipywidgets.
        label: what stands beside it.
        **options: of its class.

    Returns:
        The widget.
    """
    return kind(description=label, style=_WHOLE_LABEL, layout={"width": "320px"}, **options)


def dropdown(label: str, options: Iterable[Any], value: Any = None, width: str = "240px") -> ipywidgets.Dropdown:
    """Return a list to choose from.

    Args:
        label: what stands beside it.
        options: what there is to choose; it may be nothing yet.
        value: one of them; None for the first.
        width: with the label, in CSS.

    Returns:
        The widget.
    """
    options = list(options)
    if value is None and options:
        value = options[0]
    layout = {"width": width, "flex": "0 0 auto"}
    return ipywidgets.Dropdown(description=label, options=options, value=value, style=_WHOLE_LABEL, layout=layout)


def button(label: str, action: Callable[[], object], tooltip: str) -> ipywidgets.Button:
    """Return a button.

    Args:
        label: what stands on it.
        action: what a click calls.
        tooltip: what it does, in words.

    Returns:
        The widget.
    """
    result = ipywidgets.Button(description=label, tooltip=tooltip, layout={"width": "auto"})
    result.on_click(lambda _: action())
    return result


# ---- axes


def use_log_scale(axis: Axes) -> None:
    """Make the vertical axis logarithmic, with few ticks: most of a picture's time goes into them.

    Args:
        axis: of any figure; it is changed in place.
    """
    axis.set_yscale("log")
    axis.yaxis.set_minor_locator(LogLocator(subs=(2, 4)))
    axis.tick_params(which="minor", labelsize=7)


def name_source(figure: Figure, record: Record) -> None:
    """Say above a record's figure what the net was trained on.

    Args:
        figure: of that record; it is changed in place.
        record: its `source` is what is said.
    """
    figure.suptitle(record.source, x=0.01, y=0.99, ha="left", fontsize=8)


# ---- what a cell made before it was run again


_made: dict[str, tuple[str, list[ipywidgets.Widget]]] = {}  # a cell -> (id of its last run, what that run made)


def close_earlier(widget: ipywidgets.Widget) -> None:
    """Close what an earlier run of this cell has made, so that nothing stays behind.

    Args:
        widget: what this run has made. Where the page does not name the cell, its code does.
    """
    request = stored.request()
    cell = request.get("metadata", {}).get("cellId") or request.get("content", {}).get("code")
    if cell is None:
        return
    run = request["header"]["msg_id"]
    last_run, widgets = _made.get(cell, (run, []))
    if last_run != run:
        for earlier in widgets:
            earlier.close()
        widgets = []
    _made[cell] = run, [*widgets, widget]
