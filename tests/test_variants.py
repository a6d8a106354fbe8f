"""Variants of the exercises: one code, different right answers; and what a course hands out of them."""

import hashlib
import html
import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from itertools import takewhile

import nbformat
import pytest
import torch

from d2lparams.course import authoring, grading, learners_package, variants
from d2lparams.course.notebooks import Cell
from d2lparams.course.records import write_record
from d2lparams.course.submissions import Submission
from d2lparams.course.variants import BOOK, Draw
from d2lparams.exercises import bank, released
from d2lparams.exercises.bank import VARIANTS, other_answers, typical_mistakes
from d2lparams.exercises.inside import trial
from d2lparams.exercises.question import Question, define, unpack

DRAW = Draw("a secret of ours")
ALL = [
    pytest.param(question, number, id=f"{name}-{number}")
    for name, questions in VARIANTS.items()
    for number, question in enumerate(questions)
    if isinstance(question, Question)
]
BESIDES = [param for param in ALL if param.values[1]]  # the book's own are tried in test_exercises


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def judged(question, source, answer, seed=3):
    """Judge code as a course does, on inputs from a secret seed."""
    cases = question.cases(torch.Generator().manual_seed(seed))
    result = trial.run(question.probe, define(source, answer), question.untouched(), unpack(cases))
    return question.verdict(cases, result)


# --- each variant


def test_each_exercise_with_a_check_has_three_variants_and_the_book_the_first():
    for questions in VARIANTS.values():
        if isinstance(questions[0], Question):
            assert len(questions) >= 3
            texts = {(question.task, question.stub, question.solution_code) for question in questions}
            assert len(texts) == len({question.solution_code for question in questions}) == len(questions)
            assert len({(q.points, q.section, q.taught) for q in questions}) == 1
    assert {name: questions[0] for name, questions in VARIANTS.items()} == bank.EXERCISES


@pytest.mark.parametrize(("question", "number"), ALL)
def test_its_own_solution_alone_is_correct(question, number):
    assert repr(question.check()) == f"{question.name}: not attempted"
    assert repr(question.check(define(question.solution_code, question.answer))) == f"{question.name}: correct"
    for other, its in enumerate(VARIANTS[question.name]):
        verdict = judged(question, its.solution_code, its.answer)
        assert verdict.outcome == ("correct" if other == number else "incorrect"), (other, verdict)


@pytest.mark.parametrize(("question", "number"), BESIDES)
def test_other_right_answers_are_correct(question, number):
    others = other_answers(question.name, number)
    assert len(others) >= 5
    for name, source in others.items():
        assert repr(question.check(define(source, question.answer))) == f"{question.name}: correct", name


@pytest.mark.parametrize(("question", "number"), BESIDES)
def test_mistakes_are_named(question, number):
    """A third of them for each variant: each one is tried on one variant, and on the book's in test_exercises."""
    mistakes = typical_mistakes(question.name, number)
    names = [*mistakes][number % 3 :: 3]
    assert len(names) >= 6
    for name in names:
        words, source = mistakes[name]
        verdict = question.check(define(source, question.answer))
        assert verdict.outcome in ("incorrect", "could not run"), name
        assert [word for word in words if word not in verdict.message] == [], (name, verdict.message)


@pytest.mark.parametrize(("question", "number"), BESIDES)
def test_its_text_asks_for_it(question, number):
    assert question.task != VARIANTS[question.name][0].task
    assert question.answer in question.stub
    assert question.answer in question.solution_code
    assert len(question.hints) >= 2
    assert max(map(len, question.task.splitlines())) <= 120
    if question.picture and number == 1:
        assert repr(question.show(define(question.solution_code, question.answer))).endswith("yours beside the target")


# --- drawing


def test_a_key_draws_the_same_again_and_never_what_the_book_solves():
    for key in ("a secret of ours", "another secret", "十二个汉字也可以当作密钥"):
        drawn = Draw(key).exercises()
        assert drawn == Draw(key).exercises()
        assert list(drawn) == list(bank.EXERCISES)
        assert all(drawn[name] in questions[1:] for name, questions in VARIANTS.items() if len(questions) > 1)
    draws = {tuple(id(q) for q in Draw(f"a secret {number}").exercises().values()) for number in range(40)}
    assert len(draws) > 35
    each = Draw("a secret of ours", each=True)
    assert each.exercises("ada") == each.exercises("ada") != each.exercises("bob")
    assert DRAW.exercises("ada") == DRAW.exercises("bob")
    marks = {Draw("a secret of ours").mark, Draw("another secret").mark, each.mark, BOOK.mark}
    assert len(marks) == 4
    assert "secret" not in f"{DRAW.mark}{DRAW.package()}"


def test_a_key_is_no_short_word():
    with pytest.raises(ValueError, match="the key has 3 characters: take 8 or more"):
        Draw("abc")
    with pytest.raises(ValueError, match="drawn from a key: give one"):
        Draw("", each=True)
    with pytest.raises(ValueError, match="need no package of their own: give a key"):
        learners_package.write_package(None, BOOK)


