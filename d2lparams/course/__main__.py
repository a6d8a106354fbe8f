"""The course's tools: release the exercises, grade what comes back. The page for teachers shows them."""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import grading, platforms
from .names import plain_name, shown
from .returns import Result
from .variants import Draw

TABLES = (".csv", ".tsv", ".txt", ".xls")  # what platforms call theirs
KEPT = "what is graded is kept, and the same command goes on from there"


def release(options: argparse.Namespace) -> None:
    from . import gradebook, learners_package  # nbgrader takes two seconds to load: only where it is needed

    draw, folder = _draw(options), options.folder
    path = gradebook.release(folder, draw)
    if draw.each:
        learners = learners_package.read_learners(options.each)
        for learner in learners:
            learners_package.write_for(folder / "learners", draw, learner)
        print(f"for learners  {folder / 'learners'}/<learner>: a notebook and a package for each of {len(learners)}")
    else:
        print(f"for learners  {path}")
    if draw.key and not draw.each:
        package = learners_package.write_package(folder / "learners", draw)
        print(f"and           {package}: they install it with pip, in the place of the book's")
    print(f"for staff     {folder / 'source'}, with solutions and mark scheme")
    if draw.key:
        print("to grade      give the same key, which is kept nowhere: make grade KEY=... SUBMISSIONS=... OUT=...")


def _draw(options: argparse.Namespace) -> Draw:
    return Draw(options.key or "", bool(options.each))


def grade(options: argparse.Namespace) -> None:
    with platforms.opened(options.submissions, options.out) as handed:
        print(f"submissions   {len(handed.entries)}, from {handed.platform}")
        graded = grading.grade_class(
            handed,
            options.out,
            jobs=options.jobs,
            limit=options.limit,
            trust=options.trust_submissions,
            draw=_draw(options),
        )
        print(f"graded        {graded} submissions")
        _say_passed_over(handed.passed_over)
        _keep_platforms_file(options, handed)
    collect(options)


def _say_passed_over(names: list[str]) -> None:
    """Name what stands for no learner, by its reason, which is "name (reason)" or "name: reason" if there is one."""
    by_reason: dict[str, list[str]] = {}
    for text in names:
        name, _, reason = text.removesuffix(")").rpartition(" (" if text.endswith(")") else ": ")
        by_reason.setdefault(reason if name else "", []).append(name or text)
    for reason, found in sorted(by_reason.items()):
        listed = ", ".join([*(ascii(name[:100]) for name in found[:40]), *(["..."] if len(found) > 40 else [])])
        print(f"passed over   {listed}: {shown(reason, 100) or 'neither a notebook nor a folder'}")


def _keep_platforms_file(options: argparse.Namespace, handed: platforms.Handed) -> None:
    """Copy the platform's own file to where `collect` finds it, again and again."""
    from . import returns

    folder, entries = options.submissions.resolve(), handed.entries
    roots = {entry.root.resolve() for entry in entries}  # of a zip, where it was unpacked
    places = {folder.parent, *roots, *([folder] if folder.is_dir() else [])}
    handed_in = {entry.root.resolve() / place.relative_to(entry.root) for entry in entries for place in entry.places}
    tables = sorted(path for place in places for path in place.glob("*") if path.suffix.lower() in TABLES)
    tables = [
        path for path in tables if path.is_file() and path not in handed_in
    ]  # what learners wrote is none of them
    known = [path for path in tables if returns.is_known(path)]
    if not known:
        ids = {id_ for e in entries for id_ in (e.who.get("id", ""), e.who.get("login", ""), e.learner) if id_}
        known = [path for path in tables if returns.names_some(path, ids)]
    known = [options.grades] if options.grades else known
    if len(known) > 1:
        names = ", ".join(shown(path.name) for path in known)
        print(f"not filled    {names}: several files for grades; name one with --grades")
    if len(known) == 1:
        content, kept = known[0].read_bytes(), options.out / "platform"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        (kept / known[0].name).write_bytes(content)


def grade_one(options: argparse.Namespace) -> None:
    record = grading.grade_one(options.submission, options.out, trust=options.trust_submissions, draw=_draw(options))
    points = sum(entry["points"] for entry in record["questions"].values())
    name, note = shown(record["learner"]), shown(record["note"] or "", 400)
    print(f"{name}: {points} points" + (f"; {note}" if note else ""))


