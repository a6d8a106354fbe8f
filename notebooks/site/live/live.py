"""A Sphinx extension: guesses and interactive figures that a stored notebook shows come alive on its page, by scripts.

What a page's script needs stands in the page; a browser reads no other file from disk. The scripts are those of the
notebook (`canvas.js`, `guess.js`), and beside this file one that builds controls, `live.js`, and one for each figure.
Without a script, the stored picture and the question as text are there as before.
"""

import html
import importlib
import json
import re
from functools import cache
from itertools import chain
from pathlib import Path

import nbformat
from docutils import nodes

import d2lparams.chapter.guesses.widget as guesses
from d2lparams.widgets import canvas

HERE = Path(__file__).parent
SCRIPTS = {
    "canvas": Path(canvas.__file__).with_name("canvas.js"),
    "guess": Path(guesses.__file__).with_name("guess.js"),
}
STYLES = [Path(guesses.__file__).with_name("guess.css"), HERE / "live.css"]
FIGURES = {
    "init explorer:": ["draws", "first_pass", "explorer"],
    "tie playground:": ["small_nets", "playground"],
}  # by what a figure's stored text begins with: its scripts, the last of which shows it
SCRIPTS_OF = {"guess": ["guess"], "scenes": ["canvas", "scenes"]} | {
    names[-1]: ["canvas", *names] for names in FIGURES.values()
}
PNG = "image/png"
EXPORT = r"^export (?:async )?(?:function|const|class) (\w+)"


def script(name):
    """Return the path of a script."""
    return SCRIPTS.get(name, HERE / f"{name}.js")


def classic(name, module):
    """Return an ES module without imports as a script that leaves its exports in `d2lparams` of the window."""
    names = re.findall(EXPORT, module, re.MULTILINE)
    body = re.sub(r"^export default ", "const main = ", module, flags=re.MULTILINE)
    if body != module:
        names.append("main")
    body = re.sub(r"^export (?=\w)", "", body, flags=re.MULTILINE)
    return f"(window.d2lparams ??= {{}}).{name} = (() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})();\n"


def what_lives(cell):
    """Yield (script, data, what stands there without it, which of these in the cell) for what a code cell shows."""
    if call := re.match(r"(guess|score)\([\"']([\w.]+)[\"']\)", cell.source):
        content = getattr(guesses, call[1])(call[2]).content
        yield "guess", content, ".text_html", 0
    outputs = [output for output in cell.outputs if PNG in output.get("data", {})]
    for i, output in enumerate(outputs):
        text = output.data.get("text/plain", "")
        replay = output.metadata.get(PNG, {}).get("replay")
        if replay:
            yield "scenes", {"replay": replay}, "img", i
        for beginning, (*_, name) in FIGURES.items():
            if text.startswith(beginning):
                yield name, importlib.import_module(name).data(text), "img", i


@cache
def code_cells(path):
    """Return the code cells of a notebook by their place among all cells."""
    notebook = nbformat.read(path, as_version=4)
    return {
        i: cell for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"
    }


def enliven(app, doctree, page):
    """Leave a place on the page for each figure and guess, with its data, and note which scripts they need."""
    path = Path(app.env.doc2path(page))
    if app.builder.format != "html" or path.suffix != ".ipynb":
        return
    cells = code_cells(path)
    needed = app.live_scripts.setdefault(page, {})
    for shown in doctree.findall(is_output):
        cell = cells[shown.parent["cell_index"]]
        for name, data, still, i in what_lives(cell):
            text = json.dumps(data, ensure_ascii=False, allow_nan=False)
            content = html.escape(text)
            place = f'<div class="live" data-live="{name}" data-still="{still} {i}" data-content="{content}"></div>'
            shown += nodes.raw("", place, format="html")
            needed |= dict.fromkeys(SCRIPTS_OF[name])


def is_output(node):
    """Return whether a node holds the outputs of a cell."""
    return (
        isinstance(node, nodes.container)
        and node.get("nb_element") == "cell_code_output"
    )


def load_scripts(app, page, template, context, doctree):
    """Have a page load the scripts that it needs, and no other."""
    needed = getattr(app, "live_scripts", {}).get(page)
    for name in [*needed, "live"] if needed else []:
        app.add_js_file(f"live-{name}.js", loading_method="defer")


def write_scripts(app):
    """Write the scripts to where Sphinx takes static files from."""
    app.live_scripts = {}  # by page, in order
    folder = Path(app.doctreedir) / "live"
    folder.mkdir(parents=True, exist_ok=True)
    for name in {"live", *chain.from_iterable(SCRIPTS_OF.values())}:
        module = classic(name, script(name).read_text(encoding="utf-8"))
        (folder / f"live-{name}.js").write_text(module, encoding="utf-8")
    for style in STYLES:
        (folder / style.name).write_bytes(style.read_bytes())
        app.add_css_file(style.name)
    app.config.html_static_path.append(str(folder))


def setup(app):
    app.connect("builder-inited", write_scripts)
    app.connect("doctree-resolved", enliven)
    app.connect("html-page-context", load_scripts)
    return {"parallel_read_safe": True}
