"""The package that learners install: this one, without the grader, and with the exercises as a course drew them.

It holds no solution: each exercise is frozen, see `exercises.released`, and so `q1.check(...)` works as in the book.
"""

import base64
import hashlib
import importlib.metadata
import io
import re
import zipfile
from pathlib import Path

from .. import __version__
from ..exercises import released
from ..exercises.bank import COURSE_FILE
from . import needs_extra
from .variants import Draw

with needs_extra():
    import nbformat

    from . import authoring

PACKAGE = Path(__file__).resolve().parent.parent
NAME = PACKAGE.name
LEFT_OUT = {"course", "__pycache__"}
OF_THE_BANK = {"__init__.py", "chapter.py", "judge.py", "probe.py"}  # what learners need of it
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that two releases are equal


def write_package(folder: Path, draw: Draw, learner: str = "") -> Path:
    """Write the wheel of a draw into `folder`, and return its path. The same draw gives the same bytes.

    Raises ValueError for a draw without a key: learners can then install the package as it is.
    """
    if not draw.key:
        raise ValueError("the book's exercises need no package of their own: give a key")
    version = f"{__version__}+course.{draw.package(learner)}"
    about = f"{NAME}-{version}.dist-info"
    files = contents(draw, learner)
    files[f"{about}/METADATA"] = _metadata(version).encode()
    files[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: d2lparams\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    listed = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*listed, f"{about}/RECORD,,", ""]).encode()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as wheel:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, content, zipfile.ZIP_DEFLATED)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{NAME}-*+course.*.whl"):
        old.unlink()
    path = folder / f"{NAME}-{version}-py3-none-any.whl"
    path.write_bytes(held.getvalue())
    return path


def write_for(folder: Path, draw: Draw, learner: str) -> Path:
    """Write a learner's own notebook and package into `folder`/<learner>, and return that folder."""
    own = folder / learner
    write_package(own, draw, learner)
    notebook = nbformat.writes(authoring.learner_notebook(draw, learner)) + "\n"
    (own / authoring.NOTEBOOK.name).write_text(notebook, encoding="utf-8")
    return own


def read_learners(path: Path) -> list[str]:
    """Return the names in a file, one a line: those by which the submissions will come back.

    Raises ValueError if there are none, or if one can't be a folder's name or comes twice.
    """
    names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    for number, name in enumerate(names):
        if name.startswith(".") or re.search(r'[\\/:*?"<>|\x00-\x1f]', name) or len(name.encode()) > 120:
            raise ValueError(
                f"{path}: {name!r} can't be a folder's name: take the names that the platform uses for files"
            )
        if name in names[:number]:
            raise ValueError(f"{path} has {name!r} twice: each learner needs a name of their own")
    if not names:
        raise ValueError(f"{path} holds no names: write one on each line")
    return names


def contents(draw: Draw, learner: str = "") -> dict[str, bytes]:
    """Return the package's files by their names, in order."""
    bank = Path("exercises/bank")
    files = {}
    for path in sorted(PACKAGE.rglob("*")):
        place = path.relative_to(PACKAGE)
        if not path.is_file() or LEFT_OUT.intersection(place.parts):
            continue
        if bank in place.parents and path.name not in OF_THE_BANK:
            continue
        files[f"{NAME}/{place.as_posix()}"] = path.read_bytes()
    for name, exercise in draw.exercises(learner).items():
        folder = f"{NAME}/{bank.as_posix()}/{name}"
        files[f"{folder}/__init__.py"] = released.FOLDER.encode()
        files[f"{folder}/{released.FILE}"] = released.frozen(exercise, draw.number(f"{name} check", learner))
    files[f"{NAME}/{bank.as_posix()}/{COURSE_FILE}"] = draw.package(learner).encode()
    return dict(sorted(files.items()))


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _metadata(version: str) -> str:
    """Return the metadata of the wheel: what this package needs, too, but for the grader."""
    ours = importlib.metadata.metadata(NAME)
    kept = [("Metadata-Version", "2.1"), ("Name", NAME), ("Version", version), ("Summary", ours["Summary"])]
    for key in ("Requires-Python", "Requires-Dist", "Provides-Extra"):
        values: list[str] = ours.get_all(key) or []
        kept += [(key, value) for value in values if value != "course" and '"course"' not in value]
    return "".join(f"{key}: {value}\n" for key, value in kept)
