"""The trusted side of the sandbox: start it, send it one answer at a time, and take back no more than bytes.

Two walls stand between a learner's code and everything else. Bubblewrap is the first: the worker in it (`inside/`)
sees the system's libraries, Python and its packages, all of it read-only, and no network, no home, no submission, no
gradebook, and of the exercises `inside/` and the probes alone. The second is the one that each answer runs behind:
`inside/jail.py`.
"""

import contextlib
import json
import os
import pickle
import platform
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NamedTuple, TypedDict

import torch

from ..exercises.inside.worker import HEAD, ON_DEMAND

MACHINES = ("x86_64", "aarch64")  # whose system calls `inside/jail.py` knows
PACKAGE = Path(__file__).resolve().parent.parent
SYSTEM = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/etc/ld.so.cache")
ABILITIES = ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL", "SYS_PTRACE")  # for the worker: to lock its forks in
TRUST = "or, if you trust every learner with this machine and its files, grade with --trust-submissions"
SECONDS_TO_START = 120  # for the worker to load torch
SECONDS_TO_SPARE = 10  # for the worker to enforce a limit itself, before we do


@dataclass(frozen=True)
class Limits:
    """What one answer may take: wall-clock seconds, bytes of memory in all its processes, bytes of result."""

    seconds: float = 20
    memory: int = 2 << 30
    result: int = 4 << 20


class NoSandbox(RuntimeError):
    """No sandbox can be had on this machine; the message says what is missing, and how to get it."""


class Request(TypedDict):
    """One answer to be run, with all that the worker has to know about it; see `inside.worker.run`."""

    question: str
    name: str  # that the answer should define
    questions: list[str]  # the names of all questions
    setup: str  # the course's own first cell
    stub: str
    source: str  # of the answer
    cells: list[str]  # to run before it, whether they fail or not
    cases: bytes  # packed
    seconds: float
    examples: dict[str, bytes]  # packed, by question: what its `example()` returns


class Reply(NamedTuple):
    """How an answer's process ended, and the bytes that it left, which are a stranger's.

    end: "lost" if the whole sandbox had to be ended; status: as in subprocess.
    """

    end: Literal["exited", "time", "memory", "output", "lost"]
    status: int
    result: bytes


