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

import lab
import pytest
import torch

from d2lparams.course import grading, sandbox, submissions
from d2lparams.course.sandbox import Limits, NoSandbox, Sandbox
from d2lparams.exercises.bank import QUESTIONS
from d2lparams.exercises.inside import jail
from d2lparams.exercises.question import SETUP, pack

Q1 = QUESTIONS[0]
CASES = Q1.cases(torch.Generator().manual_seed(0))


def needs_walls():
    """Skip where there can be no sandbox, and say why; but never where CI runs."""
    if lack := sandbox.missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lack)


@pytest.fixture(scope="module")
def box():
    needs_walls()
    with Sandbox(Limits(seconds=4, memory=1 << 30, result=1 << 20)) as box:
        yield box


def ask(box, source, *cells):
    """Run a cell as the answer to the first question."""
    fixed = {"question": "q1", "name": Q1.answer, "questions": ["q1", "q2"], "setup": SETUP, "stub": Q1.stub}
    return box.run(fixed | {"source": source, "cells": cells, "cases": pack(CASES), "seconds": box.limits.seconds})


def see(box, source):
    """Run a cell and return the value of its name `seen`."""
    reply = ask(box, f"{source}\nimport json, os\nos.write(3, json.dumps(seen).encode())\nos._exit(0)")
    assert reply.end == "exited", reply
    return json.loads(reply.result)


def outcome(box, source, *cells):
    result = grading.facts(ask(box, source, *cells).result)
    return Q1.verdict(CASES, result)


# What it sees


def test_nothing_but_the_system_python_and_this_folder_is_there(box):
    names = {"course", "dev", "etc", "proc", "python", "site", "sys", "tmp", "usr"}
    seen = set(see(box, "import os; seen = os.listdir('/')"))
    assert names <= seen <= names | {"lib", "lib32", "lib64"}
    assert set(see(box, "import os; seen = os.listdir('/usr')")) <= {"lib", "lib32", "lib64"}
    assert see(box, "import os; seen = os.listdir('/etc')") == ["ld.so.cache"]
    assert see(box, "import os; seen = sorted(os.listdir('/course/d2lparams/exercises'))") == ["__init__.py", "inside"]
    assert set(see(box, "import os; seen = os.listdir('/dev')")) == {"full", "null", "random", "shm", "urandom", "zero"}
    assert see(box, "import os; seen = [os.listdir(d) for d in ('/proc', '/tmp', '/dev/shm')]") == [[], [], []]


def test_no_solution_can_be_imported_or_read(box):
    source = """
import importlib
seen = []
for name in ("bank", "question", "compare", "authoring", "grading", "course", "sandbox", "submissions"):
    try: importlib.import_module("d2lparams.exercises." + name)
    except ImportError: continue
    seen.append(name)
"""
    assert see(box, source) == []


def test_no_group_variable_or_second_copy_of_the_solutions_gets_in(tmp_path, monkeypatch):
    needs_walls()
    copy = tmp_path / "site-packages" / "d2lparams" / "exercises"
    copy.mkdir(parents=True)
    (copy / "bank.py").write_text("solutions")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    monkeypatch.setenv("SECRET", "1")
    groups = os.getgroups()
    if os.geteuid() == 0:
        os.setgroups([*groups, 54321])
    with Sandbox(Limits(seconds=4)) as box:
        if os.geteuid() == 0:
            os.setgroups(groups)
            assert see(box, "import os; seen = os.getgroups()") == []
        seen = see(box, "import os; seen = list(os.environ)")
        assert see(box, "import glob; seen = glob.glob('/site/*/d2lparams/exercises')") == [
            "/site/0/d2lparams/exercises"
        ]
        assert see(box, "import glob; seen = glob.glob('/site/*/d2lparams/exercises/*')") == []
    expected = {"HOME", "TMPDIR", "USER", "PATH", "LANG", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "MPLBACKEND", "PWD"}
    assert set(seen) <= expected | {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "LC_CTYPE", "TORCHINDUCTOR_CACHE_DIR"}


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
    try: seen.append([handle, os.readlink(f"/dev/fd/{handle}") if False else stat.S_IFMT(os.fstat(handle).st_mode)])
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
    worker = below(box._process.pid)[-1]
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
    assert "alloc" in outcome(box, "hog = torch.ones(500_000_000)").message


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
    assert outcome(box, source + Q1.solution_code).outcome == "correct"


