"""What nbval lets pass and this chapter does not: a false figure, an exception that does not come.

nbval compares text. A picture may vanish or show other data than its cell draws, and a cell tagged `raises-exception`
may raise nothing, and it says nothing.
"""

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
        if trained:
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


def pytest_collection_modifyitems(config, items):
    cells = [item for item in items if isinstance(item, IPyNbCell)]
    compared = [
        cell
        for cell in cells
        if cell.options["check"] and cell.cell.execution_count is not None
    ]
    config.stash[_compared] = len(compared), len(cells)


def pytest_terminal_summary(terminalreporter, config):
    compared, cells = config.stash.get(_compared, (0, 0))
    if cells:
        terminalreporter.write_line(
            f"notebooks: {compared} of {cells} code cells are compared ({compared / cells:.0%})"
        )
