"""What a learner's code may see of the exercises while it is graded: this folder and the probes, and nothing else.

In the sandbox this folder is mounted over `d2lparams.exercises`, so that no solution, no expected value and no judge is
in reach. The names `q1`, `q2`, ... that a learner's cell may use are there, and do nothing. Each question's probe is
written beside it, in `bank/q1/probe.py` and so on; the worker imports these before any learner's code runs.
"""

from collections.abc import Iterator


class _Silent:
    """Stands for a question while a learner's cell runs in the sandbox: whatever one does with it, it says nothing."""

    def __getattr__(self, name: str) -> "_Silent":
        return self

    def __call__(self, *_: object, **__: object) -> "_Silent":
        return self

    __getitem__ = __call__

    def __iter__(self) -> Iterator[object]:
        return iter(())


def __getattr__(name: str) -> _Silent:
    if name[:1] == "q" and name[1:].isdigit():
        return _Silent()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