def test_it_is_the_first_to_yield(box):
    """As others see it, while it runs: killed first, run last, and in a session of its own."""

    def yields(pid):
        score = Path(f"/proc/{pid}/oom_score_adj").read_text().strip()
        weighs_less = os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
        return score == "1000" and weighs_less and os.getsid(pid) == pid

    box.start()  # in this thread, with which it ends
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(outcome, box, "import time; time.sleep(2)" + Q1.solution_code)
        seen = False
        while not (seen or answer.done()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                seen = yields(below(box._process.pid)[-1])
    assert answer.result().outcome == "correct"
    assert seen


def test_time_is_up(box):
    started = time.monotonic()
    assert ask(box, "while True: pass").end == "time"
    assert 4 <= time.monotonic() - started < 6


def test_a_result_is_capped_and_what_follows_is_not_disturbed(box):
    reply = ask(box, "import os\nwhile True: os.write(3, bytes(60_000))")
    assert (reply.end, len(reply.result)) == ("output", 1 << 20)
    assert outcome(box, Q1.solution_code).outcome == "correct"


# What it leaves behind


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


def test_no_process_survives_its_answer(box):
    source = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(1000)
        os._exit(0)
"""
    before = below(box._process.pid)
    assert len(before) == 2  # bubblewrap's own first process, and the worker
    assert outcome(box, source + Q1.solution_code).outcome == "correct"
    assert below(box._process.pid) == before


def test_nobody_else_can_be_hit(box):
    source = """
import os, signal
for pid in (-1, 1, 2, 3, os.getppid()):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try: os.kill(pid, number)
        except OSError: pass
"""
    before = below(box._process.pid)
    assert outcome(box, source + Q1.solution_code).outcome == "correct"
    assert below(box._process.pid) == before


def test_nothing_stays_in_scratch(box):
    source = "import os\nfor d in ('/tmp', '/dev/shm'): open(f'{d}/left', 'w').close()\nseen = os.listdir('/tmp')"
    assert see(box, source) == ["left"]
    assert see(box, "import os; seen = os.listdir('/tmp') + os.listdir('/dev/shm')") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the worker's memory")
def test_the_worker_never_holds_a_submission(box):
    secret = "".join(chr(97 + ord(c) % 26) for c in os.urandom(30).decode("latin-1"))
    verdict = outcome(box, f"{Q1.solution_code}\nsecret = {secret!r}\nimport os; os.write(3, b'')")
    assert verdict.outcome == "correct"
    assert ask(box, f"import os; os.write(3, b'{secret}'); os._exit(0)").result == secret.encode()
    worker = below(box._process.pid)[-1]
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


def gone(pids):
    """Say whether processes have ended, or do so in a moment."""
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_worker_that_is_lost_is_replaced_and_ends_with_its_sandbox():
    needs_walls()
    mounts = Path("/proc/self/mountinfo").read_text()
    with Sandbox(Limits(seconds=3)) as box:
        lost = [box._process.pid, *below(box._process.pid)]
        os.kill(lost[-1], signal.SIGKILL)
        assert ask(box, Q1.solution_code).end == "lost"
        assert gone(lost)
        assert outcome(box, Q1.solution_code).outcome == "correct"
        processes = [box._process.pid, *below(box._process.pid)]
    assert gone(processes)
    assert Path("/proc/self/mountinfo").read_text() == mounts


def test_a_worker_that_hangs_is_ended(monkeypatch):
    needs_walls()
    monkeypatch.setattr(sandbox, "SLACK", 0.5)
    with Sandbox(Limits(seconds=1)) as box:
        processes = [box._process.pid, *below(box._process.pid)]
        os.kill(processes[-1], signal.SIGSTOP)
        started = time.monotonic()
        assert ask(box, Q1.solution_code).end == "lost"
        assert time.monotonic() - started < 5
        assert gone(processes)


def test_the_worker_shares_no_namespace_and_no_session_with_us(box):
    box.start()
    worker = below(box._process.pid)[-1]
    for kind in ("ipc", "mnt", "net", "pid", "uts"):
        assert os.readlink(f"/proc/{worker}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    assert os.getsid(worker) != os.getsid(0)  # it could type into our terminal


def test_a_running_answer_ends_with_a_grader_that_is_killed():
    needs_walls()
    program = """
import sys
from d2lparams.course.sandbox import Limits, Sandbox
from test_sandbox import ask
with Sandbox(Limits(seconds=100)) as box:
    print(box._process.pid, flush=True)
    ask(box, "while True: pass")
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parent, stdout=subprocess.PIPE) as grader:
        first = int(grader.stdout.readline())
        lab.wait(lambda: len(below(first)) > 2, 20, "the answer to run")
        processes = [first, *below(first)]
        grader.kill()
        assert gone(processes)


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
    cell = {"cell_type": "code", "metadata": {}, "source": Q1.solution_code}
    loop = cell | {"source": f"while True: pass\ndef {QUESTIONS[1].answer}(): pass"}
    (tmp_path / "ada.ipynb").write_text(json.dumps({"nbformat": 4, "cells": [cell, loop]}))
    record = grading.grade_one(tmp_path / "ada.ipynb", tmp_path / "out", trust=True, limits=Limits(seconds=1))
    assert record["questions"]["q1"]["points"] == Q1.points
    assert record["questions"]["q2"]["message"] == "stopped after 1 s"


