"""What nbval lets pass and this chapter does not: a false figure, an exception that does not come.

nbval compares text. A picture may vanish or show other data than its cell draws, and a cell tagged `raises-exception`
may raise nothing, and it says nothing.
"""

import functools

import copies
import drawn
import kernels
import pytest
from nbval.plugin import IPyNbCell

_compared = pytest.StashKey()
_shown = pytest.StashKey()  # of a notebook: what the cell that runs now has shown


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if not isinstance(item, IPyNbCell) or item.options["skip"]:
        return (yield)
    shown = _watch(item.parent)
    result = yield
    found, wanted = kernels.figures(shown), kernels.figures(item.cell.outputs)
    if len(found) != len(wanted):
        pytest.fail(
            f"the stored cell shows {len(wanted)} figures, and running it drew {len(found)}",
            pytrace=False,
        )
    if item.options["check"] and item.cell.execution_count is not None and found:
        trained = kernels.TRAINED in item.cell.metadata.get("tags", [])
        if trained and not _replayed(item.parent):  # a copy has it
            redrawn = _ask(item.parent, kernels.redrawing(item.cell.source))
            kernels.add_redrawn(found, redrawn)
        for pair in zip(wanted, found, strict=True):
            if faults := list(_faults(*pair, trained)):
                told = "\n".join(faults)
                pytest.fail(
                    f"the stored figure is not the one that is drawn:\n{told}",
                    pytrace=False,
                )
    raised = any(output.output_type == "error" for output in item.test_outputs)
    if item.options["check_exception"] and not raised:
        pytest.fail(
            "the cell is tagged raises-exception, and it raised nothing",
            pytrace=False,
        )
    return result


def _ask(notebook, expression):
    reply = notebook.kernel.kc.execute_interactive(**kernels.asking(expression))
    return kernels.answer(reply)


def _watch(notebook):
    """Prepare a notebook's kernel before its first cell; return a list, still empty, of what the next cell will show.

    nbval itself leaves out how a display was updated.
    """
    if _shown not in notebook.stash:
        if not _replayed(notebook):
            _ask(notebook, kernels.START)
        size = r"<Figure size \S+"  # in pixels: the screen's affair
        notebook.sanitize_patterns[size] = "<Figure"
        message = notebook.get_kernel_message

        def watched(*args, **options):
            return _note(message(*args, **options), notebook.stash[_shown])

        notebook.get_kernel_message = watched
    notebook.stash[_shown] = []
    return notebook.stash[_shown]


def _note(message, shown):
    """Keep what a message of the kernel shows, in place of what it updates; return the message."""
    kind, content = message["msg_type"], message["content"]
    if kind in ("display_data", "execute_result"):
        shown.append(content)
    elif kind == "update_display_data":
        for output in shown:
            if output.get("transient") == content["transient"]:
                output.update(content)
    return message


def _faults(stored, shown, trained):
    """Return what is wrong with a stored figure, given what running its cell has shown."""
    before, now = kernels.described(stored), kernels.described(shown)
    if "drawn" not in before:
        return ["what it draws is not stored: python tools/run_notebooks.py --store"]
    if "drawn" not in now:
        return ["the kernel did not say what it draws"]
    if kernels.digest(stored["data"][kernels.PNG]) != before["picture"]:
        return ["the stored picture is not the one that the stored description is of"]
    titles = [side["drawn"]["title"] for side in (before, now)]
    other_data = len({title.startswith("stand-in data") for title in titles}) == 2
    found = []
    if not other_data:
        found += drawn.differences(before["drawn"], now["drawn"], rough=trained)
    return found + drawn.differences(before.get("redrawn"), now.get("redrawn"))


def _replayed(notebook):
    return isinstance(notebook.kernel, copies.Replay)


def _replay(notebook, cells):
    """Do what a notebook's set-up does, but for the kernel."""
    notebook.kernel = copies.Replay(cells)
    notebook.setup_sanitize_files()


def pytest_collection_modifyitems(config, items):
    cells = [item for item in items if isinstance(item, IPyNbCell)]
    compared = [
        cell
        for cell in cells
        if cell.options["check"] and cell.cell.execution_count is not None
    ]
    notebooks = {cell.parent.path: cell.parent for cell in cells}
    left = {path: ran for path in notebooks if (ran := copies.fresh(path))}
    for path, ran in left.items():
        notebooks[path].setup = functools.partial(_replay, notebooks[path], ran)
    config.stash[_compared] = len(compared), len(cells), len(left)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # of a process that runs a part
        session.config.workeroutput["compared"] = session.config.stash.get(
            _compared, None
        )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    if counts := getattr(node, "workeroutput", {}).get("compared"):
        node.config.stash[_compared] = counts


def pytest_terminal_summary(terminalreporter, config):
    compared, cells, left = config.stash.get(_compared, (0, 0, 0))
    if cells:
        line = f"notebooks: {compared} of {cells} code cells are compared ({compared / cells:.0%})"
        if left:
            line += (
                f", {left} of the notebooks as `make run` has just left them in build/"
            )
        terminalreporter.write_line(line)