class Sandbox:
    """A worker behind bubblewrap; use it in a `with`, in one thread: it ends with the thread that started it.

    limits: of each answer. walls: False runs the worker in the open, for learners that you trust as you trust yourself.
    """

    def __init__(self, limits: Limits | None = None, walls: bool = True) -> None:
        self.limits, self.walls = limits or Limits(), walls
        self._worker: _Worker | None = None

    def __enter__(self) -> "Sandbox":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the worker, unless it runs. Raises NoSandbox if it can't."""
        self._running()

    def run(self, request: Request) -> Reply:
        """Have a request answered, and return what became of it."""
        reply = self._running().ask(request)
        if reply is None:
            self.close()
            return Reply("lost", 0, b"")
        return reply

    def close(self) -> None:
        """End the worker, if it runs, and all that it started."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _running(self) -> "_Worker":
        if self._worker is None:
            self._worker = self._launch()
        return self._worker

    def _launch(self) -> "_Worker":
        if self.walls and (lack := missing()):
            raise NoSandbox(lack)
        with tempfile.TemporaryFile() as errors:
            worker = _Worker(self.limits, self.walls, errors)
            trouble = worker.trouble(errors)
        if trouble:
            worker.stop()
            raise NoSandbox(_advice(trouble) if self.walls else f"the worker does not start: {trouble}")
        return worker


class _Worker:
    """One process of `inside/worker.py`: requests go to its standard input, results come back on a pipe of their own.

    What it says on its standard output is about results: how each one ended, and how many bytes it has.
    """

    def __init__(self, limits: Limits, walls: bool, errors: IO[bytes]) -> None:
        self._limits = limits
        self._results, sink = os.pipe()
        self._received = bytearray()  # of the results
        settings = {"walls": walls, "data": sink, **vars(limits)}
        self._process = subprocess.Popen(
            _behind_a_wall(settings) if walls else _in_the_open(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=[sink],
            bufsize=0,
            env={} if walls else None,
        )
        os.close(sink)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._control = self._process.stdin, self._process.stdout.fileno()

    def trouble(self, errors: IO[bytes]) -> str:
        """Wait until it is ready and try its locks; return what is wrong, or nothing."""
        if self._says(time.monotonic() + SECONDS_TO_START) is None:
            errors.seek(0)
            text = errors.read()[-2000:].decode(errors="replace")
            return text or f"nothing came back in {SECONDS_TO_START} s"
        reply = self.ask(None)  # an answer's process without an answer: it only locks itself in
        if reply is None:
            return "lost"
        locked = reply.result == b'{"locked": true}'
        return "" if locked else f"{reply.end}: {reply.result.decode(errors='replace')}"

    def ask(self, request: Request | None) -> Reply | None:
        """Have a request answered; return None if the worker has ended, or doesn't enforce its limits."""
        body = pickle.dumps(request)
        code = "\n".join([request["source"], *request["cells"]]) if request else ""
        wanted = [re.search(rf"\b{name.split('.')[0]}\b", code) is not None for name in ON_DEMAND]
        try:
            self._requests.write(HEAD.pack(len(body), *wanted) + body)
        except BrokenPipeError:
            return None
        line = self._says(time.monotonic() + self._limits.seconds + SECONDS_TO_SPARE)
        if line is None:
            return None
        said = json.loads(line)
        while len(self._received) < said["size"]:
            self._received += os.read(self._results, 1 << 20)
        return Reply(said["end"], said["status"], bytes(self._received[: self._limits.result]))

    def _says(self, deadline: float) -> bytes | None:
        """Return the worker's next line, or None if it ended or is too late; results that come meanwhile are kept."""
        line = b""
        self._received.clear()
        while not line.endswith(b"\n"):
            patience = max(deadline - time.monotonic(), 0)
            ready = select.select([self._control, self._results], [], [], patience)[0]
            if not ready:
                return None
            if self._results in ready:
                self._received += os.read(self._results, 1 << 20)
            if self._control in ready:
                part = os.read(self._control, 4096)
                if not part:
                    return None
                line += part
        return line

    def stop(self) -> None:
        with self._process as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._requests.close()  # on which an idle worker ends itself
                process.wait(0.5)
            process.kill()
            while select.select([self._results], [], [], SECONDS_TO_SPARE)[0] and os.read(self._results, 1 << 16):
                continue  # until the last one that could write is gone
        os.close(self._results)


def missing() -> str | None:
    """Return what this machine lacks for a sandbox and how to get it, or None."""
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        return (
            f"submissions are graded in a sandbox that needs Linux on {' or '.join(MACHINES)}, but this is "
            f"{platform.system()} on {platform.machine()}: grade in a virtual machine; {TRUST}"
        )
    if not shutil.which("bwrap"):
        return (
            "submissions are graded in a sandbox that needs bubblewrap, but there is no `bwrap` on the PATH: install "
            f"it (Debian, Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap); {TRUST}"
        )
    return None


def _advice(trouble: str) -> str:
    advice = (
        "allow user namespaces (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; in Docker: "
        "--privileged), or grade as root"
    )
    if "/site/" in trouble or "/python/" in trouble or "/course/" in trouble:
        advice = f"let all users read what root installed: chmod -R go+rX {sys.prefix} {sys.base_prefix} {PACKAGE}"
    return f"bubblewrap is there, but the sandbox does not start: {trouble.strip()}\n{advice}; {TRUST}"