# What comes back


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"3",
        b'"facts"',
        b"\xff\xfe",
        b'{"a": 1} {"a": 1}',
        b'{"a": 1, "a": 2}',
        b'{"a": [{"b": 1, "b": 1}]}',
        b'{"a": ' + b"9" * 4000 + b"}",
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": \x00}',
    ],
)
def test_facts_that_no_probe_would_write_are_refused(text):
    with pytest.raises((ValueError, RecursionError)):
        grading.facts(text)


def test_a_long_number_takes_no_time():
    started = time.monotonic()
    with pytest.raises(ValueError, match="digits"):
        grading.facts(b'{"a": ' + b"9" * (4 << 20) + b"}")
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("time", -9, "stopped after 20 s"),
        ("memory", -9, "stopped: it took more than 2048 MB of memory"),
        ("output", -9, "stopped: what it returned takes more than 4 MB"),
        ("lost", 0, "the sandbox ended before the answer did"),
        ("exited", -11, "its process was ended by Segmentation fault"),
        ("exited", 3, "it ended its own process, with status 3"),
        ("exited", 0, "it ended its own process before it was done"),
    ],
)
def test_an_end_without_a_result_has_its_reason(end, status, reason):
    reply = sandbox.Reply(end, status, b"" if status == 0 else b'{"outcome": "ran"}')
    assert grading._result(reply, Limits()) == {"outcome": "could not run", "reason": reason}


def test_both_sides_know_the_same_machines():
    assert tuple(jail.MACHINES) == sandbox.MACHINES


# How an answer is run


@pytest.mark.parametrize(
    "before",
    [
        "%matplotlib inline\n!pip install nothing\nfiles = !ls\n",
        "%%time\n",
        "%%capture out\n",
        "from IPython.display import display\ndisplay(3)\nprint(3)\n",
        "get_ipython().system('ls')\nget_ipython().ast_node_interactivity\n",
        "from d2lparams.exercises import q1, q2\nq1.hint()\nq2.check(None)\nq1.solution()\n",
        "import warnings, sys\nwarnings.warn('x')\nsys.stderr.write('noise' * 1000)\n",
        "import sys\nsys.stdout.buffer.write(b'x' * 100_000_000)\n",
        "torch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float64)\n",
    ],
)
def test_honest_work_with_other_things_around_it_is_correct(box, before):
    assert outcome(box, before + Q1.solution_code) == Q1.verdict(
        CASES, grading.facts(ask(box, Q1.solution_code).result)
    )
    assert outcome(box, before + Q1.solution_code).outcome == "correct"


