"""GitHub Classroom, `gh classroom clone student-repos`: `exercises-submissions/exercises-adal/`, one repository each.

The name of a repository is the assignment's, a hyphen, and the user's, which the classroom's roster knows.
"""

from pathlib import Path

from ..submissions import Who
from .parts import Piece, common_beginning

TITLE = "GitHub Classroom"


def pieces(root: Path, names: list[str]) -> dict[str, Piece]:
    """Return those of the names that are repositories of a classroom."""
    folders = [name for name in names if (root / name).is_dir() and not (root / name).is_symlink()]
    cloned = [name for name in folders if (root / name / ".git").exists()]
    whole = root.name.removesuffix("-submissions") + "-"
    if root.name.endswith("-submissions") and any(name.startswith(whole) for name in folders):
        title, cloned = whole, [name for name in folders if name.startswith(whole)]
    elif cloned:
        title = common_beginning(cloned).rpartition("-")[0] + "-" if len(cloned) > 1 else ""
    else:
        return {}
    users = {name: name[len(title) :] if title and name.startswith(title) else name for name in cloned}
    return {name: Piece(name, Who(id=user)) for name, user in users.items()}
