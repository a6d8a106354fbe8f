"""Tell which cells of a submission were handed out, and which exercise they belong to, when tools dropped their names.

A cell is known by nbgrader's name, by the notebook format's own id, by the heading it begins with, or by a call such as
`q1.check(...)`. What is left is the learner's, and belongs to the exercise it stands below.
"""

import re

from ..exercises.bank import EXERCISES, QUESTIONS, VARIANTS
from ..exercises.bank.chapter import BEGIN, END, SECTIONS
from ..exercises.question import SETUP
from .notebooks import Cell

ELSE = "else"  # owns what was handed out and belongs to no exercise
HEADING = re.compile(r"\s*#{1,6}\s*(.*)")
CALL = re.compile(r"^[ \t]*(q\d+)\s*\.\s*(?:check|show)\s*\(", re.MULTILINE)
NUMBERED = re.compile(r"(\d+)\. .* \(\d+ points\)")
HELP = re.compile(r"\*?(?:Taught in .*)?\d+ hints?\.\*?")
SHORT = 20  # characters: of a shorter line nobody can say whose it is


def _words(text: str) -> str:
    """Return a text's words alone, which stay the same however a tool breaks its lines."""
    return " ".join(re.findall(r"\w+", text.lower()))


TASKS = [exercise.task for variants in VARIANTS.values() for exercise in variants]
TEXTS = [BEGIN, END, *(section.text for section in SECTIONS), *TASKS]
LINES = {line.strip() for text in TEXTS for line in text.splitlines() if line.strip()}
WORDS = f" {' | '.join(map(_words, TEXTS))} "
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
    alone = "\n" not in cell.source.strip()
    if cell.kind != "code" and (found := _of_heading(cell.source)) and not (alone and found == ELSE):
        return found  # a heading alone, such as "Summary", may be a learner's
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
    return ELSE if cell.grade_id and cell.locked else None


def _of_heading(source: str) -> str | None:
    first, *others = [line.strip() for line in source.strip().splitlines() if line.strip()] or [""]
    match = HEADING.fullmatch(first)
    if not match:
        return None
    if (numbered := NUMBERED.fullmatch(match[1].strip())) and (name := f"q{numbered[1]}") in EXERCISES:
        return name
    title = re.sub(r"\s*\(\d+ points\)$", "", re.sub(r"^\d+\s*[.)]\s*", "", match[1])).strip()
    ours = title != match[1].strip() or not others or any(map(_is_ours, others))  # others, too, write summaries
    return (TITLES.get(title.lower()) or (ELSE if title.lower() in OTHER_TITLES else None)) if ours else None


def owners(cells: list[Cell]) -> list[str | None]:
    """Return for each cell the exercise that it belongs to or stands below; None before the first known cell."""
    return below([owner(cell) for cell in cells])


def below(known: list[str | None]) -> list[str | None]:
    """Return for each cell the last owner that is known at it or above it.

    >>> below([None, "q1", None, "else"])
    [None, 'q1', 'q1', 'else']
    """
    found, current = [], None
    for own in known:
        current = own or current
        found.append(current)
    return found


def own_text(source: str, stub: str) -> str:
    """Return what a learner wrote in a cell of text: without the stub, and without the task if it stands there."""
    lines = source.replace(stub, "").splitlines()
    if any(map(_is_ours, lines)):
        lines = [line for line in lines if not _is_ours(line) and line.strip() not in LINES]
    return "\n".join(lines).strip()


def _is_ours(line: str) -> bool:
    """Say whether a line of text was handed out."""
    words = _words(line)
    known = len(words) > SHORT and f" {words} " in WORDS
    return known or HELP.fullmatch(line.strip()) is not None or (line.lstrip()[:1] == "#" and bool(_of_heading(line)))


def lines_of_code(source: str) -> list[str]:
    """Return the lines of a cell that say something, to compare it with another: code is not parsed out here."""
    lines = (line.split("#")[0].strip() for line in source.splitlines())
    return [line for line in lines if line]


SETUP_LINES = lines_of_code(SETUP)
