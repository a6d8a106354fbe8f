"""nbgrader, `nbgrader collect`: `submitted/LEARNER/ASSIGNMENT/6-exercises.ipynb`, maybe with other assignments."""

from pathlib import Path

from ..submissions import Entry
from .parts import Handed

TITLE = "nbgrader's folder of submissions"
ASSIGNMENT = "parameters"


def look(root: Path, names: list[str]) -> Handed | None:
    """Return what was handed in if a learner's folder holds one of this assignment."""
    folders = [name for name in names if (root / name).is_dir() and not (root / name).is_symlink()]
    if not any((root / name / ASSIGNMENT).is_dir() for name in folders):
        return None
    entries = []
    for name in folders:
        mine = root / name / ASSIGNMENT
        there = mine.is_dir() or mine.is_symlink()
        entries.append(Entry(name, root, (mine if there else root / name,)))
    return Handed(TITLE, entries, [])
