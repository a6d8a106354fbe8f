"""Grade submissions: run each answer in the sandbox, judge what came back out here, and write one record for each.

The way of an answer: `submissions` reads the notebook, `answers` finds the cell, `sandbox` has it run on inputs that
are drawn here, `replies` reads plain facts from the bytes that came back, the question compares them with what is true,
and the verdict goes into the record.
"""

import hashlib
import multiprocessing
import multiprocessing.process
import os
import secrets
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from ..exercises.bank import PROSE, QUESTIONS
from ..exercises.inside import trial
from ..exercises.question import COULD_NOT_RUN, NOT_ATTEMPTED, SETUP, Case, Question, Verdict, one_line, pack
from . import needs_extra
from .answers import LONGEST_ANSWER, find_answer, find_prose, lines_of_code
from .records import AnswerEntry, GradingRecord, read_record, record_path, write_record
from .replies import read_reply
from .sandbox import Limits, NoSandbox, Request, Sandbox, missing
from .submissions import Cell, Submission, entries, learner_name, read

with needs_extra():
    from tqdm import tqdm

FORMAT = 2
SECONDS_FOR_ALL = 60  # for all answers of a submission; the last one may take its own limit on top


def grade(submission: Submission, sandbox: Sandbox, seconds_for_all: float = SECONDS_FOR_ALL) -> GradingRecord:
    """Return the record of a submission."""
    if submission.cells:
        sandbox.start()  # which takes its time, and none of the learner's
    started, seed = time.monotonic(), secrets.randbits(63)
    questions = {}
    for question in QUESTIONS:
        seconds_left = seconds_for_all - (time.monotonic() - started)
        questions[question.name] = _grade_answer(question, submission, sandbox, seed, seconds_left)
    return GradingRecord(
        learner=submission.learner,
        file=submission.file,
        sha256=submission.sha256,
        format=_format(),
        seed=seed,
        note=submission.note,
        questions=questions,
        prose={question.name: find_prose(question, submission.cells) for question in PROSE},
        seconds=round(time.monotonic() - started, 3),
    )


def grade_one(entry: Path, out: Path, trust: bool = False, limits: Limits | None = None) -> GradingRecord:
    """Grade one learner's entry of a class's folder into `out`, unless that was done, and return the record."""
    name = learner_name(entry)
    record = _record_so_far(entry, name, out)
    if record is None:
        with closing(Sandbox(limits, walls=_walls(trust))) as sandbox:
            record = _grade_into(out, entry, name, sandbox)
    return record


def grade_all(
    folder: Path,
    out: Path,
    jobs: int | None = None,
    limit: int | None = None,
    trust: bool = False,
    limits: Limits | None = None,
) -> int:
    """Grade what is new in a class's folder, and return how many submissions that was.

    folder: see `submissions`; out: gets records/<learner>.json; jobs: how many at a time, as many as there are cores if
    None; limit: no more than that many now; trust: run them in the open where no sandbox can be had.
    Raises NoSandbox, or FileNotFoundError if the folder holds no submission.
    """
    walls = _walls(trust)
    found = entries(folder)
    if not found:
        raise FileNotFoundError(f"{folder} holds no submissions: neither notebooks nor folders with one in them")
    todo = [(entry, name) for name, entry in found.items() if _record_so_far(entry, name, out) is None][:limit]
    if not todo:
        return 0
    jobs = min(jobs or os.cpu_count() or 1, len(todo))
    context = multiprocessing.get_context("spawn")  # torch's threads don't survive a fork
    with ProcessPoolExecutor(jobs, context, _prepare_process, (limits, walls)) as pool:
        futures = [pool.submit(_grade_in_process, out, entry, name) for entry, name in todo]
        try:
            for future in tqdm(as_completed(futures), total=len(futures), unit="submission", smoothing=0):
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return len(todo)


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


def _grade_in_process(out: Path, entry: Path, name: str) -> None:
    _grade_into(out, entry, name, _sandbox)


def _grade_into(out: Path, entry: Path, name: str, sandbox: Sandbox) -> GradingRecord:
    record = grade(read(entry, name), sandbox)
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


