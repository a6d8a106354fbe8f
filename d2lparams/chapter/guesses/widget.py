"""The guess as a widget that needs no kernel to answer, and what was guessed right in a notebook.

`guess.js` does all of it in the browser. Both name what passes between them alike: content, and in it key, asks,
choices, unit, within, answer, why; or guesses, of which it counts the right ones.
"""

import dataclasses
import difflib
import html
import re
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...widgets.base import close_earlier
from ...widgets.caption import script
from ...widgets.stored import bundle
from . import access, custom, initialization, sharing, training
from .question import Choice, Question

_NOTEBOOKS = {"1": access, "2": initialization, "3": custom, "4": sharing, "5": training}
_LATER = "Decide before you run the next cell."

QUESTIONS: dict[str, Question] = {
    f"{notebook}.{name}": question
    for notebook, module in _NOTEBOOKS.items()
    for name, question in module.QUESTIONS.items()
}


class GuessWidget(anywidget.AnyWidget):
    """What asks a question or counts the right answers; where no script may run, its text stands in its place.

    Args:
        content: a question with its key, or `guesses`: a list of them.
        text: what the notebook stores.
        page: the same in HTML.

    Attributes:
        content: as above, for `guess.js`.
    """

    _esm = script(Path(__file__).with_name("guess.js"))
    _css = Path(__file__).with_name("guess.css").read_text(encoding="utf-8")
    content = traitlets.Dict().tag(sync=True)

    def __init__(self, content: dict[str, Any], text: str, page: str) -> None:
        super().__init__(content=content)
        self._text, self._page = text, page
        close_earlier(self)

    def close(self) -> None:
        self.layout.close()
        super().close()

    def __repr__(self) -> str:
        return self._text

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return bundle(data, text_plain=self._text, text_html=self._page), metadata


def guess(key: str) -> GuessWidget:
    """Ask a question of the chapter, before the cell that answers it.

    The reader commits to an answer, and only then learns whether it was right, and why. The browser remembers it.

    Args:
        key: the number of the notebook, a point, and the name of the question: "1.rows".

    Returns:
        A widget; without a script, the question as text.

    Raises:
        ValueError: if there is no such question.

    Example:
        >>> guess("2.none")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: no guess is called '2.none'; there are, the nearest first: ...
    """
    question = _find(key, QUESTIONS, "no guess is called")
    lines = [f"Guess: {question.asks}"]
    if isinstance(question, Choice):
        lines += [f"  - {choice}" for choice in question.choices]
        fields = "<ul>" + "".join(f"<li>{_in_html(choice)}</li>" for choice in question.choices) + "</ul>"
    else:
        lines.append(f"  Your number: ____ {question.unit}".rstrip())
        fields = f"<p>Your number: ____ {_in_html(question.unit)}</p>"
    page = f'<div class="guess"><p><strong>Guess:</strong> {_in_html(question.asks)}</p>{fields}<p>{_LATER}</p></div>'
    return GuessWidget(_content(key), "\n".join([*lines, _LATER]), page)


def score(notebook: str) -> GuessWidget:
    """Say how many guesses of a notebook were right, and how many are still open.

    Args:
        notebook: its number, "1" to "5".

    Returns:
        A widget that follows the guesses on the page; without a script, how many there were.

    Raises:
        ValueError: if that notebook asks for no guesses.

    Example:
        >>> score("7")
        Traceback (most recent call last):
        ValueError: no notebook with guesses is called '7'; there are, the nearest first: '1', '2', '3', '4', '5'
    """
    _find(notebook, _NOTEBOOKS, "no notebook with guesses is called")
    keys = [key for key in QUESTIONS if key.startswith(f"{notebook}.")]
    text = f"This notebook asked for {len(keys)} guesses. How many did you predict?"
    return GuessWidget({"guesses": [_content(key) for key in keys]}, text, f'<div class="guess"><p>{text}</p></div>')


def _find(key: str, there: dict[str, Any], complaint: str) -> Any:
    if isinstance(key, str) and key in there:
        return there[key]
    nearest = sorted(there, key=lambda name: -difflib.SequenceMatcher(None, str(key), name).ratio())
    raise ValueError(f"{complaint} {key!r}; there are, the nearest first: {', '.join(map(repr, nearest))}")


def _content(key: str) -> dict[str, Any]:
    return {"key": key} | dataclasses.asdict(QUESTIONS[key])


def _in_html(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
