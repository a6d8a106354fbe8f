"""Find in a submission's cells what answers a question: cells get copied, moved and renamed, and lose their names.

Prose is found as a person would find it who looks through the notebook: it stands in all cells that have the exercise's
name, in those below them or below its heading up to the next cell that was handed out, and in doubt anywhere: then it
waits for a reader.
"""

import re

from ..exercises.bank import EXERCISES, PROSE, QUESTIONS, VARIANTS
from ..exercises.question import Prose, Question
from .figures import Figure
from .landmarks import ELSE, below, lines_of_code, own_text, owner, owners
from .notebooks import MOST_FIGURES, Cell
from .records import ProseEntry

LONGEST_ANSWER = 100_000  # characters that a record keeps
A_FEW = 3  # answers that show what a notebook is, where nothing of ours is left in it
SENTENCE = 25  # letters: fewer, in code, are labels


def find_answer(question: Question, cells: list[Cell]) -> tuple[Cell | None, str]:
    """Return the cell that answers a question, and a remark if there is none."""
    found = find_answers(question, cells)
    return (found[0], "") if found else (None, f"no cell is the answer's, and none defines {question.answer}")


def find_answers(question: Question, cells: list[Cell]) -> list[Cell]:
    """Return the cells that may answer a question, the one that counts first; none if nobody wrote there.

    The notebook's own check takes the definition that is in force where it stands: the last one above it that was
    worked on, in whatever cell. One that stands below the check alone counts if the one above is not correct.
    Where no cell defines what the question asks for, the cell counts that has its name, or stands below its task.
    """
    asks = re.compile(rf"^[^#\n]*\b{question.name}\s*\.\s*check\s*\(", re.MULTILINE)
    stub = lines_of_code(question.stub)
    named, defining = [], []
    for place, cell in enumerate(cells):  # of which there may be a million
        if question.answer in cell.source and defines(question, cell):
            defining.append((place, cell))
        if cell.kind == "code" and question.name in (cell.grade_id, cell.id):
            named.append(cell)
    worked_on = [(place, cell) for place, cell in defining if lines_of_code(cell.source) != stub]
    if worked_on:
        asking = ((place, cell) for place, cell in enumerate(cells) if question.name in cell.source)
        checks = [place for place, cell in asking if cell.kind == "code" and asks.search(cell.source)]
        last = checks[-1] if checks else len(cells)
        above = [cell for place, cell in worked_on if place <= last]
        below = [cell for place, cell in worked_on if place > last]
        if not checks:  # nothing says which one counts: the last, or the last one that has the name
            below = [cell for cell in above if cell in named]
        return _different([*above[-1:], *below[-1:]])
    mine = named or _below_its_task(question, cells)
    others = [cell for cell in mine if lines_of_code(cell.source) != stub]
    return others[-1:] or mine[-1:] or [cell for _, cell in defining][-1:]


def defines(question: Question, cell: Cell) -> bool:
    """Say whether a cell defines what a question asks for."""
    if cell.kind != "code" or question.answer not in cell.source:  # fast, before what is slow
        return False
    pattern = rf"^[ \t]*(def|class)[ \t]+{question.answer}\b|^{question.answer}[ \t]*[:=]"
    return re.search(pattern, cell.source, re.MULTILINE) is not None


def _different(cells: list[Cell]) -> list[Cell]:
    return list({cell.source: cell for cell in cells}.values())


def _below_its_task(question: Question, cells: list[Cell]) -> list[Cell]:
    """Return the cells below a question's heading that define something, for where no cell has its name any more."""
    if not any(question.title in cell.source for cell in cells):
        return []
    new = re.compile(r"^(def|class)[ \t]+\w|^\w+[ \t]*=[ \t]*lambda\b", re.MULTILINE)
    where = owners(cells)
    taken = [other.answer for other in _all_variants() if other.name != question.name]
    other = re.compile(rf"^(def|class)[ \t]+({'|'.join(taken)})\b", re.MULTILINE)
    pairs = zip(where, cells, strict=True)
    mine = [cell for name, cell in pairs if name == question.name and cell.kind == "code"]
    return [cell for cell in mine if new.search(cell.source) and not other.search(cell.source)]


