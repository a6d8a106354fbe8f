"""Make a class to try the grading with: `python tools/make_class.py 100 build/class`, the same for the same seed.

With `--form moodle` it comes as that platform's download, with the platform's own file for grades beside it; two more
learners stand in the file, who handed in nothing.
"""

import argparse
import json
import random
from pathlib import Path

import class_forms
import nbformat
from nbformat.v4 import new_code_cell, new_output

from d2lparams.course import authoring
from d2lparams.exercises.bank import PROSE, QUESTIONS, typical_mistakes


def submission(kind: str, rng: random.Random, mistakes: dict[str, list[str]]) -> nbformat.NotebookNode:
    """Return one learner's notebook.

    kind: "solved" answers everything; "mixed" some questions rightly, some wrongly, some not at all; "untouched" none;
    "noisy" prints and warns, above and in its correct answers; "reordered" is solved, with its cells in another order.
    """
    notebook = authoring.learner_notebook()
    cells = {cell.id: cell for cell in notebook.cells}
    for question in QUESTIONS:
        answers = [question.solution_code.strip()]
        if kind == "mixed":
            answers += [rng.choice(mistakes[question.name]), question.stub.strip()]
        if kind != "untouched":
            cells[question.name].source = rng.choice(answers)
    for question in PROSE:
        if kind != "untouched" and rng.random() < 0.8:
            cells[question.name].source = question.solution_code.strip()
    if kind == "noisy":
        for question in QUESTIONS:
            cells[
                question.name
            ].source += "\n\nimport warnings\nwarnings.warn('slow')\nprint('what is it?', torch.rand(3))"
        cells["setup"].source += "\n%matplotlib inline\n!echo hello"
        notebook.cells.insert(
            2, new_code_cell("x = 1 / 0", id="tried", outputs=[new_output("stream", text="one\n" * 99)])
        )
    if kind == "reordered":
        rng.shuffle(notebook.cells)
    return notebook


def mistakes() -> dict[str, list[str]]:
    """Return typical wrong answers to each question, as code."""
    return {
        question.name: [wrong.source for wrong in typical_mistakes(question.name).values()] for question in QUESTIONS
    }


def make(number: int, folder: Path, seed: int, kinds: tuple[str, ...], mistakes: dict[str, list[str]]) -> None:
    """Write the submissions of `number` learners into a folder, one notebook each, of the kinds in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, notebook in enumerate(submissions(number, seed, kinds, mistakes)):
        (folder / f"learner-{k + 1:03}.ipynb").write_bytes(notebook)


def submissions(number: int, seed: int, kinds: tuple[str, ...], mistakes: dict[str, list[str]]) -> list[bytes]:
    """Return the files of `number` learners, of the kinds in turn."""
    rng = random.Random(seed)
    made = (submission(kinds[k % len(kinds)], rng, mistakes) for k in range(number))
    return [json.dumps(notebook, indent=1).encode() for notebook in made]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tools/make_class.py", description=__doc__)
    parser.add_argument("number", type=int, help="how many learners")
    parser.add_argument("folder", type=Path, help="where their notebooks go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--form", choices=sorted(class_forms.FORMS), help="as a platform exports it; default: plain files"
    )
    options = parser.parse_args()
    kinds = ("solved", "mixed", "mixed", "noisy", "reordered", "mixed", "untouched")
    if options.form is None:
        make(options.number, options.folder, options.seed, kinds, mistakes())
        print(f"wrote {options.number} submissions to {options.folder}")
        return
    notebooks = submissions(options.number, options.seed, kinds, mistakes())
    class_ = class_forms.people(options.number + 2)
    download, table = class_forms.write(options.form, class_, notebooks, options.folder)
    print(f"wrote {options.number} submissions to {download}, and {table}")


if __name__ == "__main__":
    main()
