"""What grading costs, and what a hostile class gets here and under `nbgrader autograde`: a part of `make bench`.

nbgrader runs learners' code in a kernel of its own. Here it does that behind bubblewrap, one submission at a time with
an honest one after it; the course, the gradebook and /tmp live in memory and are gone afterwards.
"""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))  # the hostile class is the tests'
CORES = len(os.sched_getaffinity(0))
HONEST, BESIDE = 100, 3  # honest submissions here; under nbgrader, for each core
BUDGET, LIMIT = 600, 75  # seconds for hostile ones under nbgrader in all, and for each
KINDS = ("solved", "mixed", "noisy", "reordered")
TOO_MUCH = {"fork-bomb", "thread-bomb", "memory-of-many", "memory-of-shared-maps"}  # would take the machine down
PEER = "honest-00"
CONFIG = """c = get_config()
c.Execute.timeout = 10  # seconds for a cell, instead of 30
"""


def points(names: frozenset) -> int:
    from d2lparams.exercises.bank import QUESTIONS

    return sum(question.points for question in QUESTIONS if question.name in names)


def honest(folder: Path) -> None:
    """Time a class of honest learners, from the first line to the last record, here and under nbgrader."""
    import make_class

    from d2lparams.course import grading

    made = folder / "class"
    make_class.make(HONEST, made, 0, KINDS, make_class.mistakes())
    started = time.perf_counter()
    grading.grade_all(made, folder / "out")
    cost = (time.perf_counter() - started) * CORES / HONEST
    print(f"\n{HONEST} honest submissions: {cost:.2f} s per submission per core, on {CORES} (wanted: at most 0.7 s)")
    few = sorted(made.iterdir())[: BESIDE * CORES]
    cost = nbgraders(folder / "beside", few) * CORES / len(few)
    print(f"{len(few)} of them under nbgrader autograde, one at a time on each core: {cost:.2f} s", flush=True)


def nbgraders(folder: Path, notebooks: list[Path]) -> float:
    """Return the seconds that nbgrader takes for some notebooks, with as many processes as there are cores."""
    from d2lparams.course import gradebook

    courses = [folder / str(core) for core in range(CORES)]
    for course in courses:
        gradebook.release(course)
        (course / "nbgrader_config.py").write_text(CONFIG)
    for number, notebook in enumerate(notebooks):
        place = courses[number % CORES] / "submitted" / notebook.stem / "parameters" / "6-exercises.ipynb"
        place.parent.mkdir(parents=True)
        shutil.copy(notebook, place)
    command = [Path(sys.executable).with_name("nbgrader"), "autograde", "parameters"]
    started = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for process in [subprocess.Popen(command, cwd=course, **quiet) for course in courses]:
        process.wait()
    seconds = time.perf_counter() - started
    graded = [path for course in courses for path in course.glob("autograded/*/parameters/*.ipynb")]
    assert len(graded) == len(notebooks), f"nbgrader graded {len(graded)} of {len(notebooks)}"
    return seconds


