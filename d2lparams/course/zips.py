"""Unpack an archive that strangers filled: within limits, below one folder, without links, whatever its names say."""

import os
import re
import stat
import time
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .names import shown
from .notebooks import LARGEST_FILE

DEEPEST, MOST_ALIKE = 20, 20  # folders in one another; files of one name
MOST_OF_ONE = 200 << 20  # bytes unpacked below one name at the top
WANTED = (".ipynb", ".zip", ".txt", ".csv", ".tsv", ".xls")  # all else keeps its name, and loses its content
UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]')


class Most(NamedTuple):
    """What an archive may hold: files, and bytes when they are unpacked."""

    files: int
    size: int


A_CLASS, ONE_LEARNER = Most(50_000, 8 << 30), Most(2_000, MOST_OF_ONE)


class BadZip(RuntimeError):
    """An archive that can't be opened; the message says why."""


def unpack(archive: Path, folder: Path, most: Most = A_CLASS) -> list[str]:
    """Unpack an archive into a new folder, and return what was left out of it, and why.

    A file that is too large comes out as one that is, but takes no room on the disk.
    Raises BadZip if it is no archive, or has too many members; OSError if the disk is full.
    """
    folder.mkdir(parents=True)
    left_out: list[str] = []
    spent: dict[str, int] = {}
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > most.files:
                raise BadZip(f"{shown(archive.name)} holds {len(members)} files, and {most.files} at most are read")
            for member in members:
                if reason := _unpack_one(opened, member, folder, spent, most):
                    left_out.append(f"{shown(member.filename, 120)}: {reason}")
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadZip(f"{shown(archive.name)} is not a zip file that can be read: {shown(error)}") from error
    return left_out


def _unpack_one(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, spent: dict[str, int], most: Most
) -> str | None:
    """Unpack one member; return why not, if it is left out. spent: bytes so far by the first part of the name."""
    parts = [part for part in PurePosixPath(_name(member).replace("\\", "/")).parts if part not in ("/", ".")]
    if ".." in parts or re.match("[A-Za-z]:", parts[0] if parts else ""):
        return "its path leads elsewhere"
    if not parts or any(part == "__MACOSX" or part.startswith("._") for part in parts):
        return None if not parts else "of the Mac's Finder"
    if len(parts) > DEEPEST:
        return "it lies too deep"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link, or no plain file"
    path = folder.joinpath(*map(_safe, parts))
    try:
        if member.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return "a file and a folder have this name"
    free = _free(path)
    if free is None:
        return f"{MOST_ALIKE} others have its name"
    path = free
    wanted = any(ending in parts[-1].lower() for ending in WANTED)
    if not wanted:
        path.touch()
        return None
    if member.flag_bits & 1:
        return "it is encrypted"
    room = min(MOST_OF_ONE - spent.get(parts[0], 0), most.size - sum(spent.values()), LARGEST_FILE)
    try:
        content = b"" if member.file_size > room else opened.open(member).read(room + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError, OSError) as error:
        return f"it is damaged: {shown(error)}"
    spent[parts[0]] = spent.get(parts[0], 0) + len(content)
    too_large = member.file_size > room or len(content) > room
    with open(path, "xb") as file:
        file.truncate(LARGEST_FILE + 1) if too_large else file.write(content)
    _date(path, member)
    return f"it takes more than {LARGEST_FILE >> 20} MB" if too_large else None


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; many programs write UTF-8 and don't say so."""
    if member.flag_bits & 0x800 or member.filename.isascii():
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _safe(part: str) -> str:
    part = UNSAFE.sub("_", part).rstrip(". ") or "_"
    if len(part.encode()) > 200:
        stem, ending = os.path.splitext(part)
        part = stem.encode()[:150].decode(errors="ignore") + ending[:20]
    return part


def _free(path: Path) -> Path | None:
    """Return the path, or one beside it that nothing stands at; None if there are too many already."""
    others = (path.with_name(f"{path.stem}~{number}{path.suffix}") for number in range(2, MOST_ALIKE + 1))
    return next((free for free in (path, *others) if not os.path.lexists(free)), None)


def _date(path: Path, member: zipfile.ZipInfo) -> None:
    """Give a file the time that the archive says, by which the latest of several is told."""
    try:
        seconds = time.mktime((*member.date_time, 0, 0, -1))
        os.utime(path, (seconds, seconds))
    except (ValueError, OverflowError, OSError):
        os.utime(path, (0, 0))