def _record_so_far(entry: Path, name: str, out: Path) -> GradingRecord | None:
    """Return the record of an entry if there is one for just these bytes, and these exercises."""
    try:
        record = read_record(record_path(out, name))
    except (FileNotFoundError, ValueError):
        return None
    now = read(entry, name)
    of_record = record["learner"], record["file"], record["sha256"], record["note"], record["format"]
    return record if of_record == (name, now.file, now.sha256, now.note, _format()) else None


# One answer, from its cell to its entry in the record


def _grade_answer(
    question: Question, submission: Submission, sandbox: Sandbox, seed: int, seconds_left: float
) -> AnswerEntry:
    cell, remark = find_answer(question, submission.cells)
    answer = None if cell is None else cell.source[:LONGEST_ANSWER]
    if cell is None:
        verdict = Verdict(question.name, NOT_ATTEMPTED, submission.note or remark)
    elif not lines_of_code(cell.source):
        verdict = Verdict(question.name, NOT_ATTEMPTED, "the answer's cell is empty")
    elif seconds_left <= 0:
        late = "the time for the whole submission was used up by other answers"
        verdict = Verdict(question.name, COULD_NOT_RUN, late)
    else:
        cases = _draw_cases(question, seed)
        facts = _run(question, cell, submission.cells, cases, sandbox)
        verdict = _with_remarks(question.verdict(cases, facts), question, facts)
    return AnswerEntry(
        outcome=verdict.outcome, message=verdict.message, points=verdict.points, max=question.points, answer=answer
    )


def _draw_cases(question: Question, seed: int) -> list[Case]:
    """Draw a question's inputs, so that the same seed of the submission gives the same ones again."""
    digest = hashlib.sha256(f"{seed} {question.name}".encode()).digest()
    with trial.undisturbed(0):
        return question.cases(torch.Generator().manual_seed(int.from_bytes(digest[:7], "big")))


def _run(question: Question, cell: Cell, cells: list[Cell], cases: list[Case], sandbox: Sandbox) -> dict[str, object]:
    """Return the facts about an answer, run by itself; or after all other cells if it needs a name from them."""
    request = Request(
        question=question.name,
        name=question.answer,
        questions=[question.name for question in (*QUESTIONS, *PROSE)],
        setup=SETUP,
        stub=question.stub,
        source=cell.source,
        cells=[],
        cases=pack(cases),
        seconds=sandbox.limits.seconds,
    )
    reply = sandbox.run(request)
    if reply.end == "lost":  # no learner's doing, as far as we know: another one, then
        reply = sandbox.run(request)
    facts = read_reply(reply, sandbox.limits)
    if facts.get("outcome") == COULD_NOT_RUN and str(facts.get("reason")).startswith("NameError"):
        request["cells"] = [other.source for other in cells if other.kind == "code" and other is not cell]
        facts = read_reply(sandbox.run(request), sandbox.limits)
    return facts


def _with_remarks(verdict: Verdict, question: Question, facts: dict[str, object]) -> Verdict:
    """Return the verdict with what else there is to say about the answer's cell."""
    remarks = [verdict.message]
    if isinstance(facts.get("renamed"), str):
        remarks.append(f"the cell defines no {question.answer}: what it does define was graded")
    if isinstance(facts.get("stopped"), str):
        remarks.append(f"what stands below the definition failed, and was left out: {one_line(facts['stopped'])}")
    message = "\n".join(filter(None, remarks))
    if verdict.outcome == NOT_ATTEMPTED:
        message = message or "the answer is as it was handed out"
    return replace(verdict, message=message)


@cache  # it belongs to what is loaded
def _format() -> str:
    """Return a digest that changes with the records' form and with the exercises, so that old records count no more."""
    here = Path(trial.__file__).parent.parent
    judging = [here / "question.py", here / "compare.py", *here.glob("inside/*.py"), *here.glob("bank/**/*.py")]
    sources = sorted(path for path in judging if path.name != "mistakes.py")
    return f"{FORMAT}-{hashlib.sha256(b''.join(path.read_bytes() for path in sources)).hexdigest()[:12]}"
