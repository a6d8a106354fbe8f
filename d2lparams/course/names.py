"""Names and texts of strangers, made harmless: as names of files, on a terminal, on a page."""

import hashlib
import os
import re
import unicodedata

PLAIN_NAME = re.compile(r"(?!\.)[\w.@+ -]{1,60}(?<![. ])")
JOINERS = "\u200c\u200d"  # Persian and Hindi names are written with these
MOST_MARKS = 4  # combining marks on one letter: no language needs more, and a pile of them covers other lines


def plain_name(learner: str) -> str:
    """Return the name that a learner's files get: the learner's own, or a short form of it that any system takes.

    >>> plain_name("ada"), plain_name("../../etc/passwd")
    ('ada', 'etc_passwd~3754d6cb')
    """
    if PLAIN_NAME.fullmatch(learner):
        return learner
    digest = hashlib.sha256(os.fsencode(learner)).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9]+', '_', learner).strip('_')[:40]}~{digest}"


def as_compared(name: str) -> str:
    """Return a name or an id such that two which look alike are equal: a Mac takes letters and their marks apart.

    >>> as_compared("Jose\\u0301 ") == as_compared("Jos\\xe9")
    True
    """
    return unicodedata.normalize("NFC", name).strip()


def shown(text: object, longest: int = 80) -> str:
    """Return a stranger's text as one short line that does nothing to a terminal or to the lines around it.

    >>> shown("ada\\x1b[2J\\nbob"), shown("x" * 500, longest=5)
    ('ada�[2J�bob', 'xxxx…')
    """
    safe = (c if c.isprintable() or c in JOINERS else "\N{REPLACEMENT CHARACTER}" for c in str(text)[: 4 * longest])
    line = few_marks("".join(safe))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def few_marks(text: str) -> str:
    """Return text without the combining marks beyond the fourth on one letter.

    >>> len(few_marks("e" + 50 * "\\u0301"))
    5
    """
    if text.isascii():
        return text
    kept, marks = [], 0
    for c in text:
        marks = marks + 1 if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(c)
    return "".join(kept)
