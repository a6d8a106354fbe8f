"""Find and read what learners handed in: any bytes at all may come, and every one of them gets a reason.

A class is a folder with an entry for each learner: a notebook `<learner>.ipynb`, or a folder `<learner>` with the
notebook in it or one level below, as nbgrader collects them. Links are never followed.
"""

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

FILE_NAME = "6-exercises.ipynb"  # that the notebook was handed out with
LARGEST_FILE = 20 << 20  # bytes; a notebook with all its figures has a tenth of that
LONGEST_CELL = 1 << 18  # characters of a cell that are read
PLAIN_NAME = re.compile(r"(?!\.)[\w.@+ -]{1,60}(?<![. ])")


@dataclass(frozen=True)
class Cell:
    """One cell: its kind ("code", "markdown", ...), its source, and nbgrader's name for it, or None."""

    kind: str
    source: str
    grade_id: str | None


@dataclass(frozen=True)
class Submission:
    """What one learner handed in. note: why there is nothing to grade, or None; sha256: None if it can't be opened."""

    learner: str
    file: str | None = None
    sha256: str | None = None
    note: str | None = None
    cells: list[Cell] = field(default_factory=list, repr=False)


class Unreadable(Exception):
    """A submission that cannot be graded; the message says why."""


def entries(folder: Path) -> dict[str, Path]:
    """Return the entry of each learner in a class's folder, by the learner's name; what starts with a dot is none."""
    found = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: (_is_notebook(entry.name), entry.name)):
        if entry.name.startswith("."):
            continue
        name = learner_name(Path(entry.path))
        if _is_notebook(entry.name) or entry.is_dir(follow_symlinks=False) or entry.is_symlink():
            found[name if name not in found else entry.name] = Path(entry.path)
    return found


def passed_over(folder: Path) -> list[str]:
    """Return the names in a class's folder that stand for no learner, what starts with a dot aside."""
    taken = set(entries(folder).values())
    return [path.name for path in sorted(folder.iterdir()) if path not in taken and not path.name.startswith(".")]


def learner_name(entry: Path) -> str:
    """Return the learner's name that an entry of the class's folder stands for."""
    return entry.stem if _is_notebook(entry.name) and entry.stem else entry.name


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def plain_name(learner: str) -> str:
    """Return the name that a learner's files get: the learner's own, or a short form of it that any system takes.

    >>> plain_name("ada"), plain_name("../../etc/passwd")
    ('ada', 'etc_passwd~3754d6cb')
    """
    if PLAIN_NAME.fullmatch(learner):
        return learner
    digest = hashlib.sha256(os.fsencode(learner)).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9]+', '_', learner).strip('_')[:40]}~{digest}"


def read(entry: Path, name: str | None = None) -> Submission:
    """Read the submission of one learner. Raises nothing: what is wrong with it stands in its note."""
    name = name or learner_name(entry)
    file, digest = None, None  # until they are known
    try:
        path = _notebook(entry)
        file = str(path.relative_to(entry.parent))
        content = _content(path)
        digest = hashlib.sha256(content).hexdigest()
        return Submission(name, file, digest, None, _cells(content))
    except Unreadable as reason:
        return Submission(name, file, digest, str(reason))


def _notebook(entry: Path) -> Path:
    """Return the notebook that a learner's entry is, or holds."""
    if entry.is_symlink() or not entry.is_dir():
        return entry
    found = []
    for folder, folders, files in os.walk(entry, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")] if Path(folder) == entry else []
        found += [Path(folder, name) for name in files if not name.startswith(".")]
    found.sort(key=lambda path: (path.name != FILE_NAME, not _is_notebook(path.name), len(path.parts), path.name))
    if found and ".ipynb" in found[0].name.lower():
        return found[0]
    there = ", ".join(ascii(path.name) for path in found[:5]) or "nothing"
    raise Unreadable(f"there is no notebook in the folder, but {there}")


def _content(path: Path) -> bytes:
    """Read a plain file that is small enough, whatever else stands there in its place."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        reason = "a link, and links are not followed" if path.is_symlink() else error.strerror
        raise Unreadable(f"the notebook cannot be opened: {reason}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("the notebook is not a plain file")
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise Unreadable(f"the file is larger than {LARGEST_FILE >> 20} MB: clear its outputs")
    return content


def _cells(content: bytes) -> list[Cell]:
    if not content.strip():
        raise Unreadable("the file is empty")
    try:
        encoding = json.detect_encoding(content)
        notebook = json.loads(content.decode(encoding, "replace"))
    except ValueError as error:
        raise Unreadable(f"the file is not a notebook: {type(error).__name__}: {error}"[:300]) from error
    except RecursionError as error:  # its own text differs from run to run
        raise Unreadable("the file is not a notebook: its JSON is nested too deeply") from error
    sheets = notebook.get("worksheets") if isinstance(notebook, dict) else None  # format 3 had several
    holders = [notebook, *sheets] if isinstance(sheets, list) else [notebook]
    found = [holder.get("cells") for holder in holders if isinstance(holder, dict)]
    lists = [cells for cells in found if isinstance(cells, list)]
    if not lists:
        raise Unreadable("the file is not a notebook: it has no list of cells")
    return [_cell(cell) for cells in lists for cell in cells if isinstance(cell, dict)]


def _cell(cell: dict[str, object]) -> Cell:
    source = cell.get("source", cell.get("input", ""))  # "input" in format 3
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return Cell(str(cell.get("cell_type")), text[:LONGEST_CELL], grade_id if isinstance(grade_id, str) else None)
