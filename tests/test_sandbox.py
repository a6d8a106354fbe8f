"""The two walls, one property at a time: what a learner's code sees, may do, may use up, and leaves behind."""

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import lab
import pytest
from sandboxed import Q1, RIGHT, ask, gone, needs_walls, processes, see, verdict

import d2lparams
from d2lparams.course import grading, sandbox
from d2lparams.course.sandbox import Limits, NoSandbox, Sandbox
from d2lparams.exercises.bank import QUESTIONS
from d2lparams.exercises.inside import jail

PACKAGE = Path(d2lparams.__file__).parent
ROOMS = ("course", "exercises")  # that hold solutions


# What it sees


def test_nothing_but_the_system_python_and_this_folder_is_there(box):
    names = {"course", "dev", "etc", "proc", "python", "site", "sys", "tmp", "usr"}
    seen = set(see(box, "import os; seen = os.listdir('/')"))
    assert names <= seen <= names | {"lib", "lib32", "lib64"}
    assert set(see(box, "import os; seen = os.listdir('/usr')")) <= {"lib", "lib32", "lib64"}
    assert see(box, "import os; seen = os.listdir('/etc')") == ["ld.so.cache"]
    package = "/course/d2lparams"
    assert see(box, f"import os; seen = sorted(os.listdir('{package}/exercises'))") == ["__init__.py", "inside"]
    assert see(box, f"import os; seen = os.listdir('{package}/course')") == []
    assert set(see(box, "import os; seen = os.listdir('/dev')")) == {"full", "null", "random", "shm", "urandom", "zero"}
    assert see(box, "import os; seen = [os.listdir(d) for d in ('/proc', '/tmp', '/dev/shm')]") == [[], [], []]


def test_no_solution_can_be_imported_or_read(box):
    modules = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.glob("course/*.py")]
    modules += [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.glob("exercises/**/*.py")]
    hidden = [path for path in modules if "inside" not in path.parts and path.parts[2:] != ("__init__",)]
    names = [".".join(path.parts).removesuffix(".__init__") for path in hidden if path.name != "probe"]
    assert {"d2lparams.course.grading", "d2lparams.exercises.question", "d2lparams.exercises.bank.q1"} <= set(names)
    source = f"""
import importlib, os
seen = []
for name in {names}:
    try: importlib.import_module(name)
    except ImportError: pass
    else: seen.append(name)
    path = "/course/" + name.replace(".", "/") + ".py"
    if os.path.exists(path): seen.append(path)
"""
    assert see(box, source) == []


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A sandbox that was started where there is much to take in, asked what it sees, and closed again."""
    needs_walls()
    site = tmp_path_factory.mktemp("second") / "site-packages"
    for room in ROOMS:
        copy = site / "d2lparams" / room
        copy.mkdir(parents=True)
        (copy / "bank.py").write_text("solutions")
    before, mounts, groups = processes(), Path("/proc/self/mountinfo").read_text(), os.getgroups()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("SECRET", "1")
        if os.geteuid() == 0:
            os.setgroups([*groups, 54321])
        try:
            box = Sandbox(Limits(seconds=4))
            box.start()
        finally:
            if os.geteuid() == 0:
                os.setgroups(groups)
    with box:
        groups = see(box, "import os; seen = os.getgroups()")
        variables = see(box, "import os; seen = list(os.environ)")
        rooms = see(box, "import glob; seen = glob.glob('/site/0/d2lparams/*')")
        files = see(box, f"import glob; seen = [glob.glob('/site/*/d2lparams/' + room + '/*') for room in {ROOMS}]")
        started = [pid for pid in processes() if pid not in before]
    return SimpleNamespace(groups=groups, variables=variables, rooms=rooms, files=files, started=started, mounts=mounts)


def test_no_group_variable_or_second_copy_of_the_solutions_gets_in(closed):
    if os.geteuid() == 0:
        assert closed.groups == []
    assert set(closed.rooms) == {f"/site/0/d2lparams/{room}" for room in ROOMS}
    assert closed.files == [[], []]
    expected = {"HOME", "TMPDIR", "USER", "PATH", "LANG", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "MPLBACKEND", "PWD"}
    expected |= {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "LC_CTYPE", "TORCHINDUCTOR_CACHE_DIR"}
    assert set(closed.variables) <= expected


def test_ordinary_python_works(box):
    """What an honest answer might import, where all of it must be readable for whoever the answer runs as."""
    source = """
