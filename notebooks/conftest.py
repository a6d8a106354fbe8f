"""What nbval lets pass and this chapter does not: a figure that disappears, an exception that does not come.

nbval compares text. A picture may vanish, and a cell tagged `raises-exception` may raise nothing, and it says nothing.
"""

import pytest
from nbval.plugin import IPyNbCell

_compared = pytest.StashKey()


def pictures(outputs):
    """Return how many outputs hold an image."""
    return sum(
        any(kind.startswith("image/") for kind in output.get("data", {}))
        for output in outputs
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if isinstance(item, IPyNbCell) and not item.options["skip"]:
        found, wanted = pictures(item.test_outputs), pictures(item.cell.outputs)
        if found != wanted:
            pytest.fail(
                f"the stored cell shows {wanted} figures, and running it drew {found}",
                pytrace=False,
            )
        raised = any(output.output_type == "error" for output in item.test_outputs)
        if item.options["check_exception"] and not raised:
            pytest.fail(
                "the cell is tagged raises-exception, and it raised nothing",
                pytrace=False,
            )
    return result


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
