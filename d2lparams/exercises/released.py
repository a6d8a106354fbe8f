"""An exercise as a course hands it out: what it asks, and cases with what is expected of them, all worked out before.

Neither its solution nor the code that makes cases is in it, so that nobody finds them in a learner's package. In such a
package each folder of the bank has `FOLDER` for its `__init__.py`, the `FILE` beside it, its judge and its probe.
"""

import contextlib
import importlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from . import pictures
from .inside import trial
from .question import Case, Prose, Question

FILE = "exercise.pt"
FOLDER = '''"""An exercise as a course handed it out."""

from pathlib import Path

from ...released import exercise_in

question = exercise_in(Path(__file__).parent, __name__)
'''
OF_ALL = ("name", "section", "taught", "title", "task", "stub", "hints")


def frozen(exercise: Question | Prose, seed: int) -> bytes:
    """Return an exercise without its solution as bytes, the same for the same seed; seed: of the check's cases."""
    kept: dict[str, Any] = {key: getattr(exercise, key) for key in OF_ALL}
    if isinstance(exercise, Prose):
        kept |= {"scaffold": exercise.scaffold, "points": exercise.points}
    else:
        with trial.undisturbed(0), _hooks_counted_anew():
            cases = exercise.cases(torch.Generator().manual_seed(seed))
        kept |= {"points": exercise.points, "answer": exercise.answer}
        kept["picture"] = exercise.picture and exercise.picture.__name__
        kept["cases"] = [(case.label, case.inputs, case.expected, case.seed) for case in cases]
    file = io.BytesIO()
    torch.save(kept, file)
    return file.getvalue()


@contextlib.contextmanager
def _hooks_counted_anew() -> Iterator[None]:
    """Number hooks from 0: a lazy layer has some, and their numbers would differ from one time to the next."""
    before = RemovableHandle.next_id
    RemovableHandle.next_id = 0
    try:
        yield
    finally:
        RemovableHandle.next_id = before


def exercise_in(folder: Path, package: str) -> Question | Prose:
    """Return the exercise that a folder of a learner's package holds."""
    kept = torch.load(folder / FILE, weights_only=False)  # a part of this package, as its code is
    shared = {key: kept[key] for key in OF_ALL}
    if "scaffold" in kept:
        return Prose(**shared, scaffold=kept["scaffold"], marks=((kept["points"], "what your teacher looks for"),))
    judge, probe = (importlib.import_module(f"{package}.{name}") for name in ("judge", "probe"))
    return _question(kept, shared, judge, probe)


def _question(kept: dict[str, Any], shared: dict[str, Any], judge: ModuleType, probe: ModuleType) -> Question:
    cases = [Case(*case) for case in kept["cases"]]
    always: Callable[[torch.Generator], list[Case]] = lambda rng: cases  # noqa: E731
    picture = getattr(pictures, kept["picture"]) if kept["picture"] else None
    return Question(
        **shared,
        points=kept["points"],
        answer=kept["answer"],
        cases=always,
        probe=probe.probe,
        judge=judge.judge,
        picture=picture,
    )