import bz2, collections, ctypes, dataclasses, hashlib, inspect, lzma, sqlite3, ssl, subprocess, sys, tempfile, threading
import pickle, numpy, matplotlib.pyplot as plt, pandas
from d2l import torch as d2l
with tempfile.TemporaryFile() as file: torch.save(torch.ones(3), file)
thread = threading.Thread(target=print); thread.start(); thread.join()
@dataclasses.dataclass
class Point: x: "int" = 0
def twice(x): return 2 * x
plt.plot([1, 2])
done = subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True, text=True)
point = pickle.loads(pickle.dumps(Point()))
seen = [inspect.getsource(twice), int(done.stdout), point.x, d2lparams.count_parameters(nn.Linear(2, 2))]
"""
    assert see(box, source) == ["def twice(x): return 2 * x\n", 7, 0, 6]


# What it may do


def test_each_answer_is_a_user_of_its_own_without_any_right(box):
    source = """
import ctypes, os
libc = ctypes.CDLL(None)
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[7] * 6)
libc.capget(header, sets)
bounding = [n for n in range(64) if libc.prctl(23, n, 0, 0, 0) == 1]
seen = [os.getresuid(), os.getresgid(), os.getgroups(), list(sets), bounding, libc.prctl(39, 0, 0, 0, 0), os.getpid()]
"""
    one, other = see(box, source), see(box, source)
    for users, groups, more, capabilities, bounding, no_new_rights, pid in (one, other):
        assert (capabilities, bounding, no_new_rights, pid) == ([0] * 6, [], 1, 1)
        if os.geteuid() == 0:
            assert len({*users, *groups}) == 1
            assert min(users) > 999
            assert more == []
    assert os.geteuid() != 0 or one[0] != other[0]


def test_the_filter_refuses_each_forbidden_call(box):
    column = jail.MACHINES[platform.machine()][0]
    numbers = {name: pair[column] for name, pair in jail.FORBIDDEN.items()}
    source = f"""
import ctypes
libc, seen = ctypes.CDLL(None, use_errno=True), {{}}
for name, number in {numbers}.items():
    ctypes.set_errno(0)
    result = libc.syscall(number, 0, 0, 0, 0, 0, 0)
    seen[name] = ctypes.get_errno() if result == -1 else "allowed"
"""
    assert see(box, source) == dict.fromkeys(numbers, 1)


def test_the_filter_knows_namespaces_sockets_and_strange_numbers(box):
    clone, socket = jail.MACHINES[platform.machine()][2:]
    source = f"""
import ctypes, os, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
def errno(*arguments):
    ctypes.set_errno(0)
    result = libc.syscall(*arguments)
    if result == 0 and arguments[0] == {clone}: os._exit(0)
    return ctypes.get_errno()
seen = {{
    "namespaces": [errno({clone}, flag | signal.SIGCHLD, 0, 0, 0, 0) for flag in
        (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)],
    "fork": errno({clone}, signal.SIGCHLD, 0, 0, 0, 0),
    "clone3": errno(435, 0, 0),
    "unknown": [errno(463, 0), errno(1000, 0), errno(0x40000000 + 39, 0)],
    "sockets": [errno({socket}, family, 2, 0) for family in (2, 10, 16, 17, 40)],
    "unix": errno({socket}, 1, 1, 0),
}}
"""
    assert see(box, source) == {
        "namespaces": [1] * 7,
        "fork": 0,
        "clone3": 38,
        "unknown": [38] * 3,
        "sockets": [1] * 5,
        "unix": 0,
    }


@pytest.mark.skipif(platform.machine() != "x86_64", reason="32-bit calls by `int 0x80` are x86's")
def test_calls_in_another_tongue_end_the_process(box):
    reply = ask(
        box,
        """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
