"""The guesses: each answer is what running code says, each stands in its place, and the browser judges it alone.

How one is answered in a notebook, by keyboard, is tested in test_browser.py.
"""

import dataclasses
import importlib
import math
import os
import re
from pathlib import Path

import lab
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from d2lparams.chapter import guesses
from d2lparams.chapter.guesses import guess, score
from d2lparams.chapter.guesses.question import Choice, Number
from d2lparams.chapter.guesses.widget import QUESTIONS

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
SCRIPT = Path(guesses.__file__).with_name("guess.js").read_text()
STYLE = Path(guesses.__file__).with_name("guess.css").read_text()
VIEW = "application/vnd.jupyter.widget-view+json"
MODULES = {"1": "access", "2": "initialization", "3": "custom", "4": "sharing", "5": "training"}
CHOICE = Choice("Is `w` one?", ("yes, `w`", "no", "both"), "yes, `w`", "It is `1`.")
NUMBER = Number("How many?", 65792, "Count them.", unit="numbers")
ROUGH = Number("What share?", 0.5, "About half.", within=0.1)


def of(notebook):
    """Return a notebook's questions, by their names."""
    return {key.partition(".")[2]: QUESTIONS[key] for key in QUESTIONS if key.startswith(f"{notebook}.")}


# ---- what is right


def disagreements(questions, answers):
    """Return where a question's answer is not what running code says, a line each."""
    found = [f"{name}: asked, and nothing computes it" for name in questions.keys() - answers.keys()]
    found += [f"{name}: computed, and nothing asks it" for name in answers.keys() - questions.keys()]
    for name in sorted(questions.keys() & answers.keys()):
        question, computed = questions[name], answers[name]()
        if isinstance(question, Choice):
            agree = computed == question.answer
        else:  # what a reader is allowed may be generous; what the package says is right may not
            agree = abs(computed - question.answer) <= (min(question.within, 0.1) + 1e-9) * abs(question.answer)
        if not agree:
            found.append(f"{name}: the answer is {question.answer!r}, and running code says {computed!r}")
    return found


@pytest.mark.parametrize("notebook", MODULES)
def test_every_answer_is_what_running_code_says(notebook):
    answers = importlib.import_module(f"guess_answers.{MODULES[notebook]}").ANSWERS
    assert disagreements(of(notebook), answers) == []


@pytest.mark.parametrize(
    ("question", "computed", "agree"),
    [
        (CHOICE, "yes, `w`", True),
        (CHOICE, "yes", False),
        (NUMBER, 65792, True),
        (NUMBER, 65793, False),
        (ROUGH, 0.54, True),
        (ROUGH, 0.56, False),
        (dataclasses.replace(ROUGH, within=0.9), 0.56, False),
    ],
)
def test_a_false_answer_is_found(question, computed, agree):
    found = disagreements({"x": question}, {"x": lambda: computed})
    assert [line.partition(":")[0] for line in found] == ["x"] * (not agree)


def test_a_question_without_an_answer_is_found_and_the_other_way_round():
    found = disagreements({"x": CHOICE}, {"y": lambda: "no"})
    assert found == ["x: asked, and nothing computes it", "y: computed, and nothing asks it"]


# ---- how it is asked


def ill_formed(questions):
    """Return what is wrong with the form of a notebook's questions, a line each."""
    found = []
    for name, question in questions.items():
        texts = [question.asks, question.why, *getattr(question, "choices", []), getattr(question, "unit", "")]
        if "?" not in question.asks:
            found.append(f"{name}: asks nothing")
        if not question.why.strip():
            found.append(f"{name}: says not why")
        if any(text.count("`") % 2 or text != text.strip() for text in texts):
            found.append(f"{name}: a backtick without its other one, or spaces around a text")
        if isinstance(question, Number):
            if not (math.isfinite(question.answer) and 0 <= question.within < 1):
                found.append(f"{name}: no number, or no share")
        elif not 2 <= len(question.choices) <= 5 or len(set(question.choices)) < len(question.choices):
            found.append(f"{name}: not 2 to 5 different choices")
    places = [q.choices.index(q.answer) for q in questions.values() if isinstance(q, Choice)]
    if len(places) > 1 and len(set(places)) == 1:
        found.append("the right choice is always in the same place")
    return found


