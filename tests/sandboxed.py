"""What tests of the sandbox share: run a cell as an answer to the first question, and find the sandbox's processes."""

import json
import os
import time
from pathlib import Path

import pytest
import torch

from d2lparams.course import replies
from d2lparams.course.sandbox import missing
from d2lparams.exercises.bank import QUESTIONS
from d2lparams.exercises.question import SETUP, pack

Q1 = QUESTIONS[0]
RIGHT, STUB = Q1.solution_code, Q1.stub
CASES = Q1.cases(torch.Generator().manual_seed(0))


def needs_walls():
    """Skip where there can be no sandbox, and say why; but never where CI runs."""
    if lack := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lack)


def ask(box, source, *cells):
    """Run a cell as the answer, after other cells."""
    request = {"question": "q1", "name": Q1.answer, "questions": ["q1", "q2"], "setup": SETUP, "stub": STUB}
    request |= {"source": source, "cells": cells, "cases": pack(CASES), "seconds": box.limits.seconds}
    return box.run(request)


def see(box, source):
    """Run a cell and return the value of its name `seen`."""
    reply = ask(box, f"{source}\nimport json, os\nos.write(3, json.dumps(seen).encode())\nos._exit(0)")
    assert reply.end == "exited", reply
    return json.loads(reply.result)


def facts(box, source, *cells):
    """Run a cell as the answer, and return what came back."""
    return replies.plain_facts(ask(box, source, *cells).result)


def verdict(box, source, *cells):
    """Run a cell as the answer, and return what the question says of it."""
    return Q1.verdict(CASES, facts(box, source, *cells))


def processes(of=None):
    """Return the sandboxes' processes that a process has started, this one by default, the outermost first.

    In each sandbox these are two of bubblewrap's, the worker, and what an answer has started.
    """
    found = []
    for pid in below(of or os.getpid()):
        try:
            if b"worker.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def below(pid):
    """Return the processes below one, by what they were started as."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                continue
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [grandchild for child in found for grandchild in below(child)]


def gone(pids):
    """Say whether processes have ended, or do so in a moment."""
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
