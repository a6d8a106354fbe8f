"""The course as its teacher meets it: release, records to scores, what nbgrader then makes of the folder."""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import honest
import hostile
import lab
import make_class
import nbformat
import pytest
from nbconvert.filters import markdown2html
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp
from sandboxed import below, needs_walls

from d2lparams.course import __main__ as command
from d2lparams.course import gradebook, records
from d2lparams.course.submissions import plain_name
from d2lparams.exercises.bank import PROSE, QUESTIONS

ROOT = Path(__file__).parent.parent
EVIL = """</pre></textarea></title><script>alert('came through')</script><img src=x onerror="alert('came through')">
```
<script>alert('came through')</script>
````
[a link](javascript:alert('came through')) <a href="javascript:alert('came through')">another</a>
$$<script>alert('came through')</script>$$ \\begin{a}<svg onload=alert('came through')>\\end{a}
{{ 7 * 7 }} &lt;script&gt; \x1b]0;title\x07"""


def record(learner, outcome="correct", answer="def f(): ...", prose="Because it is measured.", note=None):
    """Return a record in the form that `grading` writes, with one outcome for all questions."""

    def entry(question):
        points = question.points if outcome == "correct" else 0
        said = {"message": "" if outcome in ("correct", "not attempted") else f"of {answer}"}
        return {"outcome": outcome, **said, "points": points, "max": question.points, "answer": answer}

    return {
        "learner": learner,
        "file": f"{learner}.ipynb",
        "sha256": "0" * 64,
        "format": "2-of-a-test",
        "seed": 1,
        "note": note,
        "questions": {question.name: entry(question) for question in QUESTIONS},
        "prose": {
            question.name: {
                "answer": prose,
                "measured": f"# measured: {prose}",
                "attempted": prose is not None,
                "max": question.points,
            }
            for question in PROSE
        },
        "seconds": 0.5,
    }


def write(folder, *entries):
    for entry in entries:
        records.write_record(entry, folder)
    return folder


