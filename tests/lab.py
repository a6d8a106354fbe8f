"""A real JupyterLab in headless Chromium, driven through Playwright, for test_browser.py and bench.py.

What a notebook did is read from JupyterLab's own model of it, not from the page; controls are moved by keyboard.
"""

import ast
import base64
import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # or cells off screen are not in the page
}
OPTIONS = "--no-browser --ip=127.0.0.1 --ServerApp.port_retries=0 --IdentityProvider.token= --LabApp.news_url=None"
OPTIONS += " --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.expose_app_in_browser=True"
OPTIONS += " --allow-root --log-level=ERROR"
PLACES = ["HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"]
PLACES += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"]
PANEL = "window.jupyterapp?.shell.currentWidget"
CODE = f"Array.from({PANEL}.content.model.cells).filter(cell => cell.type === 'code')"
STATUS = f"{PANEL}.sessionContext.session?.kernel?.status"
T = TypeVar("T")


@contextlib.contextmanager
def server(folder: Path | str) -> Iterator[str]:
    """Run JupyterLab over `folder`, knowing nothing of this user's settings; yield its address."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        places = {name: str(Path(home) / name.lower()) for name in PLACES}
        for name, setting in SETTINGS.items():
            file = Path(places["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab", f"{name}.jupyterlab-settings")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(setting))
        command = [sys.executable, "-m", "jupyterlab", *OPTIONS.split(), f"--port={port}", f"--notebook-dir={folder}"]
        environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        with open(Path(home) / "log", "w") as log:
            process = subprocess.Popen(command, env=environment | places, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            wait(lambda: answers(f"{address}/api/status") or process.poll() is not None, 60, "JupyterLab to start")
            if process.poll() is not None:
                raise RuntimeError(f"JupyterLab did not start:\n{Path(home, 'log').read_text()}")
            yield address
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(address: str) -> bool:
    """Return whether something answers there."""
    try:
        return urllib.request.urlopen(address, timeout=1).status == 200
    except OSError:
        return False


def wait(ready: Callable[[], T], seconds: float, what: str) -> T:
    """Wait until `ready()` is true, and return what it returned; TimeoutError after so many seconds."""
    end = time.monotonic() + seconds
    while not (result := ready()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
    return result


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start headless Chromium; yield Playwright's browser."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        try:
            yield chromium
        finally:
            chromium.close()


@contextlib.contextmanager
def own_browser() -> Iterator[Callable[[], BrowserContext]]:
    """Start headless Chromium on its own; yield a function that connects to it and returns Playwright's context.

    After `context.browser.close()` nobody looks on: Playwright hears of every message of the page, which takes time.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        options = f"--headless --remote-debugging-port={port} --user-data-dir={profile} --window-size=1400,1000"
        process = subprocess.Popen(
            [str(CHROMIUM), *FLAGS.split(), *options.split(), "about:blank"], stderr=subprocess.DEVNULL
        )
        try:
            wait(lambda: answers(f"http://127.0.0.1:{port}/json/version"), 60, "Chromium to start")
            yield lambda: playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}").contexts[0]
        finally:
            process.terminate()
            process.wait(30)


class Lab:
    """JupyterLab in a page of the browser. complaints: what its console and network had to complain about."""

    def __init__(self, chromium: Browser | BrowserContext, address: str) -> None:
        self.page, self.address = chromium.new_page(), address
        self.page.set_viewport_size({"width": 1400, "height": 1000})
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", lambda r: self.complaints.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        self.load()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location}")

    def load(self) -> None:
        """Load JupyterLab, as empty as it is when it is new."""
        self.page.goto(f"{self.address}/lab?reset")
        self.page.wait_for_function("window.jupyterapp?.shell", timeout=60_000)
        self.page.evaluate("async () => { await window.jupyterapp.restored; }")

    def open(self, name: str) -> "Notebook":
        """Open a notebook, and wait until its kernel is there."""
        self.complaints.clear()
        self.page.evaluate(
            """async path => {
              const panel = await window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
              await panel.context.ready; }""",
            name,
        )
        notebook = Notebook(self.page)
        notebook.until_idle()
        return notebook

    def close(self) -> None:
        """Close the notebook without saving it, and shut its kernel down."""
        self.page.evaluate(f"""() => {{
          const panel = {PANEL};
          panel.sessionContext.shutdown();
          panel.dispose(); }}""")
        if self.page.locator(".jp-Dialog").count():  # a question that nobody answers would stop the next notebook
            self.load()


