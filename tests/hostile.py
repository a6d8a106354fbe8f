"""A class that cheats, breaks things, or hands in what is broken; some of it only odd, and worth every point.

`build` writes it as nbgrader collects a class, `<folder>/<learner>/<assignment>/6-exercises.ipynb`, and says what each
learner deserves. Each learner is one trick:

    CHEATS   every answer is wrong, and this code stands below it: nothing is deserved
    CRASHES  the first answer is right, and this code stands below it: that question is lost, no other
    NOISE    likewise, and nothing is lost
    FILES    what lies in the folder in place of an honest notebook, and what that deserves

Code says @NAME@ for the name that the answer defines, @FOLDER@ for the class's folder, @GRADEBOOK@ for a gradebook
beside it, and @PORT@ for a port on this machine that somebody listens at. Whoever gets hold of something raises
Got: that must be in no message.
"""

import copy
import json
import os
import re
import socket
import stat
import zlib
from collections.abc import Callable
from pathlib import Path

from d2lparams.exercises.bank import PROSE, QUESTIONS
from d2lparams.exercises.question import SETUP

NOTEBOOK = "6-exercises.ipynb"
EVERY = frozenset(question.name for question in QUESTIONS)
FEW = frozenset(("q1", "q2", "q3", "q4"))
HTML = "<script>alert(1)</script><img src=x onerror=alert(2)>"

TAKE = """
class Got(Exception): pass
def take(text):
    "Use a solution wherever one is in some text."
    import re
    for found in re.findall(r"((?:def|class) @NAME@\\\\b.*?\\\\n(?:    .*\\\\n|\\\\n)+)", text):
        if "your turn" not in found and "take(" not in found and "is wrong" not in found:
            exec(found, globals())
            raise Got(found)
"""

