"""Tell which cells of a submission were handed out, and which exercise they belong to, when tools dropped their names.

A cell is known by nbgrader's name, by the notebook format's own id, by the heading it begins with, or by a call such as
`q1.check(...)`. What is left is the learner's, and belongs to the exercise it stands below.
"""

import re
import textwrap

from ..exercises.bank import EXERCISES, QUESTIONS, VARIANTS
from ..exercises.bank.chapter import BEGIN, END, SECTIONS
from ..exercises.question import SETUP
from .notebooks import Cell

ELSE = "else"  # owns what was handed out and belongs to no exercise
HEADING = re.compile(r"\s*#{1,6}\s*(.*)")
CALL = re.compile(r"^[ \t]*(q\d+)\s*\.\s*(?:check|show)\s*\(", re.MULTILINE)
NUMBERED = re.compile(r"(\d+)\. .* \(\d+ points\)")
HELP = re.compile(r"\*.*\d+ hints?\.\*")


def _lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if len(line.strip()) > 3}


HANDED_OUT = {
    line
    for text in [
        BEGIN,
        END,
        *(section.text for section in SECTIONS),
        *(exercise.task for variants in VARIANTS.values() for exercise in variants),
    ]
    for line in _lines(textwrap.dedent(text))
}
TITLES = {exercise.title.lower(): name for name, variants in VARIANTS.items() for exercise in variants}
OTHER_TITLES = {section.title.lower() for section in SECTIONS} | {
    match[1].strip().lower() for line in f"{BEGIN}{END}".splitlines() if (match := re.match(r"##? (.*)", line))
}
IDS = {"begin": ELSE, "setup": ELSE, "end": ELSE} | {section.name: ELSE for section in SECTIONS}
IDS |= {f"{name}{part}": name for name in EXERCISES for part in ("", "-task", "-measure", "-show", "-check")}
CODE_ALONE = {question.name for question in QUESTIONS}


def owner(cell: Cell) -> str | None:
    """Return the exercise that a handed-out cell belongs to, `ELSE` for one that belongs to none, or None if unknown.

    >>> owner(Cell("markdown", "### 14. Why is sharing a good idea? (8 points)", None))
    'q14'
    >>> owner(Cell("code", "q1.check(mine)", None)), owner(Cell("markdown", "I think", None))
    ('q1', None)
    """
    if cell.kind != "code" and (found := _of_heading(cell.source)):
        return found
    if cell.kind == "code" and (lines := lines_of_code(cell.source)):
        calls: list[str] = CALL.findall(cell.source)
        if len(lines) == 1 and calls and calls[0] in EXERCISES:
            return calls[0]
        if lines[: len(SETUP_LINES)] == SETUP_LINES:
            return ELSE
    for name in (cell.grade_id, cell.id):
        exercise = IDS.get(name or "")
        if exercise and not (exercise in CODE_ALONE and cell.kind != "code" and name != f"{exercise}-task"):
            return exercise
    return ELSE if cell.grade_id else None


def _of_heading(source: str) -> str | None:
    first, *others = [line.strip() for line in source.strip().splitlines() if line.strip()] or [""]
    match = HEADING.fullmatch(first)
    if not match:
        return None
    if (numbered := NUMBERED.fullmatch(match[1].strip())) and (name := f"q{numbered[1]}") in EXERCISES:
        return name
    title = re.sub(r"\s*\(\d+ points\)$", "", re.sub(r"^\d+\s*[.)]\s*", "", match[1])).strip()
    ours = title != match[1].strip() or not others or not HANDED_OUT.isdisjoint(others)  # others, too, write summaries
    return (TITLES.get(title.lower()) or (ELSE if title.lower() in OTHER_TITLES else None)) if ours else None


def owners(cells: list[Cell]) -> list[str | None]:
    """Return for each cell the exercise that it belongs to or stands below; None before the first known cell."""
    found, current = [], None
    for cell in cells:
        current = owner(cell) or current
        found.append(current)
    return found


def own_text(source: str, stub: str) -> str:
    """Return what a learner wrote in a cell of text: without the stub, and without the task if it stands there."""
    lines = source.replace(stub, "").splitlines()
    ours = [line for line in lines if _of_heading(line) or (len(line) > 20 and line.strip() in HANDED_OUT)]
    if ours:
        kept = (line for line in lines if not _of_heading(line) and not HELP.fullmatch(line.strip()))
        lines = [line for line in kept if line.strip() not in HANDED_OUT]
    return "\n".join(lines).strip()


def lines_of_code(source: str) -> list[str]:
    """Return the lines of a cell that say something, to compare it with another: code is not parsed out here."""
    lines = (line.split("#")[0].strip() for line in source.splitlines())
    return [line for line in lines if line]


SETUP_LINES = lines_of_code(SETUP)