def collect(options: argparse.Namespace) -> None:
    from . import gradebook

    results = gradebook.merge(options.out, _draw(options))
    print(f"scores        {options.out / 'scores.csv'}\nfeedback      {options.out / 'feedback'}/<learner>.html")
    print(f"gradebook     {options.out / 'gradebook.db'}; to read prose: cd {options.out} && jupyter lab, Formgrader")
    if waiting := sum(result.pending for result in results):
        print(f"to be read    answers of {waiting} learners: points are those so far; when they are read, say it again")
    _give_back(options, results)


def _give_back(options: argparse.Namespace, results: list[Result]) -> None:
    """Fill the platform's file, and put the pages of feedback into a zip."""
    from . import returns
    from .records import record_paths
    from .roster import read_roster

    upload = options.out / "upload"
    roster = read_roster(options.out)
    if roster is not None:
        who = roster["learners"]
        if gone := [path.stem for path in record_paths(options.out) if path.stem not in who]:
            who_left = f"{len(gone)} records of learners who are not in these submissions: {shown(', '.join(gone))}"
            print(f"left out      {who_left}")
        names = {who[r.learner].get("returns") or f"{plain_name(r.learner)}.html": r.learner for r in results}
        pages = {name: options.out / "feedback" / f"{learner}.html" for name, learner in names.items()}
        returns.zip_feedback(pages, upload / "feedback.zip")
        print(f"to upload     {upload / 'feedback.zip'}: a page for each learner, as {roster['platform']} names them")
    kept = options.grades or next(iter(sorted((options.out / "platform").glob("*"))), None)
    if kept is None:
        return
    filled = returns.fill(kept, results, upload, options.column)
    print(f"to upload     {filled.path}: {filled.rows} rows filled, {filled.kind}")
    for what, people in (
        ("no submission", filled.without_submission),
        ("not in file", filled.not_in_file),
        ("note", filled.remarks),
    ):
        for line in people[:200]:
            print(f"{what:13} {shown(line, 160)}")


def _harmless(text: str) -> str:
    return "".join(f"{shown(line, 2000)}\n" for line in text.splitlines())


def path(text: str) -> Path:
    """Return a path that was typed; make's quotes keep a shell from seeing `~`."""
    return Path(text).expanduser()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m d2lparams.course", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(run: Callable[[argparse.Namespace], None], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(run.__name__.replace("_", "-"), help=help, description=f"{help.capitalize()}.")
        sub.set_defaults(run=run)
        return sub

    def takes_platforms_file(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--grades",
            type=path,
            help="the platform's own file, to be filled: Moodle's grading worksheet, the gradebook of Canvas or "
            "Blackboard, or any CSV with ids; default: one that lies beside the submissions",
        )
        sub.add_argument("--column", help="the name of its column for the points, if several could be meant")

    def takes_key(sub: argparse.ArgumentParser, each: str, **options: Any) -> None:
        sub.add_argument("--key", help="draw other variants than the book's from this secret; the same key grades them")
        sub.add_argument("--each", help=each, **options)

    sub = command(release, "write an nbgrader course folder with the learners' notebook")
    sub.add_argument("folder", nargs="?", type=path, default=Path("build/course"), help="default: build/course")
    takes_key(sub, "a file with a learner's name on each line: each gets variants of their own", type=Path)

    for run, what in ((grade, "all submissions of a class, then collect"), (grade_one, "one submission")):
        sub = command(run, f"grade {what}")
        if run is grade:
            sub.add_argument("submissions", type=path, help="the platform's download: a zip or a folder")
            sub.add_argument("--jobs", type=int, help="submissions at a time; default: as many as cores")
            sub.add_argument("--limit", type=int, help="grade no more than that many now")
            takes_platforms_file(sub)
        else:
            sub.add_argument("submission", type=path, help="a learner's notebook, or the folder that holds it")
        sub.add_argument("out", type=path, help="where records, scores, gradebook and feedback go")
        takes_key(sub, "each learner had variants of their own", action="store_true")
        sub.add_argument(
            "--trust-submissions", action="store_true", help="run learners' code even where no sandbox can be had"
        )

    sub = command(collect, "merge the records in a folder into scores.csv, gradebook and feedback")
    sub.add_argument("out", type=path, help="the folder that was graded into")
    takes_key(sub, "each learner had variants of their own", action="store_true")
    takes_platforms_file(sub)

    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except OSError as error:
        said = str(error) if error.errno is None else f"{error.strerror}: {error.filename or 'writing'}; {KEPT}"
        parser.exit(1, _harmless(said))
    except (ModuleNotFoundError, RuntimeError, ValueError) as error:
        parser.exit(1, _harmless(str(error)))
    except KeyboardInterrupt:
        parser.exit(130, f"interrupted: {KEPT}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