@pytest.mark.parametrize("notebook", MODULES)
def test_every_question_is_well_formed(notebook):
    assert ill_formed(of(notebook)) == []


@pytest.mark.parametrize(
    ("questions", "fault"),
    [
        ([dataclasses.replace(NUMBER, asks="How many.")], "asks nothing"),
        ([dataclasses.replace(CHOICE, why="")], "says not why"),
        ([dataclasses.replace(CHOICE, asks="Is `w one?")], "a backtick"),
        ([dataclasses.replace(NUMBER, unit="`w")], "a backtick"),
        ([dataclasses.replace(NUMBER, answer=math.nan)], "no number"),
        ([dataclasses.replace(NUMBER, within=1.5)], "or no share"),
        ([dataclasses.replace(CHOICE, choices=("yes, `w`",))], "not 2 to 5"),
        ([dataclasses.replace(CHOICE, choices=("yes, `w`", "no", "no"))], "not 2 to 5"),
        ([dataclasses.replace(CHOICE, choices=("yes, `w`", *"abcde"))], "not 2 to 5"),
        ([CHOICE, NUMBER, dataclasses.replace(CHOICE)], "always in the same place"),
    ],
)
def test_each_fault_of_form_is_found(questions, fault):
    found = ill_formed({f"x{i}": question for i, question in enumerate(questions)})
    assert [fault in line for line in found] == [True]


def test_a_well_formed_notebook_has_no_faults():
    other = dataclasses.replace(CHOICE, choices=("no", "yes, `w`"))
    assert ill_formed({"a": CHOICE, "b": NUMBER, "c": ROUGH, "d": other}) == []


def test_an_answer_that_is_no_choice_is_refused():
    with pytest.raises(ValueError, match="'maybe' is none of the choices: yes, no"):
        Choice("Is it?", ("yes", "no"), "maybe", "It is.")


# ---- where it stands


GUESS, SCORE = re.compile(r'guess\("([^"]*)"\)'), re.compile(r'score\("([^"]*)"\)')


def misplaced(cells, notebook, keys):
    """Return which guesses of a notebook stand elsewhere than right before the cell that answers them, a line each."""
    found, asked = [], []
    for i, cell in enumerate(cells):
        if cell.cell_type == "code" and (match := GUESS.fullmatch(cell.source.strip())):
            asked.append(match[1])
            following = cells[i + 1] if i + 1 < len(cells) else None
            if following is None or following.cell_type != "code" or SCORE.match(following.source):
                found.append(f"{match[1]} does not stand directly before a code cell")
        elif cell.cell_type == "code" and re.search(r"\bguess\(", cell.source):
            found.append(f'a guess shares a cell: write guess("key") alone in {cell.source.splitlines()[0]!r}')
    found += [f"{key} is asked {asked.count(key)} times" for key in sorted({*keys, *asked}) if asked.count(key) != 1]
    found += [f"{key} is no guess of this notebook" for key in sorted({*asked} - {*keys})]
    code = [cell.source.strip() for cell in cells if cell.cell_type == "code"]
    scores = [source for source in code if re.search(r"\bscore\(", source)]
    if scores != [f'score("{notebook}")'] * bool(keys) or code[-1:] != (scores or code[-1:]):
        found.append(f"the score is not the last code cell, once: {scores}")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_guess_stands_right_before_the_cell_that_answers_it(path):
    notebook = path.stem[0]
    keys = [key for key in QUESTIONS if key.startswith(f"{notebook}.")]
    assert misplaced(nbformat.read(path, as_version=4).cells, notebook, keys) == []


CELLS = [new_code_cell('guess("1.a")'), new_code_cell("1"), new_markdown_cell("Seen?"), new_code_cell('score("1")')]


