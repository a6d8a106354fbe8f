"""Grade submissions: run each answer in the sandbox, judge what came back out here, and write one record for each.

The way of an answer: `submissions` reads the notebook, `answers` finds the cell, `sandbox` has it run on inputs that
are drawn here, `replies` reads plain facts from the bytes that came back, the question compares them with what is true,
and the verdict goes into the record.
"""

import errno
import hashlib
import multiprocessing
import multiprocessing.process
import os
import re
import secrets
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import torch

from ..exercises.bank import PROSE
from ..exercises.inside import trial
from ..exercises.question import CORRECT, COULD_NOT_RUN, NOT_ATTEMPTED, SETUP, Case, Question, Verdict, one_line, pack
from . import answers, figures, landmarks, needs_extra, notebooks, submissions
from .answers import LONGEST_ANSWER, defines, find_answers, find_prose
from .landmarks import lines_of_code
from .names import shown
from .notebooks import Cell
from .platforms import Handed, opened
from .records import AnswerEntry, GradingRecord, read_record, record_path, write_record
from .replies import read_reply
from .roster import working, write_roster
from .sandbox import Limits, NoSandbox, Request, Sandbox, missing
from .submissions import Entry, Submission, entry_of, read
from .variants import BOOK, Draw

with needs_extra():
    from tqdm import tqdm

FORMAT = 3
AS_HANDED_OUT = "the answer is as it was handed out"
SECONDS_FOR_ALL = 60  # for all answers of a submission; the last one may take its own limit on top
PACKAGE = re.compile(r"\bof_course\(\"(\w{1,40})\"\)")  # in the notebook of a draw


def grade(
    submission: Submission, sandbox: Sandbox, seconds_for_all: float = SECONDS_FOR_ALL, draw: Draw = BOOK
) -> GradingRecord:
    """Return the record of a submission; draw: which variants it was to answer."""
    if submission.cells:
        sandbox.start()  # which takes its time, and none of the learner's
    started, seed = time.monotonic(), secrets.randbits(63)
    questions = {}
    for question in draw.questions(submission.learner):
        seconds_left = seconds_for_all - (time.monotonic() - started)
        questions[question.name] = _grade_answer(question, submission, sandbox, seed, seconds_left, draw)
    return GradingRecord(
        learner=submission.learner,
        file=submission.file,
        sha256=submission.sha256,
        format=record_format(draw),
        seed=seed,
        note=submission.note,
        questions=questions,
        prose={question.name: find_prose(question, submission.cells) for question in PROSE},
        seconds=round(time.monotonic() - started, 3),
        remarks=[*submission.remarks, *_of_another_draw(submission, draw)],
        digest=submission.digest or "",
        who=cast(dict[str, str], submission.who),
    )


def _of_another_draw(submission: Submission, draw: Draw) -> list[str]:
    """Return a remark if a notebook says that it asks for other variants than those it was graded by."""
    setups = [cell.source for cell in submission.cells if "of_course(" in cell.source]
    asked = {match for source in setups for match in PACKAGE.findall(source)}
    ours = draw.package(submission.learner)
    if not asked or ours in asked:
        return []
    return ["this notebook is of another draw of exercises: grade it with the key that it was released with"]


def grade_one(
    entry: Path | Entry, out: Path, trust: bool = False, limits: Limits | None = None, draw: Draw = BOOK
) -> GradingRecord:
    """Grade one learner's entry of a class's folder into `out`, unless that was done, and return the record."""
    entry = entry_of(entry)
    record = _record_so_far(entry, out, draw)
    if record is None:
        with closing(Sandbox(limits, walls=_walls(trust))) as sandbox:
            record = _grade_into(out, entry, sandbox, draw)
    return record


def grade_all(
    folder: Path,
    out: Path,
    jobs: int | None = None,
    limit: int | None = None,
    trust: bool = False,
    limits: Limits | None = None,
    draw: Draw = BOOK,
) -> int:
    """Grade what is new in a class's folder or zip, and return how many submissions that was; see `grade_class`."""
    _walls(trust)
    with opened(folder, out) as handed:
        return grade_class(handed, out, jobs, limit, trust, limits, draw)


def grade_class(
    handed: Handed,
    out: Path,
    jobs: int | None = None,
    limit: int | None = None,
    trust: bool = False,
    limits: Limits | None = None,
    draw: Draw = BOOK,
) -> int:
    """Grade what is new of what a class handed in, and return how many submissions that was.

    out: gets records/<learner>.json; jobs: how many at a time, as many as there are cores if None; limit: no more than
    that many now; trust: run them in the open where no sandbox can be had; draw: which variants were handed out.
    Raises NoSandbox, FileNotFoundError if nothing was handed in, or RuntimeError at the end if some have no record.
    """
    walls = _walls(trust)
    if not handed.entries:
        raise FileNotFoundError("there are no submissions: neither notebooks nor folders with one in them")
    with working(out):
        write_roster(handed, out)
        todo = [entry for entry in handed.entries if _record_so_far(entry, out, draw) is None][:limit]
        if todo:
            _grade_in_pool(todo, out, min(jobs or os.cpu_count() or 1, len(todo)), limits, walls, draw)
    return len(todo)


