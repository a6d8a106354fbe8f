"""The staff's side of notebook 6: release it, grade what comes back, give feedback. `python -m d2lparams.course`."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra() -> Iterator[None]:
    """Say what to install if a package is missing that is imported in this `with`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"d2lparams.course needs {error.name}, which is not installed: pip install 'd2lparams[course]'",
            name=error.name,
        ) from error