@pytest.mark.parametrize(
    ("cells", "keys", "fault"),
    [
        ([new_markdown_cell("Now:"), *CELLS], ["1.a"], None),
        ([new_code_cell('guess("1.b")'), *CELLS], ["1.a", "1.b"], None),
        (CELLS, ["1.a", "1.b"], "1.b is asked 0 times"),
        (CELLS[:2] + CELLS, ["1.a"], "1.a is asked 2 times"),
        (CELLS, [], "1.a is no guess"),
        ([CELLS[0], CELLS[2], *CELLS[1:]], ["1.a"], "1.a does not stand directly"),
        ([CELLS[1], CELLS[0], CELLS[3]], ["1.a"], "1.a does not stand directly"),
        ([new_code_cell('x = guess("1.b")'), *CELLS], ["1.a"], "a guess shares a cell"),
        (CELLS[:3], ["1.a"], "the score is not"),
        ([CELLS[3], *CELLS], ["1.a"], "the score is not"),
        ([*CELLS, CELLS[1]], ["1.a"], "the score is not"),
        ([*CELLS[:3], new_code_cell('score("2")')], ["1.a"], "the score is not"),
        ([CELLS[3]], [], "the score is not"),
        ([CELLS[1]], [], None),
    ],
)
def test_a_guess_in_a_false_place_is_found(cells, keys, fault):
    found = misplaced(cells, "1", keys)
    assert not found if fault is None else any(fault in line for line in found), found


# ---- what is shown without a script


@pytest.mark.parametrize("make", [lambda key: guess(key), lambda key: score(key[0])], ids=["guess", "score"])
def test_the_question_stands_as_text_too_alike_from_run_to_run_and_without_the_answer(make):
    for key, question in QUESTIONS.items():
        first, second = (make(key)._repr_mimebundle_()[0] for _ in range(2))
        assert first.pop(VIEW) != second.pop(VIEW)
        assert first == second
        assert set(first) == {"text/plain", "text/html"}
        assert question.why not in str(first)
        assert "<script" not in first["text/html"]


def test_what_the_text_says(monkeypatch):
    monkeypatch.setitem(QUESTIONS, "1.choice", CHOICE)
    monkeypatch.setitem(QUESTIONS, "1.number", dataclasses.replace(NUMBER, asks="More than 1 < 2?"))
    first, second = guess("1.choice"), guess("1.number")
    assert repr(first).splitlines()[:4] == ["Guess: Is `w` one?", "  - yes, `w`", "  - no", "  - both"]
    assert "<ul><li>yes, <code>w</code></li><li>no</li><li>both</li></ul>" in first._repr_mimebundle_()[0]["text/html"]
    assert repr(second).splitlines()[:2] == ["Guess: More than 1 < 2?", "  Your number: ____ numbers"]
    assert "More than 1 &lt; 2?" in second._repr_mimebundle_()[0]["text/html"]
    assert "65" not in repr(second) + second._repr_mimebundle_()[0]["text/html"]


@pytest.mark.parametrize("key", ["2.alpah", "alpha", "", "2", 2, None, ["2.alpha"]])
def test_an_unknown_guess_says_which_there_are_the_nearest_first(monkeypatch, key):
    monkeypatch.setitem(QUESTIONS, "2.alpha", CHOICE)
    with pytest.raises(ValueError, match=re.escape(f"no guess is called {key!r}; ")) as raised:
        guess(key)
    assert all(repr(name) in str(raised.value) for name in QUESTIONS)
    if "al" in str(key):
        assert "first: '2.alpha'" in str(raised.value)


@pytest.mark.parametrize("notebook", ["6", "", 1, None])
def test_a_score_of_no_notebook_says_which_there_are(notebook):
    with pytest.raises(ValueError, match=re.escape(f"is called {notebook!r}; there are, the nearest first: '")):
        score(notebook)


# ---- what the browser makes of it, without a notebook around


@pytest.fixture(scope="module")
def chromium():
    if not lab.CHROMIUM:
        reason = "no Chromium: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with lab.browser() as chromium:
        yield chromium


