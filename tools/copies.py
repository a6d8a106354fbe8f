"""The executed copies that `make run` leaves in build/: what has just run need not run again to be compared."""

import sysconfig
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

TOOLS = Path(__file__).parent
SOURCES = [TOOLS, TOOLS.parent / "d2lparams"]


def fresh(notebook: Path) -> list[NotebookNode] | None:
    """Return the code cells of a notebook's copy; None if there is none, or anything changed since it ran."""
    copy = notebook.parent.parent / "build" / notebook.name
    if not copy.is_file():
        return None
    installed = Path(sysconfig.get_path("purelib"))  # a folder that each installation changes
    sources = [path for folder in SOURCES for path in folder.rglob("*") if path.suffix in {".py", ".js"}]
    if max(path.stat().st_mtime for path in (notebook, installed, *sources)) >= copy.stat().st_mtime:
        return None
    cells, ran = _code(notebook), _code(copy)
    same = [cell.source for cell in cells] == [cell.source for cell in ran]
    return ran if same and all(cell.execution_count for cell in ran) else None


def _code(path: Path) -> list[NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


class Replay:
    """Stands in for the kernel in nbval, and answers each cell with the outputs that the copy has."""

    def __init__(self, cells: list[NotebookNode]) -> None:
        self._cells = iter(cells)
        self._messages: list[dict[str, Any]] = []

    def is_alive(self) -> bool:
        return True

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> str:
        """Find the next cell with this source; return what its messages have as their parent's id."""
        cell = next(cell for cell in self._cells if cell.source == source)
        messages = [(output.output_type, output) for output in cell.outputs]
        messages.append(("status", {"execution_state": "idle"}))
        parent = {"msg_id": source}
        self._messages = [{"msg_type": kind, "content": x, "parent_header": parent} for kind, x in messages]
        return source

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Return at once."""

    def await_idle(self, parent_id: str, timeout: float) -> None:
        """Return at once."""

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        return self._messages.pop(0)

    def stop(self) -> None:
        """There is nothing to stop."""