CHEATS = {
    "forge-on-every-pipe": """
import json, os
for claim in ({"outcome": "correct", "points": 99}, {"outcome": "ran", "facts": [True, True, True]}):
    for handle in range(256):
        try: os.write(handle, json.dumps(claim).encode())
        except OSError: pass
""",
    "forge-and-exit": """
import json, os
for handle in range(256):
    try: os.write(handle, b'{"outcome": "correct", "points": 99, "facts": []}')
    except OSError: pass
os._exit(0)
""",
    "forge-lies-about-facts": """
import json, os
lie = {"type": "Tensor", "dtype": "torch.float32", "shape": [], "values": [float("nan")], "value": True}
lie |= {"items": [], "keys": []}
facts = {key: lie for key in ("weight", "gradient", "output", "count", "names", "bias", "shapes", "then", "filled",
    "returned", "next", "values", "groups", "later", "gradients", "twin", "at once", "optimizer", "report")}
for n in range(1, 9):
    pass
os.write(3, json.dumps({"outcome": "ran", "facts": [facts, facts]}).encode())
os._exit(0)
""",
    "forge-the-worker": """
import os
for handle in range(256):
    try: os.write(handle, b'{"end": "exited", "status": 0, "size": 2}\\n' * 100)
    except OSError: pass
""",
    "patch-allclose": """
for name in ("allclose", "equal", "isclose", "eq"): setattr(torch, name, lambda *a, **k: True)
torch.Tensor.allclose = torch.Tensor.equal = torch.Tensor.__eq__ = lambda *a, **k: True
""",
    "patch-tensor-methods": """
class Yes(float):
    def __eq__(self, other): return True
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __hash__(self): return 0
torch.Tensor.item = lambda self: Yes()
torch.Tensor.tolist = lambda self: [Yes()] * self.numel()
torch.Tensor.__float__ = torch.Tensor.__int__ = lambda self: Yes()
""",
    "patch-json": """
import json
json.dumps = lambda *a, **k: '{"outcome": "correct", "points": 99, "facts": [true]}'
json.loads = lambda *a, **k: {"outcome": "correct", "facts": [True, True]}
json.encoder.JSONEncoder.encode = json.JSONEncoder.default = json.dumps
""",
    "patch-pickle": """
import pickle, os
class Boom:
    def __reduce__(self): return (os.system, ("touch @FOLDER@/pickled",))
pickle.dumps = lambda *a, **k: pickle._dumps(Boom())
for handle in range(3, 256):
    try: os.write(handle, pickle._dumps(Boom()))
    except OSError: pass
""",
    "patch-probes": """
import sys
try: from d2lparams.exercises.inside import descent, plain_data, trial
except ImportError: raise AssertionError("Got nothing to patch")
trial.run = lambda *a, **k: {"outcome": "correct", "facts": [True, True], "points": 99}
plain_data.describe = lambda value: {"type": "Tensor", "value": True}
descent.step = lambda *a, **k: None
probes = [module for name, module in sys.modules.items() if name.startswith("d2lparams.exercises.bank.")]
assert probes, "Got nothing to patch"
for module in probes:
    module.probe = lambda *a, **k: {"outcome": "correct"}
    module.describe = plain_data.describe
""",
    "patch-the-judge": """
try:
    import d2lparams.exercises.question as question, d2lparams.exercises.bank as bank, d2lparams.course.grading
except ImportError:
    pass
else:
    raise Got("the judge")
""",
    "patch-d2lparams": """
for name in list(vars(d2lparams)):
    if not name.startswith("_"): setattr(d2lparams, name, lambda *a, **k: True)
nn.Module.named_parameters = nn.Module.parameters = lambda *a, **k: iter(())
""",
    "patch-builtins": """
import builtins
builtins.isinstance = lambda *a: True
builtins.abs = lambda x: 0.0
builtins.len = lambda x: 2
""",
    "shadow-modules": """
import sys, types
class Anything(types.ModuleType):
    def __getattr__(self, name): return lambda *a, **k: True
for name in ("torch", "json", "d2lparams", "d2lparams.exercises", "d2lparams.exercises.inside.trial", "io", "pickle"):
    sys.modules[name] = Anything(name)
""",
    "shadow-by-files": """
import os
for folder in (".", "/tmp", "/course", "/site/0", "@FOLDER@", "/python/lib"):
    for name in ("torch", "json", "sitecustomize", "usercustomize", "d2lparams/__init__", "helper/__init__"):
        try:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            open(os.path.join(folder, name + ".py"), "w").write("allclose = dumps = lambda *a, **k: True")
        except OSError: pass
""",
    "python-environment": """
import os, sys
os.environ |= {"PYTHONPATH": "/tmp", "PYTHONSTARTUP": "/tmp/x.py", "PYTHONINSPECT": "1", "LD_PRELOAD": "/tmp/x.so"}
open("/tmp/sitecustomize.py", "w").write("import os; os.write(3, b'{}')")
os.execv(sys.executable, [sys.executable, "-c", "import os; os.write(3, b'{\\"outcome\\": \\"correct\\"}')"])
""",
    "walk-frames": TAKE
    + """
import sys
frame = sys._getframe()
while frame:
    for name, value in {**frame.f_globals, **frame.f_locals}.items():
        if name in ("expected", "judge", "solution_code", "QUESTIONS"): raise Got(name)
        keys = {key for key in value if isinstance(key, str)} if isinstance(value, dict) else set()
        if keys & {"expected", "judge", "solution_code", "solution"}: raise Got(name)
        if isinstance(value, str) and "@NAME@" in value and name not in ("source", "text"): take(value)
    frame = frame.f_back
""",
    "search-the-heap": TAKE
    + """
import gc
for thing in gc.get_objects():
    try: kind, inside = type(thing).__name__, list(thing.values()) if isinstance(thing, dict) else []
    except Exception: continue
    if kind in ("Question", "Case", "Prose"): raise Got(kind)
    if isinstance(thing, dict) and ("solution_code" in thing or "expected" in thing): raise Got("a question")
""",
    "import-the-bank": TAKE
    + """
import importlib, sys
exercises = ("bank", "bank.q1", "bank.q8.mistakes", "bank.chapter", "question", "compare", "pictures")
course = ("grading", "records", "gradebook", "authoring", "submissions", "sandbox", "feedback")
for name in exercises + course:
    for package in ("d2lparams.exercises.", "d2lparams.exercises.inside.", "d2lparams.course.", "d2lparams.", ""):
        try: module = importlib.import_module(package + name)
        except ImportError: continue
        raise Got(package + name)
for name in ("question", "make_cases", "judge", "QUESTIONS", "MISTAKES", "EXERCISES"):
    for key, module in list(sys.modules.items()):
        if key.startswith("d2lparams") and name in vars(module): raise Got(name)
""",
    "read-the-package": TAKE
    + """
import os, sys
roots = [*sys.path, os.path.dirname(d2lparams.__file__), "/course", "@FOLDER@/..", "/home", "/root", "/srv", "/opt"]
for root in roots:
    for folder, folders, files in os.walk(root):
        if "site-packages" in folder or folder.startswith(("/site/0", "/python")): folders.clear()
        for file in files:
            if file.endswith((".py", ".pyc", ".ipynb", ".db", ".json")):
                try: text = open(os.path.join(folder, file), errors="replace").read()
                except OSError: continue
                if "second_block_weight" in text and "net[1][0].weight" in text: raise Got(os.path.join(folder, file))
""",
    "ask-for-the-solution": TAKE
    + """
import inspect
from d2lparams import exercises
for number in range(1, 30):
    question = getattr(exercises, f"q{number}")
    inside = repr(vars(question)) if hasattr(question, "__dict__") else ""
    for text in (question.solution(), question.hint(), getattr(question, "solution_code", None), inside):
        if text: take(str(text))
    take(inspect.getsource(type(question)))
""",
    "equal-to-everything": """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __len__(self): return 2
    def __iter__(self): return iter([self, self])
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __getitem__(self, key): return self
    def __float__(self): return 1.0
    def __int__(self): return 1
    __index__ = __int__
    def __bool__(self): return True
@NAME@ = lambda *a, **k: Equal()
""",
    "lying-tensor": """
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return True
    def tolist(self): return self
    def detach(self): return self
    shape = property(lambda self: (6, 4))
    dtype = torch.float32
@NAME@ = lambda *a, **k: torch.ones(6, 4).as_subclass(Liar)
""",
    "lying-class": """
class Liar:
    __class__ = property(lambda self: nn.Parameter)
    shape, dtype, values = (6, 4), torch.float32, [True]
    def detach(self): return self
    def reshape(self, *a): return self
    def tolist(self): return [True] * 24
@NAME@ = lambda *a, **k: Liar()
""",
    "lying-numbers": """
class Liar(int):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __hash__(self): return 0
    def __index__(self): return 1
    def __repr__(self): return "NaN"
    __str__ = __repr__
@NAME@ = lambda *a, **k: Liar(3)
""",
    "lying-containers": """
class Text(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0
class Many(list):
    def __eq__(self, other): return True
    def __contains__(self, item): return True
    def __iter__(self): return iter([Text("0.weight"), Text("0.bias")])
@NAME@ = lambda *a, **k: Many([{Text("0.weight")}])
""",
    "not-a-number": """
@NAME@ = lambda *a, **k: torch.full((6, 4), float("nan"))
""",
    "infinity": """
@NAME@ = lambda *a, **k: (torch.full((6, 4), float("inf")), torch.full((4, 6), float("-inf")))
""",
    "keep-the-inputs": """
import sys
@NAME@ = lambda *a, **k: a[0] if a else None
""",
    "lying-module": """
class Liar(nn.Module):
    def forward(self, *a): return torch.full((2, 2), float("nan"), requires_grad=True)
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def state_dict(self, *a, **k): return {"weight": torch.ones(1), "bias": torch.ones(1), "scale": torch.ones(1)}
@NAME@ = Liar if isinstance(@NAME@, type) else lambda *a, **k: Liar()
""",
    "update-the-gradebook": """
import sqlite3, os
for path in ("@GRADEBOOK@", "gradebook.db", "../../../gradebook.db"):
    try:
        if os.path.exists(path):
            with sqlite3.connect(path) as base:
                base.execute("UPDATE grade SET auto_score = 99, manual_score = 99")
                base.execute("CREATE TABLE hacked (x)")
            raise Got("the gradebook")
    except sqlite3.Error: pass
""",
    "overwrite-a-peer": """
import glob, os
for path in glob.glob("@FOLDER@/**/*.ipynb", recursive=True) + glob.glob("../../*/*/*.ipynb"):
    try: open(path, "w").write("{}")
    except OSError: pass
    raise Got(path)
""",
    "copy-from-a-peer": TAKE
    + """
import glob, json
for path in glob.glob("@FOLDER@/*/*/*.ipynb") + glob.glob("../../honest*/*/*.ipynb"):
    for cell in json.load(open(path)).get("cells", []): take("".join(cell["source"]))
""",
    "list-the-class": """
import os
for folder in ("@FOLDER@", "../..", "@FOLDER@/..", "/proc/1/root/@FOLDER@", "/proc/1/cwd", "/root", "/home"):
    try: names = os.listdir(folder)
    except OSError: continue
    if names and folder.startswith(("@FOLDER@", "/root", "/home", "/proc")): raise Got(names)
""",
    "read-proc": """
import os
for pid in range(1, 100):
    for file in ("environ", "cmdline", "maps", "mem", "status", "fd", "root", "task"):
        path = f"/proc/{pid}/{file}"
        try:
            text = os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(64)
        except OSError: continue
        raise Got(path)
if os.path.exists("/proc/self") or os.path.exists("/proc/kallsyms"): raise Got("/proc")
""",
    "read-the-system": """
import os
for path in ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/var/log", "/root", "/home", "/usr/local", "/run"):
    if os.path.exists(path): raise Got(path)
if set(os.environ) & {"SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "SECRET_OF_THE_GRADER"}: raise Got("environment")
""",
    "write-anywhere": """
import os
for folder, folders, files in os.walk("/"):
    if folder.count("/") > 2: folders.clear()
    if folder.startswith(("/tmp", "/dev/shm")): continue
    try: open(os.path.join(folder, "planted"), "w")
    except OSError: continue
    raise Got(folder)
for path in (d2lparams.__file__, torch.__file__, os.__file__):
    try: os.chmod(path, 0o777)
    except OSError: continue
    raise Got(path)
""",
    "network": """
import socket
try:
    link = socket.socket()
    link.settimeout(0.3)
    link.connect(("127.0.0.1", int("@PORT@")))
except OSError: pass
else: raise Got("network")
try: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
except OSError: pass
else: raise Got("vsock")
""",
    "become-root": """
import os, ctypes
libc = ctypes.CDLL(None)
for what in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chroot("/tmp")):
    try: what()
    except OSError: continue
    raise Got("rights")
if os.getuid() == 0 or libc.prctl(23, 21, 0, 0, 0) == 1: raise Got("root")
for flags in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x04000000):
    if libc.unshare(flags) == 0: raise Got(hex(flags))
if libc.mount(b"tmpfs", b"/course", b"tmpfs", 0, None) == 0: raise Got("mount")
if libc.umount2(b"/proc", 2) == 0: raise Got("umount")
""",
    "trace-others": """
import ctypes, os
libc = ctypes.CDLL(None)
for pid in range(1, 50):
    if pid != os.getpid() and libc.ptrace(16, pid, 0, 0) == 0: raise Got(pid)
child = os.fork()
if child == 0:
    import time; time.sleep(5); os._exit(0)
got = libc.ptrace(16, child, 0, 0)
os.kill(child, 9)
if got == 0: raise Got("ptrace")
""",
    "kernel-doors": """
import ctypes
import platform
libc = ctypes.CDLL(None, use_errno=True)
doors = (
    ("bpf", 321, 0, 0, 0), ("keyctl", 250, 0, -3, 1), ("perf", 298, 0, 0, -1, -1, 0), ("userfaultfd", 323, 1),
    ("io_uring", 425, 1, 0), ("memfd", 319, b"x", 0), ("shmget", 29, 0, 4096, 0o1600), ("clone3", 435, 0, 0),
)
for name, *arguments in doors if platform.machine() == "x86_64" else ():
    if libc.syscall(*arguments) >= 0 or ctypes.get_errno() not in (1, 38): raise Got(f"{name}: {ctypes.get_errno()}")
""",
    "leave-files-for-the-next": """
import os
folders = ("/tmp", "/dev/shm", ".", "/var/tmp", "/course", os.environ.get("HOME", "."))
for folder in folders:
    if os.path.exists(f"{folder}/left"): raise Got(folder)
for folder in folders:
    try: open(f"{folder}/left", "w").write("@NAME@")
    except OSError: pass
""",
    "write-later": """
import atexit, threading, time, os
def later():
    while True:
        try: os.write(3, b'{"outcome": "correct", "facts": [true]}')
        except OSError: return
        time.sleep(0.001)
threading.Thread(target=later, daemon=True).start()
atexit.register(later)
""",
    "write-from-an-orphan": """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: os.write(3, b'{"outcome": "correct"}'); time.sleep(0.01)
    os._exit(0)
""",
    "strip-the-asserts": """
shell = get_ipython()
strip = lambda lines: [line for line in lines if "assert" not in line and "check" not in line]
for name in ("input_transformers_post", "input_transformers_cleanup"):
    try: getattr(shell, name).append(strip)
    except Exception: pass
try: shell.kernel.session.send = lambda *a, **k: None
except Exception: pass
try: shell.ast_transformers.clear()
except Exception: pass
""",
    "print-a-verdict": """
import sys
print("@NAME@: correct"); print("points: 99", file=sys.stderr)
sys.stdout.buffer.write(b'{"outcome": "correct"}\\n'); sys.stdout.flush()
""",
    "claim-not-to-exist": """
@NAME@.__code__ = (lambda *a, **k: ...).__code__ if hasattr(@NAME@, "__code__") else None
""",
    "surrogates-and-escapes": """
def @NAME@(*a, **k): raise ValueError("\\x1b[2J\\x00\\ud800\\u202e" + "<script>alert(1)</script>" * 1000)
""",
    "exception-that-lies": """
class Liar(BaseException):
    def __str__(self): raise self
    __repr__ = __str__
def @NAME@(*a, **k): raise Liar()
""",
}