@pytest.fixture
def page(chromium):
    """A page of a site that knows the script; it needs no network."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.route(
            "http://guess.test/**", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
        )
        page.goto("http://guess.test/")
        yield page
        page.close()


LOAD = """async script => {
  const address = URL.createObjectURL(new Blob([script], {type: 'text/javascript'}));
  window.guessed = await import(address); }"""
SHOW = """([content, style]) => {
  document.head.append(Object.assign(document.createElement('style'), {textContent: style}));
  const el = document.createElement('div');
  document.body.append(el);
  window.guessed.default.render({model: {get: name => ({content})[name]}, el}); }"""


def show(page, *questions):
    """Show guesses under the names q0, q1, ... and their score."""
    page.evaluate(LOAD, SCRIPT)
    contents = [{"key": f"1.q{i}"} | dataclasses.asdict(question) for i, question in enumerate(questions)]
    for content in [*contents, {"guesses": contents}]:
        page.evaluate(SHOW, [content, STYLE])


def shown(page):
    """Return the words of each guess's result, and of the score."""
    return [text.strip() for text in page.get_by_role("status").all_inner_texts()]


WRITTEN = {
    "12": [12],
    " 0,5 ": [0.5],
    "0.125": [0.125],
    ".5": [0.5],
    "-1e-3": [-0.001],
    "\N{MINUS SIGN}3": [-3],
    "65,792": [65.792, 65792],
    "1,234,567": [1234567],
    "65 792 numbers": [65792],
} | {text: [] for text in ("50 %", "many", "1.2.3", "", "Infinity", "0x10")}
JUDGED = [
    (CHOICE, "yes, `w`", True),
    (CHOICE, "no", False),
    (NUMBER, "65,792", True),
    (NUMBER, "65793", False),
    (ROUGH, "0,55", True),
    (ROUGH, "0.551", False),
    (dataclasses.replace(ROUGH, answer=-0.5), "-.45", True),
    (dataclasses.replace(NUMBER, answer=0), "0", True),
    (dataclasses.replace(NUMBER, answer=0), "0.1", False),
]


def test_how_a_number_may_be_written(page):
    page.evaluate(LOAD, SCRIPT)
    read = "texts => texts.map(text => window.guessed.numbers(text, 'numbers'))"
    assert dict(zip(WRITTEN, page.evaluate(read, list(WRITTEN)), strict=True)) == WRITTEN


def test_what_is_right(page):
    page.evaluate(LOAD, SCRIPT)
    judge = "([question, text]) => window.guessed.isRight(question, text)"
    for question, text, right in JUDGED:
        assert page.evaluate(judge, [dataclasses.asdict(question), text]) == right, (question, text)


@pytest.mark.parametrize("storage", ["works", "fails", "is full"])
def test_a_guess_is_judged_after_the_commit_and_remembered_also_where_the_browser_stores_nothing(page, storage):
    if storage == "fails":
        page.evaluate(
            "() => { Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }}); }"
        )
    if storage == "is full":
        page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    show(page, CHOICE, NUMBER)
    assert shown(page) == ["", "", "You predicted 0 of 2. 2 are still open."]
    page.get_by_role("button", name="Commit").first.click()
    assert shown(page)[0] == "Choose an answer first."
    page.get_by_role("radio", name="no").check()
    assert shown(page)[2] == "You predicted 0 of 2. 2 are still open."
    page.get_by_role("button", name="Commit").first.click()
    assert shown(page)[0].splitlines()[0] == "✗ Not right. The answer is: yes, w"
    assert "It is 1." in shown(page)[0]
    assert shown(page)[2] == "You predicted 0 of 2. 1 is still open."
    labels = page.locator("label").all_inner_texts()
    assert [label.split("←")[-1].strip() for label in labels[:2]] == ["the answer", "your guess"]
    assert page.get_by_role("radio", name="no").is_checked()
    field = page.get_by_role("textbox", name="Your number")
    for text, words in (("", "Write a number first."), ("lots", "“lots” is no number.")):
        field.fill(text)
        field.press("Enter")
        assert words in shown(page)[1]
    field.fill("65,792")
    field.press("Enter")
    assert shown(page)[1].splitlines()[0] == "✓ Right."
    assert shown(page)[2] == "You predicted 1 of 2."
    assert field.input_value() == "65,792"
    show(page, CHOICE, NUMBER)  # as when the cells are run again
    assert shown(page)[:3] == shown(page)[3:]
    page.get_by_role("button", name="Forget").first.click()
    assert shown(page)[0] == shown(page)[3] == ""
    assert shown(page)[2] == shown(page)[5] == "You predicted 1 of 2. 1 is still open."
    page.reload()
    show(page, CHOICE, NUMBER)
    assert ("You predicted 1 of 2. 1 is still open." in shown(page)) == (storage == "works")


