"""The interactive figures in JupyterLab over time: alive, reloaded, left alone, and opened again the next day.

One JupyterLab and one notebook for all of it; each test goes on where the one before has stopped. Last, the same
without JupyterLab: `nbconvert --execute`.
"""

import json
import os
import signal

import lab
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

NAME, UNTRUSTED = "figures.ipynb", "untrusted.ipynb"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
SETUP = """
import torch
import d2lparams
from d2lparams import plots, widgets
from d2lparams.chapter import init_explorer, tie_playground
from d2lparams.chapter.guesses import guess, score
record = plots.example_record()
"""
LOOP = """
def loop(steps, pause=None, **options):
    net = torch.nn.Sequential(*[torch.nn.Linear(4, 4)] * 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    global monitor
    with d2lparams.track(net, every=1) as live, widgets.monitor(live, **options) as monitor:
        for step in range(steps):
            loss = net(torch.ones(2, 4)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            monitor.log(train_loss=loss)
            if step == pause:
                monitor.pause()
loop(20)
"""
FIGURES = ["init_explorer()", "tie_playground()", "widgets.scrubber(record)", "def loop("]
GUESSES = ['guess("1.center")', 'guess("1.data")', 'score("1")']
CELLS = [SETUP, *FIGURES[:3], LOOP, *GUESSES]
REVIVE = "Run the cell again to bring it to life"
LABS = {"aria-allowed-attr", "aria-input-field-name", "aria-required-children", "region"}  # what axe finds in Lab's own
OUTPUTS = ".jp-OutputArea-output"
STATE = "application/vnd.jupyter.widget-state+json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab_figures")


@pytest.fixture(scope="module")
def jupyterlab(folder):
    """A JupyterLab over one notebook, in a page of the browser."""
    if not lab.CHROMIUM:
        reason = "no Chromium: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    nbformat.write(new_notebook(cells=[*map(new_code_cell, CELLS)], metadata=KERNEL), folder / NAME)
    with lab.browser() as chromium, lab.server(folder) as address:
        yield lab.Lab(chromium, address)


@pytest.fixture(scope="module")
def notebook(jupyterlab):
    notebook = jupyterlab.open(NAME)
    cells = notebook.run_all(120)
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    return notebook


def save(page):
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")


def reopened(jupyterlab, name):
    """Close the notebook and end its kernel, load the page anew, and open a notebook."""
    jupyterlab.page.evaluate(f"async () => {{ await {lab.PANEL}.sessionContext.shutdown(); {lab.PANEL}.dispose(); }}")
    jupyterlab.load()
    return jupyterlab.open(name)


