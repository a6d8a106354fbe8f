"""What becomes of an error of the watch itself: it is noted on the record, told once, and ends no training."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

from .record import Record


class Noting(NamedTuple):
    """A block whose errors go to `note`; contextlib's kind takes five times as long, and each step has several."""

    what: str
    note: Callable[[str, Exception], object]

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self.note(self.what, error)
        return isinstance(error, Exception)


class Notes:
    """Errors and warnings of one watch.

    Args:
        record: what holds the errors.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.untold = ""  # a warning that the user's filters turned into an error: it waits for the end of the training
        self.warned: set[str] = set()

    def noting(self, what: str) -> Noting:
        """Return a block for a `with` statement; from a hook an error would end the training."""
        return Noting(what, self.note)

    def note(self, what: str, error: Exception) -> None:
        """Note an error, and warn of the first."""
        first = not self.record.errors
        self.record.add_error(what, error)
        if first:
            self.warn(
                f"{what} could not be recorded: {self.record.errors[what]}. The training goes on, and so does the "
                "record of all else; record.errors holds what is missing"
            )

    def warn(self, message: str) -> None:
        """Warn, whatever the user's filters make of it."""
        try:
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        except Warning:
            self.untold = message

    def warn_once(self, message: str) -> None:
        """Warn, but not of the same a second time."""
        if message not in self.warned:
            self.warned.add(message)
            self.warn(message)
