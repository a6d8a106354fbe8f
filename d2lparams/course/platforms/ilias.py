"""ILIAS, "Download All Submissions": `Lovelace_Ada_alovelace_123/20261120102030_6-exercises.ipynb`.

Each file begins with the time it was handed in; older ones stay. Feedback goes back in the same folders
("Multi-Feedback"), and marks by status.csv where the installation offers it.
"""

import re
from pathlib import Path

from ..submissions import STAMP, Who
from .parts import Piece

TITLE = "ILIAS"
NAME = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<login>.+)_(?P<id>\d+)")


def pieces(root: Path, names: list[str]) -> dict[str, Piece]:
    """Return those of the names that are ILIAS's: folders, some with a file in it that begins with a time."""
    found = {}
    for name in names:
        if (match := NAME.fullmatch(name)) and (root / name).is_dir() and not (root / name).is_symlink():
            who = Who(id=match["id"], login=match["login"], name=f"{match['first']} {match['last']}")
            who["returns"] = f"{name}/feedback.html"
            found[name] = Piece(name, who)
    stamped = any(STAMP.match(path.name) for name in found for path in (root / name).iterdir())
    return found if stamped else {}
