"""Running a cell again and again leaves no widget behind, whatever the cell is like and whoever runs it."""

import IPython
import ipywidgets
import pytest

from d2lparams import plots, widgets
from d2lparams.chapter.guesses import guess, score


class Shell:
    """An IPython whose kernel answers one request after the other."""

    class kernel:
        parent = {}

        @classmethod
        def get_parent(cls):
            return cls.parent


def alone(record):
    widgets.scrubber(record)


def twice(record):
    return widgets.scrubber(record), widgets.scrubber(record)


def in_a_loop(record):
    for _ in range(3):
        widgets.monitor(record)


def in_a_function(record):
    def make():
        return widgets.scrubber(record)

    return make()


def guesses(record):
    return guess("1.center"), guess("1.data"), score("1")


@pytest.mark.parametrize("names_cells", [True, False])
@pytest.mark.parametrize("cell", [alone, twice, in_a_loop, in_a_function, guesses])
def test_a_cell_that_is_run_again_leaves_no_widget_behind(monkeypatch, cell, names_cells):
    monkeypatch.setattr(IPython, "get_ipython", lambda: Shell)
    record, made, open_after = plots.example_record(), [], []
    ipywidgets.Widget.on_widget_constructed(made.append)
    try:
        for run in range(5):
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
