"""Guesses and interactive figures on pages from disk, with the network off, in Chromium and Firefox.

One small site with every figure serves all tests. What a browser is missing for is skipped; where the environment
variable CI is set, that fails.
"""

import base64
import io
import os
import re

import axe
import edition
import firefox
import lab
import numpy as np
import pytest
import torch
from nbformat.v4 import new_output
from PIL import Image
from torch import nn

from d2lparams import plots, track, widgets
from d2lparams.chapter import init_explorer, tie_playground
from d2lparams.chapter.guesses import guess, score
from d2lparams.chapter.guesses.question import Choice
from d2lparams.chapter.guesses.widget import QUESTIONS

CHOICE = next(key for key, question in QUESTIONS.items() if isinstance(question, Choice))
NUMBER = next(key for key, question in QUESTIONS.items() if key[0] == CHOICE[0] and not isinstance(question, Choice))
ASKED = sum(key[0] == CHOICE[0] for key in QUESTIONS)
STEPS, HALVED = 130, 60


def needs(program, name):
    if not program:
        reason = f"no {name}: apt-get install {name}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def watched():
    """Train a little net under the monitor; return it, stopped at no step, with the losses that it was given."""
    torch.manual_seed(0)
    net, losses = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)), []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record, widgets.monitor(record) as monitor:
        for step in range(1, STEPS + 1):
            loss = (net(torch.ones(4, 3)) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            monitor.log(train_loss=loss)
            if step % 40 == 0:
                monitor.log(val_loss=2 * losses[-1])
            if step == HALVED:
                monitor.scale_rate(0.5)
    return monitor, losses


@pytest.fixture(scope="module")
def figures():
    """The figures as a notebook has them, by name."""
    shown = {"training monitor": watched()[0], "scrubber": widgets.scrubber(plots.example_record())}
    return shown | {"init explorer": init_explorer(activation="tanh"), "tie playground": tie_playground()}


def stored(source, widget):
    """Return a cell and its output as a notebook stores it."""
    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    replay = getattr(widget, "replay", lambda: None)()
    metadata = {"image/png": {"replay": replay}} if replay else {}
    data.pop("application/vnd.jupyter.widget-view+json")
    return source, new_output("display_data", data, metadata=metadata)


@pytest.fixture(scope="module")
def site(tmp_path_factory, figures):
    """A site of two notebooks: figures, and guesses."""
    out = tmp_path_factory.mktemp("live")
    asked = [stored(f'guess("{key}")', guess(key)) for key in (CHOICE, NUMBER)]
    asked.append(stored(f'score("{CHOICE[0]}")', score(CHOICE[0])))
    shown = [stored("1", figure) for figure in figures.values()]
    edition.write(out / "sources", **{"1-figures": ["# Figures", *shown], "2-guesses": ["# Guesses", *asked]})
    built = edition.build(out / "sources", out)
    assert built.returncode == 0, built.stderr
    return out / "html"


@pytest.fixture(scope="module")
def chromium():
    needs(lab.CHROMIUM, "chromium")
    with lab.browser() as browser:
        yield browser


@pytest.fixture
def opened(chromium, site):
    """A function that opens a page of the site in a new context; at the end, its console must have nothing to say."""
    heard = []
    contexts = []

    def open_page(name, **options):
        contexts.append(chromium.new_context(offline=True, viewport={"width": 1280, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: message.type == "error" and heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


DIGEST = """figure => {
  const canvas = figure.querySelector('canvas');
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const picture = new Uint32Array(data.buffer).reduce((sum, pixel) => Math.imul(sum ^ pixel, 16777619), 1);
  return [picture, ...['caption', 'more'].map(part => figure.querySelector('.live-' + part).innerHTML)].join(); }"""


class Figure:
    """A figure on a page of Chromium."""

    def __init__(self, page, name):
        self.page, self.box = page, page.get_by_role("group", name=name, exact=True)
        self.box.locator("canvas").wait_for()
        lab.wait(lambda: self.box.locator("canvas").evaluate("canvas => canvas.width") > 300, 5, "a picture")

    def state(self):
        """Return what tells one picture with its words from another."""
        return self.box.evaluate(DIGEST)

    def changes(self, act):
        """Do something that changes the picture or the words below it."""
        before = self.state()
        act()
        lab.wait(lambda: self.state() != before, 5, "the figure to change")

    def words(self):
        return self.box.get_by_role("status").inner_text()

    def says(self, words):
        lab.wait(lambda: words in self.words(), 5, f"{words!r} to be said")

    def draws(self, png):
        """Wait until the picture is nearly this one: letters differ a little, a missing word or mark more."""
        wanted = coarse(png)

        def apart():
            differences = np.abs(coarse(self.png()) - wanted)
            differences[:26, :165] = 0  # a legend goes where there is most room, which a marker takes
            return differences.max()

        lab.wait(lambda: apart() < 120, 5, "the same picture as the notebook's")

    def png(self):
        drawn = self.box.locator("canvas").evaluate("canvas => canvas.toDataURL()")
        return base64.b64decode(drawn.split(",")[1])


def plain(html):
    return re.sub("<[^>]+>", "", html).strip()


def coarse(png):
    """Return a picture's brightness at a quarter of its size."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("L").reduce(4)).astype(float)


def test_the_scrubber_shows_what_the_notebooks_does(opened, figures):
    figure, scrubber = Figure(opened("1-figures"), "scrubber"), figures["scrubber"]
    slider = figure.box.get_by_role("slider", name="recorded step")
    last = scrubber.step.max
    for name in reversed(scrubber.record.shared):
        scrubber.parameter.value = name
        figure.box.get_by_label("parameter", exact=True).select_option(name)
        for key, i in (("End", last), ("ArrowLeft", last - 1), ("Home", 0), ("ArrowRight", 1)):
            slider.press(key)
            scrubber.step.value = i
            figure.says(plain(scrubber.caption.value))
            assert slider.get_attribute("aria-valuetext") == str(scrubber._table.index[i])
            figure.draws(scrubber.canvas.png())


def test_the_monitor_shows_the_panels_as_they_stood(opened, figures):
    figure = Figure(opened("1-figures"), "training monitor")
    losses = watched()[1]
    figure.draws(figures["training monitor"].canvas.png())
    for step in (2, HALVED, HALVED + 2, 80, STEPS):
        figure.box.get_by_label("optimizer step, typed").fill(str(step))
        figure.page.keyboard.press("Enter")
        shown = int(figure.box.get_by_label("optimizer step, typed").input_value())
        assert abs(shown - step) <= 1
        validation = f"; val loss {2 * losses[shown // 40 * 40 - 1]:.3f}" if shown >= 40 else ""
        rate = f"; learning rate × 0.5 after step {HALVED + 1}" if shown > HALVED else ""
        figure.says(f"Step {shown} of {STEPS}: train loss {losses[shown - 1]:.3f}{validation}{rate}.")
    ends = figure.page.evaluate(
        """async () => {
          const {content} = document.querySelector('[data-live=scenes]').dataset;
          const {scenes} = window.d2lparams.scenes;
          const figure = await scenes(JSON.parse(content));
          const counts = i => { figure.answer('step', i); return figure.picture().overlay.lines.map(l => l.count); };
          return [counts(0), counts(39)]; }"""
    )
    for counts in ends:  # all lines are as long as the others; of validation there is a point or none
        assert len(set(counts) - {0, 1}) <= 1
    assert max(ends[0]) == 1


MOVES = {  # by figure, what changes its picture or its words at once, in this order, and the keys that move it
    "scrubber": {"recorded step": ["ArrowLeft"], "parameter": ["ArrowDown"], "play": ["Enter"]},
    "training monitor": {"optimizer step": ["Home"], "play": ["Space"]},
    "init explorer": {
        "scheme": ["ArrowDown"],
        "activation": ["ArrowDown"],
        "gain": ["ArrowRight"],
        "hidden layers": ["ArrowLeft"],
        "units in each": ["ArrowLeft"],
    },
    "tie playground": {
        "tie": ["Enter"],
        "write": ["Space"],
        "untie all": ["Space"],
        "start again": ["Enter"],
        "net": ["ArrowDown"],
    },
}


def controls(figure):
    """Return every control of a figure by its name: its role's and its own."""
    found = figure.box.locator(".live-row :is(input, select, button)").all()
    names = [control.evaluate("x => x.ariaLabel ?? x.labels?.[0]?.textContent ?? x.textContent") for control in found]
    assert all(names)
    assert len(set(names)) == len(names)
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("name", MOVES)
def test_every_control_answers_keyboard_and_mouse_and_has_a_name(opened, name):
    figure = Figure(opened("1-figures"), name)
    there = controls(figure)
    for label, keys in MOVES[name].items():
        there[label].focus()
        figure.changes(lambda keys=keys: [figure.page.keyboard.press(key) for key in keys])
    for label in there.keys() - MOVES[name].keys():
        kind, before, is_first = there[label].evaluate("x => [x.type, x.value, x.selectedIndex === 0]")
        if kind != "text":
            there[label].press("ArrowDown" if is_first else "ArrowUp")
            assert there[label].input_value() != before
    figure.page.reload()
    figure = Figure(figure.page, name)
    there = controls(figure)
    for label, control in [(label, there[label]) for label in [*MOVES[name], *(there.keys() - MOVES[name].keys())]]:
        kind = control.evaluate("x => x.type")
        if kind == "range":
            box = control.bounding_box()
            before = control.get_attribute("aria-valuetext")
            figure.page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
            after = control.get_attribute("aria-valuetext")
            assert after != before
            assert after == figure.box.get_by_label(f"{label}, typed").input_value()
        elif kind == "button" and label in MOVES[name]:
            figure.changes(control.click)


def test_what_is_typed_snaps_to_what_is_offered_and_is_shown(opened):
    figure = Figure(opened("1-figures"), "training monitor")
    field, bar = (figure.box.get_by_label(f"optimizer step{more}", exact=True) for more in (", typed", ""))
    for typed, shown in (("-7", "1"), ("1e9", str(STEPS)), ("2,4", "2"), ("nonsense", "2"), ("", "2")):
        field.fill(typed)
        field.press("Enter")
        assert field.input_value() == bar.get_attribute("aria-valuetext") == shown
        figure.says(f"Step {shown} of")


def test_changes_are_said_from_one_node_that_stays_and_not_while_it_plays(opened):
    figure = Figure(opened("1-figures"), "training monitor")
    status = figure.box.get_by_role("status")
    status.evaluate(
        """node => {
          window.kept = node;
          window.announced = [];
          const note = () => node.ariaLive === 'polite' && window.announced.push(node.textContent);
          new MutationObserver(note).observe(node, {childList: true, characterData: true, subtree: true}); }"""
    )
    bar = figure.box.get_by_role("slider")
    figure.changes(lambda: bar.press("ArrowLeft"))
    figure.changes(lambda: bar.press("Home"))
    assert len(figure.page.evaluate("announced")) == 2
    figure.box.get_by_role("button", name="play").click()
    lab.wait(lambda: int(bar.get_attribute("aria-valuetext")) > 6, 10, "the player to go on")
    assert len(figure.page.evaluate("announced")) == 2
    figure.box.get_by_role("button", name="pause").click()
    said = figure.page.evaluate("announced")
    assert len(said) == 3
    assert said[-1] == figure.words()
    assert figure.page.evaluate("document.contains(kept)")


def test_with_reduced_motion_a_press_of_play_is_one_step(opened):
    figure = Figure(opened("1-figures", reduced_motion="reduce"), "training monitor")
    bar, button = figure.box.get_by_role("slider"), figure.box.get_by_role("button", name="next step")
    bar.press("Home")
    for step in (2, 3):
        button.press("Enter")
        figure.page.wait_for_timeout(250)
        assert abs(int(bar.get_attribute("aria-valuetext")) - step) <= 1
    bar.press("End")
    button.click()
    figure.says("Step 1 of")


def test_guesses_are_answered_counted_and_remembered(opened):
    page = opened("2-guesses")
    choice, number = QUESTIONS[CHOICE], QUESTIONS[NUMBER]
    forms = page.locator("form.guess-form")
    statuses = page.locator(".guess-form").get_by_role("status")
    assert page.locator(".guess:visible").count() == 0
    assert forms.count() == 2
    assert statuses.nth(2).inner_text() == f"You predicted 0 of {ASKED}. {ASKED} are still open."
    forms.nth(0).get_by_role("radio").first.focus()
    for key in ["Space", *["ArrowDown"] * choice.choices.index(choice.answer), "Enter"]:
        page.keyboard.press(key)
    assert statuses.nth(0).inner_text().startswith("✓ Right.")
    forms.nth(1).get_by_role("textbox").fill(str(3 * number.answer + 1))
    forms.nth(1).get_by_role("button", name="Commit").click()
    assert statuses.nth(1).inner_text().startswith("✗ Not right.")
    counted = f"You predicted 1 of {ASKED}. {ASKED - 2} are still open."
    assert statuses.nth(2).inner_text() == counted
    page.reload()
    assert statuses.nth(2).inner_text() == counted
    forms.nth(1).get_by_role("button", name="Forget").press("Enter")
    assert statuses.nth(2).inner_text() == f"You predicted 1 of {ASKED}. {ASKED - 1} are still open."


def test_without_a_script_the_pictures_and_the_questions_are_there(opened, figures):
    page = opened("1-figures", java_script_enabled=False)
    pictures = page.locator(".cell_output img:visible")
    assert pictures.count() == len(figures)
    page.goto(page.url.replace("1-figures", "2-guesses"))
    assert page.locator(".guess:visible").count() == 3


@pytest.mark.parametrize("name", ["1-figures", "2-guesses"])
def test_every_reader_can_use_what_is_alive(chromium, site, name):
    page = chromium.new_page(reduced_motion="reduce")
    page.goto((site / f"{name}.html").as_uri())
    page.locator(".live canvas, form.guess-form").last.wait_for()
    found = axe.faults(page)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found += axe.faults_of_color(page, set())
    page.close()
    assert found == []


def test_on_a_phone_the_picture_scrolls_by_keyboard_and_the_page_does_not(opened):
    page = opened("1-figures", color_scheme="dark", forced_colors="active")
    page.set_viewport_size({"width": 390, "height": 800})
    figure = Figure(page, "training monitor")
    picture = figure.box.get_by_role("group", name="figure, scrolls sideways")
    picture.press("ArrowRight")
    lab.wait(lambda: picture.evaluate("x => x.scrollLeft") > 0, 5, "the picture to scroll")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = page.locator(".live-row :is(input, select, button)").evaluate_all(
        "all => all.map(x => x.getBoundingClientRect()).map(x => [x.height, x.right])"
    )
    assert min(height for height, _ in boxes) >= 24
    assert max(right for _, right in boxes) <= 390


def test_firefox_shows_the_same(site, figures):
    needs(firefox.FIREFOX, "firefox-esr")
    with firefox.browser() as page:

        def open_figures():
            page.open(site / "1-figures.html")
            canvases = "document.querySelectorAll('.live canvas').length"
            lab.wait(lambda: page.value(canvases) == len(figures), 10, "every figure to be drawn")

        open_figures()
        box = "document.querySelector('[aria-label=\"%s\"]')"
        words = f"{box}.querySelector('[role=status]').textContent"
        for name, moves in MOVES.items():
            for label, keys in moves.items():
                control = f"[...{box % name}.querySelectorAll('.live-row :is(input, select, button)')]"
                named = f"{control}.find(x => (x.labels?.[0] ?? x).textContent === '{label}')"
                state = f"({DIGEST})({box % name})"
                before = page.value(state)
                page.value(f"{named}.focus()")
                page.press(*keys)
                lab.wait(lambda state=state, before=before: page.value(state) != before, 5, f"{label} to answer")
        open_figures()
        scrubber = figures["scrubber"]
        scrubber.parameter.value = scrubber.record.shared[0]
        scrubber.step.value = scrubber.step.max - 1
        box = box % "scrubber"
        page.value(f"{box}.scrollIntoView({{block: 'center'}})")
        x, y, width, height = page.value(
            f"(r => [r.x, r.y, r.width, r.height])({box}.querySelector('[type=range]').getBoundingClientRect())"
        )
        page.click(x + width - 3, y + height / 2)
        page.press("ArrowLeft")
        words = f"{box}.querySelector('[role=status]').textContent"
        lab.wait(lambda: page.value(words) == plain(scrubber.caption.value), 5, "the step to be told")
        page.open(site / "2-guesses.html")
        page.value("document.querySelector('[type=radio]').focus()")
        page.press("Space", *["ArrowDown"] * QUESTIONS[CHOICE].choices.index(QUESTIONS[CHOICE].answer), "Enter")
        right = "document.querySelector('.guess-form [role=status]').textContent"
        lab.wait(lambda: page.value(right).startswith("✓ Right."), 5, "the verdict")
        page.open(site / "2-guesses.html")
        assert page.value(right).startswith("✓ Right.")
        assert page.heard == []
