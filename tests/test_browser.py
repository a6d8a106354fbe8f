"""Notebooks in a real JupyterLab: all cells run, the console stays clean, every control moves its drawing.

One JupyterLab and one page for all of them. Skipped, with the reason, where Chromium is missing; where the environment
variable CI is set, that fails. Screenshots of each interactive figure, in the light and the dark theme, go to
build/screenshots.
"""

import base64
import contextlib
import io
import os
import shutil
from pathlib import Path

import lab
import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from d2lparams.chapter.guesses.question import Choice, Number
from d2lparams.chapter.guesses.widget import QUESTIONS

ROOT = Path(__file__).parent.parent
SHOTS = ROOT / "build" / "screenshots"
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
FIGURES = "figures.ipynb"  # a notebook of the chapter's interactive figures, and of the cells that each of them needs
CELLS = {  # of which notebook, and what stands in them
    "2-initialization": ["import figures, init_explorer", "init_explorer("],
    "4-sharing": ["import figures, tie_playground", "tie_playground(", "playground.tie.click()"],
    "5-shared-mlp": [
        *("import plots, widgets", "num_epochs, batch", "FashionMNIST(", "def shared_mlp", "class SharedMLP"),
        *("record:\n    trainer.fit", "record.save", "widgets.scrubber(", "widgets.monitor("),
    ],
}
SHORT = {  # what is run instead: fewer steps, and pictures as often as they can be drawn
    "num_epochs, batch_size, lr = 30, 256, 0.5": "num_epochs, batch_size, lr = 1, 1024, 0.5",
    "track(net, ": "track(net, every=1, ",
    "max_epochs=3": "max_epochs=1",
    "widgets.monitor(live)": "widgets.monitor(live, share=1)",
}
STEPS = 59  # of one epoch
GUESSES = "guesses.ipynb"  # a notebook that asks a choice and a number of one notebook of the chapter, and counts
ASKED = next(
    (choice, number)
    for choice in QUESTIONS
    for number in QUESTIONS
    if isinstance(QUESTIONS[choice], Choice) and isinstance(QUESTIONS[number], Number) and choice[0] == number[0]
)
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory):
    """A JupyterLab over a copy of the notebooks, in a page of the browser."""
    if not lab.CHROMIUM:
        reason = "no Chromium: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    SHOTS.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    sources = ["from d2lparams.chapter.guesses import guess, score", *map('guess("{}")'.format, ASKED)]
    cells = [new_code_cell(source) for source in [*sources, f'score("{ASKED[0][0]}")']]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), folder / GUESSES)
    nbformat.write(new_notebook(cells=[*map(new_code_cell, figure_cells())], metadata=KERNEL), folder / FIGURES)
    if (ROOT / "data").is_dir():
        (folder.parent / "data").symlink_to(ROOT / "data")
    with pytest.MonkeyPatch.context() as environment, lab.browser() as chromium:
        environment.setenv("MPLBACKEND", "agg")  # with which figures would vanish, did the server hand it to kernels
        with lab.server(folder) as address:
            yield lab.Lab(chromium, address)


def figure_cells():
    """Yield the sources of the cells that `CELLS` names, as the chapter has them but for what is `SHORT`."""
    for name, parts in CELLS.items():
        cells = [cell.source for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells]
        for part in parts:
            source = next(source for source in cells if part in source and not source.startswith("#"))
            for old, new in SHORT.items():
                source = source.replace(old, new)
            yield source


@contextlib.contextmanager
def opened(jupyterlab, name):
    """One notebook, every cell run and none failed; afterwards the console must have nothing to say."""
    notebook = jupyterlab.open(name)
    try:
        assert failures(notebook.run_all(200)) == []
        yield notebook
    finally:
        jupyterlab.close()
    assert jupyterlab.complaints == []


@pytest.fixture(scope="module")
def figures(jupyterlab):
    """The notebook of the interactive figures, opened once for all tests of them."""
    with opened(jupyterlab, FIGURES) as notebook:
        yield notebook


def failures(cells):
    """Return what failed that should not have, did not fail that should have, or was not drawn."""
    failed = []
    for cell in cells:
        raised = any(output["output_type"] == "error" for output in cell["outputs"])
        drawn = any("image/png" in output.get("data", {}) for output in cell["outputs"])
        if raised != ("raises-exception" in cell["tags"]) or ("plt.show()" in cell["source"] and not drawn):
            failed.append(cell["source"].splitlines()[0])
    return failed


