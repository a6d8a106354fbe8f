"""The notebook of exercises, built from the bank: the learner's form, and the course's with solutions and hidden tests.

Both are nbgrader's. What `nbgrader generate_assignment` makes of the course's form is the learner's, cell by cell, if
its ClearSolutions puts `CODE_STUB` where a solution was, and `TEXT_STUB` where an answer in prose was.

`python -m d2lparams.course.authoring` writes the learner's form to notebooks/; `python tools/run_notebooks.py --store
notebooks/6-exercises.ipynb` then executes it and stores the outputs.
"""

import textwrap
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ..exercises.bank import PROSE
from ..exercises.bank.chapter import END, SECTIONS, begin
from ..exercises.question import SETUP, Prose, Question
from .variants import BOOK, Draw

CODE_STUB, TEXT_STUB = "# your turn", PROSE[0].stub
NOTEBOOK = Path("notebooks/6-exercises.ipynb")


def learner_notebook(draw: Draw = BOOK, learner: str = "") -> NotebookNode:
    """Return the notebook that learners get, not executed: stubs, pictures and checks.

    draw: which variants it asks for; learner: whose notebook it is, if each has their own.

    >>> [cell.source for cell in learner_notebook().cells if cell.id == "q1-check"]
    ['q1.check(second_block_weight)']
    """
    return _notebook(False, draw, learner)


def source_notebook(draw: Draw = BOOK) -> NotebookNode:
    """Return the course's own notebook: solutions, hidden tests and mark schemes between nbgrader's markers.

    >>> print([cell.source for cell in source_notebook().cells if cell.id == "q1-check"][0])
    q1.check(second_block_weight)
    ### BEGIN HIDDEN TESTS
    assert q1.check(second_block_weight).outcome == "correct"
    ### END HIDDEN TESTS
    """
    return _notebook(True, draw, "")


def _notebook(course: bool, draw: Draw, learner: str) -> NotebookNode:
    exercises, package = draw.exercises(learner), draw.package(learner)
    imports = ",\n".join(f"    {name}" for name in exercises)
    setup = f"{SETUP}from d2lparams.exercises import (\n{imports},\n)"
    if package:
        setup += f'\n\nd2lparams.exercises.of_course("{package}")'
    beginning = begin(len(draw.questions(learner)), len(PROSE), solutions=not package)
    cells = [_text("begin", beginning), _code("setup", setup, _graded("setup", locked=True))]
    for section in SECTIONS:
        cells.append(_text(section.name, f"## {section.title}\n\n{section.text.strip()}"))
        for question in exercises.values():
            if question.section == section.name:
                cells += _prose(question, course) if isinstance(question, Prose) else _exercise(question, course)
    cells.append(_text("end", END))
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook: NotebookNode = new_notebook(cells=cells, metadata=metadata)
    return notebook


def _exercise(question: Question, course: bool) -> list[NotebookNode]:
    name, call = question.name, f"({question.answer})"
    check = f"{name}.check{call}"
    if course:
        hidden = f'assert {check}.outcome == "correct"'
        check += f"\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
    answer = _solved(question) if course else question.stub.strip("\n")
    cells = [_task(question), _code(name, answer, _graded(name, solution=True))]
    if question.picture:
        cells.append(_code(f"{name}-show", f"{name}.show{call}"))
    graded = _graded(f"{name}-check", grade=True, locked=True, points=question.points)
    return [*cells, _code(f"{name}-check", check, graded)]


def _prose(question: Prose, course: bool) -> list[NotebookNode]:
    answer = question.stub
    if course:
        marks = "\n".join(f"- {points} points: {what}" for points, what in question.marks)
        scheme = f"=== BEGIN MARK SCHEME ===\n{marks}\n=== END MARK SCHEME ==="
        answer = f"### BEGIN SOLUTION\n{question.solution_code.strip()}\n\n{scheme}\n### END SOLUTION"
    graded = _graded(question.name, grade=True, solution=True, points=question.points)
    return [
        _task(question),
        _code(f"{question.name}-measure", question.scaffold.strip()),
        _text(question.name, answer, graded),
    ]


def _solved(question: Question) -> str:
    """Return the stub with the solution in the place of `CODE_STUB`; what the stub says already is not said again."""
    head, _, tail = question.stub.strip("\n").partition(CODE_STUB)
    indent = head[head.rindex("\n") + 1 :]
    body = question.solution_code.strip("\n").removeprefix(head.removesuffix(indent))
    return f"{head}### BEGIN SOLUTION\n{body}\n{indent}### END SOLUTION{tail}"


def _task(question: Question | Prose) -> NotebookNode:
    number, points = question.name[1:], question.points
    links = " and ".join(f"[notebook {stem[0]}]({stem}.ipynb)" for stem in question.taught)
    help_ = f"{f'Taught in {links}; ' if links else ''}{len(question.hints)} hints."
    task = textwrap.dedent(question.task).strip()
    return _text(f"{question.name}-task", f"### {number}. {question.title} ({points} points)\n\n{task}\n\n*{help_}*")


def _graded(
    name: str, grade: bool = False, solution: bool = False, locked: bool = False, **points: int
) -> dict[str, object]:
    return {
        "schema_version": 3,
        "grade_id": name,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    } | points


def _code(name: str, source: str, nbgrader: dict[str, object] | None = None) -> NotebookNode:
    cell: NotebookNode = new_code_cell(source, id=name, metadata={"nbgrader": nbgrader} if nbgrader else {})
    return cell


def _text(name: str, source: str, nbgrader: dict[str, object] | None = None) -> NotebookNode:
    metadata = {"nbgrader": nbgrader} if nbgrader else {}
    cell: NotebookNode = new_markdown_cell(source.strip(), id=name, metadata=metadata)
    return cell


if __name__ == "__main__":
    nbformat.write(learner_notebook(), NOTEBOOK)
    print(f"wrote {NOTEBOOK}, not executed: python tools/run_notebooks.py --store {NOTEBOOK}")