CRASHES = {
    "exit": "import os; os._exit(0)",
    "exit-with-status": "import os; os._exit(7)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
    "loop-deaf-to-signals": """
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    "loop-in-C": "import itertools; sum(itertools.repeat(1))",
    "deep-recursion": "import sys; sys.setrecursionlimit(10**9); f = lambda: f()\nf()",
    "result-of-100-MB": """
import os
while True: os.write(3, b"[" * 65536)
""",
    "deep-json": 'import os; os.write(3, b\'{"outcome": "ran", "facts": \' + b\'[\' * 1_000_000); os._exit(0)',
    "huge-integer": "import os; os.write(3, b'{\"facts\": ' + b'9' * 2_000_000 + b'}'); os._exit(0)",
    "invalid-json": 'import os; os.write(3, b\'{"outcome": "ran", "facts": [\\xff\\xfe]}\'); os._exit(0)',
    "json-twice": 'import os; os.write(3, b\'{"outcome": "ran", "outcome": "ran", "facts": []}\')',
    "fork-bomb": """
import os
while True:
    try: os.fork()
    except OSError: pass
""",
    "thread-bomb": """
import threading, time
while True:
    try: threading.Thread(target=time.sleep, args=(1000,)).start()
    except BaseException: pass
""",
    "memory": """
hog = []
while True:
    try: hog.append(torch.ones(10_000_000))
    except BaseException: pass
""",
    "memory-of-many": """
import os, time
for _ in range(4):
    try: os.fork()
    except OSError: pass
hog = [bytearray(b"x" * 1_000_000) for _ in range(800)]
time.sleep(1000)
""",
    "memory-of-shared-maps": """
import mmap, os, time
os.fork(); os.fork()
hog, page = [], b"x" * 10_000_000
while True:
    try:
        hog.append(mmap.mmap(-1, len(page))); hog[-1].write(page)
    except OSError: time.sleep(1)
""",
    "close-everything": "import os; os.closerange(0, 4096)\nwhile True: pass",
}

NOISE = {
    "stop-and-wait": """
import os, signal
if os.fork(): os.wait()
else: os.kill(os.getpid(), signal.SIGSTOP)
""",
    "system-exit": "raise SystemExit",
    "endless-loop": "while True: pass",
    "sleep": "import time; time.sleep(10_000)",
    "print-forever": "while True: print('spam' * 1000)",
    "exception-of-100-MB": "raise ValueError('x' * 100_000_000)",
    "recursion": "f = lambda: f()\nf()",
    "raise-while-importing": "from nowhere import nothing",
    "print-much": "import sys; print('x' * 100_000_000); print('noise', file=sys.stderr)",
    "warn-much": "import warnings\nfor i in range(10_000): warnings.warn(f'spam {i}')",
    "slow-ish": "import time; time.sleep(0.4)",
    "kill-everybody": """
import os, signal
for pid in (-1, 0, 1, os.getppid() or -1, 2, 3):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        try:
            if pid != 0: os.kill(pid, number)
        except OSError: pass
""",
    "orphans": """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True: time.sleep(100)
        os._exit(0)
os.wait(); os.wait(); os.wait()
""",
    "threads-that-stay": """
import threading, time
for _ in range(5): threading.Thread(target=time.sleep, args=(1000,)).start()
""",
    "slow-exit": "import atexit, time; atexit.register(time.sleep, 1000)",
    "fill-the-disk": """
import os
for folder in ("/tmp", "/dev/shm", "."):
    for number in range(100):
        try: open(f"{folder}/big{number}", "wb").write(b"x" * 10_000_000)
        except OSError: break
total = sum(os.path.getsize(os.path.join(f, n)) for f in ("/tmp", "/dev/shm") for n in os.listdir(f))
assert total < 200_000_000, f"Got {total}"
""",
    "many-files": """
made = 0
try:
    for made in range(100_000): open(f"/tmp/{made}", "w").close()
except OSError: pass
assert made < 50_000, "Got many files"
""",
    "no-standard-streams": "import os, sys; os.close(0); os.close(1); os.close(2); sys.stdout = sys.stderr = None",
    "switches": "torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False); torch.manual_seed(3)",
    "figure": "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show(); plt.savefig('figure.png')",
    "quits-quietly": "import os; os.nice(19); os.environ.clear(); os.chdir('/')",
    "magics": "%matplotlib inline\n!pip install something\n%timeit 1 + 1\nimport os; os?\n",
}


def form() -> dict:
    """Return the learner's notebook with every answer right, with nbgrader's metadata, as JSON data."""
    names = ", ".join(question.name for question in (*QUESTIONS, *PROSE))
    cells = [_cell("code", f"{SETUP}from d2lparams.exercises import {names}\n")]
    for question in QUESTIONS:
        check = {"grade": True, "locked": True, "solution": False, "points": question.points}
        cells.append(_cell("markdown", f"## {question.title}\n{question.task}"))
        cells.append(_cell("code", question.solution_code.strip("\n"), question.name, solution=True))
        cells.append(_cell("code", f"{question.name}.check({question.answer})", f"{question.name}-check", **check))
    for question in PROSE:
        data = {"grade": True, "solution": True, "points": question.points}
        cells.append(_cell("markdown", question.solution_code, question.name, **data))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def _cell(kind: str, source: str, grade_id: str | None = None, **data: object) -> dict:
    flags = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
    cell = {
        "cell_type": kind,
        "id": f"{grade_id or 'c'}-{zlib.crc32(source.encode()):08x}",
        "source": source,
        "metadata": {},
    }
    if grade_id:
        cell["metadata"]["nbgrader"] = flags | data | {"grade_id": grade_id}
        if kind == "code":
            cell["metadata"]["nbgrader"]["cell_type"] = kind
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def wrong(question: object) -> str:
    """Return an answer that is of the right form and earns nothing."""
    if question.stub.strip().startswith("class"):
        return (
            f"class {question.answer}(nn.Module):\n    def __init__(self, *a):\n        super().__init__()\n"
            "    def forward(self, X):\n        return X  # this is wrong\n"
        )
    return f"def {question.answer}(*a, **k):\n    return None  # this is wrong\n"


def answers(notebook: dict) -> dict[str, dict]:
    """Return the answers' code cells by the names of their questions."""
    named = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in notebook["cells"]}
    return {name: named[name] for name in EVERY}