def test_an_exercise_without_variants_cannot_be_drawn(monkeypatch):
    monkeypatch.setitem(VARIANTS, "q1", VARIANTS["q1"][:1])
    variants._exercises.cache_clear()
    with pytest.raises(ValueError, match="q1 has no variant besides the book's"):
        Draw("a secret without q1").exercises()


def test_the_names_of_learners_become_folders(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("\ufeffada\nbob lee\n\n小明\n", encoding="utf-8")
    assert learners_package.read_learners(file) == ["ada", "bob lee", "小明"]
    for names, why in (
        ("a/b", "can't be a folder's name"),
        ("..", "can't be"),
        ("ada\nada", "twice"),
        ("\n", "no names"),
    ):
        file.write_text(names)
        with pytest.raises(ValueError, match=why):
            learners_package.read_learners(file)


# --- what is handed out


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The learners' package of a draw, unpacked as pip would."""
    folder = tmp_path_factory.mktemp("package")
    wheel = learners_package.write_package(folder, DRAW)
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "site")
        assert files.testzip() is None
    return folder / "site", wheel


def in_package(site, code):
    """Run code where the learners' package is the only one of its name; return what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        env=os.environ | {"PYTHONPATH": str(site), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_releases_with_one_key_are_equal(package, tmp_path):
    """Also in another process, with another seed for the hashes of strings."""
    _, wheel = package
    code = f"""
from pathlib import Path
from d2lparams.course import learners_package, authoring
from d2lparams.course.variants import Draw
import nbformat, hashlib, json
draw = Draw({DRAW.key!r})
wheel = learners_package.write_package(Path({str(tmp_path)!r}), draw)
notebook = nbformat.writes(authoring.learner_notebook(draw))
print(json.dumps([wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest(), notebook]))
"""
    root = str(learners_package.PACKAGE.parent)
    name, digest, notebook = in_package(root, code)
    assert (name, digest) == (wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert notebook == nbformat.writes(authoring.learner_notebook(DRAW))


def squeezed(text):
    return re.sub(rb"\s+", b"", text if isinstance(text, bytes) else text.encode())


def without_stub(source, stub):
    """Return an answer from the first character on that the stub doesn't have, too."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(source, stub, strict=False))
    return source[len(list(same)) :]


def test_no_solution_is_found_in_what_is_handed_out(package):
    """Neither the code of any variant's solution, nor of a mistake or another answer, nor what makes cases."""
    site, _ = package
    files = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    notebook = nbformat.writes(authoring.learner_notebook(DRAW)).replace("\\n", "\n").replace('\\"', '"')
    text = squeezed(b"\0".join([*files.values(), notebook.encode()]))
    searched = 0
    for name, questions in VARIANTS.items():
        for number, question in enumerate(questions):
            answers = [question.solution_code]
            if isinstance(question, Question):
                answers += [*other_answers(name, number).values()]
                answers += [mistake.source for mistake in typical_mistakes(name, number).values()]
            for source in answers:
                own = without_stub(source, question.stub)
                body = squeezed(own.partition(":\n")[2] if own.startswith(("def ", "\ndef ")) else own)
                if len(body) > 30:
                    searched += 1
                    assert body not in text, (name, number, source)
    assert searched > 900
    for word in ("solution_code=", "make_cases", "typical_mistakes", "MISTAKES"):
        found = [file for file, content in files.items() if word.encode() in content]
        assert set(found) <= {"d2lparams/exercises/bank/__init__.py", "d2lparams/exercises/question.py"}, word
    assert not any(re.search("mistakes|case_parts|answer_parts|/course/|pycache", file) for file in files)
    folder = [file.rpartition("/")[2] for file in files if "/bank/q4/" in file]
    assert folder == ["__init__.py", "exercise.pt", "judge.py", "probe.py"]


def test_the_package_checks_as_the_course_does(package):
    """Right answers, published ones and mistakes get the same verdicts there, with nothing of the bank at hand."""
    site, _ = package
    drawn = {name: question for name, question in DRAW.exercises().items() if isinstance(question, Question)}
    tried = {}
    for name, question in drawn.items():
        number = VARIANTS[name].index(question)
        book = VARIANTS[name][0]
        mistake = next(iter(typical_mistakes(name, number).values()))
        tried[name] = [(question.solution_code, question.answer), (book.solution_code, book.answer)]
        tried[name] += [(mistake.source, question.answer)]
    code = f"""
import json
from d2lparams import exercises
from d2lparams.exercises.question import define
said = {{"file": exercises.__file__, "names": exercises.__all__, "kept": repr(exercises.q3.solution())}}
said["kept"] += repr(exercises.q14.solution())
said["shown"] = repr(exercises.q6.show())
said["hint"] = repr(exercises.q5.hint(1))
exercises.of_course({DRAW.package()!r})
for name, answers in json.loads({json.dumps(json.dumps(tried))}).items():
    question = getattr(exercises, name)
    said[name] = [repr(question.check())] + [repr(question.check(define(*answer))) for answer in answers]
print(json.dumps(said))
"""
    said = in_package(site, code)
    assert said["file"].startswith(str(site))
    assert said["names"] == list(VARIANTS)
    assert said["kept"].count("Your course keeps the solutions") == 2
    assert said["hint"] == repr(drawn["q5"].hint(1))
    assert said["shown"] == "q6: the target alone; yours: not attempted"
    for name, question in drawn.items():
        untouched, own, book, mistake = said[name]
        assert untouched == f"{name}: not attempted"
        assert own == f"{name}: correct"
        assert not book.startswith(f"{name}: correct")
        words = typical_mistakes(name, VARIANTS[name].index(question))
        assert all(word in mistake for word in next(iter(words.values())).words)