def rows(folder):
    with open(folder / "scores.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def nbgrader(folder, *arguments):
    """Run nbgrader's own command in a course folder; in this process, where nbgrader is loaded already."""
    said, status = io.StringIO(), 0
    with contextlib.redirect_stderr(said), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in places(folder).items():
            patch.setenv(name, value)
        try:
            NbGraderApp.launch_instance(argv=list(arguments))
        except SystemExit as end:
            status = end.code
        finally:
            NbGraderApp.clear_instance()
    return status, said.getvalue()


def places(folder):
    """Return the variables that put Jupyter's own files beside the folder, not in somebody's home."""
    return {f"JUPYTER_{kind}_DIR": str(folder / "jupyter" / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}


class Page(HTMLParser):
    """The tags, the attributes and the text of a page, as a browser would meet them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.text += data


ALL = sum(question.points for question in QUESTIONS)
MOST = ALL + sum(question.points for question in PROSE)
ODD = plain_name("=1+1")
OLD_CLASS = (
    record("ada"),
    record("bob", "incorrect", EVIL, EVIL),
    record("cyd", "not attempted", "def f():\n    return ...", None),
    record("=1+1", "could not run", None, None, note="the notebook is no JSON"),
)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A course folder as `make release` leaves it."""
    folder = tmp_path_factory.mktemp("release")
    gradebook.release(folder)
    return folder


@pytest.fixture(scope="module")
def collected(released, tmp_path_factory):
    """A course folder with four records collected. Tests that change it take a copy."""
    folder = shutil.copytree(released, tmp_path_factory.mktemp("class") / "course")
    gradebook.collect(write(folder, *OLD_CLASS))
    return folder


@pytest.fixture
def folder(collected, tmp_path):
    return shutil.copytree(collected, tmp_path / "course")


def test_what_is_released_is_notebook_6_cell_by_cell(released):
    ours = nbformat.read(ROOT / "notebooks" / "6-exercises.ipynb", as_version=4)
    theirs = nbformat.read(released / "release" / "parameters" / "6-exercises.ipynb", as_version=4)
    assert [(cell.cell_type, cell.source) for cell in ours.cells] == [
        (cell.cell_type, cell.source) for cell in theirs.cells
    ]
    marks = [
        [{key: cell.metadata.get("nbgrader", {}).get(key) for key in ("grade_id", "points")} for cell in notebook.cells]
        for notebook in (ours, theirs)
    ]
    assert marks[0] == marks[1]


def test_neither_solution_nor_hidden_test_nor_mark_scheme_is_released(released):
    source = (released / "source" / "parameters" / "6-exercises.ipynb").read_text()
    release = nbformat.read(released / "release" / "parameters" / "6-exercises.ipynb", as_version=4)
    for marker in ("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS", "=== BEGIN MARK SCHEME"):
        assert marker in source
        assert not any(marker in cell.source for cell in release.cells)
    text = "\n".join(cell.source for cell in release.cells)
    for question in QUESTIONS:
        solution = set(map(str.strip, question.solution_code.splitlines()))
        own = [line for line in solution - set(map(str.strip, question.stub.splitlines())) if len(line) > 25]
        assert not any(line in text for line in own), question.name


def test_releasing_again_changes_nothing_but_keeps_a_teachers_settings(released, tmp_path):
    folder = shutil.copytree(released, tmp_path / "again")
    config = folder / "nbgrader_config.py"
    config.write_text(config.read_text() + "# mine\n")
    before = (folder / "release" / "parameters" / "6-exercises.ipynb").read_text()
    gradebook.release(folder)
    assert config.read_text().endswith("# mine\n")
    assert (folder / "release" / "parameters" / "6-exercises.ipynb").read_text() == before


def test_scores_have_one_row_for_each_learner_and_no_formulas(collected):
    table = rows(collected)
    assert [line["learner"] for line in table] == ["'=1+1", "ada", "bob", "cyd"]
    assert [line["points"] for line in table] == ["0", f"{ALL}", "0", "0"]
    assert {line["max"] for line in table} == {f"{MOST}"}
    prose = " ".join(question.name for question in PROSE)
    assert [line["to be read"] for line in table] == ["", prose, prose, ""]
    names = [question.name for question in (*QUESTIONS, *PROSE)]
    assert list(table[0])[4 : 4 + len(names)] == names
    assert table[1]["q1"] == f"{QUESTIONS[0].points}"
    assert [line["q1 outcome"] for line in table] == ["could not run", "correct", "incorrect", "not attempted"]
    assert table[0]["note"] == "the notebook is no JSON"


def test_collecting_again_writes_the_same_files(folder):
    names = ["scores.csv", "feedback/ada.html", "feedback/bob.html", "autograded/bob/parameters/6-exercises.ipynb"]
    before = [(folder / name).read_bytes() for name in names]
    gradebook.collect(folder)
    assert [(folder / name).read_bytes() for name in names] == before
    assert not list(folder.rglob("*.part"))


def test_any_name_and_any_text_is_taken(folder):
    names = list(hostile.NAMES.values())
    records = [record(name, "incorrect", "\ud800\x00" + name, name) for name in names]
    gradebook.collect(write(folder, *records))
    everybody = [*names, *(entry["learner"] for entry in OLD_CLASS)]
    assert {line["learner"] for line in rows(folder)} == {
        gradebook.spreadsheet_value(gradebook.printable(name)) for name in everybody
    }
    for name in names:
        page = Page((folder / "feedback" / f"{plain_name(name)}.html").read_text())
        assert not page.tags & {"script", "img"}
        assert f"Exercises: {gradebook.printable(name)}" in page.text


def test_the_reader_of_prose_sees_the_code_that_measured(folder):
    name = PROSE[0].name
    for learner, seen in (("bob", f"# measured: {gradebook.printable(EVIL)}"), ("cyd", PROSE[0].scaffold.strip())):
        notebook = nbformat.read(folder / "autograded" / learner / "parameters" / "6-exercises.ipynb", as_version=4)
        (cell,) = (cell for cell in notebook.cells if cell.id == f"{name}-measure")
        assert (cell.cell_type, cell.source) == ("code", seen)
        page = Page((folder / "feedback" / f"{learner}.html").read_text())
        assert ("# measured: " in page.text) == (learner == "bob")
        assert not page.tags & {"script", "img", "svg"}


def test_figures_and_what_was_printed_stand_on_the_page_and_in_the_formgraders_copy(folder):
    ada, name = record("ada"), PROSE[0].name
    evil = "<script>alert(1)</script>"
    ada["prose"][name] |= {
        "printed": f"(121, 193)\n{evil}",
        "figures": [("image/png", honest.PICTURE)],
        "remark": "found",
    }
    gradebook.collect(write(folder, ada))
    html = (folder / "feedback" / "ada.html").read_text()
    assert html.count(f'<img src="data:image/png;base64,{honest.PICTURE}"') == 1
    page = Page(html)
    assert "script" not in page.tags
    assert f"(121, 193)\n{evil}" in page.text
    copy = nbformat.read(folder / "autograded" / "ada" / "parameters" / "6-exercises.ipynb", as_version=4)
    nbformat.validate(copy)
    (cell,) = (cell for cell in copy.cells if cell.id == f"{name}-measure")
    assert [output.output_type for output in cell.outputs] == ["stream", "display_data"]
    assert cell.outputs[1].data == {"image/png": honest.PICTURE}


def test_a_notebook_that_answers_nothing_is_said_to_be_strange(folder):
    gradebook.collect(write(folder, record("ada", "not attempted", None, None)))
    line = next(line for line in rows(folder) if line["learner"] == "ada")
    assert line["note"] == "no cell of it answers a question: is it another notebook?"


def test_records_of_other_exercises_are_refused(folder):
    old = record("ada")
    old["questions"].pop("q1")
    with pytest.raises(RuntimeError, match="of other exercises"):
        gradebook.collect(write(folder, old))
    for content in ("{}", "[]", "no JSON", "1" * 9999):
        records.record_path(folder, "ada").write_text(content)
        with pytest.raises(RuntimeError, match=r"ada\.json is not a record of grading: grade that submission again"):
            gradebook.collect(folder)


def test_the_gradebook_holds_the_scores_and_waits_for_those_who_read(collected):
    with Gradebook(f"sqlite:///{collected / 'gradebook.db'}") as book:
        submissions = {s.student.id: s for s in book.assignment_submissions("parameters")}
        assert {name: s.score for name, s in submissions.items()} == {ODD: 0, "ada": ALL, "bob": 0, "cyd": 0}
        assert {s.max_score for s in submissions.values()} == {MOST}
        waiting = {name: s.needs_manual_grade for name, s in submissions.items()}
        assert waiting == {ODD: False, "ada": True, "bob": True, "cyd": False}
        grade = book.find_grade("q1-check", "6-exercises", "parameters", "ada")
        assert (grade.auto_score, grade.needs_manual_grade) == (QUESTIONS[0].points, False)
        comment = book.find_comment(PROSE[0].name, "6-exercises", "parameters", "cyd")
        assert comment.comment == "No response."


def test_the_graded_copy_is_the_courses_notebook_with_the_answers_in_it(collected):
    form = nbformat.read(collected / "release" / "parameters" / "6-exercises.ipynb", as_version=4)
    graded = nbformat.read(collected / "autograded" / "bob" / "parameters" / "6-exercises.ipynb", as_version=4)
    nbformat.validate(graded)
    answers = {question.name for question in (*QUESTIONS, *PROSE)}
    for ours, theirs in zip(form.cells, graded.cells, strict=True):
        assert (ours.metadata, ours.cell_type) == (theirs.metadata, theirs.cell_type)
        name = ours.metadata.get("nbgrader", {}).get("grade_id", "")
        assert (name in answers or ours.id.endswith("-measure")) == (ours.source != theirs.source)
        if name == "q1-check":
            assert theirs.outputs[0]["data"]["text/plain"].startswith("q1: incorrect\nof </pre>")
    untouched = nbformat.read(collected / "autograded" / "cyd" / "parameters" / "6-exercises.ipynb", as_version=4)
    assert untouched.cells[-1].source == form.cells[-1].source


def test_feedback_says_what_happened_and_runs_nothing_of_the_learners(collected):
    html = (collected / "feedback" / "bob.html").read_text()
    page = Page(html)
    assert not page.tags & {"script", "img", "svg", "a", "iframe", "link", "textarea"}
    assert not any(name.startswith("on") or name in ("src", "href", "style") for name in page.attributes)
    assert "default-src 'none'" in html
    assert "script-src" not in html
    shown = EVIL.replace("\x1b", "�").replace("\x07", "�")
    each = 2  # letter by letter: an answer and its message, or prose and what measured
    assert page.text.count(shown) == each * (len(QUESTIONS) + len(PROSE))
    assert page.text.count("\nincorrect\n") == len(QUESTIONS)
    assert f"0 of {MOST} points" in page.text
    assert "waits to be read" in page.text
    ada = Page((collected / "feedback" / "ada.html").read_text()).text
    assert f"{ALL} of {MOST} points" in ada
    assert all(question.title in ada for question in (*QUESTIONS, *PROSE))
    assert "the notebook is no JSON" in (collected / "feedback" / f"{plain_name('=1+1')}.html").read_text()


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        "`" * 9 + "\n<script>alert(1)</script>",
        "~~~\n<b>x</b>\n~~~",
        "\n\n    <b>x</b>",
        "$$\n<b>x</b>\n$$",
        "x\r```\r<b>",
    ],
)
def test_prose_is_shown_letter_by_letter(text):
    page = Page(markdown2html(gradebook.fenced(gradebook.printable(text))))
    assert page.tags <= {"div", "pre", "span", "code"}
    assert page.text.strip("\n") == gradebook.printable(text).strip("\n")


