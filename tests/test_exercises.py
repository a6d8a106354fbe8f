"""The exercises: four outcomes, messages that lead to the mistake, and a judge that nothing fools or upsets."""

import contextlib
import copy
import inspect
import math
import random
import warnings
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

from d2lparams import exercises
from d2lparams.course import authoring
from d2lparams.exercises import bank, compare
from d2lparams.exercises.bank import PROSE, QUESTIONS
from d2lparams.exercises.inside import plain_data, trial
from d2lparams.exercises.question import SETUP, Case, Wrong, define, pack, unpack

NAMED = {question.name: question for question in QUESTIONS}
MISTAKES = {name: bank.typical_mistakes(name) for name in NAMED}
OTHERS = {name: bank.other_answers(name) for name in NAMED}
ALL = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Judge in one thread, as a grader does: everything here is small, and more threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pairs(collection):
    return [pytest.param(NAMED[q], name, id=f"{q}: {name}") for q in NAMED for name in collection[q]]


def solution(question):
    return define(question.solution_code, question.answer)


def judged(question, answer, seed):
    """Judge an answer as a course does: inputs from a secret seed, packed, and facts that come back as JSON."""
    cases = question.cases(torch.Generator().manual_seed(seed))
    return question.verdict(cases, trial.run(question.probe, answer, question.untouched(), unpack(cases)))


# --- outcomes


@ALL
def test_untouched_is_not_attempted(question):
    noted = question.stub.replace("# your turn", "# I'll do that tomorrow")
    for answer in (..., question.untouched(), define(question.stub, question.answer), define(noted, question.answer)):
        assert repr(question.check(answer)) == f"{question.name}: not attempted"
    assert question.check().points == 0


def test_a_docstring_is_no_attempt_and_a_half_done_answer_that_still_returns_dots_neither():
    documented = NAMED["q2"].stub.replace("    # your turn", '    """Count."""')
    begun = NAMED["q2"].stub.replace("    # your turn", "    total = 0")
    nested = NAMED["q10"].stub.replace("return ...", "return W, ...")
    assert NAMED["q2"].check(define(documented, "count_trainable")).outcome == "not attempted"
    assert NAMED["q2"].check(define(begun, "count_trainable")).outcome == "not attempted"
    assert NAMED["q10"].check(define(nested, "gradient_by_use")).outcome == "not attempted"


@ALL
def test_the_solution_is_correct(question, capsys):
    verdict = question.check(solution(question))
    assert repr(verdict) == f"{question.name}: correct"
    assert verdict.points == question.points
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("question", "name"), pairs(OTHERS))
def test_another_good_way_is_correct(question, name):
    answer = define(OTHERS[question.name][name], question.answer)
    assert repr(question.check(answer)) == f"{question.name}: correct"
    assert judged(question, answer, seed=1).points == question.points


@pytest.mark.parametrize(("question", "name"), pairs(MISTAKES))
def test_a_mistake_is_named(question, name):
    words, source = MISTAKES[question.name][name]
    verdict = question.check(define(source, question.answer))
    raises = any(word.endswith("Error") or "was wanted" in word or "uninitialized" in word for word in words)
    assert verdict.outcome == ("could not run" if raises else "incorrect")
    assert [word for word in words if word not in verdict.message] == [], verdict.message
    assert verdict.points == 0
    assert "\n" not in verdict.message
    assert len(verdict.message) <= 600


@pytest.mark.parametrize(("question", "name"), pairs(MISTAKES)[::2])
def test_a_mistake_is_refused_whatever_the_inputs(question, name):
    answer = define(MISTAKES[question.name][name][1], question.answer)
    assert judged(question, answer, seed=10).points == 0


def test_every_exercise_has_three_typical_mistakes_and_another_good_way():
    assert all(len(mistakes) >= 3 for mistakes in MISTAKES.values())
    assert all(OTHERS.values())


@ALL
def test_no_solution_is_refused_whatever_the_inputs(question):
    for seed in range(100, 200 if question.name in ("q4", "q6") else 110):
        assert repr(judged(question, solution(question), seed)) == f"{question.name}: correct", seed


# --- never upset, never upsetting


class Everything:
    """Equal to all, callable, with every attribute."""

    def __eq__(self, other):
        return True

    __hash__ = None

    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self

    def __iter__(self):
        return iter(())