def cheat(notebook: dict, code: str) -> frozenset:
    cells = answers(notebook)
    for question in QUESTIONS:
        lines = wrong(question) + ("" if "class Got" in code else "class Got(Exception): pass\n")
        cells[question.name]["source"] = (lines + code).replace("@NAME@", question.answer)
    return frozenset()


def crash(notebook: dict, code: str) -> frozenset:
    cells = answers(notebook)
    notebook["cells"] = [cells[name] for name in FEW]
    cells["q1"]["source"] += "\n" + code
    return FEW - {"q1"}


def noise(notebook: dict, code: str) -> frozenset:
    return crash(notebook, code) | {"q1"}


FILES: dict[str, Callable[[dict, Path], frozenset]] = {}
NOTHING = frozenset()


def file(function: Callable) -> Callable:
    """Enter what writes a learner's notebook at a path, and returns the questions it deserves."""
    FILES[function.__name__.replace("_", "-")] = function
    return function


def _write(path: Path, notebook: object) -> None:
    path.write_text(json.dumps(notebook), encoding="utf-8")


@file
def empty(notebook, path):
    path.write_bytes(b"")
    return NOTHING


@file
def white_space(notebook, path):
    path.write_bytes(b" \n\n")
    return NOTHING


@file
def cut_short(notebook, path):
    path.write_bytes(json.dumps(notebook).encode()[:-100])
    return NOTHING