def pick(key):
    """Return the keys that choose the neighbor in a list: it has to be open, or JupyterLab takes the arrows."""
    return ["Space", key, "Enter"]


def turn(figure, label, keys, value):
    """Move a control that does not draw by itself, and wait until the kernel knows."""
    before = figure.notebook.value(value)
    figure.press(label, *keys)
    lab.wait(lambda: figure.notebook.value(value) != before, 10, f"{value} to change")


def shoot(notebook, figure, name):
    """Keep a screenshot of a figure in each theme, and see that the dark one is dark around a white picture."""
    for theme, bright in (("JupyterLab Light", True), ("JupyterLab Dark", False)):
        notebook.theme(theme)
        figure.steady()
        figure.box.screenshot(path=SHOTS / f"{name}-{theme.split()[1].lower()}.png")
        assert (figure.background() > 0.5) == bright
    notebook.theme("JupyterLab Light")


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name[0] == "6"], ids=lambda name: Path(name).stem)
def test_a_notebook_without_widgets_runs(jupyterlab, name):
    with opened(jupyterlab, name) as notebook:
        assert len(notebook.cells()) > 5


def test_guesses_are_answered_by_keyboard_alone_remembered_and_counted_also_without_a_kernel(jupyterlab):
    choice, number = (QUESTIONS[key] for key in ASKED)
    forms = jupyterlab.page.locator(".guess-form")
    count = sum(key[0] == ASKED[0][0] for key in QUESTIONS)

    def shown():
        lab.wait(lambda: forms.count() == 3, 30, "two guesses and the score to be shown")
        return [words.strip() for words in forms.get_by_role("status").all_inner_texts()]

    def press(guess, *keys):
        """Press keys one after the other; the cell of this guess stays the active one."""
        for key in keys:
            jupyterlab.page.keyboard.press(key)
        active = jupyterlab.page.evaluate(f"() => {lab.PANEL}.content.activeCell.model.sharedModel.getSource()")
        assert active == f'guess("{ASKED[guess]}")'

    def choose(words, *keys):
        """Go to the first choice, down to this one, and on."""
        forms.nth(0).get_by_role("radio").first.focus()
        press(0, "Space", *["ArrowDown"] * choice.choices.index(words), *keys)

    def write(value, *keys):
        """Write a number into the field, and go on."""
        forms.nth(1).get_by_role("textbox").focus()
        jupyterlab.page.keyboard.type(str(value))
        press(1, *keys)

    notebook = jupyterlab.open(GUESSES)
    try:
        assert failures(notebook.run_all(60)) == []
        assert shown()[2] == f"You predicted 0 of {count}. {count} are still open."
        choose(next(words for words in choice.choices if words != choice.answer), "Tab", "Enter")
        assert shown()[0].startswith("✗ Not right. The answer is: ")
        press(0, "Tab", "Space")  # Forget
        assert shown()[0] == ""
        choose(choice.answer, "Enter")
        assert shown()[0].startswith("✓ Right.")
        write(3 * number.answer + 1, "Enter")
        assert shown()[1].startswith("✗ Not right. The answer is: ")
        press(1, "Tab", "Enter")
        write(str(number.answer).replace(".", ","), "Tab", "Space")
        assert shown()[1].startswith("✓ Right.")
        answered = shown()
        assert answered[2].startswith(f"You predicted 2 of {count}.")
        jupyterlab.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        jupyterlab.load()
        jupyterlab.open(GUESSES)
        assert shown() == answered
        jupyterlab.page.evaluate(f"() => {lab.PANEL}.sessionContext.shutdown()")
        forms.nth(1).get_by_role("button", name="Forget").focus()
        press(1, "Enter")
        write(3 * number.answer + 1, "Enter")
        assert shown()[2].startswith(f"You predicted 1 of {count}.")
    finally:
        jupyterlab.close()
    debugger = "Could not restore the debugger state"  # JupyterLab asks a kernel for it that is shut down meanwhile
    assert [complaint for complaint in jupyterlab.complaints if not complaint.startswith(debugger)] == []


def explore(notebook):
    """Move every control of the explorer, and see that the picture changes; return the figure."""
    figure = lab.Figure(notebook, "init_explorer(")
    moves = {
        "scheme": pick("ArrowUp"),
        "activation": pick("ArrowUp"),
        "gain": ["ArrowRight"],
        "hidden layers": ["ArrowLeft"],
        "units in each": ["ArrowLeft"],
    }
    before = figure.steady()
    for label, keys in moves.items():
        figure.press(label, *keys)
        before = figure.changed(before)
    moved = notebook.value("[explorer.scheme.value, explorer.activation.value, explorer.depth.value]")
    assert moved == ["orthogonal", "leaky ReLU, 0.1", 7]
    return figure


