"""Grade submissions: run each answer in the sandbox, judge what came back out here, and write one record for each.

A record says for every question how it ended and why. It is a JSON file that is written whole or not at all, and
depends on one submission alone: so any number of machines can grade a class at once, again and again.

    {"learner", "file", "sha256", "format", "seed", "note", "seconds",
     "questions": {"q1": {"outcome", "message", "points", "max", "answer"}, ...},
     "prose": {"q14": {"answer", "measured", "attempted", "max"}, ...}}

format: of the record and the exercises, as a digest; seed: that of the inputs, for disputes; note: why a submission
could not be read, or None; answer: as it was graded; measured: the code cells that stand right above it.
"""

import hashlib
import json
import multiprocessing
import os
import re
import secrets
import signal
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
from tqdm import tqdm

from ..exercises.bank import PROSE, QUESTIONS
from ..exercises.inside import probes
from ..exercises.question import COULD_NOT_RUN, NOT_ATTEMPTED, SETUP, Prose, Question, one_line, pack
from .sandbox import Limits, NoSandbox, Reply, Sandbox, missing
from .submissions import Cell, Submission, entries, learner, plain_name, read

FORMAT = 2
BUDGET = 60  # seconds for all answers of a submission; the last one may take its own limit on top
LONGEST = 100_000  # characters of an answer that a record keeps


def grade(submission: Submission, sandbox: Sandbox, budget: float = BUDGET) -> dict:
    """Return the record of a submission."""
    sandbox.start()
    started, seed = time.monotonic(), secrets.randbits(63)
    record = {"learner": submission.learner, "file": submission.file, "sha256": submission.sha256, "format": _format()}
    record |= {"seed": seed, "note": submission.note, "questions": {}, "prose": {}}
    for question in QUESTIONS:
        left = budget - (time.monotonic() - started)
        record["questions"][question.name] = _grade(question, submission, sandbox, seed, left)
    for question in PROSE:
        record["prose"][question.name] = _prose(question, submission)
    return record | {"seconds": round(time.monotonic() - started, 3)}


def grade_one(entry: Path, out: Path, trust: bool = False, limits: Limits | None = None) -> dict:
    """Grade one learner's entry of a class's folder into `out`, unless that was done, and return the record."""
    if (record := _done(entry, out, learner(entry))) is None:
        with Sandbox(limits, walls=_walls(trust)) as sandbox:
            record = _write(grade(read(entry), sandbox), out)
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
    todo = [(entry, name) for name, entry in found.items() if _done(entry, out, name) is None][:limit]
    jobs = min(jobs or os.cpu_count(), len(todo))
    if not todo:
        return 0
    context = multiprocessing.get_context("spawn")  # torch's threads don't survive a fork
    with ProcessPoolExecutor(jobs, context, _open, (limits, walls)) as pool:
        futures = [pool.submit(_grade_here, entry, name, out) for entry, name in todo]
        try:
            for future in tqdm(as_completed(futures), total=len(futures), unit="submission", smoothing=0):
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return len(todo)


def _open(limits: Limits | None, walls: bool) -> None:
    """Prepare a process of the pool: one sandbox for all that it will grade."""
    global _sandbox
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption lets what has begun be finished
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    torch.set_num_threads(1)
    _sandbox = Sandbox(limits, walls)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End this process, and the sandbox with it, as soon as the one that started it is gone, even if it was killed."""
    parent.join()
    os._exit(1)


def _grade_here(entry: Path, name: str, out: Path) -> None:
    _write(grade(read(entry, name), _sandbox), out)


def _walls(trust: bool) -> bool:
    """Say whether there will be a sandbox. Raises NoSandbox if there can be none, and the learners aren't trusted."""
    if not trust and (lack := missing()):
        raise NoSandbox(lack)
    try:
        if trust:
            with Sandbox():
                return True
    except NoSandbox:
        return False
    return True


def _grade(question: Question, submission: Submission, sandbox: Sandbox, seed: int, left: float) -> dict:
    """Return one question's entry of the record."""
    cell, remark = _answer(question, submission.cells)
    entry = {"outcome": NOT_ATTEMPTED, "message": submission.note or remark, "points": 0, "max": question.points}
    entry["answer"] = cell and cell.source[:LONGEST]
    if cell is None:
        return entry
    if not _code(cell.source):
        return entry | {"message": "the answer's cell is empty"}
    if left <= 0:
        late = "the time for the whole submission was used up by other answers"
        return entry | {"outcome": COULD_NOT_RUN, "message": late}
    own = hashlib.sha256(f"{seed} {question.name}".encode()).digest()
    with probes.undisturbed(0):
        cases = question.cases(torch.Generator().manual_seed(int.from_bytes(own[:7], "big")))
    request = {
        "question": question.name,
        "name": question.answer,
        "questions": [question.name for question in (*QUESTIONS, *PROSE)],
        "setup": SETUP,
        "stub": question.stub,
        "source": cell.source,
        "cells": [],
        "cases": pack(cases),
        "seconds": sandbox.limits.seconds,
    }
    reply = sandbox.run(request)
    if reply.end == "lost":  # no learner's doing, as far as we know: another one, then
        reply = sandbox.run(request)
    result = _result(reply, sandbox.limits)
    if result.get("outcome") == COULD_NOT_RUN and str(result.get("reason")).startswith("NameError"):
        request["cells"] = [other.source for other in submission.cells if other.kind == "code" and other is not cell]
        result = _result(sandbox.run(request), sandbox.limits)
    verdict = question.verdict(cases, result)
    remarks = [verdict.message, remark]
    if isinstance(result.get("renamed"), str):
        remarks.append(f"the cell defines no {question.answer}: what it does define was graded")
    if isinstance(result.get("stopped"), str):
        remarks.append(f"what stands below the definition failed, and was left out: {one_line(result['stopped'])}")
    message = "\n".join(filter(None, remarks))
    if verdict.outcome == NOT_ATTEMPTED:
        message = message or "the answer is as it was handed out"
    return entry | {"outcome": verdict.outcome, "message": message, "points": verdict.points}


