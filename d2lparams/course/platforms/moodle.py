"""Moodle, "Download all submissions": `First Last_123456_assignsubmission_file_/`, or a file with that beginning.

The number is the one that the offline grading worksheet calls "Participant 123456". Moodle takes back feedback under
the same name ("Upload multiple feedback files in a zip").
"""

import re
from pathlib import Path

from ..submissions import Who
from .parts import Piece

TITLE = "Moodle"
NAME = re.compile(r"(?P<name>.*?)_(?P<id>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?P<rest>_.*)?", re.DOTALL)


def pieces(root: Path, names: list[str]) -> dict[str, Piece]:
    """Return those of the names that are Moodle's.

    >>> found = pieces(Path(), ["Ada L_17_assignsubmission_file_", "Ada L_17_assignsubmission_onlinetext"])
    >>> [(piece.learner, piece.who["id"], piece.extra) for piece in found.values()]
    [('Ada L_17', '17', ''), ('Ada L_17', '17', 'an online text')]
    """
    found = {}
    for name in names:
        if match := NAME.fullmatch(name):
            flat = (match["rest"] or "_") != "_"
            stem = f"{match['name']}_{match['id']}_assignsubmission_file"
            returns = f"{stem}_feedback.html" if flat else f"{stem}{match['rest'] or ''}/feedback.html"
            who = Who(id=match["id"], name=match["name"], returns=returns)
            extra = {"file": "", "onlinetext": "an online text"}.get(match["plugin"], f"of Moodle's {match['plugin']}")
            found[name] = Piece(f"{match['name']}_{match['id']}", who, extra=extra)
    return found