def test_the_init_explorer_answers_every_control(figures):
    shoot(figures, lab.Figure(figures, "init_explorer("), "init-explorer")
    notebook, figure = figures, explore(figures)
    setup = """
        from d2lparams.chapter.deep_net import first_pass
        setting = explorer.scheme, explorer.gain, explorer.depth, explorer.units, explorer.activation
        verdict = first_pass(*(control.value for control in setting)).report.verdict
    """
    assert f"{notebook.value('verdict', setup)}: first loss" in figure.text()
    assert_no_flicker_and_no_stack(notebook, figure, "gain")
    assert_drawn_as_matplotlib_does(figure, "explorer", "gain")
    assert_sharp_when_zoomed(notebook, figure)


def assert_drawn_as_matplotlib_does(figure, name, slider):
    """Compare the browser's picture with matplotlib's, coarsely: letters differ a little, another setting more."""

    def matplotlibs():
        return coarse(
            base64.b64decode(figure.notebook.value(f"base64.b64encode({name}.canvas.png()).decode()", "import base64"))
        )

    figure.steady()
    shown, same = coarse(figure.png()), matplotlibs()
    assert np.abs(shown - same).max() < 120  # where a word or a mark is missing, about 140 of 255 and more
    figure.press(slider, *["ArrowLeft"] * 10)
    figure.steady()
    assert np.abs(shown - same).mean() < 0.5 * np.abs(shown - matplotlibs()).mean()