def stored(file):
    """Return the state of widgets that a notebook holds."""
    return json.loads(file.read_text())["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})


def test_axe_finds_nothing_in_our_outputs_in_either_theme(notebook):
    for source in FIGURES:
        lab.Figure(notebook, source)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.theme(theme)
        found = Axe().run(notebook.page).response["violations"]
        is_ours = "selector => Boolean(document.querySelector(selector)?.closest('.jp-OutputArea-output'))"
        ours = [
            (problem["id"], node["target"])
            for problem in found
            for node in problem["nodes"]
            if notebook.page.evaluate(is_ours, node["target"][0])
        ]
        assert ours == []
        assert {problem["id"] for problem in found} <= LABS


def test_controls_have_names_and_speak_what_they_show(notebook):
    figure = lab.Figure(notebook, "init_explorer()")
    for label, keys in (("gain", ["ArrowRight"]), ("hidden layers", ["ArrowLeft"]), ("units in each", ["ArrowLeft"])):
        handle = figure.box.get_by_role("slider", name=label, exact=True)
        before = handle.get_attribute("aria-valuetext")
        figure.press(label, *keys)
        lab.wait(lambda h=handle, b=before: h.get_attribute("aria-valuetext") != b, 10, "another value")
        readout = figure.box.locator(".widget-slider", has_text=label).locator(".widget-readout")
        assert handle.get_attribute("aria-valuetext") == readout.inner_text()
    assert handle.get_attribute("aria-valuetext") == "128"
    scrubber = lab.Figure(notebook, "widgets.scrubber(")
    buttons = scrubber.box.locator(".widget-play button").evaluate_all("all => all.map(button => button.ariaLabel)")
    assert buttons == ["play", "stop", "repeat"]
    typed = scrubber.box.get_by_role("textbox", name="recorded step, typed")
    for words, used in (("7.6", "7"), ("999", "19"), ("-4", "0"), ("words", "0"), ("12", "12")):
        typed.fill(words)
        typed.press("Enter")
        lab.wait(lambda used=used: typed.inner_text() == used, 10, f"{used} for {words}")
        lab.wait(lambda used=used: f"Step {used} of 19" in scrubber.text(), 10, "that step to be shown")


def test_a_change_is_said_once_by_a_node_that_stays(notebook):
    figure = lab.Figure(notebook, "init_explorer()")
    said = figure.box.locator("[role=status]:not(.d2lparams-dead)")
    notebook.page.evaluate(
        """node => {
          window.node = node;
          window.said = [];
          const hear = new MutationObserver(() => window.said.push(node.textContent));
          hear.observe(node, {childList: true, subtree: true}); }""",
        said.element_handle(),
    )
    figure.press("gain", *["ArrowRight"] * 15)
    figure.steady()
    lab.wait(lambda: notebook.page.evaluate("() => window.said.length"), 10, "something to be said")
    notebook.page.wait_for_timeout(700)
    words = notebook.page.evaluate("() => window.said.filter(Boolean)")
    assert words == [" ".join(figure.text().split())]
    assert notebook.page.evaluate("() => window.node.isConnected")


def test_running_cells_again_leaves_no_widget_behind(notebook):
    count = "len(__import__('ipywidgets').widgets.widget._instances)"
    before = notebook.value(count)
    notebook.run_all(60)
    assert notebook.value(count) == before


def test_a_second_view_works_and_says_with_the_first_that_the_kernel_has_crashed(jupyterlab, notebook):
    page = jupyterlab.page
    notebook.start("init_explorer()")
    figure = lab.Figure(notebook, "init_explorer()")
    panel = page.evaluate(f"() => {lab.PANEL}.id")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:create-output-view')")
    second = page.locator(".jp-LinkedOutputView")
    second.locator("canvas").wait_for(timeout=30_000)
    second.get_by_role("slider", name="hidden layers").focus()
    page.keyboard.press("ArrowRight")
    lab.wait(lambda: "5" in second.locator(".widget-readout").all_inner_texts(), 10, "the second view to answer")
    page.evaluate("id => window.jupyterapp.shell.activateById(id)", panel)
    lab.wait(lambda: "5" in figure.box.locator(".widget-readout").all_inner_texts(), 10, "the first view to follow")
    os.kill(notebook.value("__import__('os').getpid()"), signal.SIGKILL)
    page.locator(".jp-Dialog button").last.click(timeout=30_000)
    for view in (figure.box, second):
        view.get_by_text(REVIVE).wait_for(timeout=30_000)
        assert view.locator(".widget-hbox:not([inert])").count() == 0
    notebook.until_idle()
    notebook.run_all(60)
    assert not figure.box.get_by_text(REVIVE).count()


def test_a_paused_loop_waits_while_its_page_is_there_and_goes_on_when_that_was_loaded_anew(jupyterlab, notebook):
    page = jupyterlab.page
    notebook.replace("\nloop(20)", "\nloop(200, pause=50, alone=2)")
    notebook.run_again("def loop(")
    figure = lab.Figure(notebook, "def loop(", button="resume")
    page.wait_for_timeout(3000)
    assert "paused at step 52" in figure.text()
    save(page)
    jupyterlab.load()
    notebook = jupyterlab.open(NAME)  # which waits until the kernel is idle
    figure = lab.Figure(notebook, "def loop(")
    assert "finished at step 200" in figure.text()
    assert "was paused at step 52, and went on by itself" in figure.text()
    assert notebook.value("monitor.record.total_steps") == 200


def test_the_next_day_each_figure_is_there_and_says_how_to_bring_it_to_life(jupyterlab, folder):
    """Also the day after, though the notebook was saved meanwhile, without a kernel that knows the figures."""
    page, notebook = jupyterlab.page, lab.Notebook(jupyterlab.page)
    shown = {source: lab.Figure(notebook, source).steady() for source in FIGURES}
    save(page)
    size = len(json.dumps(stored(folder / NAME)))
    assert 100_000 < size < 600_000
    for comment in ("# the next day", "# the day after"):
        again = reopened(jupyterlab, NAME)
        for source, picture in shown.items():
            figure = lab.Figure(again, source)
            figure.box.get_by_text(REVIVE).wait_for(timeout=30_000)
            assert figure.box.locator(".widget-hbox:not([inert])").count() == 0
            assert figure.steady() == picture
        assert page.locator(".guess-form").count() == 3
        assert page.get_by_text("model not found").count() == 0
        again.replace("import d2lparams\n", f"import d2lparams\n{comment}\n")
        save(page)
        assert comment in (folder / NAME).read_text()
        assert len(json.dumps(stored(folder / NAME))) == size
    again.run_cells("import torch", FIGURES[0])
    assert not lab.Figure(again, FIGURES[0]).box.get_by_text(REVIVE).count()
    save(page)
    assert abs(len(json.dumps(stored(folder / NAME))) - size) < 1000  # what was shown before is forgotten


def test_in_a_notebook_that_is_not_trusted_stands_a_picture_that_says_so_too(jupyterlab, folder):
    foreign = nbformat.read(folder / NAME, 4)
    foreign.cells[0].source += "# of somebody else"
    nbformat.write(foreign, folder / UNTRUSTED)
    jupyterlab.close()
    jupyterlab.open(UNTRUSTED)
    pictures = jupyterlab.page.locator(".jp-OutputArea-output img")
    lab.wait(lambda: pictures.count() == 4, 30, "four pictures")
    assert all(height > 300 for height in pictures.evaluate_all("all => all.map(image => image.naturalHeight)"))
    assert jupyterlab.page.locator(".jp-OutputArea-output .guess").count() == 3


def test_a_notebook_that_is_run_with_nobody_there_has_pictures_in_its_page():
    notebook = new_notebook(cells=[*map(new_code_cell, [SETUP, FIGURES[0], GUESSES[0]])], metadata=KERNEL)
    NotebookClient(notebook).execute()
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert html.count('src="data:image/png') == html.count('class="guess"') == 1