class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError("no")


class NoCode:
    @property
    def __code__(self):
        raise KeyboardInterrupt

    def __call__(self, *args, **kwargs):
        return 1


def raising(error):
    def answer(*args, **kwargs):
        raise error

    return answer


def endless(*args, **kwargs):
    return endless(*args, **kwargs)


def nested(*args, **kwargs):
    within = []
    within.append(within)
    return within


AWKWARD = [
    *(None, 3, "text", b"bytes", [], {}, nn.Linear(2, 2), nn.Linear, object, Everything(), Everything, NoCode(), dict),
    *map(raising, (KeyboardInterrupt(), SystemExit(0), GeneratorExit(), MemoryError(), StopIteration(), Unreadable())),
    *(endless, nested, lambda *a, **k: torch.empty(0), lambda *a, **k: torch.empty(2, device="meta")),
    *(lambda *a, **k: torch.zeros(10**7), lambda *a, **k: torch.zeros(2, dtype=torch.complex64)),
    *(lambda *a, **k: float("nan"), lambda *a, **k: 10**5000, lambda *a, **k: {1: 2}, lambda *a, **k: range(3)),
    *(lambda *a, **k: nn.UninitializedParameter(), lambda *a, **k: "\ud800\0", lambda *a, **k: a[0], lambda *a, **k: a),
]


@ALL
def test_nothing_that_is_handed_over_makes_a_check_raise(question):
    for answer in AWKWARD:
        verdict = question.check(answer)
        assert verdict.outcome in ("incorrect", "could not run"), answer
        assert verdict.message
        assert "0x" not in verdict.message
    assert "a NoneType" not in question.check(None).message


def state():
    return (
        torch.get_rng_state().tolist(),
        random.getstate(),
        [x.tolist() if isinstance(x, np.ndarray) else x for x in np.random.get_state()],
        *(torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads()),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        list(warnings.filters),
    )


def upsetting(net, *args):
    torch.manual_seed(1), random.seed(1), np.random.seed(1)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.use_deterministic_algorithms(True)
    warnings.simplefilter("error")
    return 1


def test_a_check_leaves_every_switch_and_generator_as_it_was():
    before = state()
    assert NAMED["q2"].check(upsetting).outcome == "incorrect"
    assert NAMED["q2"].check(raising(KeyboardInterrupt())).outcome == "could not run"
    assert state() == before
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.no_grad():
            before = state()
            for question in QUESTIONS:
                question.check(solution(question))
            assert state() == before
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_check_never_works_on_what_the_learner_holds():
    kept = nn.Sequential(nn.Linear(2, 2))
    before = copy.deepcopy(kept.state_dict())

    def answer(net):
        net[1][0].weight.data.zero_()
        return net[1][0].weight

    NAMED["q1"].check(answer), NAMED["q2"].check(kept), NAMED["q2"].check(lambda net: kept)
    assert all(torch.equal(value, before[name]) for name, value in kept.state_dict().items())
    one, two = NAMED["q1"].example(), NAMED["q1"].example()
    one["net"][0][0].weight.data.zero_()
    assert two["net"][0][0].weight.any()


@contextlib.contextmanager
def elsewhere():
    torch.manual_seed(random.randrange(100)), np.random.seed(3)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.device("meta"):
            yield
    finally:
        torch.set_default_dtype(torch.float32)


@ALL
def test_a_check_says_the_same_every_time(question):
    answers = [define(source, question.answer) for _, source in [*MISTAKES[question.name].values()][:4]]
    answers.append(solution(question))
    first = [repr(question.check(answer)) for answer in answers]
    with elsewhere():
        assert [repr(question.check(answer)) for answer in answers] == first


def test_an_error_is_told_with_its_line_and_without_paths():
    source = "def f(net):\n    x = 1\n    open('/home/ada/net.pt')\n"
    space = {}
    exec(compile(source, "/home/ada/ipykernel_417/2913.py", "exec"), space)
    said = NAMED["q2"].check(space["f"]).message
    assert said == "FileNotFoundError: [Errno 2] No such file or directory: '…' (line 3 of the cell)"
    deep = "def f(net):\n    import json\n    return json.loads('{')\n"
    assert "(line 3 of the cell)" in NAMED["q2"].check(define(deep, "f")).message
    elsewhere = "(where the answer, or what it made, was used)"
    assert NAMED["q2"].check(raising(Unreadable())).message == f"Unreadable {elsewhere}"
    module = define("def f(net):\n    net.head = net.embed\n", "f")
    assert NAMED["q9"].check(module).message.endswith(elsewhere)
    assert NAMED["q2"].check(3).message == "a function was wanted, but a int came: hand over count_trainable itself"


