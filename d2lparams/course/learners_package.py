"""The package that learners install: this one, without the grader, and with the exercises as a course drew them.

It holds no solution: each exercise is frozen, see `exercises.released`, and so `q1.check(...)` works as in the book.
"""

import base64
import hashlib
import importlib.metadata
import io
import zipfile
from pathlib import Path

from .. import __version__
from ..exercises import released
from .variants import Draw

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
    version = f"{__version__}+course.{draw.number('package', learner):014x}"
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
    path = folder / f"{NAME}-{version}-py3-none-any.whl"
    path.write_bytes(held.getvalue())
    return path


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
    return dict(sorted(files.items()))


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _metadata(version: str) -> str:
    """Return the metadata of the wheel: what this package needs, too, but for the grader."""
    ours = importlib.metadata.metadata(NAME)
    kept = [("Metadata-Version", "2.1"), ("Name", NAME), ("Version", version)]
    kept += [(key, value) for key, value in ours.items() if key in ("Summary", "Requires-Python")]
    kept += [(key, value) for key, value in ours.items() if key == "Requires-Dist" and '"course"' not in value]
    kept += [(key, value) for key, value in ours.items() if key == "Provides-Extra" and value != "course"]
    return "".join(f"{key}: {value}\n" for key, value in kept)
