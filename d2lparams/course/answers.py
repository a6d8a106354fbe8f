"""Find in a submission's cells what answers a question: cells get copied, moved and renamed, and lose their names."""

import re

from ..exercises.question import Prose, Question
from .records import ProseEntry
from .submissions import Cell

LONGEST_ANSWER = 100_000  # characters that a record keeps


def find_answer(question: Question, cells: list[Cell]) -> tuple[Cell | None, str]:
    """Return the cell that answers a question, and a remark if there is none.

    It has the question's name as nbgrader's `grade_id`, and defines what the question asks for. Tools drop metadata,
    and people write into another cell: so the last cell counts that was worked on and has both, or else one of them.
    """
    answer = question.answer
    defines = re.compile(rf"^[ \t]*(def|class)[ \t]+{answer}\b|^{answer}[ \t]*[:=]", re.MULTILINE)
    code = [cell for cell in cells if cell.kind == "code"]
    named = [cell for cell in code if cell.grade_id == question.name]
    defining = [cell for cell in code if defines.search(cell.source)]
    both = [cell for cell in named if cell in defining]
    for group in (both, defining, named):
        worked_on = [cell for cell in group if lines_of_code(cell.source) != lines_of_code(question.stub)]
        if worked_on:
            return worked_on[-1], ""
    if named or defining:
        return (named or defining)[-1], ""
    return None, f"the answer's cell is not there, and no other cell defines {answer}"


def lines_of_code(source: str) -> list[str]:
    """Return the lines of a cell that say something, to compare it with another: code is not parsed out here."""
    lines = (line.split("#")[0].strip() for line in source.splitlines())
    return [line for line in lines if line]


def find_prose(question: Prose, cells: list[Cell]) -> ProseEntry:
    """Return what was written, and measured, for a question that people read."""
    named = [i for i, cell in enumerate(cells) if cell.grade_id == question.name]
    worked_on = [i for i in named if cells[i].source.strip() not in ("", question.stub.strip())]
    if not named:
        return ProseEntry(answer="", measured="", attempted=False, max=question.points)
    place = (worked_on or named)[-1]
    first = place  # of the code right above it that is nobody else's
    while first > 0 and cells[first - 1].kind == "code" and cells[first - 1].grade_id is None:
        first -= 1
    return ProseEntry(
        answer=cells[place].source[:LONGEST_ANSWER],
        measured="\n\n".join(cell.source for cell in cells[first:place])[:LONGEST_ANSWER],
        attempted=bool(worked_on),
        max=question.points,
    )
