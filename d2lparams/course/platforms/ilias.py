"""ILIAS, "Download All Submissions": `Lovelace_Ada_alovelace_123/6-exercises.ipynb`; of teams, `Team 7/Lovelace_.../`.

Older files stay, as `6-exercises (2).ipynb` or with the time before their name; one that came late is called
`Late Submission - 6-exercises.ipynb`, in the platform's language. Feedback goes back in the same folders
("Multi-Feedback"), and marks by status.csv where the installation offers it.
"""

import re
from pathlib import Path

from ..forms import LATE
from ..submissions import Who
from .parts import Piece

TITLE = "ILIAS"
NAME = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<login>.+)_(?P<id>\d+)")
TEAM = re.compile(r"(?:Team|[EÉ]quipe|Equipo|Grupo|Squadra|Zesp[oó][lł]|T[yý]m|团队|小组|チーム) (?P<id>\d+)")


def pieces(root: Path, names: list[str]) -> dict[str, Piece]:
    """Return those of the names that are ILIAS's: folders of learners, or of teams with the learners' in them."""
    found = {}
    for name in names:
        folder = root / name
        if not folder.is_dir() or folder.is_symlink() or (folder / ".git").exists():
            continue
        if match := NAME.fullmatch(name):
            found[name] = Piece(name, _who(match, folder) | Who(id=match["id"], returns=f"{name}/feedback.html"))
        elif match := TEAM.fullmatch(name):
            inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
            members = [member for path in inside if (member := NAME.fullmatch(path))]
            if members:
                found[name] = Piece(name, _team(match["id"], members, folder))
    return found


def _who(match: re.Match[str], folder: Path) -> Who:
    who = Who(login=match["login"], name=f"{match['first']} {match['last']}")
    late = any(LATE.search(path.name.partition(" - ")[0]) for path in folder.glob("* - *.ipynb"))
    return Who(**who, late="late") if late else who


def _team(id_: str, members: list[re.Match[str]], folder: Path) -> Who:
    each = [_who(member, folder / member[0]) for member in members]
    who = Who(id=id_, login=", ".join(one["login"] for one in each), name=", ".join(one["name"] for one in each))
    who |= Who(members=" ".join(member["id"] for member in members), returns=f"{members[0][0]}/feedback.html")
    return Who(**who, late="late") if any("late" in one for one in each) else who
