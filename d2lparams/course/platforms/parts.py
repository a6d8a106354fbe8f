"""What the platforms' modules share: the form of what they find."""

from pathlib import Path
from typing import NamedTuple

from ..submissions import Entry, Who


class Handed(NamedTuple):
    """What a class handed in.

    platform: in words; entries: one for each learner; passed_over: what stands for no learner, and why.
    """

    platform: str
    entries: list[Entry]
    passed_over: list[str]


class Piece(NamedTuple):
    """A file or folder at the top of a download, of which a platform's module knows whose it is.

    learner: the same for all pieces of one learner; stamp: in the order of time; extra: no notebook, and why it counts
    for nothing.
    """

    learner: str
    who: Who
    stamp: str = ""
    extra: str = ""


def gathered(root: Path, pieces: dict[str, Piece]) -> tuple[list[Entry], list[str]]:
    """Put the pieces of each learner together; return the entries, and what is none's, with its reason."""
    entries, left = [], []
    learners: dict[str, list[str]] = {}
    for name, piece in pieces.items():
        if piece.extra:
            left.append(f"{name} ({piece.extra})")
        else:
            learners.setdefault(piece.learner, []).append(name)
    for learner, names in learners.items():
        names.sort(key=lambda name: (pieces[name].stamp, name))
        last = pieces[names[-1]]
        notebooks = [name for name in names if ".ipynb" in name.lower()]
        returns = pieces[(notebooks or names)[-1]].who.get("returns", "")
        who = Who({**last.who, **({"returns": returns} if returns else {})})
        stamps = tuple(pieces[name].stamp for name in names) if last.stamp else ()
        entries.append(Entry(learner, root, tuple(root / name for name in names), who, stamps))
    return entries, left


def common_beginning(names: list[str]) -> str:
    """Return what several names begin with, letter by letter.

    >>> common_beginning(["hw-ada", "hw-adam"])
    'hw-ada'
    """
    first, last = min(names), max(names)
    return first[: next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
