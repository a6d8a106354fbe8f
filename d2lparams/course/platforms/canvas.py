"""Canvas, "Download Submissions": `lovelaceada_LATE_123_456_6-exercises-1.ipynb`, files side by side.

The first number is the learner's ID in the gradebook's CSV, the second that of the file, which grows with time. Canvas
takes feedback back ("Upload Submissions") from files that begin with the same names and numbers.
"""

import re
from pathlib import Path

from ..submissions import Who
from .parts import Piece

TITLE = "Canvas"
NAME = re.compile(r"(?P<name>.+?)_(?:(?P<late>LATE)_)?(?P<id>\d+)_(?P<file>\d+)_(?P<rest>.+)", re.DOTALL)
TEXT = re.compile(r"(?P<name>.+?)_(?:(?P<late>LATE)_)?(?P<id>\d+)_(?:\d+_)?(?P<kind>text|link)\.html", re.DOTALL)


def pieces(root: Path, names: list[str]) -> dict[str, Piece]:
    """Return those of the names that are Canvas's.

    >>> [piece] = pieces(Path(), ["lovelaceada_LATE_123_456_6-exercises-1.ipynb"]).values()
    >>> piece.learner, piece.who["id"], piece.who["late"], piece.who["returns"]
    ('lovelaceada_123', '123', 'late', 'lovelaceada_123_456_6-exercises-1.html')
    """
    found = {}
    for name in names:
        if match := TEXT.fullmatch(name):
            extra = "an online text" if match["kind"] == "text" else "a link"
            found[name] = Piece(f"{match['name']}_{match['id']}", Who(id=match["id"]), extra=extra)
        elif match := NAME.fullmatch(name):
            returns = f"{match['name']}_{match['id']}_{match['file']}_{Path(match['rest']).stem}.html"
            who = Who(id=match["id"], name=match["name"], returns=returns)
            if match["late"]:
                who["late"] = "late"
            found[name] = Piece(f"{match['name']}_{match['id']}", who, match["file"][:20].zfill(20))
    return found
