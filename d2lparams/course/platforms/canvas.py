"""Canvas, "Download Submissions": `lovelaceada_LATE_123_456_6-exercises-1.ipynb`, files side by side.

The first number is the learner's ID in the gradebook's CSV, the second that of the file, which grows with time. Canvas
takes feedback back ("Upload Submissions") from files that begin with the same names and numbers. Where grading is
anonymous, `LATE_anon_x7Kp2_456_6-exercises.ipynb`, and the gradebook doesn't tell who that is.
"""

import re
from pathlib import Path

from ..submissions import Who
from .parts import Piece

TITLE = "Canvas"
NAME = re.compile(r"(?P<name>.+?)_(?:(?P<late>LATE)_)?(?P<id>\d+)_(?P<file>\d+)_(?P<rest>.+)", re.DOTALL)
ANONYMOUS = re.compile(
    r"(?:(?P<late>LATE)_)?(?P<name>anon_(?P<id>[A-Za-z0-9]{5}))_(?P<file>\d+)_(?P<rest>.+)", re.DOTALL
)
TEXT = re.compile(
    r"(?:(?P<name>.+?)_)?(?:LATE_)?(?P<id>\d+|anon_[A-Za-z0-9]{5})_(?:\d+_)?(?P<kind>text|link)\.html", re.DOTALL
)


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
            learner = "_".join(filter(None, (match["name"], match["id"])))
            found[name] = Piece(learner, Who(id=match["id"].removeprefix("anon_")), extra=extra)
        elif match := ANONYMOUS.fullmatch(name):
            returns = f"{match['name']}_{match['file']}_{Path(match['rest']).stem}.html"
            who = Who(id=match["id"], returns=returns, **({"late": "late"} if match["late"] else {}))
            found[name] = Piece(match["name"], who, match["file"][:20].zfill(20))
        elif match := NAME.fullmatch(name):
            returns = f"{match['name']}_{match['id']}_{match['file']}_{Path(match['rest']).stem}.html"
            who = Who(id=match["id"], name=match["name"], returns=returns)
            if match["late"]:
                who["late"] = "late"
            found[name] = Piece(f"{match['name']}_{match['id']}", who, match["file"][:20].zfill(20))
    return found