class Notebook:
    """The notebook that is open in a page's JupyterLab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def run(self, command: str) -> None:
        """Run a command of JupyterLab, and go on at once."""
        self.page.evaluate("command => { window.jupyterapp.commands.execute(command) }", command)

    def cells(self) -> list[dict[str, Any]]:
        """Return the code cells: count, source, tags, outputs."""
        return self.page.evaluate(
            f"""() => {CODE}.map(cell => ({{
              count: cell.executionCount, source: cell.sharedModel.getSource(),
              tags: cell.getMetadata('tags') ?? [], outputs: cell.outputs.toJSON()}}))"""
        )

    def index(self, source: str) -> int:
        """Return which code cell it is whose source contains this text."""
        sources = self.page.evaluate(f"() => {CODE}.map(cell => cell.sharedModel.getSource())")
        return next(i for i, text in enumerate(sources) if source in text)

    def replace(self, old: str, new: str) -> None:
        """Replace text in the code cell that contains it."""
        self.page.evaluate(
            f"""([i, old, fresh]) => {{
              const cell = {CODE}[i].sharedModel;
              cell.setSource(cell.getSource().replace(old, fresh)); }}""",
            [self.index(old), old, new],
        )

    def run_all(self, seconds: float) -> list[dict[str, Any]]:
        """Run every cell, wait for the last, and return the code cells."""
        self.run("notebook:run-all-cells")
        wait(self.done, seconds, "every cell to run")
        return self.cells()

    def start(self, source: str) -> None:
        """Run the code cell whose source contains this text, and go on."""
        self.page.evaluate(
            f"""i => {{
              const cells = {PANEL}.content;
              const code = cells.widgets.filter(cell => cell.model.type === 'code')[i];
              cells.activeCellIndex = cells.widgets.indexOf(code); }}""",
            self.index(source),
        )
        self.run("notebook:run-cell")

    def run_again(self, source: str) -> None:
        """Start a code cell that was run before, and go on when it runs."""
        self.start(source)
        wait(lambda: not self.done(source), 10, "the cell to start")

    def run_cells(self, *sources: str) -> None:
        """Run the code cells whose sources contain these texts, one after the other, after a restart."""
        for source in sources:
            self.start(source)
            wait(functools.partial(self.done, source), 60, "the cell to run")

    def done(self, source: str = "") -> bool:
        """Return whether every cell whose source contains this text was run and ended, or ended since one failed."""
        return self.page.evaluate(
            f"""source => {{
              const cells = {CODE}.filter(cell => cell.sharedModel.getSource().includes(source));
              const failed = cells.some(cell => !cell.getMetadata('tags')?.includes('raises-exception')
                && Array.from({{length: cell.outputs.length}}, (_, i) => cell.outputs.get(i).type).includes('error'));
              return cells.every(cell => cell.executionState === 'idle'
                && (cell.executionCount || failed || !cell.sharedModel.getSource())); }}""",
            source,
        )

    def interrupt(self) -> None:
        """Interrupt the kernel, as the square button does."""
        self.run("notebook:interrupt-kernel")

    def restart(self) -> None:
        """Restart the kernel and clear all outputs, without the dialog."""
        self.page.evaluate(f"() => {PANEL}.sessionContext.restartKernel()")
        self.run("notebook:clear-all-cell-outputs")
        wait(lambda: not any(cell["count"] for cell in self.cells()), 30, "the outputs to be cleared")
        self.until_idle()

    def until_idle(self) -> None:
        """Wait until a kernel that has just started is there."""
        wait(lambda: self.page.evaluate(STATUS) == "idle", 60, "the kernel to be idle")

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme."""
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)
        self.page.wait_for_timeout(300)  # its style sheet has to come

    def zoom(self, ratio: float) -> None:
        """Do what zooming does to a page: it has so many pixels of the screen for one of its own, and is told so."""
        self.page.evaluate(
            """ratio => {
              Object.defineProperty(window, 'devicePixelRatio', {value: ratio, configurable: true});
              window.dispatchEvent(new Event('resize')); }""",
            ratio,
        )

    def value(self, expression: str, setup: str = "") -> Any:
        """Return what an expression is worth in the kernel, as JSON, without a cell of its own."""
        answer = self.page.evaluate(
            f"""async ([code, value]) => {{
              const future = {PANEL}.sessionContext.session.kernel.requestExecute(
                {{code, user_expressions: {{value}}, store_history: false}});
              const reply = await future.done;
              return reply.content.user_expressions?.value ?? reply.content; }}""",
            [f"import json\n{textwrap.dedent(setup)}", f"json.dumps({expression})"],
        )
        if answer["status"] != "ok":
            raise RuntimeError(f"{expression}: {answer['ename']}: {answer['evalue']}")
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))