def test_the_notebook_asks_what_was_drawn_and_wants_its_package():
    notebook, source = authoring.learner_notebook(DRAW), authoring.source_notebook(DRAW)
    nbformat.validate(notebook)
    cells = {cell.id: cell.source for cell in notebook.cells}
    for name, question in DRAW.exercises().items():
        assert question.title in cells[f"{name}-task"]
        assert cells[name] == question.stub.strip("\n")
    assert "solution()" not in cells["begin"]
    assert cells["begin"].startswith("# 6 Exercises")
    assert [cell.id for cell in source.cells] == [cell.id for cell in notebook.cells]
    assert cells["setup"].endswith(f'd2lparams.exercises.of_course("{DRAW.package()}")')
    with pytest.raises(RuntimeError, match="the package here is the book's: install the one that came with"):
        exec(cells["setup"], {})
    each = Draw(DRAW.key, each=True)
    assert authoring.learner_notebook(each, "ada") != authoring.learner_notebook(each, "bob")


def test_what_is_frozen_depends_on_its_seed_alone():
    question = VARIANTS["q5"][1]
    assert released.frozen(question, 1) == released.frozen(question, 1) != released.frozen(question, 2)


def test_a_learners_own_folder_holds_notebook_and_package(tmp_path):
    each = Draw(DRAW.key, each=True)
    own = learners_package.write_for(tmp_path, each, "ada")
    learners_package.write_for(tmp_path, each, "ada")
    wheel, notebook = sorted(own.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert (wheel.suffix, notebook.name) == (".whl", "6-exercises.ipynb")
    assert each.package("ada") in wheel.name
    assert each.package("ada") in notebook.read_text(encoding="utf-8")


@pytest.mark.skipif(importlib.util.find_spec("packaging") is None, reason="packaging reads metadata")
def test_pip_can_read_the_package(package):
    from packaging.metadata import Metadata
    from packaging.utils import parse_wheel_filename

    site, wheel = package
    name, version, _, _ = parse_wheel_filename(wheel.name)
    (about,) = site.glob("*.dist-info")
    metadata = Metadata.from_email((about / "METADATA").read_bytes())
    assert (metadata.name, metadata.version, name) == ("d2lparams", version, "d2lparams")
    assert any(requirement.name == "torch" for requirement in metadata.requires_dist)
    assert "course" not in metadata.provides_extra


# --- graded


def handed_in(exercises, setup=True):
    """A submission whose cells hold the solutions of some exercises."""
    cells = [Cell("code", q.solution_code, name) for name, q in exercises.items() if isinstance(q, Question)]
    first = next(cell.source for cell in authoring.learner_notebook(DRAW).cells if cell.id == "setup")
    return Submission("ada", cells=[Cell("code", first, "setup"), *cells] if setup else cells)


@pytest.fixture(scope="module")
def graded(box):
    """The record of a draw's own solutions."""
    return grading.grade(handed_in(DRAW.exercises()), box, draw=DRAW)


def earned(record):
    return sum(entry["points"] for entry in record["questions"].values())


def test_grading_needs_the_key_and_published_solutions_earn_nothing(box, graded):
    assert earned(graded) == sum(question.points for question in DRAW.questions())
    assert graded["remarks"] == []
    assert graded["format"].endswith(f"+{DRAW.mark}")
    assert earned(grading.grade(handed_in(BOOK.exercises(), setup=False), box, draw=DRAW)) == 0
    one = {"q1": DRAW.exercises()["q1"]}
    record = grading.grade(handed_in(one), box)
    other = "this notebook is of another draw of exercises: grade it with the key that it was released with"
    assert (earned(record), record["remarks"]) == (0, [other])


def test_a_draw_is_released_and_its_records_are_merged_with_its_key_alone(graded, tmp_path):
    gradebook = pytest.importorskip("d2lparams.course.gradebook")
    write_record(graded, tmp_path)
    for wrong in (BOOK, Draw("another secret")):
        with pytest.raises(RuntimeError, match="of another draw than this key's"):
            gradebook.collect(tmp_path, wrong)
    scores = gradebook.collect(tmp_path, DRAW).read_text(encoding="utf-8")
    assert scores.splitlines()[1].startswith("ada,92,")
    page = (tmp_path / "feedback" / "ada.html").read_text(encoding="utf-8")
    assert all(html.escape(question.title) in page for question in DRAW.exercises().values())
    released = nbformat.read(tmp_path / "release" / "parameters" / "6-exercises.ipynb", as_version=4)
    assert [c.source for c in released.cells] == [c.source for c in authoring.learner_notebook(DRAW).cells]
