"""The process in the sandbox: it loads torch once, then forks for every answer, and watches over the fork.

It runs no learner's code and reads nothing of any submission, so that its memory, of which every fork has a copy, holds
nothing that a learner must not see: the fork itself reads its request, and what the fork writes passes by unread. The
fork locks itself in (see `jail`), runs the learner's cells, and writes what the probe saw, as JSON text.

Started as `python worker.py SETTINGS`, JSON text that `sandbox` makes. A request arrives on standard input; on
standard output goes one line for each, which says how it ended and how long the result is; the result itself goes to
the pipe that the settings name.
"""

import __future__

import ast
import asyncio
import builtins
import contextlib
import importlib
import importlib.util
import inspect
import io
import json
import linecache
import os
import pickle
import select
import signal
import struct
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

CHUNK = 1 << 16
WATCH = 0.05  # seconds between two looks at time and memory
FOR_THE_CELL = 0.6  # of an answer's seconds; what is slow below the definition is cut off, and leaves time to try that
A_CLASS = 40  # forks: whoever asks for so many will ask for more, and what makes each of them cheaper pays off
ON_DEMAND = (
    "d2l.torch",
    "matplotlib.pyplot",
    "pandas",
)  # take seconds to load: only once an answer's cells speak of them
HEAD = struct.Struct(f"<Q{len(ON_DEMAND)}?")  # before a request: its length, and which of these its cells speak of
FOREIGN = {"bash", "sh", "script", "html", "HTML", "javascript", "js", "latex", "markdown", "svg", "writefile", "file"}


def main(settings: dict[str, Any]) -> None:
    """Answer one request after another, until there are no more.

    settings: "path" (where packages are), "probes" (the file of each question's), "data" (the pipe for results),
    "walls" (whether to lock answers in), and the limits of each answer: "seconds", "memory", "result".
    """
    control = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)  # what a package prints when it is imported is no message to the grader
    walls = settings["walls"]
    sys.path[:0] = settings["path"]
    preload(settings["probes"])
    from d2lparams.exercises.inside import jail

    os.dup2(nowhere, 2)
    home = os.open("/proc/self/ns/pid", os.O_RDONLY) if walls else None
    settings["own"], forks = _own_memory(), 0
    print(json.dumps({"ready": os.getpid()}), file=control, flush=True)
    while select.select([0], [], [])[0] and (head := os.read(0, HEAD.size)):
        if (forks := forks + 1) == A_CLASS and walls:
            jail.join_pages()
        length, *wanted = HEAD.unpack(head)
        if _load(name for name, flag in zip(ON_DEMAND, wanted, strict=True) if flag):
            settings["own"] = _own_memory()
        result, write_end = os.pipe()
        if walls:
            jail.new_pid_namespace()
        child = os.fork()
        if child == 0:
            try:
                serve(length, write_end, settings)
            finally:
                os._exit(1)
        os.close(write_end)
        if home is not None:
            jail.own_pid_namespace(home)
        print(json.dumps(watch(child, result, settings)), file=control, flush=True)
        os.close(result)
    os._exit(0)  # there is nothing to tidy up, and torch would take its time


def preload(probes: dict[str, str]) -> None:
    """Import what answers need, so that no fork has to: torch takes a second, an optimizer's first step another.

    probes: where each question's probe lies, by the question's name.
    """
    import gc

    import torch

    from d2lparams.exercises.inside import jail, trial  # noqa: F401 # for the forks

    for name, path in probes.items():
        load_probe(name, path)
    _load(["IPython.core.inputtransformer2"])
    sys.modules["d2lparams.exercises"] = sys.modules["d2lparams.exercises.inside"]  # it is, in the sandbox
    torch.set_num_threads(1)
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.ones(1)  # by hand: a backward pass starts threads, which a fork doesn't have
    torch.optim.SGD([weight], lr=0.1).step()
    gc.collect()
    gc.freeze()  # a collection in a fork would touch, and so copy, every page


def _load(names: Iterable[str]) -> list[str]:
    """Import those of some modules that are installed and not loaded yet; return their names."""
    new = [name for name in names if name not in sys.modules and importlib.util.find_spec(name.split(".")[0])]
    for name in new:
        importlib.import_module(name)
    return new


