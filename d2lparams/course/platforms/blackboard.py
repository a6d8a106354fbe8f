"""Blackboard, "Assignment File Download": `Exercises_alovelace_attempt_2026-11-20-10-20-30_6-exercises.ipynb`.

Beside it lies `Exercises_alovelace_attempt_2026-11-20-10-20-30.txt`, which says `Name: Ada Lovelace (alovelace)`. All
attempts may be there. The gradebook's file goes by the user's name.
"""

import re
from pathlib import Path

from ..submissions import Who
from .parts import Piece, common_beginning

TITLE = "Blackboard"
NAME = re.compile(r"(?P<stem>.*?)_attempt_(?P<date>\d{4}(?:-\d\d){5})(?:_(?P<rest>.+)|(?P<about>\.txt))", re.DOTALL)
ABOUT = re.compile(r"\ufeff?Name: (?P<name>.*) \((?P<user>[^()\s]+)\)\s*")


def pieces(root: Path, names: list[str]) -> dict[str, Piece]:
    """Return those of the names that are Blackboard's; of the files at `root`, what says whose they are is read.

    >>> [piece] = pieces(Path(), ["Ex_1_ada_attempt_2026-11-20-10-20-30_6.ipynb"]).values()
    >>> piece.learner, piece.stamp, piece.who["returns"]
    ('ada', '20261120102030', 'Ex_1_ada_attempt_2026-11-20-10-20-30_feedback.html')
    """
    matches = {name: match for name in names if (match := NAME.fullmatch(name))}
    people = dict(_about(root / name, match["stem"]) for name, match in matches.items() if match["about"])
    stems = {match["stem"] for match in matches.values()}
    title = common_beginning(list(stems)).rpartition("_")[0] if len(stems) > 1 else ""
    found = {}
    for name, match in matches.items():
        stem = match["stem"]
        user, full_name = people.get(stem) or (stem.removeprefix(f"{title}_") if title else stem.rpartition("_")[2], "")
        who = Who(id=user, returns=f"{stem}_attempt_{match['date']}_feedback.html")
        if full_name:
            who["name"] = full_name
        extra = "what Blackboard says of an attempt" if match["about"] else ""
        found[name] = Piece(user, who, match["date"].replace("-", ""), extra)
    return found


def _about(path: Path, stem: str) -> tuple[str, tuple[str, str] | None]:
    """Return the user's and the learner's name in Blackboard's own text, if they fit the file's name."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = ABOUT.fullmatch(file.readline(1000))
    except OSError:
        return stem, None
    fits = match and (stem == match["user"] or stem.endswith(f"_{match['user']}"))
    return stem, (match["user"], match["name"]) if match and fits else None