def test_what_was_entered_by_hand_stays_and_is_shown_for_review_if_the_answer_changes(folder):
    prose = PROSE[0].name

    def grades():
        with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
            found = [book.find_grade(n, "6-exercises", "parameters", "ada") for n in (prose, "q1-check")]
            return [(grade.score, grade.needs_manual_grade) for grade in found]

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        for name in (prose, "q1-check"):
            grade = book.find_grade(name, "6-exercises", "parameters", "ada")
            grade.manual_score, grade.needs_manual_grade = 0.5, False
        book.find_comment(prose, "6-exercises", "parameters", "ada").manual_comment = "Short, <b>but</b> measured."
        book.db.commit()
    gradebook.collect(folder)
    assert grades() == [(0.5, False), (0.5, False)]
    line = next(line for line in rows(folder) if line["learner"] == "ada")
    assert (line["points"], line["to be read"]) == (f"{ALL - QUESTIONS[0].points + 1:g}", "")
    page = Page((folder / "feedback" / "ada.html").read_text())
    assert "Short, <b>but</b> measured." in page.text
    gradebook.collect(write(folder, record("ada", prose="Another answer.")))
    assert grades() == [(0.5, True), (0.5, False)]
    gradebook.collect(write(folder, record("ada", "incorrect", prose="Another answer.", answer="def g(): ...")))
    assert grades() == [(0.5, True), (0.5, True)]


