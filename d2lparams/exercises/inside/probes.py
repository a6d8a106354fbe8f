"""Run an answer on given inputs and return plain facts: numbers, strings, lists, dictionaries.

This is the one part of an exercise that runs beside the learner's code. It knows no expected value and judges nothing;
what it returns passes through JSON, and is judged elsewhere. The notebook's `check` and the course's grader share it.
"""

import contextlib
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator

import torch
from torch import nn

PROBES: dict[str, Callable] = {}


class NotAttempted(Exception):
    """The answer is still the stub: it returns `...`."""


def probe(function: Callable) -> Callable:
    """Enter a probe under its own name, which is that of its question."""
    PROBES[function.__name__] = function
    return function


def describe(value: object) -> dict:
    """Return a value as plain data: its type, and for a tensor its dtype, shape and values, flat and in order."""
    if value is ...:
        raise NotAttempted
    if isinstance(value, torch.Tensor):
        kind = "Parameter" if isinstance(value, nn.Parameter) else "Tensor"
        flat = torch.Tensor.tolist(torch.Tensor.detach(value).reshape(-1))
        return {"type": kind, "dtype": str(value.dtype), "shape": list(value.shape), "values": flat}
    if isinstance(value, (list, tuple)):
        return {"type": type(value).__name__, "items": [describe(item) for item in value]}
    if isinstance(value, dict):
        return {"type": "dict", "keys": [str(key) for key in value], "items": [describe(v) for v in value.values()]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"type": type(value).__name__, "value": value}
    return {"type": type(value).__name__}


@contextlib.contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Seed every generator for the duration, then put back their states, the grad mode and the default dtype."""
    numpy = sys.modules.get("numpy")
    states = random.getstate(), numpy and numpy.random.get_state()
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    with torch.random.fork_rng(range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []):
        try:
            random.seed(seed)
            torch.manual_seed(seed)
            if numpy:
                numpy.random.seed(seed)
            yield
        finally:
            torch.set_grad_enabled(grad)
            torch.set_default_dtype(dtype)
            random.setstate(states[0])
            if numpy:
                numpy.random.set_state(states[1])


def run(name: str, answer: object, stub: object, cases: list[tuple[int, dict]]) -> dict:
    """Return what the probe of question `name` saw, as plain data.

    answer and stub: the learner's function or class, and the one handed out; cases: for each a seed and the inputs.
    The result's "outcome" is "ran" (with "facts", one entry for each case), "not attempted" or "could not run" (with
    "reason"). Nothing is raised, whatever the answer does.
    """
    if answer is ... or same_code(answer, stub):
        return {"outcome": "not attempted"}
    facts = []
    for seed, inputs in cases:
        try:
            with undisturbed(seed), torch.enable_grad():
                facts.append(json.loads(json.dumps(PROBES[name](answer, **inputs))))
        except NotAttempted:
            return {"outcome": "not attempted"}
        except BaseException as error:
            return {"outcome": "could not run", "reason": reason(error)}
    return {"outcome": "ran", "facts": facts}


def reason(error: BaseException) -> str:
    """Return an exception as one line: its type, its text, and the line of the learner's code it left from."""
    try:
        text = f"{type(error).__name__}: {error}".splitlines()[0]
    except BaseException:
        text = type(error).__name__
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<")]
    return text[:500] + (f" (line {lines[-1]} of the cell)" if lines else "")


def same_code(one: object, other: object) -> bool:
    """Tell whether two functions, or two classes, consist of the same code, comments and docstrings aside."""
    return _code(one) is not None and _code(one) == _code(other)


def _code(thing: object) -> object:
    if isinstance(thing, type):
        return {k: _code(v) for k, v in vars(thing).items() if callable(v)}
    code = getattr(thing, "__code__", thing)
    if not hasattr(code, "co_consts"):
        return None
    doc = getattr(thing, "__doc__", None)
    consts = [_code(c) if hasattr(c, "co_code") else c for c in code.co_consts if c is None or c != doc]
    return code.co_code, consts, code.co_names


@probe
def q1(answer: Callable, net: nn.Module, X: torch.Tensor, entry: int) -> dict:
    """The returned tensor, and what the net computes after one entry of it was moved."""
    weight = answer(net)
    facts = {"weight": describe(weight)}
    with torch.no_grad():
        weight.view(-1)[entry] += 1
        facts["output"] = describe(net(X))
    return facts