def _behind_a_wall(settings: dict[str, object]) -> list[str]:
    """Return the command that starts the worker in bubblewrap.

    Everything has the same place inside wherever it lies outside, be that a home that only its owner may enter, or
    /tmp: Python at /python, its packages at /site/0 and on, this package at /course. These folders come first: one that
    bubblewrap makes on the way to a bind inherits the rights of what lies outside, those of a closed home for example.
    """
    python = Path(os.path.realpath(sys.executable))
    folders = ("/course", "/course/probes", "/dev", "/etc", "/python/bin", "/site", "/sys/devices/system", "/usr")
    binds = [word for folder in folders for word in ("--dir", folder)]
    for path in (*SYSTEM, "/sys/devices/system/cpu"):  # from which torch learns what the processor can do
        if os.path.islink(path):
            binds += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            binds += ["--ro-bind", path, path]
    trees = {f"/site/{number}": site for number, site in enumerate(_sites())}
    trees |= {f"/python/{name}": Path(sys.base_prefix, name) for name in ("lib", "lib64")}
    for inside, outside in trees.items():
        if outside.exists():
            binds += ["--ro-bind", str(outside), inside]
    binds += ["--ro-bind", str(python), f"/python/bin/{python.name}", "--ro-bind", str(PACKAGE), "/course/d2lparams"]
    for inside, outside in [*trees.items(), ("/usr/lib", Path("/usr/lib"))]:
        for pattern in ("", "python3*/site-packages/", "python3*/dist-packages/"):
            for room in ("exercises", "course"):
                for copy in outside.glob(f"{pattern}d2lparams/{room}"):  # solutions that are installed a second time
                    place = f"{inside}/{copy.relative_to(outside)}"
                    binds += ["--tmpfs", place, "--remount-ro", place]
    binds += ["--tmpfs", "/course/d2lparams/course", "--remount-ro", "/course/d2lparams/course"]
    exercises = "/course/d2lparams/exercises"
    binds += ["--tmpfs", exercises]
    binds += ["--ro-bind", str(PACKAGE / "exercises/inside/__init__.py"), f"{exercises}/__init__.py"]
    binds += ["--ro-bind", str(PACKAGE / "exercises/inside"), f"{exercises}/inside", "--remount-ro", exercises]
    probes = {}
    for question, outside in _probes().items():
        probes[question] = f"/course/probes/{question}.py"
        binds += ["--ro-bind", str(outside), probes[question]]
    for device in ("null", "zero", "full", "random", "urandom"):
        binds += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    binds += ["--dir", "/dev/shm", "--proc", "/proc", "--size", str(64 << 20), "--tmpfs", "/tmp", "--remount-ro", "/"]
    environment = {
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "USER": "learner",
        "PATH": "/python/bin",
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": "/python/lib",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }
    flags = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    flags += ["--die-with-parent", "--new-session", "--hostname", "sandbox"]
    if os.geteuid() != 0:
        flags += ["--unshare-user"]  # in which we may do to our own processes what only root may do elsewhere
    packages = ["/course", *(place for place in trees if place.startswith("/site/"))]
    settings = settings | {"path": packages, "probes": probes}
    return [
        *(shutil.which("bwrap") or "bwrap", *flags),
        *("--cap-drop", "ALL", *(word for name in ABILITIES for word in ("--cap-add", f"CAP_{name}"))),
        *(word for name, value in environment.items() for word in ("--setenv", name, value)),
        *(*binds, "--chdir", "/tmp", f"/python/bin/{python.name}", "-I", "-S", "-B"),
        *(f"{exercises}/inside/worker.py", json.dumps(settings)),
    ]


def _in_the_open(settings: dict[str, object]) -> list[str]:
    probes = {question: str(path) for question, path in _probes().items()}
    settings = settings | {"path": [str(PACKAGE.parent), *map(str, _sites())], "probes": probes}
    return [sys.executable, "-I", "-B", str(PACKAGE / "exercises/inside/worker.py"), json.dumps(settings)]


def _probes() -> dict[str, Path]:
    """Return where each question's probe lies: the one part of the bank that comes into the sandbox."""
    return {path.parent.name: path for path in sorted(PACKAGE.glob("exercises/bank/*/probe.py"))}


def _sites() -> list[Path]:
    """The folders of installed packages. No other entry of sys.path: it could be the course's own folder."""
    sites = [Path(path) for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return list(dict.fromkeys([*sites, Path(torch.__file__).parent.parent]))