""",
    )
    assert (reply.end, reply.status) == ("exited", -signal.SIGSYS)


def test_only_its_own_result_is_open(box):
    source = """
import os, stat
seen = []
for handle in range(2000):
    try: seen.append([handle, stat.S_IFMT(os.fstat(handle).st_mode)])
    except OSError: pass
"""
    assert see(box, source) == [[0, stat.S_IFCHR], [1, stat.S_IFCHR], [2, stat.S_IFCHR], [3, stat.S_IFIFO]]


def test_nothing_but_scratch_can_be_written(box):
    source = """
import os
inside = [f"/course/{name}" for name in ("", "d2lparams", "d2lparams/exercises", "d2lparams/exercises/inside")]
python = ("/etc", "/etc/ld.so.cache", "/python/lib", "/python/bin", "/site/0", "/usr/lib")
seen = {"written": [], "changed": [], "mounted so": []}
for folder in ("/", *inside, *python, "/dev", "/proc", "/sys", "/tmp", "/dev/shm"):
    try: open(f"{folder}/planted", "w").close(); seen["written"].append(folder)
    except OSError: pass
    try: os.chmod(folder, 0o777); seen["changed"].append(folder)
    except OSError: pass
    if not os.statvfs(folder).f_flag & os.ST_RDONLY: seen["mounted so"].append(folder)
"""
    seen = see(box, source)
    assert seen["written"] == seen["mounted so"] == ["/tmp", "/dev/shm"]
    assert set(seen["changed"]) <= {"/tmp", "/dev/shm"}


def test_no_socket_of_this_machine_can_be_reached(box):
    """Not even one without a place in the file system, which the filter of calls lets through."""
    name = f"\0d2lparams-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        source = f"""
import socket
try: socket.socket(socket.AF_UNIX).connect({name!r}); seen = "reached"
except OSError as error: seen = type(error).__name__
"""
        assert see(box, source) == "ConnectionRefusedError"


# What it may use up


def test_limits_are_set(box):
    source = """
import resource as r
seen = [r.getrlimit(getattr(r, f"RLIMIT_{name}")) for name in
        ("NPROC", "NOFILE", "FSIZE", "CORE", "MEMLOCK", "MSGQUEUE", "CPU", "AS")]
"""
    *fixed, space = see(box, source)
    assert fixed == [[n, n] for n in (32, 256, 64 << 20, 0, 0, 0, 5)]
    worker = processes()[-1]
    mapped = int(Path(f"/proc/{worker}/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    assert space[0] == space[1]
    assert abs(space[0] - mapped - (1 << 30)) < 64 << 20  # a GiB above torch, which has mapped more where it has CUDA


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_scratch_is_small(box, folder):
    source = f"""
import os
seen, made = 0, 0
try:
    for n in range(20):
        with open(f"{folder}/{{n}}", "wb", buffering=0) as file: seen += file.write(bytes(10_000_000))
except OSError: pass
for n in range(20):
    if os.path.exists(f"{folder}/{{n}}"): os.unlink(f"{folder}/{{n}}")
try:
    for made in range(10_000): open(f"{folder}/x{{made}}", "w").close()
except OSError: pass
seen = [seen, made]
"""
    written, made = see(box, source)
    assert 10_000_000 < written < 100_000_000
    assert 100 < made < 5000


def test_processes_are_few(box):
    source = """
