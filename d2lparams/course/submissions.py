"""Find and read what learners handed in: any bytes at all may come, and every one of them gets a reason.

A class is a folder with an entry for each learner: a notebook `<learner>.ipynb`, or a folder `<learner>` with the
notebook anywhere in it. Links are never followed. `platforms` makes such entries of what learning platforms export.
"""

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypedDict

from . import answers, zips
from .names import PLAIN_NAME, plain_name, shown
from .notebooks import LARGEST_FILE, Cell, Unreadable, cells_of

__all__ = ["PLAIN_NAME", "Cell", "Entry", "Submission", "Unreadable", "Who", "entries", "plain_name", "read"]

FILE_NAME = "6-exercises.ipynb"  # that the notebook was handed out with
MOST_FILES, MOST_NOTEBOOKS = 5_000, 20  # of one learner that are looked at, and read
NOT_THEIRS = ("__MACOSX", "node_modules", "site-packages", "venv")  # folders that no learner wrote in
STAMP = re.compile(r"^(\d{14})_|_attempt_(\d{4}(?:-\d\d){5})[_.]")  # of an attempt: ILIAS, Blackboard


class Who(TypedDict, total=False):
    """What a platform's names tell of a learner, who may be a team.

    members: the ids of a team's members, with spaces between; returns: what a page of feedback must be called there.
    """

    id: str
    login: str
    name: str
    late: str
    members: str
    returns: str


@dataclass(frozen=True)
class Entry:
    """What one learner handed in: files, or folders of them.

    root: the class's folder, which names are relative to; stamps: of each place, in the order of time, if it has one.
    """

    learner: str
    root: Path
    places: tuple[Path, ...]
    who: Who = field(default_factory=Who)
    stamps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """What one learner handed in. note: why there is nothing to grade, or None; sha256: None if it can't be opened.

    remarks: which file was graded, and what was passed over; digest: of all files that may have been.
    """

    learner: str
    file: str | None = None
    sha256: str | None = None
    note: str | None = None
    cells: list[Cell] = field(default_factory=list, repr=False)
    remarks: tuple[str, ...] = ()
    digest: str | None = None
    who: Who = field(default_factory=Who)


class _Found(NamedTuple):
    """A notebook, or what may be one: its name, when it was written, its bytes, or why it has none."""

    name: str
    stamp: str
    time: float
    content: bytes
    reason: str | None


def entries(folder: Path) -> dict[str, Path]:
    """Return the entry of each learner in a class's folder, by the learner's name; what starts with a dot is none."""
    found = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: (_is_notebook(entry.name), entry.name)):
        if entry.name.startswith(".") or entry.name in NOT_THEIRS:
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


def entry_of(entry: Path | Entry, name: str | None = None) -> Entry:
    """Return a file or folder of a class's folder as an entry."""
    if isinstance(entry, Entry):
        return entry
    return Entry(name or learner_name(entry), entry.parent, (entry,))


def read(entry: Path | Entry, name: str | None = None) -> Submission:
    """Read the submission of one learner. Raises nothing: what is wrong with it stands in its note."""
    entry = entry_of(entry, name)
    try:
        found = _notebooks(entry)
    except Unreadable as reason:
        return Submission(entry.learner, note=str(reason), digest=_digest([], str(reason)), who=entry.who)
    return _chosen(entry, found)


def digest(entry: Path | Entry) -> str:
    """Return a digest of all that `read` would look at, without reading it as notebooks."""
    try:
        return _digest(_notebooks(entry_of(entry)))
    except Unreadable as reason:
        return _digest([], str(reason))


