"""What is left of a cell: no widget when it is run again, and a picture where nobody was there to see its figures."""

import IPython
import ipywidgets
import pytest

from d2lparams import plots, widgets
from d2lparams.chapter.guesses import guess, score


class Shell:
    """An IPython whose kernel answers one request after the other."""

    class kernel:
        @classmethod
        def get_parent(cls):
            return cls.parent


def figures(record):
    """Two in a loop, each made in a function; one is kept by nobody."""

    def make():
        return widgets.scrubber(record)

    for _ in range(2):
        kept = make()
    return kept


def guesses(record):
    return guess("1.center"), guess("1.data"), score("1")


@pytest.mark.parametrize("names_cells", [True, False])
@pytest.mark.parametrize("cell", [figures, guesses])
def test_a_cell_that_is_run_again_leaves_no_widget_behind(monkeypatch, cell, names_cells):
    monkeypatch.setattr(IPython, "get_ipython", lambda: Shell)
    record, made, open_after = plots.example_record(), [], []
    ipywidgets.Widget.on_widget_constructed(made.append)
    try:
        for run in range(3):
            Shell.kernel.parent = {
                "metadata": {"cellId": cell.__name__} if names_cells else {},
                "header": {"msg_id": f"{cell.__name__} {names_cells} {run}"},
                "content": {"code": cell.__name__ + str(names_cells)},
            }
            cell(record)
            open_after.append(sum(widget.comm is not None for widget in made))
    finally:
        ipywidgets.Widget.on_widget_constructed(None)
    assert len(set(open_after)) == 1
    assert open_after[0] > 0


@pytest.mark.parametrize(
    ("metadata", "environment", "is_live"),
    [
        ({"cellId": "a"}, {}, True),  # JupyterLab, Notebook 7, VS Code
        ({}, {"JPY_SESSION_NAME": "a.ipynb"}, True),  # nbclassic
        ({}, {"VOILA_BASE_URL": "/"}, True),
        ({}, {}, False),  # nbconvert --execute, papermill
    ],
)
def test_a_widget_is_stored_only_where_a_page_can_show_it(monkeypatch, metadata, environment, is_live):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(IPython, "get_ipython", lambda: Shell)
    Shell.kernel.parent = {"metadata": metadata, "header": {"msg_id": "1"}}
    data, _ = guess("1.center")._repr_mimebundle_()
    assert ("application/vnd.jupyter.widget-view+json" in data) == is_live
    assert {"text/plain", "text/html"} <= data.keys()