# --- facts from anybody


JUNK = [
    None,
    True,
    -1,
    math.nan,
    math.inf,
    10**400,
    "x",
    "<b>\n\x1b[2J",
    [],
    {},
    [[]],
    [None],
    {"type": "int"},
    [math.nan],
]


def places(fact, path=()):
    """Yield the path of every piece of data in facts."""
    for key, value in fact.items() if isinstance(fact, dict) else enumerate(fact):
        if key in ("values", "value", "items", "keys") and value is not None:
            yield (*path, key)
        if isinstance(value, (dict, list)) and key != "values":
            yield from places(value, (*path, key))


def changed(facts, path, junk):
    """Return facts with something else at one place."""
    first, *rest = path
    facts = copy.copy(facts)
    facts[first] = changed(facts[first], rest, junk) if rest else junk
    return facts


@ALL
def test_mutilated_facts_never_score(question):
    cases = question.cases(torch.Generator().manual_seed(5))
    result = trial.run(question.probe, solution(question), question.untouched(), unpack(cases))
    assert question.verdict(cases, result).outcome == "correct"
    found = list(places(result["facts"]))
    for i, path in enumerate(random.Random(0).sample(found, min(len(found), 40))):
        for junk in (*JUNK[i % 3 :: 3], "gone"):
            facts = changed(result["facts"], path, junk)
            verdict = question.verdict(cases, {"outcome": "ran", "facts": facts})
            assert verdict.outcome == "incorrect", (path, junk)
            assert verdict.message.isprintable()
    for i in range(len(cases)):
        for junk in JUNK:
            facts = changed(result["facts"], (i,), junk)
            assert question.verdict(cases, {"outcome": "ran", "facts": facts}).outcome == "incorrect"
    swapped = changed(result["facts"], (0,), result["facts"][1])
    assert question.verdict(cases, {"outcome": "ran", "facts": swapped}).outcome == "incorrect"
    for forged in (*JUNK, {"outcome": "correct"}, {"outcome": "ran", "facts": result["facts"][:1]}, {"outcome": "ran"}):
        assert question.verdict(cases, forged).points == 0
    assert question.verdict(cases, {"outcome": "hm", "reason": ["<b>", "\x00" * 10**4]}).message.isprintable()


@pytest.mark.parametrize("dtype", ["nn", "torch.nn", "torch.__file__", "__file__", "torch.nn.functional", "complex64"])
def test_a_dtype_is_looked_up_among_dtypes_alone(dtype):
    """Its name may be anybody's: what else torch holds under it, a module with its path for example, is never shown."""
    fact = {"type": "Tensor", "dtype": dtype, "shape": [1], "values": [1.0]}
    with pytest.raises(Wrong, match=r"^dtype of the table: wanted a dtype of real numbers, but .* came$") as wrong:
        compare.table(fact, "the table")
    assert "/" not in str(wrong.value)


def test_every_real_dtype_makes_a_table():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool):
        described = plain_data.describe(torch.ones(2, 3, dtype=dtype))
        assert torch.equal(compare.table(described, "the table"), torch.ones(2, 3, dtype=torch.float64))


@ALL
def test_yesterdays_facts_are_wrong_today(question):
    cases = question.cases(torch.Generator().manual_seed(6))
    result = trial.run(question.probe, solution(question), question.untouched(), unpack(cases))
    today = question.cases(torch.Generator().manual_seed(7))
    assert question.verdict(today, result).outcome == "incorrect"


