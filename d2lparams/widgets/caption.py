"""The words below a picture, and what its page does for a figure as a whole.

`caption.js` is the browser's half. Both name what passes between them alike: value, said, is_error, offered, beat. It
also names a figure's controls for screen readers, takes numbers that are typed beside them, says when its kernel is
gone, and by `kept.js` has a notebook keep it.
"""

import html
import re
from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


def script(*files: Path) -> str:
    """Return several files as one script that keeps its widgets in the notebook: `kept.js` goes before them.

    Args:
        *files: of which the last one says what a widget does, as anywidget wants it.

    Returns:
        The script. It is text, not a path: anywidget keeps all widgets of a path.
    """
    return "\n".join(file.read_text(encoding="utf-8") for file in (_HERE / "kept.js", *files))


class CaptionWidget(anywidget.AnyWidget):
    """The words below a picture. What is to be said aloud comes from a node that stays.

    Attributes:
        value: what is shown, in HTML.
        said: what a screen reader says when it changes, as text.
        is_error: whether that is urgent.
        offered: what a slider offers that moves between named values, by its label.
        beat: seconds after which a page that shows the figure says so again; 0 for never.
    """

    _esm = script(_HERE / "caption.js")
    _css = (_HERE / "caption.css").read_text(encoding="utf-8")
    value = traitlets.Unicode().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    is_error = traitlets.Bool(False).tag(sync=True)
    offered = traitlets.Dict().tag(sync=True)
    beat = traitlets.Float(0.0).tag(sync=True)

    def show(self, value: str, said: str | None = None, is_error: bool = False) -> None:
        """Show words.

        Args:
            value: in HTML.
            said: what a screen reader says of it; None for the same words, without tables.
            is_error: whether that is urgent.
        """
        with self.hold_sync():
            self.value, self.said, self.is_error = value, as_said(value) if said is None else said, is_error


def as_said(value: str) -> str:
    """Return words as text, without tables and style.

    Args:
        value: in HTML.

    Returns:
        Words with single spaces between them.

    Example:
        >>> as_said("<b>1 &lt; 2</b><br>and <code>so</code> on<table><tr><td>3</td></tr></table>")
        '1 < 2 and so on'
    """
    words = re.sub(r"<(table|style)\b.*?</\1>", " ", value, flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", "", re.sub(r"<br>|</(div|p)>", " ", words))
    return " ".join(html.unescape(words).split())