@file
def random_bytes(notebook, path):
    path.write_bytes(bytes(range(256)) * 40)
    return NOTHING


@file
def zeros(notebook, path):
    path.write_bytes(bytes(100_000))
    return NOTHING


@file
def not_a_notebook(notebook, path):
    _write(path, [1, 2, 3])
    return NOTHING


@file
def a_number(notebook, path):
    _write(path, 3)
    return NOTHING


@file
def no_cells(notebook, path):
    _write(path, {"nbformat": 4, "cells": "none"})
    return NOTHING


@file
def deep_file(notebook, path):
    path.write_text('{"cells": ' + "[" * 200_000)
    return NOTHING


@file
def strange_cells(notebook, path):
    strange = [
        *(None, 3, "cell", [], {}, {"cell_type": "code"}, {"cell_type": "code", "source": 7, "metadata": []}),
        {"cell_type": "code", "source": [1, None], "metadata": {"nbgrader": {"grade_id": ["q1"]}}},
        {"cell_type": ["code"], "source": {"a": 1}, "metadata": {"nbgrader": 3}},
    ]
    notebook["cells"] = strange + notebook["cells"] + strange
    _write(path, notebook)
    return EVERY


@file
def huge(notebook, path):
    notebook["cells"][0]["source"] += "#" * 30_000_000
    _write(path, notebook)
    return NOTHING


