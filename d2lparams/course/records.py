"""Records of grading: what they look like, where they lie, and how they are written and read back.

A record says for every question how it ended and why. It depends on one submission alone, so that any number of
machines can grade a class at once, again and again. `grading` makes records; `gradebook` and `feedback` read them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

from .._files import write_whole
from .figures import Figure, checked_figure
from .names import plain_name


class AnswerEntry(TypedDict):
    """What became of a question that is judged by what its answer does."""

    outcome: str
    message: str
    points: int
    max: int
    answer: str | None  # as it was graded; None if no cell answers the question


class _Prose(TypedDict):
    answer: str
    measured: str  # the code cells that stand around the answer
    attempted: bool
    max: int


class ProseEntry(_Prose, total=False):
    """What was handed in for a question that people read."""

    printed: str  # what the measuring cells wrote
    figures: list[Figure]  # what they plotted, and what was pasted into the answer
    remark: str  # where it was found, if in doubt


class _Record(TypedDict):
    learner: str
    file: str | None
    sha256: str | None
    format: str  # a digest of the record's form and of the exercises
    seed: int  # of the inputs, for disputes
    note: str | None  # why the submission could not be read
    questions: dict[str, AnswerEntry]
    prose: dict[str, ProseEntry]
    seconds: float


class GradingRecord(_Record, total=False):
    """All that is known of one submission; what it says of the learner and the file is as in `Submission`."""

    remarks: list[str]
    digest: str
    who: dict[str, str]


class Mark(NamedTuple):
    """What one question earned, by the grader or by hand."""

    points: float
    max: float
    pending: bool  # waits for somebody to read it
    comment: str | None


def record_path(out: Path, learner: str) -> Path:
    """Return where a learner's record lies in the folder that a class is graded into."""
    return out / "records" / f"{plain_name(learner)}.json"


def record_paths(out: Path) -> list[Path]:
    """Return where the records lie that are there already."""
    return sorted((out / "records").glob("*.json"))


def write_record(record: GradingRecord, out: Path) -> None:
    """Write a record, whole or not at all."""
    path = record_path(out, record["learner"])
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1)
    write_whole(path, lambda file: file.write(text.encode()))


def read_record(path: Path) -> GradingRecord:
    """Read a record back. Raises FileNotFoundError, or ValueError if something else is there."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError, OSError):
        content = None
    if not _fits(content, FORM | REST, set(FORM)):
        raise ValueError(f"{path} is not a record of grading")
    for figure in (figure for prose in content["prose"].values() for figure in prose.get("figures", [])):
        if checked_figure(figure[0], figure[1]) is None:
            raise ValueError(f"{path} is not a record of grading: it holds a figure that is none")
    return cast(GradingRecord, content)


Form = dict[str, Callable[[Any], bool]]


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in kinds


def _table(form: Form, needed: set[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(_fits(entry, form, needed) for entry in value.values())


def _list(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(of, value))


def _fits(value: object, form: Form, needed: set[str]) -> bool:
    """Say whether a value is a dictionary with the entries that are needed, and no others than those of a form."""
    if not isinstance(value, dict) or not needed <= value.keys() <= form.keys():
        return False
    return all(form[key](entry) for key, entry in value.items())


_text, _count, _maybe = _is(str), _is(int, float), _is(str, type(None))
_answer: Form = {"outcome": _text, "message": _text, "points": _count, "max": _count, "answer": _maybe}
_pair = lambda value: isinstance(value, list) and len(value) == 2  # noqa: E731
_prose: Form = {"answer": _maybe, "measured": _text, "attempted": _is(bool), "max": _count}
_prose_rest: Form = {"printed": _text, "remark": _text, "figures": _list(_pair)}
FORM: Form = {
    **{"learner": _text, "file": _maybe, "sha256": _maybe, "format": _text, "seed": _is(int), "note": _maybe},
    **{"questions": _table(_answer, set(_answer)), "prose": _table(_prose | _prose_rest, set(_prose))},
    "seconds": _count,
}
REST: Form = {
    "remarks": _list(_text),
    "digest": _maybe,
    "who": lambda value: isinstance(value, dict) and all(map(_text, value.values())),
}