def test_nbgrader_writes_its_feedback_and_exports_the_grades(folder):
    code, said = nbgrader(folder, "generate_feedback", "parameters")
    assert code == 0, said
    html = (folder / "feedback-nbgrader" / "bob" / "parameters" / "6-exercises.html").read_text()
    assert f"(Score: 0.0 / {MOST:.1f})" in html
    page = Page(html[html.index("notebook-container") :])
    assert not page.tags & {"script", "img", "svg", "textarea"}
    assert "{{ 7 * 7 }}" in page.text
    code, said = nbgrader(folder, "export")
    assert code == 0, said
    with open(folder / "grades.csv", newline="") as file:
        exported = {
            line["student_id"]: (float(line["score"]), float(line["max_score"])) for line in csv.DictReader(file)
        }
    assert exported == {ODD: (0, MOST), "ada": (ALL, MOST), "bob": (0, MOST), "cyd": (0, MOST)}


def test_nbgrader_autograde_refuses_in_this_folder(folder):
    notebook = nbformat.read(folder / "release" / "parameters" / "6-exercises.ipynb", as_version=4)
    notebook.cells[0] = nbformat.v4.new_code_cell("open('it-ran', 'w')")
    submitted = folder / "submitted" / "ada" / "parameters"
    submitted.mkdir(parents=True)
    nbformat.write(notebook, submitted / "6-exercises.ipynb")
    code, said = nbgrader(folder, "autograde", "parameters", "--force")
    assert code != 0
    assert "grade with `make grade`" in said
    assert not list(folder.rglob("it-ran"))
    gradebook.collect(folder)
    assert next(line for line in rows(folder) if line["learner"] == "ada")["points"] == f"{ALL}"


