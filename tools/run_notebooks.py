"""Run the chapter's notebooks in fresh kernels: `python tools/run_notebooks.py` is what `make run` calls."""

import argparse
import asyncio
import base64
import re
import sys
import time
from collections.abc import Awaitable
from html import escape
from pathlib import Path
from typing import Any

import figure_words
import kernels
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from tqdm import tqdm

NO_WORDS = "No description has been provided for this image"  # what nbconvert says of a picture
_TERMINAL = sys.stderr.isatty()


def execute(notebook: NotebookNode, folder: Path, bar: "tqdm[Any]") -> None:
    """Run every cell of `notebook` (an nbformat node, changed in place) in a fresh kernel that starts in `folder`."""

    async def ask(expression: str) -> Any:
        kernel: Any = client.kc
        return kernels.answer(await kernel.execute_interactive(**kernels.asking(expression)))

    async def prepare(notebook: NotebookNode) -> None:
        await ask(kernels.START_TO_STORE)

    async def count(cell: NotebookNode, **_: Any) -> None:
        if kernels.TRAINED in cell.metadata.get("tags", []):
            kernels.add_redrawn(cell.outputs, await ask(kernels.redrawing(cell.source)))
        bar.update()

    def heading(cell: NotebookNode, cell_index: int) -> None:
        above = [line for c in notebook.cells[:cell_index] for line in c.source.splitlines() if line.startswith("#")]
        titles = [line.lstrip("#").strip() for line in above if line.startswith(("# ", "## "))]
        bar.set_description_str(titles[-1] if titles else "", refresh=_TERMINAL)

    client = NotebookClient(
        notebook,
        timeout=None,
        coalesce_streams=True,  # a progress bar is stored as it stood at the end
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # not a word about transports on every start
        on_notebook_start=prepare,
        on_cell_start=heading,
        on_cell_executed=count,
    )
    asyncio.run(_with_clock(client.async_execute(), bar))


async def _with_clock(work: Awaitable[Any], bar: "tqdm[Any]") -> None:
    """Wait for `work`, redrawing the bar's clock: every second on a terminal, twice a minute in a log."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=1 if _TERMINAL else 30)
        bar.refresh()
    task.result()


def plain(notebook: NotebookNode) -> None:
    """Remove what differs from machine to machine, though no cell's output does.

    A widget's view is one: without its kernel it is an error where a picture or words should be, so these alone stay.
    """
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if {"image/png", "text/html"} & output.get("data", {}).keys():
                output["data"].pop("application/vnd.jupyter.widget-view+json", None)


def name_pictures(html: str, notebook: NotebookNode) -> str:
    """Return a notebook's HTML with alternative texts that say what its figures show."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = iter([figure_words.alternative(output) for output in outputs if kernels.PNG in output.get("data", {})])
    return re.sub(f'(?<=alt="){NO_WORDS}(?=")', lambda found: escape(next(said, "")) or found[0], html)


def _tagged(notebook: NotebookNode, tag: str, kind: str) -> list[str]:
    """Return the outputs of one kind, text or a MIME type, of the cells with this tag."""
    outputs = [o for cell in notebook.cells if tag in cell.metadata.get("tags", []) for o in cell.get("outputs", [])]
    return [value for o in outputs if (value := o.get(kind) or o.get("data", {}).get(kind))]


def run(paths: list[Path], out: Path, store: bool) -> int:
    """Execute notebooks; write copies and HTML to `out`, and back in place if `store`. Return the failures' number."""
    notebooks = {path: nbformat.read(path, as_version=4) for path in paths}
    for path, notebook in notebooks.items():
        nbformat.validate(notebook)
        if not any(cell.cell_type == "code" for cell in notebook.cells):
            raise ValueError(f"{path} has no code cells")
    out.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    summaries: list[str] = []
    started = time.monotonic()
    number = sum(cell.cell_type == "code" for notebook in notebooks.values() for cell in notebook.cells)
    with tqdm(total=number, unit="cell", dynamic_ncols=True, mininterval=0.1 if _TERMINAL else 30) as bar:
        for path, notebook in notebooks.items():
            bar.write(f"{path.name}", file=sys.stderr)
            try:
                execute(notebook, path.parent, bar)
            except CellExecutionError as error:
                failed.append(path.name)
                bar.write(f"{path.name} failed:\n{error}", file=sys.stderr)
            plain(notebook)
            nbformat.write(notebook, out / path.name)
            html, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook, {"metadata": {"name": path.stem}})
            named = name_pictures(html, notebook)
            (out / path.with_suffix(".html").name).write_text(named, encoding="utf-8")
            if store and path.name not in failed:
                nbformat.write(notebook, path)
                for png in _tagged(notebook, "cover", "image/png"):
                    (path.parent / "cover.png").write_bytes(base64.b64decode(png))
            summaries += _tagged(notebook, "summary", "text")
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print("\n".join(summaries).rstrip())
    print(f"time          {minutes} min {seconds} s for {len(notebooks)} notebooks, {number} code cells")
    print(f"look at       {out}/*.html, the notebooks as they ran just now" + (f"; failed: {failed}" if failed else ""))
    return len(failed)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tools/run_notebooks.py", description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: notebooks/*.ipynb")
    parser.add_argument("--out", type=Path, default=Path("build"), help="where the executed copies and HTML go")
    parser.add_argument("--store", action="store_true", help="also store the outputs in the notebooks themselves")
    options = parser.parse_args()
    paths = options.notebooks or sorted(Path("notebooks").glob("*.ipynb"))
    if not paths:
        parser.error("no notebooks: run this in the project's folder, or name them")
    for path in paths:
        if not path.is_file():
            parser.error(f"{path} is not there")
    try:
        return 1 if run(paths, options.out, options.store) else 0
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, ValueError) as error:
        return parser.error(f"a notebook cannot be read: {error}")


if __name__ == "__main__":
    sys.exit(main())
