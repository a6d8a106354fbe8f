"""Try an answer on given inputs and return plain facts: numbers, strings, lists, dictionaries.

This module and the probes are all of an exercise that runs beside the learner's code. They know no expected value and
judge nothing; what they return passes through JSON, and is judged elsewhere. The notebook's `check` and the course's
grader share them.
"""

import contextlib
import dis
import json
import random
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from .plain_data import NotAttempted

Probe = Callable[..., dict[str, Any]]

CELL = re.compile(r"^<(?!frozen |string>|__array)|ipykernel_\d+")  # file names of code that was typed, not installed
PATH = re.compile(r"(?<!\w)(?:[A-Za-z]:)?(?:[/\\][\w.+~-]+){2,}")


@contextlib.contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Seed every generator and set every switch to its default for the duration, then put all of it back."""
    numpy = sys.modules.get("numpy")
    states = random.getstate(), numpy and numpy.random.get_state()
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    strict, lenient = torch.are_deterministic_algorithms_enabled(), _warns_only()
    elsewhere = torch.get_default_device().type != "cpu"
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(_cuda()))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(warnings.catch_warnings())
        if elsewhere:
            stack.enter_context(torch.device("cpu"))
        try:
            warnings.simplefilter("ignore")
            torch.set_default_dtype(torch.float32)
            if threads > 1:
                torch.set_num_threads(1)  # everything here is small
            random.seed(seed)
            torch.manual_seed(seed)
            if numpy:
                numpy.random.seed(seed)
            yield
        finally:
            torch.set_default_dtype(dtype)
            if not elsewhere and torch.get_default_device().type != "cpu":
                torch.set_default_device(None)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            if torch.are_deterministic_algorithms_enabled() != strict or _warns_only() != lenient:
                torch.use_deterministic_algorithms(strict, warn_only=lenient)
            random.setstate(states[0])
            if numpy:
                numpy.random.set_state(states[1])


_warns_only = torch.is_deterministic_algorithms_warn_only_enabled


def _cuda() -> Sequence[int]:
    return range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []


def run(probe: Probe, answer: object, stub: object, cases: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Return what a question's probe saw of an answer, as plain data.

    answer and stub: the learner's function or class, and the one handed out; cases: for each a seed and the inputs.
    The result's "outcome" is "ran" (with "facts", one entry for each case), "not attempted" or "could not run" (with
    "reason"). Nothing is raised, whatever the answer does.
    """
    facts = []
    try:
        if answer is ... or same_code(answer, stub):
            return {"outcome": "not attempted"}
        fits = isinstance(answer, type) if isinstance(stub, type) else callable(answer)
        if not fits:
            return {"outcome": "could not run", "reason": _unfit(answer, stub)}
        for seed, inputs in cases:
            with undisturbed(seed):
                facts.append(json.loads(json.dumps(probe(answer, **inputs))))
    except NotAttempted:
        return {"outcome": "not attempted"}
    except BaseException as error:
        return {"outcome": "could not run", "reason": reason(error, "where the answer, or what it made, was used")}
    return {"outcome": "ran", "facts": facts}


def _unfit(answer: object, stub: Any) -> str:
    wanted = "class" if isinstance(stub, type) else "function"
    actual = "None" if answer is None else f"a {type(answer).__name__}"
    return f"a {wanted} was wanted, but {actual} came: hand over {stub.__name__} itself"


def reason(error: BaseException, otherwise: str = "") -> str:
    """Return an exception as one line: its type, its text without paths, and the line of the cell that it came from.

    otherwise: what to say of the place if it was no line of the cell.
    """
    name = type(error).__name__
    try:
        said = str(error).strip().splitlines()
    except BaseException:
        said = []
    text = PATH.sub("…", f"{name}: {said[0]}"[:500] if said else name)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if CELL.search(frame.filename)]
    where = f"line {lines[-1]} of the cell" if lines else otherwise
    return f"{text} ({where})" if where else text


def same_code(one: object, other: object) -> bool:
    """Tell whether two functions, or two classes, consist of the same code, comments and docstrings aside."""
    return _code(one) is not None and _code(one) == _code(other)


def _code(thing: object) -> object:
    if isinstance(thing, type):
        return {k: _code(v) for k, v in vars(thing).items() if callable(v)}
    code: Any = getattr(thing, "__code__", thing)
    if not hasattr(code, "co_consts"):
        return None
    return [(step.opname, _code(step.argval) or step.argval) for step in dis.get_instructions(code)]