def _digest(found: list[_Found], note: str = "") -> str:
    parts = [f"{note}\0".encode()]
    for one in found:
        parts += [os.fsencode(one.name), hashlib.sha256(one.content).digest(), (one.reason or "").encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _chosen(entry: Entry, found: list[_Found]) -> Submission:
    """Return the submission that counts: of the notebooks that somebody worked on, the latest."""
    cells: dict[int, list[Cell]] = {}
    notes, work = {}, {}
    for place, one in enumerate(found):
        try:
            if one.reason:
                raise Unreadable(one.reason)
            cells[place] = cells_of(one.content)
            work[place] = answers.work_in(cells[place]) if len(found) > 1 else 1
        except Unreadable as reason:
            notes[place] = str(reason)
    best = _latest([place for place in work if work[place]], found, work)
    if best is None:
        best = min(cells, default=0)
    one = found[best]
    others = {
        place: f"{shown(other.name, 200)} ({notes.get(place) or ('older' if work[place] else 'as it was handed out')})"
        for place, other in enumerate(found)
        if place != best
    }
    remarks = [f"graded: {shown(one.name, 200)}; passed over: {', '.join(others.values())}"] if others else []
    return Submission(
        learner=entry.learner,
        file=one.name,
        sha256=None if one.reason and not one.content else hashlib.sha256(one.content).hexdigest(),
        note=notes.get(best),
        cells=cells.get(best, []),
        remarks=tuple(remarks),
        digest=_digest(found),
        who=entry.who,
    )


def _latest(places: list[int], found: list[_Found], work: dict[int, int]) -> int | None:
    """Return the latest of some notebooks, by the platform's time stamps or the files' own times.

    Of those that are equally old, as in a folder that was copied, the one in which most was worked on.
    """
    if places and all(found[place].stamp for place in places):
        newest = max(found[place].stamp for place in places)
        places = [place for place in places if found[place].stamp == newest]
    last = max((found[place].time for place in places), default=0.0)
    places = [place for place in places if last - found[place].time <= 2]  # seconds: a zip knows no fewer
    return max(places, key=lambda place: (work[place], -place), default=None)


def _notebooks(entry: Entry) -> list[_Found]:
    """Return the notebooks of a learner, the likeliest first; those in an archive where there is no other."""
    files = [path for place in entry.places for path in _files(place)]
    links = [path for path in entry.places if path.parent == entry.root and path.is_symlink()]
    notebooks = [path for path in files if ".ipynb" in path.name.lower() or path in links]
    archives = [path for path in files if path.name.lower().endswith(".zip")]
    if notebooks or not archives:
        stamps = dict(zip(entry.places, entry.stamps, strict=False))
        found = _opened(notebooks, files, entry.root)
        return [one._replace(stamp=stamps.get(entry.root / one.name, one.stamp)) for one in found]
    with tempfile.TemporaryDirectory(prefix="d2lparams-") as folder:
        for number, archive in enumerate(archives[:3]):
            try:
                zips.unpack(archive, Path(folder) / str(number) / archive.name, zips.ONE_LEARNER)
            except zips.BadZip as error:
                raise Unreadable(f"there is no notebook but an archive, and {error}") from error
        inside = list(_files(Path(folder)))
        return _opened([path for path in inside if ".ipynb" in path.name.lower()], inside, Path(folder))


def _opened(paths: list[Path], there: list[Path], root: Path) -> list[_Found]:
    paths = sorted(
        paths, key=lambda path: (path.name != FILE_NAME, not _is_notebook(path.name), len(path.parts), path.name)
    )[:MOST_NOTEBOOKS]
    if not paths:
        names = ", ".join(ascii(path.name[:100]) for path in there[:5]) or "nothing"
        raise Unreadable(f"there is no notebook in the folder, but {names}")
    return [_open(path, root) for path in paths]


def _files(place: Path) -> list[Path]:
    """Return the files of a place, itself if it is none but a file; what starts with a dot aside."""
    if place.is_symlink() or not place.is_dir():
        return [place]
    found: list[Path] = []
    for folder, folders, files in os.walk(place, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NOT_THEIRS)
        found += [Path(folder, name) for name in sorted(files) if not name.startswith(".")]
        if len(found) > MOST_FILES:
            break
    return found


def _open(path: Path, root: Path) -> _Found:
    """Read a plain file that is small enough, whatever else stands there in its place."""
    name = str(path.relative_to(root))
    match = STAMP.search(path.name)
    stamp = re.sub("-", "", match[1] or match[2]) if match else ""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        reason = "a link, and links are not followed" if path.is_symlink() else error.strerror
        return _Found(name, stamp, 0, b"", f"the notebook cannot be opened: {reason}")
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            return _Found(name, stamp, 0, b"", "the notebook is not a plain file")
        try:
            content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            return _Found(name, stamp, 0, b"", f"the notebook cannot be read: {error.strerror}")
    if len(content) > LARGEST_FILE:
        large = f"the file is larger than {LARGEST_FILE >> 20} MB: clear its outputs"
        return _Found(name, stamp, about.st_mtime, b"", large)
    return _Found(name, stamp, about.st_mtime, content, None)
