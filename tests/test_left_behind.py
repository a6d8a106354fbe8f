"""Running a cell again and again leaves no widget behind, whatever the cell is like and whoever runs it."""

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
