"""What learning platforms export: recognize it, and tell whose each part of it is.

A module for each platform says how its names are made. What it does not know is looked at as in a plain folder, so that
nobody is lost.
"""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import zips
from ..names import shown
from ..submissions import FILE_NAME, NOT_THEIRS, entries, entry_of
from . import blackboard, canvas, github, ilias, moodle, nbgrader
from .parts import Handed, gathered

__all__ = ["Handed", "opened"]

KNOWN = (moodle, blackboard, canvas, ilias, github)
OF_A_COURSE = ("nbgrader_config.py", "gradebook.db")
PLAIN = "a plain folder"


@contextmanager
def opened(submissions: Path, out: Path | None = None) -> Iterator[Handed]:
    """Open a platform's download, a folder or a zip, and say what is in it; what was unpacked goes afterwards.

    out: where grades will go. Raises FileNotFoundError, or RuntimeError if the folder can't be meant.
    """
    if submissions.is_dir():
        refuse(submissions, out)
        yield recognized(_unwrapped(submissions, zipped=False))
    elif not submissions.exists():
        raise FileNotFoundError(f"{submissions} is not there: wanted the folder or the zip that holds the submissions")
    elif not zipfile.is_zipfile(submissions):
        raise RuntimeError(f"{submissions} is neither a folder nor a zip: give the platform's download, or its folder")
    else:
        with tempfile.TemporaryDirectory(prefix="d2lparams-") as folder:
            root = Path(folder) / (shown(submissions.stem).strip(". ").replace("/", "_") or "class")
            left_out = zips.unpack(submissions, root)
            handed = recognized(_unwrapped(root, zipped=True))
            yield handed._replace(passed_over=handed.passed_over + left_out)


def refuse(submissions: Path, out: Path | None) -> None:
    """Raise RuntimeError for a folder that holds a course or the grades, in place of what learners handed in."""
    if any((submissions / name).is_file() for name in OF_A_COURSE):
        inside = submissions / "submitted"
        advice = f"give {inside}" if inside.is_dir() else "give the folder that holds what learners handed in"
        raise RuntimeError(f"{submissions} is a course's own folder, not its submissions: {advice}")
    if out is not None and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(submissions)):
        raise RuntimeError(f"grades can't go to {out}, which lies in {submissions}: name a folder outside of it")


def recognized(root: Path) -> Handed:
    """Return what a class handed in, by the platform that most of its names are of."""
    names = _names(root)
    if handed := nbgrader.look(root, names):
        return _with_the_rest(root, names, handed, {entry.learner for entry in handed.entries})
    for platform in KNOWN:
        pieces = platform.pieces(root, names)
        if 2 * len(pieces) >= len([name for name in names if _counts(root / name)]) and pieces:
            found, left = gathered(root, pieces)
            return _with_the_rest(root, names, Handed(platform.TITLE, found, left), set(pieces))
    return _with_the_rest(root, names, Handed(PLAIN, [], []), set())


def _with_the_rest(root: Path, names: list[str], handed: Handed, taken: set[str]) -> Handed:
    """Add what no platform's module knows: as learners' own, if it holds notebooks, or by its name."""
    plain = {path.name: learner for learner, path in entries(root).items()}
    found, left = list(handed.entries), list(handed.passed_over)
    learners = {entry.learner for entry in found}
    for name in [name for name in plain if name not in taken]:
        learner = plain[name] if plain[name] not in learners else name
        learners.add(learner)
        found.append(entry_of(root / name, learner))
    left += [name for name in names if name not in taken and name not in plain]
    left += sorted(name for name in os.listdir(root) if name in NOT_THEIRS)
    return Handed(handed.platform, found, left)


def _names(root: Path) -> list[str]:
    return sorted(name for name in os.listdir(root) if not name.startswith(".") and name not in NOT_THEIRS)


def _counts(path: Path) -> bool:
    """Say whether a name at the top may stand for a learner."""
    return path.is_dir() or path.suffix.lower() in (".ipynb", ".zip")


def _unwrapped(root: Path, zipped: bool) -> Path:
    """Go into a folder that stands alone around all the others, as programs that zip add it, and platforms too."""
    while True:
        inside = [root / name for name in _names(root) if _counts(root / name)]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink() or _is_known(root):
            return root
        (only,) = inside
        names = [name for name in _names(only) if _counts(only / name)]
        own = any(name.startswith(Path(FILE_NAME).stem) for name in names)
        several = not own and (only.name in ("submitted", "submissions") or (zipped and len(names) > 1))
        if not (_is_known(only) or several or (len(names) == 1 and _is_known(only / names[0]))):
            return root
        root = only


def _is_known(root: Path) -> bool:
    if not root.is_dir():
        return False
    names = _names(root)
    return any(platform.pieces(root, names) for platform in KNOWN) or nbgrader.look(root, names) is not None
