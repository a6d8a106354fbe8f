"""Files that are written whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Write a file by `write(file)`, whole or not at all: after an error the old file is still there, and no part.

    A new file has the mode that any new file has; one that is written again keeps its mode.
    """
    path = Path(os.path.realpath(path))  # of a link, the file it leads to, as `open` would take it
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with open(part, "xb") as file:
            if path.exists():
                shutil.copymode(path, part)
            write(file)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
