"""The HTML edition, built as `make html` builds it, of the chapter or of notebooks that a test has made."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent
LIVE = ROOT / "notebooks" / "site" / "live"


def build(source, out):
    """Build `source` into `out`/html with the command that stands in the Makefile; return the finished process."""
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if " -m sphinx " in line)
    places = {"$(BIN)/python": sys.executable, "notebooks": str(source)}
    command = [places.get(word, re.sub("^build/", f"{out}/", word)) for word in shlex.split(line)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def write(folder, **notebooks):
    """Write the sources of a site: by name of a notebook a text, and then (source, output) of each code cell."""
    folder.mkdir()
    for name, (text, *cells) in notebooks.items():
        notebook = new_notebook(cells=[new_markdown_cell(text)])
        for source, output in cells:
            cell = new_code_cell(source, execution_count=1)
            cell.outputs = [output]
            notebook.cells.append(cell)
        notebook.metadata["language_info"] = {"name": "python"}
        notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"1": {}}}}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / "index.md").write_text("# Index\n\n```{toctree}\n:glob:\n\n[0-9]*\n```\n")


def of_live_pages(name):
    """Return a module that helps to make pages alive, from beside the scripts."""
    spec = importlib.util.spec_from_file_location(f"live_{name}", LIVE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
