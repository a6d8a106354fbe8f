"""Records of grading: what they look like, where they lie, and how they are written and read back.

A record says for every question how it ended and why. It depends on one submission alone, so that any number of
machines can grade a class at once, again and again. `grading` makes records; `gradebook` and `feedback` read them.
"""

import json
from pathlib import Path
from typing import NamedTuple, TypedDict, cast

from .._files import write_whole
from .submissions import plain_name


class AnswerEntry(TypedDict):
    """What became of a question that is judged by what its answer does."""

    outcome: str
    message: str
    points: int
    max: int
    answer: str | None  # as it was graded; None if no cell answers the question


class ProseEntry(TypedDict):
    """What was handed in for a question that people read."""

    answer: str
    measured: str  # the code cells that stand right above the answer
    attempted: bool
    max: int


class GradingRecord(TypedDict):
    """All that is known of one submission; what it says of the learner and the file is as in `Submission`."""

    learner: str
    file: str | None
    sha256: str | None
    format: str  # a digest of the record's form and of the exercises
    seed: int  # of the inputs, for disputes
    note: str | None  # why the submission could not be read
    questions: dict[str, AnswerEntry]
    prose: dict[str, ProseEntry]
    seconds: float


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
    """Read a record back. Raises FileNotFoundError, or ValueError if the file holds something else."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.keys() != GradingRecord.__annotations__.keys():
        raise ValueError(f"{path} is not a record of grading")
    return cast(GradingRecord, content)