def memory(folder: Path) -> None:
    """Print what classes of 100 and 300 cost: most memory of the process that grades, and of the largest it starts."""
    import make_class

    program = """
import resource, sys, time
from pathlib import Path
from d2lparams.course import grading
if __name__ == "__main__":
    started = time.perf_counter()
    grading.grade_all(Path(sys.argv[1]), Path(sys.argv[2]))
    again = time.perf_counter()
    grading.grade_all(Path(sys.argv[1]), Path(sys.argv[2]))
    peak, of_others = (resource.getrusage(who).ru_maxrss >> 10 for who in (0, resource.RUSAGE_CHILDREN))
    print(f"{peak} MB, {of_others} MB in the largest process beside it, {again - started:.0f} s", end="")
    print(f"; to see that nothing is new: {time.perf_counter() - again:.1f} s")
"""
    (folder / "grade.py").write_text(program)
    wrong = make_class.mistakes()
    for number in (100, 300):
        made = folder / f"class-{number}"
        make_class.make(number, made, 0, KINDS, wrong)
        command = [sys.executable, folder / "grade.py", made, folder / f"out-{number}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
        print(f"{number} submissions: {done.stdout.strip()}", flush=True)


def ours(root: Path, deserves: dict[str, frozenset]) -> Counter:
    """Grade the hostile class here, all of it at once, and count."""
    from d2lparams.course import grading, sandbox, submissions

    seconds = 5 + os.getpid() * 1e-6  # which tells our processes from others'
    grading.grade_all(root / "submitted", root / "graded", limits=sandbox.Limits(seconds=seconds))
    counts = Counter(submissions=len(deserves))
    for learner, names in deserves.items():
        path = root / "graded" / "records" / f"{submissions.plain_name(learner)}.json"
        if not path.exists():
            counts["none"] += 1
            continue
        earned = sum(entry["points"] for entry in json.loads(path.read_text())["questions"].values())
        add(counts, earned, points(names), honest=learner.startswith("honest"))
    counts["left"] = sum(b"worker.py" in line and str(seconds).encode() in line for line in command_lines())
    return counts


def add(counts: Counter, earned: float, deserved: float, honest: bool) -> None:
    counts["undeserved"] += max(0, earned - deserved)
    counts["fooled"] += earned > deserved
    counts["lost"] += max(0, deserved - earned)
    counts["harmed"] += honest and earned != deserved


def command_lines() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    return lines


def theirs(root: Path, deserves: dict[str, frozenset]) -> Counter:
    """Have nbgrader grade each hostile submission in turn, with one honest learner's, and count."""
    learners = [name for name in deserves if name.startswith(("cheat-", "crash-", "noise-", "file-"))]
    learners = [name for name in learners if name.split("-", 1)[1] not in TOO_MUCH]
    random.Random(0).shuffle(learners)  # so that those which the time allows are of all kinds
    counts, deadline = Counter(left_out=len(TOO_MUCH)), time.monotonic() + BUDGET

    started = time.perf_counter()
    alone = behind_a_wall(root, PEER)
    print(f"\none honest submission under nbgrader autograde: {time.perf_counter() - started:.0f} s, with its start")
    assert alone == {"points": {PEER: points(deserves[PEER])}, "left": 0, "ended": 0}, alone

    def one(learner):
        return None if time.monotonic() > deadline else behind_a_wall(root, learner)

    with ThreadPoolExecutor(CORES) as pool:
        for learner, result in zip(learners, pool.map(one, learners), strict=True):
            if result is None:
                counts["late"] += 1
                continue
            counts["submissions"] += 1
            counts["ended"] += result["ended"]
            counts["left"] += result["left"]
            for name, honest in ((learner, False), (PEER, True)):
                earned = result["points"].get(name)
                counts["none"] += earned is None and not honest
                add(counts, earned or 0, points(deserves[name]), honest)
    return counts


def behind_a_wall(root: Path, learner: str) -> dict:
    """Run `nbgrader autograde` on a copy of the course with two learners in it, and return what the gradebook says.

    The folder has the same path in there, in memory; what stands at that path out here is seen as /course, read-only.
    """
    command = [
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--size", str(400 << 20), "--tmpfs", "/tmp"),
        *(word for place in (sys.prefix, sys.base_prefix, str(HERE.parent)) for word in ("--ro-bind", place, place)),
        *("--ro-bind", str(root), "/tmp/course", "--size", str(200 << 20), "--tmpfs", str(root), "--chdir", str(root)),
        *("--setenv", "PATH", f"{Path(sys.executable).parent}:{os.defpath}", "--setenv", "HOME", "/tmp"),
        *("--setenv", "OMP_NUM_THREADS", "1"),
        *("sh", "-c", 'ulimit -v 6000000; exec "$@"', "sh", sys.executable, __file__, "inside", learner),
    ]
    failed = {"points": {}, "left": 0, "ended": 1}
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT + 30, check=True)
        return json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        return failed


def inside(learner: str) -> None:
    """Runs behind the wall: autograde two submissions, and print the points, and how many processes are left."""
    here = Path.cwd()
    submitted = {f"submitted/{learner}", f"submitted/{PEER}"}
    for name in ("source", "release", "gradebook.db", "nbgrader_config.py", *submitted):
        (here / name).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", f"/tmp/course/{name}", str(here / name)], check=True)
    ended = 0
    try:
        subprocess.run(
            ["nbgrader", "autograde", "parameters"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        ended = 1
    time.sleep(0.5)
    left = sum(path.name not in ("1", str(os.getpid())) for path in Path("/proc").glob("[0-9]*"))
    query = """
        SELECT student_id, sum(coalesce(manual_score, auto_score, 0) + coalesce(extra_credit, 0)),
               sum(auto_score IS NULL AND base_cell.name LIKE '%-check')
        FROM grade JOIN base_cell ON base_cell.id = cell_id JOIN submitted_notebook n ON n.id = grade.notebook_id
        JOIN submitted_assignment a ON a.id = n.assignment_id GROUP BY student_id
    """
    with sqlite3.connect("gradebook.db") as base:
        found = {name: points for name, points, missing in base.execute(query) if not missing}
    print(json.dumps({"points": found, "left": left, "ended": ended}))


def hostile_class(folder: Path) -> None:
    """Print what a hostile class gets, here and under nbgrader."""
    import hostile
    import hostile_files  # noqa: F401  # enters more of them

    from d2lparams.course import gradebook

    root = folder / "course"
    gradebook.release(root)
    (root / "nbgrader_config.py").write_text(CONFIG)
    (root / "submitted").mkdir()
    deserves = hostile.build(root / "submitted", hostile.form(), root / "gradebook.db")
    columns = ours(root, deserves), theirs(root, deserves)
    print(f"\n{'a hostile class':52}{'make grade':>12}{'nbgrader autograde':>20}")
    for key, what in {
        "submissions": "submissions that were graded",
        "undeserved": "points that nobody deserved",
        "fooled": "submissions that got some",
        "lost": "points that were deserved and not given",
        "harmed": "honest learners whose points changed",
        "none": "submissions without any grade",
        "left": "processes left behind",
    }.items():
        print(f"{what:52}{columns[0][key]:12g}{columns[1][key]:20g}")
    left_out = {key: columns[1][key] for key in ("left_out", "late", "ended")}
    print(
        "under nbgrader {left_out} were not run, since they would take the machine down, and {late} for want of time; "
        "{ended} were ended after {limit} s".format(**left_out, limit=LIMIT)
    )


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        honest(folder)
        memory(folder)
        hostile_class(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    inside(sys.argv[2]) if sys.argv[1:2] == ["inside"] else main()
