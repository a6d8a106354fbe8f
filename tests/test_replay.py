"""What is stored so that a page without a kernel can replay it: all that the figure shows, and the figure as it was."""

import base64
import sys

import kernels
import numpy as np
import pytest
import torch
from torch import nn

from d2lparams import plots, track, widgets
from d2lparams.plots.layers import MOST_LINES
from d2lparams.widgets.canvas import Canvas
from d2lparams.widgets.replay import NotedCurves, packed, series, unpacked


def trained(layers, steps=30):
    """Train a net of so many layers under the monitor, and stop."""
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Linear(3, 3) for _ in range(layers)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    with track(net, every=1) as record, widgets.monitor(record) as monitor:
        for _ in range(steps):
            loss = net(torch.ones(2, 3)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            monitor.log(train_loss=loss)
    return monitor


def scrubbed():
    """Return a scrubber that stands neither at the first parameter nor at the last step."""
    view = widgets.scrubber(plots.example_record(), plots.example_record().shared[-1])
    view.step.value = 3
    return view


@pytest.mark.parametrize("make", [lambda: trained(2), lambda: trained(MOST_LINES + 1), scrubbed])
def test_a_figure_is_as_it_was_after_it_was_packed(make):
    figure = make()
    before = figure.canvas.png(), figure.canvas.overlay(), repr(figure)
    content = unpacked(figure.replay())
    assert (figure.canvas.png(), figure.canvas.overlay(), repr(figure)) == before
    for shown in content["series"].values():
        assert len(shown["captions"]) == len(shown["steps"])
        assert len(set(shown["captions"])) == len(shown["steps"])
        assert base64.b64decode(shown["background"]).startswith(b"\x89PNG")


def test_at_each_step_the_scrubber_has_the_words_that_it_shows():
    scrubber = scrubbed()
    for name, shown in unpacked(scrubber.replay())["series"].items():
        scrubber.parameter.value = name
        assert shown["steps"] == list(scrubber._table.index)
        for i, caption in enumerate(shown["captions"]):
            scrubber.step.value = i
            assert scrubber.caption.value == caption


def test_at_each_step_the_monitor_has_the_points_that_there_were():
    monitor = trained(2)
    (shown,) = unpacked(monitor.replay())["series"].values()
    assert shown["steps"] == list(range(1, 31))
    assert [line["shown"] for line in shown["lines"]] == [list(range(1, 31))] * len(shown["lines"])
    widths = [np.ptp(line["points"][::2]) for line in shown["lines"]]
    assert max(widths) - min(widths) < 0.02 * max(widths) + 1  # all of them go from the first step to the last
    losses = [point.y for point in monitor.board.data["train_loss"]]
    assert [f"train loss {loss:.3f}" in caption for loss, caption in zip(losses, shown["captions"], strict=True)]


def test_the_step_of_a_point_is_noted_also_where_curves_are_thinned(monkeypatch):
    monkeypatch.setattr(sys.modules["d2lparams.widgets.monitor"], "MOST_POINTS", 8)
    board = trained(1, 21).board
    points = board.data["train_loss"]
    steps = board.steps["train_loss"]
    assert [step - point.x for step, point in zip(steps, points, strict=True)] == [1.5] * len(points)
    assert len(points) < 8


def test_a_monitor_that_saw_no_step_has_nothing_to_replay():
    assert widgets.monitor(plots.example_record()).replay() is not None
    with pytest.warns(UserWarning, match="no optimizer took a step"), track(nn.Linear(2, 2)) as record:
        assert widgets.monitor(record).replay() is None


def test_a_line_that_moves_is_there_for_each_step_and_what_stays_once():
    canvas = Canvas(2, 1)
    axis = canvas.figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, 2), ylim=(0, 1))
    grows, moves = (canvas.on_top(axis.plot([], [])[0]) for _ in range(2))
    title, stays = (canvas.on_top(axis.text(0.5, 0.5, text)) for text in ("", "stays"))

    def draw(i):
        grows.set_data([0, 1, 2][: i + 1], [0, np.nan, 0.5][: i + 1])
        moves.set_data([i], [0.5])
        title.set_text(f"step {i}")
        return str(i)

    shown = unpacked(packed("a figure", "", "", "step", {"": series(canvas, "", [0, 1, 2], draw)}))["series"][""]
    first, second = shown["lines"]
    assert (first["points"], first["shown"]) == ([0, 100, None, None, 200, 50], [1, 2, 3])
    assert (second["points"], "shown" in second) == ([[0, 50], [100, 50], [200, 50]], False)
    assert [text["text"] for text in shown["texts"]] == [["step 0", "step 1", "step 2"], "stays"]
    assert stays.get_animated()


@pytest.mark.parametrize("replays", [True, False])
def test_a_kernel_that_stores_outputs_packs_what_was_recorded(replays):
    def plain(shown):
        return {kernels.PNG: ""}, {}

    for shown, expected in ((scrubbed(), replays), (Canvas(1, 1).figure, False)):
        _, metadata = kernels._format(plain, replays, shown)
        assert ("replay" in metadata[kernels.PNG]) == expected


def test_curves_note_nothing_of_a_point_that_is_not_whole():
    curves = NotedCurves()
    curves.draw(1, 1.0, "loss", every_n=2)
    assert curves.steps == {"loss": []}