def test_the_formgrader_shows_a_submission_and_takes_a_grade(folder):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = [
        "--ServerApp.jpserver_extensions",
        "nbgrader.server_extensions.formgrader=True",
        "--allow-root",
        f"--port={port}",
        "--ip=127.0.0.1",
    ]
    quiet = ["--no-browser", "--IdentityProvider.token=pass", "--ServerApp.disable_check_xsrf=True"]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *settings, *quiet],
        cwd=folder,
        env=os.environ | places(folder),
        stderr=subprocess.DEVNULL,
    )

    def ask(path, **body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/formgrader/{path}",
            headers={"Authorization": "token pass"},
            data=json.dumps(body).encode() if body else None,
            method="PUT" if body else "GET",
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    try:
        while server.poll() is None:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        listed = json.loads(ask("api/submitted_notebooks/parameters/6-exercises"))
        assert {entry["student"]: entry["needs_manual_grade"] for entry in listed}["bob"]
        bob = next(entry["id"] for entry in listed if entry["student"] == "bob")
        html = ask(f"submissions/{bob}/")
        page = Page(html[html.index('id="notebook-container"') :])
        assert not page.tags & {"script", "img", "svg"}
        assert "{{ 7 * 7 }}" in page.text
        assert "q1: incorrect" in page.text
        grade = next(g for g in json.loads(ask(f"api/grades?submission_id={bob}")) if g["name"] == PROSE[0].name)
        ask(f"api/grade/{grade['id']}", **{**grade, "manual_score": 1})
    finally:
        server.terminate()
        server.wait(timeout=30)
    gradebook.collect(folder)
    line = next(line for line in rows(folder) if line["learner"] == "bob")
    assert (line["points"], line["to be read"]) == ("1", "")


def test_the_command_says_what_is_missing(tmp_path, capsys):
    with pytest.raises(SystemExit, match="1"):
        command.main(["collect", str(tmp_path)])
    assert "holds no records: grade submissions into" in capsys.readouterr().err


def test_a_package_that_is_missing_is_named_with_what_to_install():
    program = """
import sys
for name in ("nbformat", "nbgrader", "jinja2"): sys.modules[name] = None
from d2lparams.course import __main__, grading
try: from d2lparams.course import gradebook
except ModuleNotFoundError as error: print(error)
sys.exit(__main__.main(["release"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    said = "d2lparams.course needs nbformat, which is not installed: pip install 'd2lparams[course]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, said, said)


@pytest.fixture(scope="module")
def graded(released, tmp_path_factory):
    """A class of honest learners, graded by a command that was killed once, and then given again."""
    needs_walls()
    folder = tmp_path_factory.mktemp("graded")
    submissions, out = folder / "submissions", folder / "out"
    make_class.make(2, submissions, 0, ("noisy", "reordered"), {})
    shutil.copy(released / "release" / "parameters" / "6-exercises.ipynb", submissions / "released.ipynb")
    shutil.copy(released / "source" / "parameters" / "6-exercises.ipynb", submissions / "solution.ipynb")
    for odd in ("eve.zip", "essay.py", ".DS_Store"):
        (submissions / odd).write_bytes(b"")
    (submissions / "=cmd").mkdir()
    shutil.copy(submissions / "solution.ipynb", submissions / "=cmd" / "6-exercises.ipynb")
    (submissions / "broken.ipynb").write_text("no notebook")
    arguments = ["grade", str(submissions), str(out)]
    start = [sys.executable, "-m", "d2lparams.course", *arguments, "--jobs", "1"]
    with subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        lab.wait(lambda: records.record_paths(out) or first.poll() is not None, 120, "the first record")
        started = below(first.pid)
        first.kill()
    kept = {path: path.read_bytes() for path in records.record_paths(out)}
    with contextlib.redirect_stdout(io.StringIO()) as said, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)  # by default there are as many jobs
        assert command.main(arguments) == 0
    return submissions, out, kept, started, said.getvalue()


def test_the_solutions_earn_full_marks_the_release_none_and_noise_and_order_do_not_matter(graded):
    _, out, *_ = graded
    table = {line["learner"]: line for line in rows(out)}
    assert {name: line["points"] for name, line in table.items()} == {
        **dict.fromkeys(["'=cmd", "learner-001", "learner-002", "solution"], f"{ALL}"),
        "released": "0",
        "broken": "0",
    }
    assert table["broken"]["note"].startswith("the file is not a notebook: JSONDecodeError")
    assert {line["q1 outcome"] for line in table.values()} == {"correct", "not attempted"}
    assert table["released"]["to be read"] == ""
    assert table["solution"]["to be read"] == PROSE[0].name


def test_a_killed_run_leaves_no_process_and_is_taken_up_where_it_stopped(graded):
    submissions, out, kept, started, said = graded
    todo = len(list(submissions.iterdir())) - 3 - len(kept)
    assert 0 < todo < len(list(submissions.iterdir())) - 3
    assert f"graded        {todo} submissions" in said
    assert "passed over   'essay.py', 'eve.zip': neither a notebook nor a folder" in said
    assert {path: path.read_bytes() for path in kept} == kept
    assert not list(out.rglob("*.part"))
    alive = [pid for pid in started if Path(f"/proc/{pid}/stat").exists()]
    assert not alive


def test_grading_one_again_keeps_its_record_and_a_new_version_is_graded_anew(graded, tmp_path, capsys):
    submissions, out, *_ = graded
    one = shutil.copytree(submissions / "=cmd", tmp_path / "=cmd")
    shutil.copytree(out, tmp_path / "out")
    (record,) = (tmp_path / "out" / "records").glob("cmd~*.json")
    before = record.read_bytes()
    assert command.main(["grade-one", str(one), str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"=cmd: {ALL} points\n"
    assert record.read_bytes() == before
    (one / "6-exercises.ipynb").write_text("no notebook")
    assert command.main(["grade-one", str(one), str(tmp_path / "out")]) == 0
    assert "=cmd: 0 points; the file is not a notebook" in capsys.readouterr().out


def test_the_readmes_lines_for_dask_grade_a_class_on_a_cluster(graded, released, tmp_path):
    distributed = pytest.importorskip("distributed")
    submissions, expected, *_ = graded
    few = tmp_path / "class"
    few.mkdir()
    for name in ("broken.ipynb", "solution.ipynb"):
        shutil.copy(submissions / name, few)
    shutil.copytree(released, tmp_path / "graded")
    page = (ROOT / "notebooks" / "for-teachers.md").read_text()
    (lines,) = re.findall(r"```python\n(from pathlib.*?dask.*?)```", page, re.DOTALL)
    lines = lines.replace("/shared/class", str(few)).replace("/shared/graded", str(tmp_path / "graded"))
    assert lines.count("tcp://scheduler:8786") == 1
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        exec(lines.replace("tcp://scheduler:8786", cluster.scheduler_address), {})
    table = {line["learner"]: line for line in rows(expected)}
    assert rows(tmp_path / "graded") == [table["broken"], table["solution"]]


def test_a_made_class_is_the_same_for_the_same_seed(tmp_path):
    mistakes = {question.name: ["def wrong(): ..."] for question in QUESTIONS}
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        make_class.make(7, tmp_path / name, seed, ("mixed", "reordered", "noisy"), mistakes)
    made = {name: [p.read_bytes() for p in sorted((tmp_path / name).iterdir())] for name in ("one", "two", "three")}
    assert made["one"] == made["two"] != made["three"]