@ALL
def test_cases_follow_from_their_generator_alone_and_hold_what_the_probe_takes(question):
    torch.manual_seed(1)
    once = question.cases(torch.Generator().manual_seed(8))
    torch.manual_seed(2)
    again = question.cases(torch.Generator().manual_seed(8))
    other = question.cases(torch.Generator().manual_seed(9))
    facts, same, others = (
        trial.run(question.probe, solution(question), None, unpack(cases)) for cases in (once, again, other)
    )
    assert facts == same != others
    takes = set(inspect.signature(question.probe).parameters) - {"answer"}
    assert all(set(case.inputs) == takes for case in once)
    assert len(pack(once)) < 200_000


def test_what_is_packed_is_no_secret():
    secret = "the judge's own"
    assert secret.encode() not in pack([Case("a label", {"X": 1}, secret)])


# --- comparers


def test_samples_are_told_apart_by_mean_spread_law_and_order():
    law = lambda x: torch.special.ndtr(x)  # noqa: E731
    draw = torch.randn(60, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    compare.sample(draw, law, 1, math.sqrt(2 / math.pi), "a draw")
    flat = (torch.rand(60, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5) * math.sqrt(12)
    ordered = draw.flatten().sort().values
    for values, word in (
        (draw + 0.2, "mean"),
        (1.15 * draw, "standard deviation"),
        (flat, "mean size"),
        ((draw * 2).round() / 2, "widest gap"),
        (ordered.reshape(60, 50), "neighbors"),
        (ordered.reshape(50, 60).T, "neighbors"),
        (draw * math.nan, "standard deviation"),
    ):
        with pytest.raises(Wrong, match=word):
            compare.sample(values, law, 1, math.sqrt(2 / math.pi), "a draw")


def test_the_widest_gap_is_scipys():
    from scipy import stats

    values = torch.randn(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert compare.widest_gap(values, torch.special.ndtr) == pytest.approx(stats.kstest(values, "norm").statistic)


def test_a_wrong_answer_is_refused_by_a_margin_and_a_correct_one_accepted_by_one():
    """The bounds are 7 standard errors. A correct sample stays far inside them, and its errors are as large as told."""
    stds = []
    for seed in range(200):
        rng = torch.Generator().manual_seed(seed)
        stds.append(torch.randn(7000, generator=rng).std().item())
    errors = (torch.tensor(stds) - 1) * math.sqrt(2 * 7000)  # in standard errors
    assert 0.85 < errors.std() < 1.15
    assert errors.abs().max() < compare.SIGMAS - 2


# --- hints, solutions, pictures


@ALL
def test_hints_are_graded_and_the_solution_is_shown(question):
    assert len(question.hints) >= 2
    for number, hint in enumerate(question.hints, start=1):
        assert f"**Hint {number} of {len(question.hints)}.** {hint}" in repr(question.hint(number))
    assert question.hint(0).markdown == question.hint().markdown
    assert question.hint(99).markdown == question.hint(len(question.hints)).markdown
    assert f"{question.name}.hint(2)" in question.hint().markdown
    assert question.solution_code.strip() in question.solution()._repr_markdown_()


def test_what_people_mark_adds_up_to_a_hundred():
    assert list(bank.EXERCISES) == exercises.__all__ == [f"q{i}" for i in range(1, len(bank.EXERCISES) + 1)]
    assert sum(question.points for question in (*QUESTIONS, *PROSE)) == 100
    (prose,) = PROSE
    assert prose.points == sum(points for points, _ in prose.marks) == 8
    assert prose.stub not in prose.solution().markdown
    assert len(prose.hints) >= 2


PICTURED = [question for question in QUESTIONS if question.picture]


@pytest.mark.parametrize("question", PICTURED, ids=lambda question: question.name)
def test_a_picture_shows_the_target_and_yours(question):
    import matplotlib.pyplot as plt

    open_before = plt.get_fignums()
    alone, beside = question.show(), question.show(solution(question))
    assert repr(alone) == f"{question.name}: the target alone; yours: not attempted"
    assert repr(beside) == f"{question.name}: yours beside the target"
    lines = [sum(len(axis.lines) + len(axis.patches) for axis in p.figure.axes) for p in (alone, beside)]
    assert lines[0] < lines[1]
    assert beside._repr_png_()[:4] == b"\x89PNG"
    titles = [axis.get_title() for axis in beside.figure.axes]
    assert all("yours" in title for title in titles)
    assert not any("yours" in axis.get_title() for axis in alone.figure.axes)
    assert plt.get_fignums() == open_before


@pytest.mark.parametrize("question", PICTURED, ids=lambda question: question.name)
def test_no_answer_makes_a_picture_raise(question):
    before = state()
    for answer in AWKWARD[::4]:
        assert question.show(answer).figure.axes
    assert "could not run" in repr(question.show(None))
    assert state() == before


def test_a_picture_shows_what_is_wrong():
    _, source = MISTAKES["q4"]["the other fan"]
    titles = [axis.get_title() for axis in NAMED["q4"].show(define(source, "initialize_linear_")).figure.axes]
    assert titles[0].startswith("ReLU: target std 0.134, yours 0.18")
    _, source = MISTAKES["q13"]["no momentum"]
    titles = [axis.get_title() for axis in NAMED["q13"].show(define(source, "train_and_report")).figure.axes]
    assert not any("0.0% off" in title for title in titles)
    _, source = MISTAKES["q6"]["zero and non-zero changed"]
    titles = [axis.get_title() for axis in NAMED["q6"].show(define(source, "gapped_uniform_")).figure.axes]
    assert "yours: 8" in titles[0]


# --- the notebook


def stored():
    return nbformat.read(Path(__file__).parent.parent / authoring.NOTEBOOK, as_version=4)


def test_the_stored_notebook_is_the_banks():
    built = authoring.learner_notebook()
    nbformat.validate(built)
    kept = [(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in stored().cells]
    assert kept == [(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in built.cells]


def ran(notebook):
    """Run a notebook's code in one namespace; return what each cell's last expression gave, by cell."""
    space, results = {}, {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            last = cell.source.splitlines()[-1]
            results[cell.id] = exec(cell.source, space)
            if cell.id.endswith(("-check", "-show")):
                results[cell.id] = eval(cell.source.splitlines()[0], space)
            elif cell.id.endswith("-measure"):
                results[cell.id] = eval(last, space)
    return results


def test_the_learners_form_runs_untouched():
    results = ran(authoring.learner_notebook())
    assert [repr(results[f"{name}-check"]) for name in NAMED] == [f"{name}: not attempted" for name in NAMED]
    assert results["q14-measure"] == (121, 193)


def test_the_courses_form_earns_all_points():
    results = ran(authoring.source_notebook())
    assert [repr(results[f"{name}-check"]) for name in NAMED] == [f"{name}: correct" for name in NAMED]
    assert all(repr(value).endswith("yours beside the target") for id_, value in results.items() if id_[-5:] == "-show")


def released(cell):
    """Return a cell's source as nbgrader's ClearSolutions and ClearHiddenTests leave it."""
    lines, region = [], None
    stub = authoring.CODE_STUB if cell.cell_type == "code" else authoring.TEXT_STUB
    for line in cell.source.splitlines():
        if "### BEGIN" in line:
            region = line.split("### BEGIN ")[1]
            if region == "SOLUTION":
                lines.append(line.partition("### BEGIN")[0] + stub)
        elif region and f"### END {region}" in line:
            region = None
        elif not region:
            lines.append(line)
    return "\n".join(lines)


def test_without_its_solutions_the_courses_form_is_the_learners():
    course, learner = authoring.source_notebook(), authoring.learner_notebook()
    nbformat.validate(course)
    assert [released(cell) for cell in course.cells] == [cell.source for cell in learner.cells]
    assert [cell.metadata for cell in course.cells] == [cell.metadata for cell in learner.cells]
    assert "BEGIN" not in nbformat.writes(learner)
    assert "=== BEGIN MARK SCHEME ===" in nbformat.writes(course)


def test_nbgrader_finds_every_cell_that_it_has_to():
    graded = {c.metadata.nbgrader.grade_id: c.metadata.nbgrader for c in stored().cells if "nbgrader" in c.metadata}
    assert set(graded) == {"setup", "q14", *NAMED, *(f"{name}-check" for name in NAMED)}
    for name, question in NAMED.items():
        answer, check = graded[name], graded[f"{name}-check"]
        assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
        assert (check.solution, check.grade, check.locked, check.points) == (False, True, True, question.points)
    assert (graded["q14"].solution, graded["q14"].grade, graded["q14"].points) == (True, True, 8)
    (setup,) = (cell.source for cell in stored().cells if cell.id == "setup")
    assert setup.startswith(SETUP)