def coarse(png):
    """Return a picture's brightness at a quarter of its size."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("L").reduce(4)).astype(float)


def assert_no_flicker_and_no_stack(notebook, figure, slider):
    """Hold a key: the picture is there in every frame, of one size, in one output; it ends where the slider does."""
    figure.watch()
    figure.press(slider, *["ArrowRight"] * 30)
    last = figure.steady()
    sizes = figure.watched()
    assert len(sizes) > 10
    assert len(set(sizes)) == 1
    assert 0 not in sizes
    assert figure.outputs() == 1
    notebook.value("explorer.redraw()")
    assert figure.steady() == last


def assert_sharp_when_zoomed(notebook, figure):
    """Twice as many pixels in the same place: the picture takes them at once, and keeps its size on the page."""
    sizes = "canvas => [canvas.width, canvas.getBoundingClientRect().width]"
    pixels, width = figure.canvas.evaluate(sizes)
    notebook.zoom(2)
    lab.wait(lambda: figure.canvas.evaluate(sizes) == [2 * pixels, width], 10, "twice as many pixels")
    notebook.zoom(1)
    lab.wait(lambda: figure.canvas.evaluate(sizes) == [pixels, width], 10, "as many pixels as before")


def play(notebook):
    """Move every control of the playground, and see that it answers; return the figure."""
    figure = lab.Figure(notebook, "tie_playground(")
    before = figure.steady()
    for button in ("start again", "tie", "write", "untie all"):
        figure.press(button, "Space")
        before = figure.changed(before)
    moves = {
        ("share", "way"): pick("ArrowDown"),
        ("of", "one"): pick("ArrowDown"),
        ("with", "other"): pick("ArrowUp"),
        ("weight at", "place"): pick("ArrowDown"),
        ("row", "row"): ["ArrowUp"],
        ("column", "column"): ["ArrowUp"],
        ("new value", "value"): ["ArrowRight"],
    }
    for (label, name), keys in moves.items():
        turn(figure, label, keys, f"playground.{name}.value")
    figure.press("tie", "Space")  # one module with itself
    lab.wait(lambda: "are one place: choose two" in figure.text(), 10, "the error to be shown in the figure")
    turn(figure, "with", pick("ArrowDown"), "playground.other.value")
    figure.press("tie", "Space")
    before = figure.changed(before)
    figure.press("write", "Space")
    before = figure.changed(before)
    assert "Written through 2; it shows up at 2 [1, 1], 4 [1, 1]." in figure.text()
    assert notebook.value("playground.net[2] is playground.net[4]")
    figure.press("net", *pick("ArrowDown"))
    figure.changed(before)
    assert "a word model" in notebook.value("repr(playground)")
    return figure


@pytest.mark.parametrize(
    ("label", "typed", "shown"),
    [
        ("units in each", "300", "256"),
        ("units in each", "400", "512"),
        ("units in each", "many", "512"),
        ("units in each", "", "512"),
        ("units in each", "9", "16"),
        ("gain", "0,5", "0.50"),
        ("gain", "2,5", "2.51"),
        ("gain", "77", "10.00"),
        ("hidden layers", "300", "16"),
        ("hidden layers", "3,7", "3"),
    ],
)
@pytest.mark.parametrize("leave", ["Enter", "Tab"])
def test_what_is_shown_after_a_number_was_typed_is_what_is_used(figures, label, typed, shown, leave):
    figure = lab.Figure(figures, "init_explorer(")
    slider = figure.box.locator(".widget-slider", has_text=label)
    readout = slider.locator(".widget-readout")
    readout.click()
    figures.page.keyboard.press("Control+A")
    figures.page.keyboard.type(typed) if typed else figures.page.keyboard.press("Delete")
    figures.page.keyboard.press(leave)
    lab.wait(lambda: readout.inner_text() == shown, 5, f"{readout.inner_text()!r} to become {shown}")
    used = {"units in each": "units", "gain": "gain", "hidden layers": "depth"}[label]
    form = ".2f" if label == "gain" else "d"
    lab.wait(lambda: figures.value(f"format(explorer.{used}.value, {form!r})") == shown, 5, f"{shown} to be used")


def test_the_tie_playground_answers_every_control(figures):
    shoot(figures, play(figures), "tie-playground")


def test_the_monitor_steers_a_running_loop(figures):
    notebook = figures
    first = lab.Figure(notebook, "widgets.monitor(live")
    assert f"finished at step {STEPS}" in first.text()
    notebook.replace("max_epochs=1", "max_epochs=1000")
    notebook.run_again("widgets.monitor(live")
    figure = lab.Figure(notebook, "widgets.monitor(live", button="pause")
    before = figure.picture()
    lab.wait(lambda: "running at step" in figure.text(), 60, "the loop to be seen running")
    figure.changed(before, steady=False, seconds=60)
    figure.press("pause", "Space")
    lab.wait(lambda: "paused at step" in figure.text(), 10, "the loop to pause")
    paused = figure.text()
    figure.press("rate × ½", "Space")
    lab.wait(lambda: "learning rate 0.25" in figure.text(), 10, "the rate to be halved")
    figure.press("rate × 2", "Space")
    lab.wait(lambda: "learning rate 0.5;" in figure.text(), 10, "the rate to be doubled")
    assert step(figure.text()) == step(paused)
    shoot(notebook, figure, "monitor")
    before = figure.picture()
    figure.press("resume", "Space")
    figure.changed(before, steady=False, seconds=60)  # drawing may take 2% of the time, so a slow machine waits long
    assert step(figure.text()) > step(paused)
    figure.press("stop", "Space")
    lab.wait(notebook.done, 20, "the cell to end")
    assert failures(notebook.cells()) == []
    lab.wait(lambda: "stopped at step" in figure.text(), 10, "the words to say so")
    steps = step(figure.text())
    assert notebook.value("[live.total_steps, len(monitor.changes), live.first_nonfinite()]") == [steps, 2, None]
    notebook.run_again("widgets.monitor(live")
    figure = lab.Figure(notebook, "widgets.monitor(live", button="pause")
    notebook.interrupt()
    lab.wait(notebook.done, 20, "the cell to be interrupted")
    lab.wait(lambda: "interrupted at step" in figure.text(), 10, "the words to say so")
    assert notebook.value("len(hooks)", "from torch.optim.optimizer import _global_optimizer_post_hooks as hooks") == 0


def test_the_scrubber_replays_what_was_recorded(figures):
    notebook = figures
    figure = lab.Figure(notebook, "widgets.scrubber(")
    shoot(notebook, figure, "scrubber")
    assert_drawn_as_matplotlib_does(figure, "scrubber", "recorded step")
    for label, keys in [
        ("recorded step", ["ArrowLeft"]),
        ("parameter", pick("ArrowDown")),
        ("recorded step", ["Home"]),
    ]:
        before = figure.steady()
        figure.press(label, *keys)
        figure.changed(before)
    before = figure.steady()
    figure.player().focus()
    notebook.page.keyboard.press("Space")
    figure.changed(before, steady=False)
    lab.wait(lambda: notebook.value("scrubber.step.value") > 3, 20, "the player to move the slider")
    notebook.page.keyboard.press("Space")


def step(words):
    """Return the step that the words below a monitor name."""
    return int(words.split("at step ")[1].split()[0].strip(",.;").replace(",", ""))
