"""What all interactive figures have in common: controls above, a picture, words below."""

import base64
import functools
import html
import threading

import ipywidgets
from IPython import get_ipython
from matplotlib.ticker import LogLocator

from .canvas import Screen

_LABELS = {"description_width": "initial"}
_faces = {}  # id of a notebook's cell -> (id of its run, the faces that this run made)


class Face(ipywidgets.VBox):
    """Rows of controls, a picture, and words that say what it shows; any error stands in the words' place.

    name: what the notebook stores as text. canvas: a `Canvas`. rows: lists of controls. When the cell that made a face
    is run again, that face is closed with all its controls.
    """

    def __init__(self, name, canvas, *rows):
        self.name, self.canvas = name, canvas
        self.screen = Screen()
        self.words = ipywidgets.HTML()
        self._turn = threading.RLock()  # JupyterLab handles controls in a thread of their own, also while a cell runs
        lines = [ipywidgets.HBox(row, layout={"flex_flow": "row wrap", "align_items": "center"}) for row in rows]
        super().__init__([*lines, self.screen, self.words])
        for widget in _below(self):
            answer_at_once(widget)
        _replace_earlier(self)

    def __repr__(self):
        return self.name

    def _repr_mimebundle_(self, **options):
        with self._turn:
            picture = base64.b64encode(self.canvas.png()).decode()
        return super()._repr_mimebundle_(**options) | {"text/plain": self.name, "image/png": picture}

    def show(self, words):
        """Show the canvas as it stands now, and the words, in HTML, below it."""
        self.screen.show(self.canvas, self.name)
        self.words.value = f'<div aria-live="polite">{words}</div>'

    def tell(self, error):
        """Show an error in the words' place."""
        told = html.escape(f"{type(error).__name__}: {error}")
        self.words.value = f'<div role="alert"><b style="color:#D55E00">✗ {told}</b></div>'

    def close(self):
        """Close every widget in here: the front end forgets them, and no control reaches the kernel any more."""
        for widget in _below(self):
            widget.unobserve_all()
            for part in (widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()
            ipywidgets.Widget.close(widget)


def logarithmic(axis):
    """Make the vertical axis logarithmic, with few ticks: most of a picture's time goes into them."""
    axis.set_yscale("log")
    axis.yaxis.set_minor_locator(LogLocator(subs=(2, 4)))
    axis.tick_params(which="minor", labelsize=7)


def source(figure, record):
    """Say above a record's figure what the net was trained on."""
    figure.suptitle(record.source, x=0.01, y=0.99, ha="left", fontsize=8)


def answer(method):
    """Let a method of a `Face` answer its controls: one at a time, and with errors shown in the words."""

    @functools.wraps(method)
    def answering(self, *event):
        with self._turn:
            try:
                return method(self)
            except Exception as error:
                self.tell(error)

    return answering


def slider(kind, label, **options):
    """Return a slider of ipywidgets with its whole label; `kind` is its class."""
    return kind(description=label, style=_LABELS, layout={"width": "320px"}, **options)


def choice(label, options, value=None, width="240px"):
    """Return a dropdown with its whole label."""
    value = next(iter(options), None) if value is None else value
    return ipywidgets.Dropdown(
        description=label,
        options=list(options),
        value=value,
        style=_LABELS,
        layout={"width": width, "flex": "0 0 auto"},
    )


def button(label, action, tooltip):
    """Return a button that calls `action()`."""
    result = ipywidgets.Button(description=label, tooltip=tooltip, layout={"width": "auto"})
    result.on_click(lambda _: action())
    return result


def answer_at_once(widget):
    """Let the front end's messages to this widget reach the thread that JupyterLab keeps for controls, also if a cell
    runs. ipykernel 7.4 sends them to whichever thread sent to the widget last: let it forget which.
    """
    vars(widget.comm).pop("_reply_subshell_id", None)


def _below(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _below(child)


def _replace_earlier(face):
    """Close what an earlier run of this cell has made, so that nothing stays behind."""
    kernel = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent() if kernel else {}
    cell = parent.get("metadata", {}).get("cellId")
    if cell is None:
        return
    run = parent["header"]["msg_id"]
    earlier, faces = _faces.get(cell, (run, []))
    if earlier != run:
        for old in faces:
            old.close()
        faces = []
    _faces[cell] = run, [*faces, face]