def _answer(question: Question, cells: list[Cell]) -> tuple[Cell | None, str]:
    """Return the cell that answers a question, and what is to be said about where it was found.

    It has the question's name as nbgrader's `grade_id`, and defines what the question asks for. Cells are copied, moved
    and renamed, and tools drop metadata: so the last cell counts that was worked on and has both, or else one of them.
    """
    defines = re.compile(rf"^[ \t]*(def|class)[ \t]+{question.answer}\b|^{question.answer}[ \t]*[:=]", re.MULTILINE)
    named = [cell for cell in cells if cell.kind == "code" and cell.grade_id == question.name]
    fitting = [cell for cell in cells if cell.kind == "code" and defines.search(cell.source)]
    for group in ([cell for cell in named if cell in fitting], fitting, named):
        if worked := [cell for cell in group if _code(cell.source) != _code(question.stub)]:
            return worked[-1], ""
    if named or fitting:
        return (named or fitting)[-1], ""
    return None, f"the answer's cell is not there, and no other cell defines {question.answer}"


def _code(source: str) -> list[str]:
    """Return the lines of a cell that say something, to compare it with another: code is not parsed out here."""
    lines = (line.split("#")[0].strip() for line in source.splitlines())
    return [line for line in lines if line]


def _prose(question: Prose, submission: Submission) -> dict:
    """Return the entry of a question that people read."""
    cells = submission.cells
    named = [i for i, cell in enumerate(cells) if cell.grade_id == question.name]
    worked = [i for i in named if cells[i].source.strip() not in ("", question.stub.strip())]
    entry = {"answer": "", "measured": "", "attempted": bool(worked), "max": question.points}
    if named:
        first = last = (worked or named)[-1]
        while first and cells[first - 1].kind == "code" and cells[first - 1].grade_id is None:
            first -= 1
        entry["answer"] = cells[last].source[:LONGEST]
        entry["measured"] = "\n\n".join(cell.source for cell in cells[first:last])[:LONGEST]
    return entry


def _result(reply: Reply, limits: Limits) -> dict:
    """Return what a probe returned, read from bytes that the learner's process may have written itself."""
    reasons = {
        "time": f"stopped after {limits.seconds:g} s",
        "memory": f"stopped: it took more than {limits.memory >> 20} MB of memory",
        "output": f"stopped: what it returned takes more than {limits.result >> 20} MB",
        "lost": "the sandbox ended before the answer did",
    }
    reason = reasons.get(reply.end)
    if reason is None and reply.status < 0:
        reason = f"its process was ended by {signal.strsignal(-reply.status) or -reply.status}"
    elif reason is None and reply.status > 0:
        reason = f"it ended its own process, with status {reply.status}"
    elif reason is None and not reply.result:
        reason = "it ended its own process before it was done"
    if reason is None:
        try:
            return facts(reply.result)
        except (ValueError, RecursionError):
            reason = "what came back can't be read"
    return {"outcome": COULD_NOT_RUN, "reason": reason}


def facts(text: bytes) -> dict:
    """Return JSON text as a dictionary. Raises ValueError or RecursionError for anything that no probe would write.

    >>> facts(b'{"outcome": "ran", "facts": [NaN]}')
    {'outcome': 'ran', 'facts': [nan]}
    """
    value = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_int=_short)
    if not isinstance(value, dict):
        raise ValueError(f"a dictionary was wanted, but a {type(value).__name__} came")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict:
    if len(value := dict(pairs)) != len(pairs):
        raise ValueError("a key comes twice")
    return value


def _short(digits: str) -> int:
    if len(digits) > 30:  # the time that int takes grows with the square of the length
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _format() -> str:
    """Return a digest that changes with the records' form and with the exercises, so that old records count no more."""
    here = Path(probes.__file__).parent.parent
    sources = sorted([*here.glob("bank/*.py"), *here.glob("inside/*.py"), here / "question.py", here / "compare.py"])
    return f"{FORMAT}-{hashlib.sha256(b''.join(path.read_bytes() for path in sources)).hexdigest()[:12]}"


def _done(entry: Path, out: Path, name: str) -> dict | None:
    """Return the record of an entry if there is one for just these bytes, and these exercises."""
    try:
        record = json.loads(_path(out, name).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    now = read(entry, name)
    wanted = {"learner": name, "file": now.file, "sha256": now.sha256, "note": now.note, "format": _format()}
    return record if all(record.get(key) == value for key, value in wanted.items()) else None


def _path(out: Path, name: str) -> Path:
    return out / "records" / f"{plain_name(name)}.json"


def _write(record: dict, out: Path) -> dict:
    path = _path(out, record["learner"])
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
    os.replace(part, path)
    return record