def test_time_magic_runs_its_line(box):
    assert outcome(box, f"%time f = lambda net: net[1][0].weight\n{Q1.answer} = f").outcome == "correct"


def test_other_cells_run_before_it_whether_they_fail_or_not(box):
    source = f"def {Q1.answer}(net): return reach(net)"
    assert outcome(box, source).message.startswith("NameError")
    cells = ["1 / 0", "while True: pass", "%%time\ndef reach(net): return net[1][0].weight", "raise SystemExit"]
    assert outcome(box, source, *cells).outcome == "correct"


def test_one_new_definition_under_another_name_is_taken(box):
    renamed = Q1.solution_code.replace(Q1.answer, "mine")
    reply = grading.facts(ask(box, renamed).result)
    assert (Q1.verdict(CASES, reply).outcome, reply["renamed"]) == ("correct", "mine")
    two = renamed + "\ndef other(net): pass"
    assert outcome(box, two).message == f"NameError: the cell defines no {Q1.answer}"


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ('assert second_block_weight(q1.example()["net"]).shape == (6, 4)', "AssertionError (line 4 of the cell)"),
        ("from nowhere import nothing", "ModuleNotFoundError: No module named 'nowhere' (line 4 of the cell)"),
    ],
)
def test_an_answer_stands_though_a_line_below_it_fails(box, below, said):
    handed_in = submissions.Submission("ada", cells=cells(("q1", f"{RIGHT}\n\n{below}")))
    entry = grading.grade(handed_in, box)["questions"]["q1"]
    assert entry["points"] == Q1.points
    assert entry["message"].startswith("what stands below the definition failed, and was left out: ")
    assert said.split(" (")[0] in entry["message"]
    for below in ("raise SystemExit", "raise MemoryError"):
        handed_in = submissions.Submission("ada", cells=cells(("q1", f"{RIGHT}\n{below}")))
        assert grading.grade(handed_in, box)["questions"]["q1"]["points"] == 0


def test_what_another_cell_defined_is_no_answer(box):
    assert outcome(box, "1 / 0", Q1.solution_code).message.startswith("ZeroDivisionError")


def test_what_measured_is_the_code_right_above_the_prose(box):
    prose = grading.PROSE[0].name
    above = [("q1", RIGHT), (None, "far = 0"), (None, "x = 1"), (None, "y = 2")]
    handed_in = cells(*above)
    handed_in.insert(2, submissions.Cell("markdown", "### 14", None))
    handed_in.append(submissions.Cell("markdown", "I measured 3.", prose))
    entry = grading.grade(submissions.Submission("ada", cells=handed_in), box)["prose"][prose]
    assert (entry["answer"], entry["measured"], entry["attempted"]) == ("I measured 3.", "x = 1\n\ny = 2", True)
    del handed_in[-3:]
    entry = grading.grade(submissions.Submission("ada", cells=handed_in), box)["prose"][prose]
    assert (entry["answer"], entry["measured"], entry["attempted"]) == ("", "", False)


def test_a_notebook_is_one_whatever_the_case_of_its_ending(tmp_path):
    for name in ("dan.IPYNB", "eve.zip", "ada.ipynb", ".hidden"):
        (tmp_path / name).write_text('{"cells": []}')
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "6.Ipynb").write_text('{"cells": []}')
    found = submissions.entries(tmp_path)
    assert list(found) == ["bob", "ada", "dan"]
    assert submissions.passed_over(tmp_path) == ["eve.zip"]
    assert [submissions.read(entry).note for entry in found.values()] == [None] * 3