class Figure:
    """The interactive figure in a cell's output, moved by keyboard alone."""

    def __init__(self, notebook: Notebook, source: str, button: str = "") -> None:
        """notebook: a `Notebook`. source: in the cell's source. button: one of its buttons, which must be enabled."""
        self.notebook, self.page = notebook, notebook.page
        self.cell = self.page.locator(".jp-Notebook .jp-CodeCell").nth(notebook.index(source))
        self.box = self.cell.locator(".jp-OutputArea-output .widget-vbox").first
        self.canvas, self.words = self.box.locator("canvas").first, self.box.locator(".widget-html-content").last
        if button:
            self.cell.locator(f".widget-vbox button:enabled:has-text('{button}')").first.wait_for(timeout=30_000)
        self.canvas.wait_for(timeout=30_000)
        self.box.scroll_into_view_if_needed()

    def text(self) -> str:
        """Return the words below the picture."""
        return self.words.inner_text()

    def outputs(self) -> int:
        """Return how many outputs the cell has."""
        return self.cell.locator(".jp-OutputArea-child").count()

    def picture(self) -> int:
        """Return a digest of the picture that is shown now."""
        return self.canvas.evaluate(
            """canvas => {
              const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
              return new Uint32Array(data.buffer).reduce((sum, pixel) => Math.imul(sum ^ pixel, 16777619), 1); }"""
        )

    def png(self) -> bytes:
        """Return the picture that is shown now, as a PNG file's bytes."""
        return base64.b64decode(self.canvas.evaluate("canvas => canvas.toDataURL()").split(",")[1])

    def steady(self) -> int:
        """Wait until the picture has been the same for a while; return its digest."""
        last, since = self.picture(), time.monotonic()
        while time.monotonic() < since + 0.3:
            time.sleep(0.05)
            if (now := self.picture()) != last:
                last, since = now, time.monotonic()
        return last

    def changed(self, before: int, steady: bool = True, seconds: float = 15) -> int:
        """Wait until the picture is another than `before`, and by default steady; return its digest."""
        try:
            wait(lambda: self.picture() != before, seconds, "the picture to change")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the words below it: {self.text()}") from error
        return self.steady() if steady else self.picture()

    def watch(self) -> None:
        """Note in every frame from now on what the picture's size on the screen is, 0 where nothing is drawn."""
        self.canvas.evaluate(
            """canvas => {
              window.sizes = [];
              const pen = canvas.getContext('2d');
              const look = () => {
                const there = canvas.isConnected && pen.getImageData(1, 1, 1, 1).data[3] === 255;
                window.sizes.push(there ? canvas.getBoundingClientRect().height : 0);
                window.looking = requestAnimationFrame(look); };
              look(); }"""
        )

    def watched(self) -> list[float]:
        """Stop watching; return the sizes."""
        return self.page.evaluate("() => { cancelAnimationFrame(window.looking); return window.sizes; }")

    def background(self) -> float:
        """Return how bright the page is around the figure, 0 to 1."""
        return self.page.evaluate(
            """() => {
              const panel = document.querySelector('.jp-NotebookPanel-notebook');
              const color = getComputedStyle(panel).backgroundColor.match(/\\d+/g).slice(0, 3);
              return color.reduce((sum, part) => sum + Number(part), 0) / 3 / 255; }"""
        )

    def control(self, label: str) -> Locator:
        """Return the part of a control that takes the keyboard, by the control's label or a button's text."""
        button = self.box.get_by_role("button", name=label, exact=True)
        if button.count():
            return button.first
        row = self.box.locator(".widget-inline-hbox", has=self.page.get_by_text(label, exact=True))
        return row.locator(".noUi-handle, select, input").first

    def player(self) -> Locator:
        """Return the play button of a player."""
        return self.box.locator(".widget-play button").first

    def press(self, label: str, *keys: str) -> None:
        """Focus a control and press keys."""
        control = self.control(label)
        control.focus()
        for key in keys:
            self.page.keyboard.press(key)