def _grade_in_pool(todo: list[Entry], out: Path, jobs: int, limits: Limits | None, walls: bool, draw: Draw) -> None:
    context = multiprocessing.get_context("spawn")  # torch's threads don't survive a fork
    failed = {}
    with ProcessPoolExecutor(jobs, context, _prepare_process, (limits, walls)) as pool:
        futures = {pool.submit(_grade_in_process, out, entry, draw): entry.learner for entry in todo}
        try:
            for future in tqdm(as_completed(futures), total=len(futures), unit="submission", smoothing=0):
                try:
                    future.result()
                except OSError as error:
                    failed[futures[future]] = error
                    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                        raise
        except BrokenProcessPool as error:
            lost = "a process that graded was ended from outside, for want of memory perhaps: what is graded is kept"
            raise RuntimeError(f"{lost}; the same command goes on from there, with --jobs 1 if need be") from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        said = "; ".join(f"{shown(learner)}: {error}" for learner, error in failed.items())
        raise RuntimeError(f"{len(failed)} of {len(todo)} submissions have no record, the others do: {said}")


# What a process of the pool does


_sandbox: Sandbox  # one for all that the process will grade


def _prepare_process(limits: Limits | None, walls: bool) -> None:
    global _sandbox
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption lets what has begun be finished
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    torch.set_num_threads(1)
    _sandbox = Sandbox(limits, walls)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End this process, and the sandbox with it, as soon as the one that started it is gone, even if it was killed."""
    parent.join()
    os._exit(1)


def _grade_in_process(out: Path, entry: Entry, draw: Draw) -> None:
    _grade_into(out, entry, _sandbox, draw)


def _grade_into(out: Path, entry: Entry, sandbox: Sandbox, draw: Draw) -> GradingRecord:
    record = grade(read(entry), sandbox, draw=draw)
    write_record(record, out)
    return record


def _walls(trust: bool) -> bool:
    """Say whether there will be a sandbox. Raises NoSandbox if there can be none, and the learners aren't trusted."""
    if not trust:
        if lack := missing():
            raise NoSandbox(lack)
        return True
    try:
        with Sandbox():
            return True
    except NoSandbox:
        return False


def _record_so_far(entry: Entry, out: Path, draw: Draw) -> GradingRecord | None:
    """Return the record of an entry if there is one for just these bytes, and these exercises."""
    try:
        record = read_record(record_path(out, entry.learner))
    except (FileNotFoundError, ValueError):
        return None
    of_record = record["learner"], record["format"], record.get("who"), record.get("digest")
    return record if of_record == (entry.learner, record_format(draw), entry.who, submissions.digest(entry)) else None


# One answer, from its cell to its entry in the record


def _grade_answer(
    question: Question,
    submission: Submission,
    sandbox: Sandbox,
    seed: int,
    seconds_left: float,
    draw: Draw = BOOK,
) -> AnswerEntry:
    until, drawn = time.monotonic() + seconds_left, draw.questions(submission.learner)
    found = find_answers(question, submission.cells)
    cell = found[0] if found else None
    if cell is None:
        nothing = f"no cell is the answer's, and none defines {question.answer}"
        verdict = Verdict(question.name, NOT_ATTEMPTED, submission.note or nothing)
    elif not lines_of_code(cell.source):
        verdict = Verdict(question.name, NOT_ATTEMPTED, "the answer's cell is empty")
    elif lines_of_code(cell.source) == lines_of_code(question.stub):
        verdict = Verdict(question.name, NOT_ATTEMPTED, AS_HANDED_OUT)
    elif seconds_left <= 0:
        late = "the time for the whole submission was used up by other answers"
        verdict = Verdict(question.name, COULD_NOT_RUN, late)
    else:
        cases = _draw_cases(question, seed)
        verdict = _judged(question, cell, submission.cells, cases, sandbox, drawn)
        for other in found[1:]:
            if verdict.outcome == CORRECT or time.monotonic() > until:
                break
            second = _judged(question, other, submission.cells, cases, sandbox, drawn)
            if second.outcome == CORRECT:
                cell, verdict = other, second
        wrong = verdict.outcome != CORRECT
        several = len({other.source for other in submission.cells if wrong and defines(question, other)})
        if several > 1:
            which = f"{several} cells define {question.answer}: as in the notebook, the last one above the check counts"
            verdict = replace(verdict, message="\n".join(filter(None, (verdict.message, which))))
    return AnswerEntry(
        outcome=verdict.outcome,
        message=verdict.message,
        points=verdict.points,
        max=question.points,
        answer=None if cell is None else cell.source[:LONGEST_ANSWER],
    )


