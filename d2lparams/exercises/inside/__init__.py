"""What a learner's code may see of the exercises while it is graded: this folder and the probes, and nothing else.

In the sandbox this folder is mounted over `d2lparams.exercises`, so that no solution, no expected value and no judge is
in reach. The names `q1`, `q2`, ... that a learner's cell may use are there: `q1.example()` gives what it gives in the
notebook, `q1.check(...)` says "correct" to whatever comes, and nothing else does anything. Each question's probe is
written beside it, in `bank/q1/probe.py` and so on; the worker imports these before any learner's code runs.
"""

import io
from collections.abc import Iterator
from typing import Any

examples: dict[str, bytes] = {}  # by question, as `question.pack` makes them; the worker puts them here


class Silent:
    """Stands for a part of a question while a learner's cell runs: whatever one does with it, it says nothing."""

    def __getattr__(self, name: str) -> "Silent":
        return self

    def __call__(self, *_: object, **__: object) -> "Silent":
        return self

    __getitem__ = __call__

    def __await__(self) -> Iterator[object]:
        return iter(())

    def __iter__(self) -> Iterator[object]:
        return iter(())


class _Verdict(Silent):
    """What a check says in the sandbox. It has seen nothing: the verdict is found elsewhere."""

    outcome, message, points = "correct", "", 0

    def __init__(self, question: str) -> None:
        self.question = question

    def __repr__(self) -> str:
        return f"{self.question}: correct"


class _Question(Silent):
    """Stands for a question: a cell that tries its answer out, above its definition or below, does no harm."""

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, *_: object, **__: object) -> _Verdict:
        return _Verdict(self.name)

    def example(self) -> Any:
        if self.name not in examples:
            return Silent()
        import torch

        return torch.load(io.BytesIO(examples[self.name]), weights_only=False)[0][1]


def __getattr__(name: str) -> _Question:
    if name[:1] == "q" and name[1:].isdigit():
        return _Question(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
