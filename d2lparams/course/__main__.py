"""The course's tools: release the exercises, grade what comes back. The README's section for teachers shows them."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from . import grading, submissions


def release(options: argparse.Namespace) -> None:
    from . import gradebook  # nbgrader takes two seconds to load: only where it is needed

    path = gradebook.release(options.folder)
    print(f"for learners  {path}\nfor staff     {options.folder / 'source'}, with solutions and mark scheme")


def grade(options: argparse.Namespace) -> None:
    graded = grading.grade_all(
        options.submissions, options.out, jobs=options.jobs, limit=options.limit, trust=options.trust_submissions
    )
    print(f"graded        {graded} submissions")
    if others := submissions.passed_over(options.submissions):
        print(f"passed over   {', '.join(map(ascii, others))}: neither a notebook nor a folder")
    collect(options)


def grade_one(options: argparse.Namespace) -> None:
    record = grading.grade_one(options.submission, options.out, trust=options.trust_submissions)
    points = sum(entry["points"] for entry in record["questions"].values())
    print(f"{record['learner']}: {points} points" + (f"; {record['note']}" if record["note"] else ""))


def collect(options: argparse.Namespace) -> None:
    from . import gradebook

    table = gradebook.collect(options.out)
    print(f"scores        {table}\nfeedback      {table.parent / 'feedback'}/<learner>.html")
    print(f"gradebook     {table.parent / 'gradebook.db'}; to read prose: cd {table.parent} && jupyter lab, Formgrader")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m d2lparams.course", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(run: Callable[[argparse.Namespace], None], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(run.__name__.replace("_", "-"), help=help, description=f"{help.capitalize()}.")
        sub.set_defaults(run=run)
        return sub

    sub = command(release, "write an nbgrader course folder with the learners' notebook")
    sub.add_argument("folder", nargs="?", type=Path, default=Path("build/course"), help="default: build/course")

    for run, what in ((grade, "all submissions of a class, then collect"), (grade_one, "one submission")):
        sub = command(run, f"grade {what}")
        if run is grade:
            sub.add_argument("submissions", type=Path, help="a folder: one notebook or one folder for each learner")
            sub.add_argument("--jobs", type=int, help="submissions at a time; default: as many as cores")
            sub.add_argument("--limit", type=int, help="grade no more than that many now")
        else:
            sub.add_argument("submission", type=Path, help="a learner's notebook, or the folder that holds it")
        sub.add_argument("out", type=Path, help="where records, scores, gradebook and feedback go")
        sub.add_argument(
            "--trust-submissions", action="store_true", help="run learners' code even where no sandbox can be had"
        )

    sub = command(collect, "merge the records in a folder into scores.csv, gradebook and feedback")
    sub.add_argument("out", type=Path, help="the folder that was graded into")

    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (FileNotFoundError, ModuleNotFoundError, NotADirectoryError, RuntimeError) as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "interrupted: what is graded is kept, and the same command goes on from there\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
