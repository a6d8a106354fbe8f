"""Who is in the class that is graded into a folder, and who works in that folder right now."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from .._files import write_whole
from .names import plain_name
from .platforms import Handed

if sys.platform != "win32":
    import fcntl


class Roster(TypedDict):
    """The class as it was handed in the last time.

    platform: in words; learners: by the name of their files, what the platform tells of them, see `submissions.Who`.
    """

    platform: str
    learners: dict[str, dict[str, str]]


def write_roster(handed: Handed, out: Path) -> None:
    """Write down who handed something in."""
    learners = {plain_name(entry.learner): {**entry.who} for entry in handed.entries}
    text = json.dumps({"platform": handed.platform, "learners": learners}, indent=1).encode()
    path = out / "class.json"
    if not path.is_file() or path.read_bytes() != text:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: file.write(text))


def read_roster(out: Path) -> Roster | None:
    """Return the class that was graded into a folder; None if that is not known, as after `grade-one`."""
    try:
        content = json.loads((out / "class.json").read_bytes())
        learners = {str(name): {**who} for name, who in content["learners"].items()}
        return Roster(platform=str(content["platform"]), learners=learners)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError) as error:
        raise RuntimeError(f"{out / 'class.json'} is damaged: run `grade` again, which writes it anew") from error


@contextmanager
def working(out: Path) -> Iterator[None]:
    """Keep others from grading a class into the same folder, or merging there, at the same time.

    Raises RuntimeError if somebody does. On a disk that knows no locks nobody is kept out.
    """
    out.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    handle = os.open(out / ".working", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError(f"somebody else is grading into {out} right now: wait, and say it again") from error
        except OSError:
            pass  # a network's disk may know no locks
        yield
    finally:
        os.close(handle)