import threading, time
seen = 0
try:
    for seen in range(1000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
except RuntimeError: pass
"""
    assert 10 < see(box, source) < 40


def test_memory_of_one_process_is_an_ordinary_error(box):
    assert "alloc" in verdict(box, "hog = torch.ones(500_000_000)").message


def test_memory_of_many_processes_ends_them(box):
    source = """
import os, time
os.fork(); os.fork()
hog = b"x" * 500_000_000
time.sleep(100)
"""
    assert ask(box, source).end == "memory"


def test_memory_that_is_shared_counts_once(box):
    """Ten idle forks of a process of 400 MB don't take up 4 GB."""
    source = """
import os, time
for _ in range(10):
    if os.fork() == 0: time.sleep(100)
time.sleep(0.5)
"""
    assert verdict(box, source + RIGHT).outcome == "correct"


def test_it_is_the_first_to_yield(box):
    """As others see it, while it runs: killed first, run last, and in a session of its own."""

    def yields(pid):
        score = Path(f"/proc/{pid}/oom_score_adj").read_text().strip()
        weighs_less = os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
        return score == "1000" and weighs_less and os.getsid(pid) == pid

    box.start()  # in this thread, with which it ends
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(verdict, box, "import time; time.sleep(2)" + RIGHT)
        seen = False
        while not (seen or answer.done()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                seen = yields(processes()[-1])
    assert answer.result().outcome == "correct"
    assert seen


def test_time_is_up(box):
    started = time.monotonic()
    assert ask(box, "import itertools; sum(itertools.repeat(1))").end == "time"  # which hears no alarm of its own
    assert 4 <= time.monotonic() - started < 6


def test_a_result_is_capped_and_what_follows_is_not_disturbed(box):
    reply = ask(box, "import os\nwhile True: os.write(3, bytes(60_000))")
    assert (reply.end, len(reply.result)) == ("output", 1 << 20)
    assert verdict(box, RIGHT).outcome == "correct"


# What it leaves behind


def test_no_process_survives_its_answer(box):
    source = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(1000)
        os._exit(0)
"""
    box.start()
    before = processes()
    assert verdict(box, source + RIGHT).outcome == "correct"
    assert processes() == before


def test_nobody_else_can_be_hit(box):
    source = """
import os, signal
for pid in (-1, 1, 2, 3, os.getppid()):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try: os.kill(pid, number)
        except OSError: pass
"""
    box.start()
    before = processes()
    assert verdict(box, source + RIGHT).outcome == "correct"
    assert processes() == before


def test_nothing_stays_in_scratch(box):
    source = "import os\nfor d in ('/tmp', '/dev/shm'): open(f'{d}/left', 'w').close()\nseen = os.listdir('/tmp')"
    assert see(box, source) == ["left"]
    assert see(box, "import os; seen = os.listdir('/tmp') + os.listdir('/dev/shm')") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the worker's memory")
def test_the_worker_never_holds_a_submission(box):
    secret = "".join(chr(97 + ord(c) % 26) for c in os.urandom(30).decode("latin-1"))
    judged = verdict(box, f"{RIGHT}\nsecret = {secret!r}\nimport os; os.write(3, b'')")
    assert judged.outcome == "correct"
    assert ask(box, f"import os; os.write(3, b'{secret}'); os._exit(0)").result == secret.encode()
    worker = processes()[-1]
    searched = 0
    with open(f"/proc/{worker}/maps") as maps, open(f"/proc/{worker}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_, name = [*line.split(), ""][:7]
            if "w" in rights:
                start, end = (int(place, 16) for place in span.split("-"))
                memory.seek(start)
                with contextlib.suppress(OSError):  # a mapping may reach beyond the end of its file, where nothing is
                    while content := memory.read(end - memory.tell()):
                        searched += len(content)
                        assert secret.encode() not in content, name
    assert searched > 50_000_000


def test_a_closed_sandbox_leaves_no_process_and_no_mount(closed):
    assert len(closed.started) == 3
    assert gone(closed.started)
    assert Path("/proc/self/mountinfo").read_text() == closed.mounts


def test_a_worker_that_hangs_or_is_killed_is_replaced(monkeypatch):
    needs_walls()
    monkeypatch.setattr(sandbox, "SECONDS_TO_SPARE", 0.5)
    others = processes()
    with Sandbox(Limits(seconds=3)) as box:
        hanging = [pid for pid in processes() if pid not in others]
        os.kill(hanging[-1], signal.SIGSTOP)
        started = time.monotonic()
        assert ask(box, RIGHT).end == "lost"
        assert time.monotonic() - started < 7
        assert gone(hanging)
        assert verdict(box, RIGHT).outcome == "correct"
        killed = [pid for pid in processes() if pid not in others]
        os.kill(killed[-1], signal.SIGKILL)
        assert ask(box, RIGHT).end == "lost"
        assert gone(killed)


def test_the_worker_shares_no_namespace_and_no_session_with_us(box):
    box.start()
    worker = processes()[-1]
    for kind in ("ipc", "mnt", "net", "pid", "uts"):
        assert os.readlink(f"/proc/{worker}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    assert os.getsid(worker) != os.getsid(0)  # it could type into our terminal


def test_a_running_answer_ends_with_a_grader_that_is_killed():
    needs_walls()
    program = """
from d2lparams.course.sandbox import Limits, Sandbox
from sandboxed import ask
with Sandbox(Limits(seconds=100)) as box: ask(box, "while True: pass")
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parent) as grader:
        lab.wait(lambda: len(processes(grader.pid)) > 3, 60, "the answer to run")
        started = processes(grader.pid)
        grader.kill()
        assert gone(started)


# Where there can be none


def test_without_bubblewrap_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NoSandbox, match=r"apt-get install bubblewrap.*dnf install bubblewrap.*--trust-submissions"):
        Sandbox().start()
    (tmp_path / "ada.ipynb").write_text("{}")
    with pytest.raises(NoSandbox, match="bubblewrap"):
        grading.grade_all(tmp_path, tmp_path / "out")
    with pytest.raises(NoSandbox, match="bubblewrap"):
        grading.grade_one(tmp_path / "ada.ipynb", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "riscv64")])