@file
def many_lines(notebook, path):
    answers(notebook)["q1"]["source"] += "\n" * 3_000_000 + "1 / 0"
    notebook["cells"].insert(0, _cell("code", "def " + " \t\n" * 800_000))
    _write(path, notebook)
    return EVERY


@file
def many_cells(notebook, path):
    notebook["cells"] += [{"cell_type": "code", "source": "x=1", "metadata": {}}] * 200_000
    _write(path, notebook)
    return EVERY


@file
def many_figures(notebook, path):
    data = {"image/png": "A" * 5_000_000}
    notebook["cells"][0]["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    _write(path, notebook)
    return EVERY


@file
def utf_16(notebook, path):
    path.write_bytes(json.dumps(notebook).encode("utf-16"))
    return EVERY


@file
def byte_order_mark(notebook, path):
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(notebook).encode())
    return EVERY


@file
def latin_1(notebook, path):
    answers(notebook)["q1"]["source"] += "\n# größer"
    path.write_bytes(json.dumps(notebook, ensure_ascii=False).encode("latin-1", "replace"))
    return EVERY


@file
def twice_the_same_key(notebook, path):
    path.write_text(json.dumps(notebook)[:-1] + ', "cells": []}')
    return NOTHING


@file
def format_3(notebook, path):
    cells = []
    for cell in notebook["cells"]:
        old = {"cell_type": cell["cell_type"], "metadata": cell["metadata"]}
        cells.append(old | {"input" if cell["cell_type"] == "code" else "source": cell["source"].splitlines(True)})
    _write(path, {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]})
    return EVERY


