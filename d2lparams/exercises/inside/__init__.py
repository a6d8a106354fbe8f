"""What a learner's code may see of the exercises while it is graded: this folder, and nothing else of them.

In the sandbox this folder is mounted over `d2lparams.exercises`, so that no solution, no expected value and no judge is
in reach. The names `q1`, `q2`, ... that a learner's cell may use are there, and do nothing.
"""


class _Silent:
    """Stands for a question while the learner's cells run in the sandbox: it can be called, and says nothing."""

    def check(self, *_: object) -> None: ...

    hint = solution = show = check


def __getattr__(name: str) -> _Silent:
    if name[:1] == "q" and name[1:].isdigit():
        return _Silent()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