def test_elsewhere_it_says_what_is_needed(monkeypatch, system, machine):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(NoSandbox, match=f"needs Linux on x86_64 or aarch64, but this is {system} on {machine}"):
        Sandbox().start()


@pytest.fixture
def failing_bubblewrap(monkeypatch, tmp_path):
    fake = tmp_path / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("failing_bubblewrap")
def test_a_bubblewrap_that_fails_is_quoted():
    with pytest.raises(NoSandbox, match=r"setting up uid map(.|\n)*user namespaces"):
        Sandbox().start()


@pytest.mark.usefixtures("failing_bubblewrap")
def test_learners_that_are_trusted_are_graded_in_the_open(tmp_path):
    cell = {"cell_type": "code", "metadata": {}, "source": RIGHT}
    deaf = cell | {"source": f"sum(iter(int, 1))\ndef {QUESTIONS[1].answer}(): pass"}
    loop = cell | {"source": f"while True: pass\ndef {QUESTIONS[2].answer}(): pass"}
    (tmp_path / "ada.ipynb").write_text(json.dumps({"nbformat": 4, "cells": [cell, deaf, loop]}))
    record = grading.grade_one(tmp_path / "ada.ipynb", tmp_path / "out", trust=True, limits=Limits(seconds=1))
    assert record["questions"]["q1"]["points"] == Q1.points
    assert record["questions"]["q2"]["message"] == "stopped after 1 s"
    assert record["questions"]["q3"]["message"] == "TimeoutError: it takes more than 0.6 s (line 1 of the cell)"


def test_both_sides_know_the_same_machines():
    assert tuple(jail.MACHINES) == sandbox.MACHINES