def load_probe(name: str, path: str) -> None:
    """Import a question's probe by the name that it has in the bank, which its nets have in a request, too."""
    spec = importlib.util.spec_from_file_location(_probe_module(name), path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _probe_module(question: str) -> str:
    return f"d2lparams.exercises.bank.{question}.probe"


def watch(child: int, result: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Pass the child's result on until it ends or breaks a limit, then end all that it started.

    Returns "end" ("exited", "time", "memory" or "output"), "status" (as subprocess has it) and "size" of the result.
    """
    now, size, end = time.monotonic(), 0, "exited"
    deadline, look = now + settings["seconds"], now + WATCH
    most = settings["memory"] + settings["own"]
    open_, gone = True, 0
    while not gone:
        if not open_:
            time.sleep(0.001)
        elif select.select([result], [], [], WATCH)[0]:
            passed = _pass_on(result, settings["data"])
            size, open_ = size + passed, passed > 0
        gone, status = os.waitpid(child, os.WNOHANG)
        if gone:
            break
        if size > settings["result"]:
            end = "output"
        elif time.monotonic() > deadline:
            end = "time"
        elif settings["walls"] and time.monotonic() > look:
            end = "memory" if _memory(most) > most else end
            look = time.monotonic() + WATCH
        if end != "exited":
            os.kill(child, signal.SIGKILL)  # the first of its namespace: the kernel ends all the others before it
            _, status = os.waitpid(child, 0)
            break
    if not settings["walls"]:
        _end_group(child)
    os.set_blocking(result, False)
    while open_ and end == "exited" and size <= settings["result"]:
        passed = _pass_on(result, settings["data"])
        size, open_ = size + passed, passed > 0
    if size > settings["result"]:
        end = "output"
    return {"end": end, "status": os.waitstatus_to_exitcode(status), "size": size}


def _pass_on(source: int, sink: int) -> int:
    """Move what waits in one pipe to another, and return how many bytes that was; 0 at its end, or if none wait."""
    try:
        if hasattr(os, "splice"):
            return os.splice(source, sink, CHUNK)  # never through this process's own memory
        return os.write(sink, os.read(source, CHUNK))
    except BlockingIOError:
        return 0


def _memory(limit: int) -> int:
    """Return the bytes that the processes of an answer take up; or, where it is below `limit`, an upper bound."""
    processes = [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid())]  # 1: bubblewrap
    resident = sum(_field(p, "statm", 1) for p in processes) * os.sysconf("SC_PAGESIZE")
    if resident <= limit:  # which counts a page once for each process that shares it
        return resident
    return sum(_field(p, "smaps_rollup", b"Pss:") + _field(p, "smaps_rollup", b"SwapPss:") for p in processes) * 1024


def _own_memory() -> int:
    """Return the bytes that this process takes up, which those of each fork are counted on top of."""
    return _field("self", "statm", 1) * os.sysconf("SC_PAGESIZE")


def _field(process: str, file: str, after: int | bytes) -> int:
    """Return one number of /proc/<process>/<file>, by its place or by the word before it; 0 if the process is gone."""
    try:
        with open(f"/proc/{process}/{file}", "rb") as stream:
            words = stream.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    place = after if isinstance(after, int) else words.index(after) + 1 if after in words else None
    return int(words[place]) if words and place is not None else 0


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # all gone already
        return


def serve(length: int, result: int, settings: dict[str, Any]) -> None:
    """Read a request, lock the door, run it, and write the outcome to the pipe."""
    import torch

    from d2lparams.exercises.inside import jail

    body = b""
    while len(body) < length:
        body += os.read(0, length - len(body))
    request = pickle.loads(body)  # made by the grader: what a learner wrote is in it as text
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nowhere, handle)
    if result != 3:
        os.dup2(result, 3)
    try:
        if settings["walls"]:
            jail.lock(settings["seconds"], settings["memory"])
        else:
            os.setsid()
        os.closerange(4, 1024)
        for module in (os, torch, jail):
            open(str(module.__file__)).close()
    except OSError as error:
        outcome: dict[str, Any] = {"locked": str(error)}
    else:
        outcome = run(request) if request else {"locked": True}
    text = json.dumps(outcome).encode()
    while text:
        text = text[os.write(3, text) :]
    os._exit(0)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run the learner's cells and then the probe; return what `trial.run` does.

    A "renamed" says which definition was taken for the answer, if it has another name; a "stopped", how the cell ended
    after it had defined the answer; a "missing", which modules it imports that are not there.

    request: "question", "name" (that the answer should define), "stub" and "source" (of the answer), "cells" (to run
    before it, whether they fail or not), "setup" (the course's own first cell), "questions" (every question's name),
    "cases" (packed), "seconds" (the limit), "examples" (packed, by question: what `q1.example()` returns).
    """
    import torch

    from d2lparams.exercises.inside import trial

    probe = sys.modules[_probe_module(request["question"])].probe
    cases = torch.load(io.BytesIO(request["cases"]), weights_only=False)
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    space = vars(main)
    exec(request["setup"], space)
    sys.modules["d2lparams.exercises.inside"].examples.update(request.get("examples", {}))
    for question in request["questions"]:
        exec(f"from d2lparams.exercises import {question}", space)
    stub = dict(space)
    exec(request["stub"], stub)
    vars(builtins).update(
        get_ipython=lambda: Shell(space), display=lambda *things, **options: None, input=lambda *_: ""
    )
    until = time.monotonic() + request["seconds"] / 2
    for number, cell in enumerate(request["cells"], 1):
        with contextlib.suppress(BaseException), _at_most(min(request["seconds"] / 10, until - time.monotonic())):
            execute(cell, f"cell {number}", space)
    there, name = dict(space), request["name"]
    remarks: dict[str, str] = {}
    try:
        with _at_most(FOR_THE_CELL * request["seconds"]):
            missing = execute(request["source"], "<answer>", space, name)
            if missing:
                remarks["missing"] = ", ".join(missing)[:100]
    except BaseException as error:
        ordinary = isinstance(error, (Exception, SystemExit, KeyboardInterrupt)) and not isinstance(error, MemoryError)
        if space.get(name) is there.get(name) or not ordinary:
            return {"outcome": "could not run", "reason": trial.reason(error)}
        remarks["stopped"] = trial.reason(error)  # below the answer, which stands: a line that tried it out, perhaps
    if name not in space:
        new = [found for found in space if found not in there and _own(space[found])]
        if len(new) != 1:
            return {"outcome": "could not run", "reason": f"NameError: the cell defines no {name}"}
        name = remarks["renamed"] = new[0]
    return trial.run(probe, space[name], stub[request["name"]], cases) | remarks


def _own(thing: object) -> bool:
    return isinstance(thing, (type, types.FunctionType)) and thing.__module__ == "__main__"


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a computation that takes longer. It may catch that: the watch outside is what counts."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it takes more than {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def execute(source: str, file: str, space: dict[str, Any], answer: str = "") -> list[str]:
    """Run a cell as a notebook would; return the names of modules that are not there.

    Magics and shell commands do nothing, except those that run Python; nor does what stands in for a module that is
    missing. answer: the name for which nothing may stand in.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = compile(source, file, "exec", flags | ast.PyCF_ONLY_AST)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)
        tree = compile(source, file, "exec", flags | ast.PyCF_ONLY_AST)
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file  # for inspect.getsource
    missing, before = [], space.get(answer)
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            flags |= sum(getattr(__future__, alias.name).compiler_flag for alias in statement.names)
        code = compile(ast.Module([statement], []), file, "exec", flags, dont_inherit=True)
        try:
            done = eval(code, space)
            if inspect.iscoroutine(done):
                asyncio.run(done)
        except ImportError:
            if not isinstance(statement, (ast.Import, ast.ImportFrom)):
                raise
            names = {alias.asname or alias.name.split(".")[0] for alias in statement.names}
            if answer in names or space.get(answer) is not before:
                raise  # what stands below the answer may fail
            space.update(dict.fromkeys(names, sys.modules["d2lparams.exercises.inside"].Silent()))
            missing.append(getattr(statement, "module", None) or statement.names[0].name)
    return missing


class Shell:
    """What `get_ipython()` returns here: every method can be called, and next to none does anything."""

    def __init__(self, space: dict[str, Any]) -> None:
        self.space = space

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **options: None

    def run_line_magic(self, name: str, line: str, *_: object) -> None:
        if name in ("time", "timeit", "prun"):
            execute(line.strip(), "<answer>", self.space)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        if name not in FOREIGN:
            execute(cell, "<answer>", self.space)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