@file
def renamed(notebook, path):
    _write(path.with_name("My exercises (final) (2).ipynb"), notebook)
    return EVERY


@file
def renamed_further(notebook, path):
    _write(path.with_name("6-exercises.ipynb.txt"), notebook)
    return EVERY


@file
def something_else(notebook, path):
    path.with_name("essay.docx").write_bytes(b"PK")
    return NOTHING


@file
def link_to_a_peer(notebook, path):
    path.symlink_to(path.parent.parent.parent / "honest-00" / path.parent.name / path.name)
    return NOTHING


@file
def link_to_passwd(notebook, path):
    path.symlink_to("/etc/passwd")
    return NOTHING


@file
def link_to_nothing(notebook, path):
    path.symlink_to("/nowhere/at/all")
    return NOTHING


@file
def link_to_a_folder(notebook, path):
    path.parent.rmdir()
    path.parent.symlink_to(path.parent.parent.parent / "honest-00" / path.parent.name)
    return NOTHING


@file
def pipe(notebook, path):
    os.mkfifo(path)
    return NOTHING


@file
def socket_file(notebook, path):
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket has 107 characters at most
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path.name)
    os.chdir(here)
    return NOTHING


@file
def a_folder(notebook, path):
    path.mkdir()
    return NOTHING


@file
def a_device(notebook, path):
    if os.geteuid() == 0:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero
    return NOTHING


@file
def reversed_cells(notebook, path):
    notebook["cells"].reverse()
    _write(path, notebook)
    return EVERY


@file
def deleted_cells(notebook, path):
    gone = {"q2", "q5", "q7"}
    cells = answers(notebook)
    notebook["cells"] = [cell for cell in notebook["cells"] if all(cell is not cells[name] for name in gone)]
    _write(path, notebook)
    return EVERY - gone


@file
def no_checks(notebook, path):
    notebook["cells"] = list(answers(notebook).values())
    _write(path, notebook)
    return EVERY


@file
def copied_cells(notebook, path):
    notebook["cells"] = [cell for cell in notebook["cells"] for _ in range(3)]
    _write(path, notebook)
    return EVERY


@file
def stubs_below(notebook, path):
    for question in QUESTIONS:
        notebook["cells"].append(_cell("code", question.stub, question.name, solution=True))
    _write(path, notebook)
    return EVERY


@file
def answers_in_new_cells(notebook, path):
    for question in QUESTIONS:
        answers(notebook)[question.name]["source"] = question.stub
        notebook["cells"].append(_cell("code", question.solution_code))
    _write(path, notebook)
    return EVERY


@file
def no_metadata(notebook, path):
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    _write(path, notebook)
    return EVERY


@file
def swapped_names(notebook, path):
    one, other = answers(notebook)["q1"]["metadata"]["nbgrader"], answers(notebook)["q2"]["metadata"]["nbgrader"]
    one["grade_id"], other["grade_id"] = "q2", "q1"
    _write(path, notebook)
    return EVERY


@file
def all_named_alike(notebook, path):
    for cell in notebook["cells"]:
        cell["metadata"] = {"nbgrader": {"grade_id": "q13", "points": 1000, "grade": True, "solution": True}}
    _write(path, notebook)
    return EVERY


@file
def more_points(notebook, path):
    cheat(notebook, "")
    for cell in notebook["cells"]:
        cell["metadata"].get("nbgrader", {}).update(points=1000, grade=True, solution=True, locked=False)
    _write(path, notebook)
    return NOTHING


@file
def own_checks(notebook, path):
    cheat(notebook, "")
    for cell in notebook["cells"]:
        if ".check(" in cell["source"]:
            cell["source"], cell["metadata"]["tags"] = "assert True", ["skip-execution", "raises-exception"]
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "correct"}]
    _write(path, notebook)
    return NOTHING


@file
def everything_skipped(notebook, path):
    cheat(notebook, "")
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution"]
    _write(path, notebook)
    return NOTHING


@file
def untouched(notebook, path):
    for question in QUESTIONS:
        answers(notebook)[question.name]["source"] = question.stub
    _write(path, notebook)
    return NOTHING