def test_the_time_of_a_whole_submission_is_limited(box):
    handed_in = submissions.Submission("ada", cells=cells(("q1", RIGHT)))
    entries = grading.grade(handed_in, box, budget=0)["questions"]
    assert entries["q1"]["outcome"] == "could not run"
    assert "time for the whole submission" in entries["q1"]["message"]
    assert entries["q2"]["outcome"] == "not attempted"


def test_an_answer_is_run_again_when_the_sandbox_was_lost(box, monkeypatch):
    replies = [sandbox.Reply("lost", 0, b"")]
    monkeypatch.setattr(box, "run", lambda request: replies.pop() if replies else Sandbox.run(box, request))
    handed_in = submissions.Submission("ada", cells=cells(("q1", RIGHT)))
    assert grading.grade(handed_in, box)["questions"]["q1"]["points"] == Q1.points


# What was handed in: without a sandbox


def cells(*sources):
    return [submissions.Cell("code", source, grade_id) for grade_id, source in sources]


STUB, RIGHT = Q1.stub, Q1.solution_code


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (cells(("q1", RIGHT)), 0),
        (cells(("q1", "# mine" + RIGHT), ("q1", RIGHT)), 1),
        (cells(("q1", RIGHT), ("q1", STUB + "\n  # a remark\n")), 0),
        (cells(("q1", STUB), (None, RIGHT)), 1),
        (cells((None, "x = 1"), (None, RIGHT), (None, "y = 1")), 1),
        (cells(("q1", "def count_trainable(): pass"), ("q2", RIGHT)), 1),
        (cells(("q1", "def mine(net): return 3")), 0),
        (cells(("q1", STUB), (None, "x = 1")), 0),
        (cells((None, f"{Q1.answer} = lambda net: 3")), 0),
        (cells((None, f"# {Q1.answer}(net)"), (None, f"{Q1.answer}(net)")), None),
    ],
)
def test_the_answer_is_found(found, wanted):
    cell, remark = grading._answer(Q1, found)
    assert cell is (None if wanted is None else found[wanted])
    assert (remark == "") == (cell is not None)


def test_learners_names_become_names_of_files():
    names = [
        "ada",
        "Ada Lovelace",
        "Эйлер",
        "..",
        "../x",
        "-rf",
        "",
        "a/b",
        "x" * 300,
        "a\nb",
        "a\udce9",
        "ada.json",
        ".x",
        "ada~1",
        "ada ",
    ]
    plain = [submissions.plain_name(name) for name in names]
    assert plain[:3] == names[:3]
    assert len(set(plain)) == len(plain)
    assert all(submissions.PLAIN.fullmatch(name.replace("~", "_")) and len(os.fsencode(name)) < 200 for name in plain)


def test_each_learner_has_one_entry(tmp_path):
    (tmp_path / "ada").mkdir()
    for name in ("ada.ipynb", "bob.ipynb", "readme.txt", ".hidden"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "eve").symlink_to(tmp_path / "ada")
    found = submissions.entries(tmp_path)
    assert {name: path.name for name, path in found.items()} == {
        "ada": "ada",
        "ada.ipynb": "ada.ipynb",
        "bob": "bob.ipynb",
        "eve": "eve",
    }
    assert "link" in submissions.read(found["eve"]).note


def test_of_several_files_the_notebook_is_taken(tmp_path):
    ada = tmp_path / "ada"
    for path in (
        "parameters/6-exercises.ipynb",
        "parameters/a.ipynb",
        ".ipynb_checkpoints/6-exercises.ipynb",
        "a.ipynb",
    ):
        (ada / path).parent.mkdir(parents=True, exist_ok=True)
        (ada / path).write_text("{}")
    assert submissions.read(ada).file == "ada/parameters/6-exercises.ipynb"
    shutil.rmtree(ada / "parameters")
    assert submissions.read(ada).file == "ada/a.ipynb"