def _judged(
    question: Question,
    cell: Cell,
    cells: list[Cell],
    cases: list[Case],
    sandbox: Sandbox,
    drawn: tuple[Question, ...],
) -> Verdict:
    facts = _run(question, cell, cells, cases, sandbox, drawn)
    return _with_remarks(question.verdict(cases, facts), question, facts)


def _draw_cases(question: Question, seed: int) -> list[Case]:
    """Draw a question's inputs, so that the same seed of the submission gives the same ones again."""
    digest = hashlib.sha256(f"{seed} {question.name}".encode()).digest()
    with trial.undisturbed(0):
        return question.cases(torch.Generator().manual_seed(int.from_bytes(digest[:7], "big")))


def _run(
    question: Question,
    cell: Cell,
    cells: list[Cell],
    cases: list[Case],
    sandbox: Sandbox,
    drawn: tuple[Question, ...],
) -> dict[str, object]:
    """Return the facts about an answer, run by itself.

    If it needs a name that it does not define: run after the cells above it; then after those below, too.
    """
    code = [other for other in cells if other.kind == "code"]
    place = next((place for place, other in enumerate(code) if other is cell), len(code))
    above, below = code[:place], code[place + 1 :]
    facts: dict[str, object] = {}
    for first in ([], above, above + below):
        request = Request(
            question=question.name,
            name=question.answer,
            questions=[question.name for question in (*drawn, *PROSE)],
            setup=SETUP,
            stub=question.stub,
            source=cell.source,
            cells=[other.source for other in first],
            cases=pack(cases),
            seconds=sandbox.limits.seconds,
            examples=_examples([cell, *first], drawn),
        )
        if first or not facts:
            facts = _asked(request, sandbox)
        needs_a_name = facts.get("outcome") == COULD_NOT_RUN and str(facts.get("reason")).startswith("NameError")
        if not needs_a_name:
            break
    return facts


def _asked(request: Request, sandbox: Sandbox) -> dict[str, object]:
    reply = sandbox.run(request)
    if reply.end == "lost":  # no learner's doing, as far as we know: another one, then
        reply = sandbox.run(request)
    return read_reply(reply, sandbox.limits)


def _examples(cells: list[Cell], drawn: tuple[Question, ...]) -> dict[str, bytes]:
    """Return what `q1.example()` gives, for each question whose example some cells may ask for."""
    source = "\n".join(cell.source for cell in cells if "example" in cell.source)
    asked = set(re.findall(r"\bq\d+\b", source))
    return {question.name: _packed_example(question) for question in drawn if question.name in asked}


@cache  # it has no secret seed
def _packed_example(question: Question) -> bytes:
    with trial.undisturbed(0):
        return pack(question.cases(torch.Generator().manual_seed(0))[:1])


def _with_remarks(verdict: Verdict, question: Question, facts: dict[str, object]) -> Verdict:
    """Return the verdict with what else there is to say about the answer's cell."""
    remarks = [verdict.message]
    if isinstance(facts.get("renamed"), str):
        remarks.append(f"the cell defines no {question.answer}: what it does define was graded")
    if isinstance(facts.get("missing"), str) and verdict.outcome != CORRECT:
        remarks.append(f"not there where answers are graded, and left out: {one_line(facts['missing'])}")
    if isinstance(facts.get("stopped"), str):
        remarks.append(f"what stands below the definition failed, and was left out: {one_line(facts['stopped'])}")
    message = "\n".join(filter(None, remarks))
    if verdict.outcome == NOT_ATTEMPTED:
        message = message or AS_HANDED_OUT
    return replace(verdict, message=message)


def record_format(draw: Draw) -> str:
    """Return what tells a record of these exercises, and of this draw of them."""
    return f"{_format()}+{draw.mark}" if draw.key else _format()


@cache  # it belongs to what is loaded
def _format() -> str:
    """Return a digest that changes with the records' form and with the exercises, so that old records count no more."""
    here = Path(trial.__file__).parent.parent
    judging = [here / "question.py", here / "compare.py", here / "samples.py"]
    judging += [*here.glob("inside/*.py"), *here.glob("bank/**/*.py")]
    finding = [Path(str(module.__file__)) for module in (answers, figures, landmarks, notebooks, submissions)]
    sources = sorted(path for path in (*judging, *finding) if path.name != "mistakes.py")
    return f"{FORMAT}-{hashlib.sha256(b''.join(path.read_bytes() for path in sources)).hexdigest()[:12]}"