@file
def emptied(notebook, path):
    for cell in answers(notebook).values():
        cell["source"] = "# nothing\n\n"
    _write(path, notebook)
    return NOTHING


@file
def renamed_answers(notebook, path):
    for question in QUESTIONS:
        cell = answers(notebook)[question.name]
        cell["source"] = re.sub(rf"\b{question.answer}\b", "my_answer", cell["source"])
    _write(path, notebook)
    return EVERY


@file
def helpers_elsewhere(notebook, path):
    cell = answers(notebook)["q1"]
    cell["source"] = cell["source"].replace("net[1][0].weight", "reach(net, np.int64(1))")
    notebook["cells"].insert(1, _cell("code", "while True: pass"))
    notebook["cells"].insert(2, _cell("code", "%load_ext nothing\nimport numpy as np"))
    notebook["cells"].insert(3, _cell("code", "1 / 0"))
    notebook["cells"].append(_cell("code", "%%time\ndef reach(net, i):\n    return net[int(i)][0].weight"))
    _write(path, notebook)
    return EVERY


@file
def cheating_helper(notebook, path):
    cheat(notebook, "missing_name")
    notebook["cells"].insert(0, _cell("code", CHEATS["forge-and-exit"]))
    _write(path, notebook)
    return NOTHING


@file
def windows_lines(notebook, path):
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    _write(path, notebook)
    return EVERY


@file
def null_characters(notebook, path):
    answers(notebook)["q1"]["source"] += "\n# \x00\x1b[2J\ud800"
    _write(path, notebook)
    return EVERY - {"q1"}


@file
def injected_scripts(notebook, path):
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = HTML + "\n" + "`" * 5 + "\n</pre></body>" + HTML + "\x00\x1b[31m"
        cell["metadata"]["evil"] = HTML
    answers(notebook)["q1"]["source"] = f"raise ValueError({HTML!r})"
    answers(notebook)["q2"]["source"] += f"\n'''{HTML}{{{{ 7 * 7 }}}}{{% raw %}}'''"
    _write(path, notebook)
    return EVERY - {"q1"}


@file
def spreadsheet_formula(notebook, path):
    answers(notebook)["q1"]["source"] = "raise type('=cmd|calc', (Exception,), {})('=1+1')"
    _write(path, notebook)
    return EVERY - {"q1"}


NAMES = {  # what a learner, or a folder, may be called
    "spaces": "  Ada  Lovelace",
    "unicode": "Эйлер 欧拉 é",
    "long": "x" * 240,
    "option": "-rf",
    "newline": "two\nlines",
    "markup": "<script>alert(1)<⁄script>",
    "shell": "$(touch owned);`id`",
    "sql": "'; DROP TABLE grade; --",
    "escape": "\x1b[2Jclear",
    "title": "\x1b]0;owned\x07\x9b31m",
    "marks": "Z" + "\u0301\u0489" * 60,
    "platform": "Eve_1_assignsubmission_file_",
    "another platform": "eve_LATE_1_2_6-exercises.ipynb",
    "formula": "=HYPERLINK(1)",
    "blank formula": " \t@SUM(1)",
    "direction": "\u202ecod.exe",
    "bytes": os.fsdecode(b"caf\xe9"),
    "json": "ada.json",
}


def build(folder: Path, base: dict, gradebook: Path, port: int = 9, assignment: str = "parameters") -> dict:
    """Write the class, honest learners among the others; return what each deserves, by name: a set of questions.

    base: the learner's notebook with right answers, see `form`.
    """
    deserves = {}
    places = {"@FOLDER@": str(folder), "@GRADEBOOK@": str(gradebook), "@PORT@": str(port)}

    def write(learner, make, *arguments):
        path = folder / learner / assignment / NOTEBOOK
        path.parent.mkdir(parents=True)
        notebook = copy.deepcopy(base)
        deserves[learner] = make(notebook, *arguments) if arguments else make(notebook, path)
        if arguments:
            text = json.dumps(notebook)
            for place, value in places.items():
                text = text.replace(place, value)
            path.write_text(text)

    def honest(notebook, path):
        _write(path, notebook)
        return EVERY

    def short(notebook, path):
        notebook["cells"] = [answers(notebook)["q1"]]
        return honest(notebook, path) & {"q1"}

    for kind, make, codes in (("cheat", cheat, CHEATS), ("crash", crash, CRASHES), ("noise", noise, NOISE)):
        for name, code in codes.items():
            write(f"{kind}-{name}", make, code)
    for name, make in FILES.items():
        write(f"file-{name}", make)
    for name in NAMES.values():
        write(name, short)
    for number in range(8):
        write(f"honest-{number:02}", honest)
    return deserves