def test_a_number_that_is_near_enough_is_right_and_the_answer_is_told(page):
    show(page, ROUGH)
    page.get_by_role("textbox").fill("0,52")
    page.get_by_role("textbox").press("Enter")
    assert shown(page)[0].splitlines()[0] == "✓ Right. The answer is: 0.5"


@pytest.mark.parametrize(
    ("answer", "told"), [(65792, "65,792 numbers"), (0.015625, "0.015625 numbers"), (-3, "-3 numbers")]
)
def test_how_the_answer_is_told(page, answer, told):
    show(page, dataclasses.replace(NUMBER, answer=answer))
    page.get_by_role("textbox").fill("7")
    page.get_by_role("textbox").press("Enter")
    assert shown(page)[0].splitlines()[0] == f"✗ Not right. The answer is: {told}"


def test_what_was_remembered_of_another_question_is_left_alone(page):
    page.evaluate("localStorage.setItem('d2lparams.guess.1.q0', 'a choice of last year')")
    show(page, CHOICE)
    assert shown(page) == ["", "You predicted 0 of 1. 1 is still open."]


def test_another_page_of_the_browser_is_heard(page):
    show(page, CHOICE)
    other = page.context.new_page()
    other.route("http://guess.test/**", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    other.goto("http://guess.test/")
    show(other, CHOICE)
    other.get_by_role("radio", name="yes").check()
    other.get_by_role("button", name="Commit").click()
    lab.wait(lambda: "Right" in shown(page)[0], 5, "the other page's guess")
    assert shown(page)[1] == "You predicted 1 of 1."


# JupyterLab's own colors of text and ground; elsewhere the page's are taken
THEMES = {"light": ("rgba(0, 0, 0, 0.87)", "#fff"), "dark": ("#fff", "#111")}
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const light = (...colors) => {  // of colors that lie over each other
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]; };
  const grounds = node => node
    ? [...grounds(node.parentElement), getComputedStyle(node).backgroundColor] : ['white'];
  return [...document.querySelectorAll('.guess-form, .guess-form *')]
    .filter(node => node.matches('input[type=text]')
      || [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .map(node => {
      const ground = grounds(node), color = getComputedStyle(node).color;
      const [a, b] = [light(...ground), light(...ground, color)];
      return [node.outerHTML.slice(0, 60), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]; }); }"""


@pytest.mark.parametrize("theme", THEMES)
def test_every_word_stands_out_in_both_themes_and_nothing_moves(page, theme):
    color, ground = THEMES[theme]
    variables = f"--jp-content-font-color1: {color}; --jp-layout-color0: {ground}; background: {ground}"
    page.evaluate("style => { document.body.setAttribute('style', style); }", variables)
    show(page, CHOICE, dataclasses.replace(CHOICE), NUMBER)
    page.get_by_role("radio", name="yes").first.check()
    page.get_by_role("radio", name="both").nth(1).check()
    for button in page.get_by_role("button", name="Commit").all()[:2]:
        button.click()
    contrasts = page.evaluate(CONTRAST)
    assert len(contrasts) > 15
    assert {text: ratio for text, ratio in contrasts if ratio < 4.5} == {}
    assert not re.search(r"transition|animation", STYLE)