def work_in(cells: list[Cell]) -> int:
    """Return how many exercises of a notebook somebody worked on, of whatever variants; none in another notebook."""
    stubs = [[], *(lines_of_code(question.stub) for question in _all_variants())]
    worked_on = set()
    for question in _all_variants():
        cell = None if question.name in worked_on else find_answer(question, cells)[0]
        if cell and lines_of_code(cell.source) not in stubs:
            worked_on.add(question.name)
    if len(worked_on) < A_FEW and not any(owner(cell) in EXERCISES for cell in cells):
        return 0  # notebook 5, too, defines a SharedMLP
    return len(worked_on) + sum(find_prose(question, cells)["attempted"] for question in PROSE)


def _all_variants() -> list[Question]:
    return [question for variants in VARIANTS.values() for question in variants if isinstance(question, Question)]


def find_prose(question: Prose, cells: list[Cell]) -> ProseEntry:
    """Return what was written, and measured, for a question that people read."""
    known = [owner(cell) for cell in cells]
    where = below(known)
    answers = {id(cell) for other in QUESTIONS if (cell := find_answer(other, cells)[0])}
    mine = [place for place, name in enumerate(where) if name == question.name]
    named = [place for place in mine if question.name in (cells[place].grade_id, cells[place].id)]
    for place in named:  # of the code right above it that is nobody else's
        while place > 0 and cells[place - 1].kind == "code" and known[place - 1] is None:
            place -= 1
            mine.append(place)
    mine = sorted({place for place in mine if id(cells[place]) not in answers})
    code = [cells[place] for place in mine if cells[place].kind == "code" and place not in named]
    text = [cells[place] for place in mine if cells[place].kind != "code" or place in named]
    empty, remark = not _written(text, question) and not any(cell.figures for cell in text), ""
    text += _anywhere(cells, where, known, bool(mine))
    written = _written(text, question)
    if empty and written:
        remark = "the answer's own cell is empty: this was found elsewhere in the notebook"
    elif empty and any(_says_in_code(cell.source) for cell in code):
        remark = "no text was found, but code with words in it"
    figures = [figure for cell in text + code for figure in cell.figures]
    return ProseEntry(
        answer=written[:LONGEST_ANSWER],
        measured="\n\n".join(cell.source for cell in code)[:LONGEST_ANSWER],
        printed="\n".join(filter(None, (cell.printed for cell in code)))[:LONGEST_ANSWER],
        figures=[Figure(*figure) for figure in dict.fromkeys(figures)][:MOST_FIGURES],
        attempted=bool(written or remark or any(cell.figures for cell in text)),
        remark=remark,
        max=question.points,
    )


def _written(cells: list[Cell], question: Prose) -> str:
    """Return the text of cells, each but once: copies are common."""
    parts = [own_text(cell.source, question.stub) for cell in cells]
    return "\n\n".join(dict.fromkeys(part for part in parts if _says_something(part)))


def _says_in_code(source: str) -> bool:
    """Say whether code holds a sentence, as a comment or in quotes."""
    words: list[str] = re.findall(r"#[^\n]*|\"\"\".*?\"\"\"|'''.*?'''|\"[^\"\n]*\"|'[^'\n]*'", source, re.DOTALL)
    return sum(c.isalpha() for word in words for c in word) >= SENTENCE


def _says_something(text: str) -> bool:
    lines = (line.strip() for line in text.splitlines())
    return any(any(c.isalnum() for c in line) for line in lines if not line.startswith("#"))


def _anywhere(cells: list[Cell], where: list[str | None], known: list[str | None], there: bool) -> list[Cell]:
    """Return text of the learner's that may be the answer: below the notebook's end; all, if the answer's cell is gone.

    there: whether any cell of the exercise is left.
    """
    ends = [place for place, name in enumerate(known) if name == ELSE and cells[place].kind == "markdown"]
    first = (ends[-1] if ends else len(cells)) if there else -1
    return [
        cell
        for place, cell in enumerate(cells)
        if place > first and cell.kind != "code" and known[place] is None and (not there or where[place] == ELSE)
    ]
