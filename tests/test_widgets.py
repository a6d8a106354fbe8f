"""The interactive figures without a browser: moved through their controls' values, held to the core's numbers."""

import base64
import gc
import io
import itertools
import threading
import time
import weakref

import IPython
import ipywidgets
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import d2lparams
from d2lparams import widgets
from d2lparams.chapter import deep_net, init_explorer, tie_playground
from d2lparams.chapter.explorer import HIGHEST, LOWEST
from d2lparams.widgets.base import with_children
from d2lparams.widgets.canvas import TCP_SEGMENT, Canvas
from d2lparams.widgets.monitor import MOST_POINTS, Stopped


def pixels(view):
    """Return the picture that a notebook stores of a figure, as an array (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(view._repr_mimebundle_()["image/png"]))).convert("RGB"))


def shown(view):
    """Return what the browser was given to draw."""
    return view.canvas_widget.background, view.canvas_widget.overlay


def controls(view):
    """Return everything in a figure that a reader can move."""
    return [
        widget
        for widget in with_children(view)
        if hasattr(widget, "description") and not isinstance(widget, (ipywidgets.HTML, ipywidgets.Play))
    ]


def line(axis, label):
    return next(line for line in axis.lines if line.get_label() == label)


def shared_net(seed=0):
    torch.manual_seed(seed)
    shared = nn.Linear(6, 6)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), shared, nn.Dropout(0.2), shared, nn.Tanh(), nn.Linear(6, 3))


def train(net, steps, each=lambda step, loss: None, momentum=0.9):
    """Train on random batches, with momentum, dropout and a scheduler: state enough to lose something of."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
    for step in range(steps):
        loss = F.cross_entropy(net(torch.randn(8, 4)), torch.randint(3, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        each(step, loss)
    return optimizer


def wait(ready):
    while not ready():
        time.sleep(0.01)


def when_paused(view, action):
    """Do something in another thread, as JupyterLab's controls do, once the loop says that it is paused."""
    before = view.caption.value

    def act():
        wait(lambda: "<b>paused" in view.caption.value and view.caption.value != before)
        action()

    threading.Thread(target=act, daemon=True).start()


@pytest.fixture
def record():
    net = shared_net()
    with d2lparams.track(net, every=1) as record:
        train(net, 30)
    return record


@pytest.fixture
def every(record):
    """One of each."""
    return [init_explorer(), tie_playground(), widgets.monitor(record), widgets.scrubber(record)]


# ---- what all have in common


def test_each_has_a_picture_and_a_fixed_text_where_there_is_no_kernel(every):
    for view in every:
        bundle = view._repr_mimebundle_()
        assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).size[0] >= 800
        assert bundle["text/plain"] == repr(view)
        assert "0x" not in repr(view)
        assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id


def test_each_is_white_at_its_edge_so_that_a_dark_theme_shows_it(every):
    for view in every:
        assert (pixels(view)[[0, -1]] == 255).all()


def test_every_control_has_a_label_and_every_button_says_what_it_does(every):
    for view in every:
        for control in controls(view):
            assert control.description
            assert not isinstance(control, ipywidgets.Button) or len(control.tooltip) > len(control.description)


def test_closing_leaves_no_widget_behind(record):
    made = []
    ipywidgets.Widget.on_widget_constructed(made.append)
    try:
        views = init_explorer(), tie_playground(), widgets.monitor(record), widgets.scrubber(record)
        assert len(made) > 80
        for view in views:
            view.close()
    finally:
        ipywidgets.Widget.on_widget_constructed(None)
    assert [widget for widget in made if widget.comm is not None] == []


def test_a_closed_figure_is_freed(record):
    makers = init_explorer, tie_playground, lambda: widgets.monitor(record), lambda: widgets.scrubber(record)
    for make in makers:
        view = make()
        left = [weakref.ref(widget) for widget in (view, view.canvas_widget)]
        view.close()
        del view
        gc.collect()
        assert [ref for ref in left if ref() is not None] == []


def test_running_a_cell_again_closes_what_it_made_before(monkeypatch):
    class Shell:
        class kernel:
            @classmethod
            def get_parent(cls):
                return cls.parent

    monkeypatch.setattr(IPython, "get_ipython", lambda: Shell)

    def run(cell, run_, *makers):
        Shell.kernel.parent = {"metadata": {"cellId": cell}, "header": {"msg_id": run_}}
        return [make() for make in makers]

    first, second = run("a", "1", init_explorer, tie_playground)
    (elsewhere,) = run("b", "2", init_explorer)
    assert first.comm
    assert second.comm
    run("a", "3", init_explorer)
    assert first.comm is second.comm is None
    assert elsewhere.comm
    picture = shown(first)
    first.gain.value = 2.0  # a late event finds nobody
    assert shown(first) == picture


def test_a_canvas_draws_what_is_on_top_as_a_whole_new_drawing_would():
    canvas, whole = Canvas(3, 2), Canvas(3, 2)
    axes = [each.figure.add_axes([0.2, 0.2, 0.7, 0.7], xlim=(0, 1), ylim=(0, 1)) for each in (canvas, whole)]
    lines = [axis.plot([0.1, 0.9], [0.1, 0.1])[0] for axis in axes]
    canvas.on_top(lines[0])
    canvas.png()
    for line in lines:
        line.set_ydata([0.2, 0.9])
    assert canvas.png() == whole.png()


def test_an_overlay_says_in_pixels_from_the_upper_left_what_matplotlib_would_draw():
    canvas = Canvas(3, 2)  # 300 by 200 pixels
    axis = canvas.figure.add_axes([0.2, 0.1, 0.5, 0.5], xlim=(0, 1), ylim=(1, 100), yscale="log")
    form = {"color": "red", "linewidth": 0.72, "linestyle": "--", "marker": "s", "markersize": 6.2}
    canvas.on_top(axis.plot([0, 0.5, 1], [1, np.nan, 10], **form)[0])
    canvas.on_top(axis.plot([2], [100], "o", color="#0072B2")[0])
    form = {"transform": axis.transAxes, "ha": "right", "va": "center", "size": 7.2}
    canvas.on_top(axis.text(1, 0, "a", **form))
    canvas.on_top(axis.text(0, 0, "hidden", visible=False))
    overlay = canvas.overlay()
    dashed, dot = overlay["lines"]
    assert (dashed["count"], dashed["color"], dashed["mark"]) == (3, "#ff0000", "s")
    assert (dot["count"], dot["color"], dot["mark"], dot["width"]) == (1, "#0072b2", "o", 0)
    assert [dashed["width"], dashed["radius"]] == pytest.approx([1, 5])
    assert dashed["dash"] == pytest.approx(matplotlib.rcParams["lines.dashed_pattern"])
    assert dashed["clip"] == pytest.approx([60, 80, 150, 100])
    points = np.frombuffer(overlay["points"], "<f4").reshape(-1, 2)
    np.testing.assert_allclose(points, [[60, 180], [np.nan] * 2, [210, 130], [360, 80]], rtol=1e-6)
    (text,) = overlay["texts"]
    assert (text["text"], text["color"], text["align"], text["baseline"]) == ("a", "#000000", "right", "middle")
    assert [text["x"], text["y"], text["size"]] == pytest.approx([210, 180, 10])


def test_background_and_overlay_of_another_parameter_come_in_one_message(record, monkeypatch):
    view, sent = widgets.scrubber(record), []
    monkeypatch.setattr(view.canvas_widget, "send_state", lambda key: sent.append(set(key)))
    view.step.value -= 1
    view.parameter.value = "2.bias"
    first, second = filter(None, sent)  # nothing is sent of an empty set
    assert first == {"overlay"}  # what stays is not sent again
    assert second == {"background", "overlay", "label"}


def test_a_message_to_a_browser_on_the_same_machine_fills_a_segment():
    view = init_explorer()
    assert "padding" not in view.canvas_widget.overlay
    view.canvas_widget.is_local = True
    view.gain.value = 2.0
    assert len(view.canvas_widget.overlay["padding"]) == TCP_SEGMENT


# ---- the explorer


@pytest.mark.parametrize(
    "setting", [("He", 1.0, 4, 256, "ReLU"), ("normal(0.01)", 1.0, 16, 64, "tanh"), ("Xavier", 2.0, 8, 128, "sigmoid")]
)
def test_the_explorer_shows_the_numbers_of_first_pass(setting):
    view = init_explorer()
    scheme, gain, depth, units, activation = setting
    view.scheme.value, view.gain.value, view.depth.value = scheme, gain, depth
    view.units.value, view.activation.value = units, activation
    start = deep_net.first_pass(*setting)
    assert f"{start.report.verdict}</b>: first loss {start.report.loss:.3g}" in view.caption.value
    assert "ln 10 = 2.303" in view.caption.value
    assert repr(view) == (
        f"init explorer: {scheme}, gain {gain:.2f}, {depth} hidden layers of {units} units, {activation}: "
        f"{start.report.verdict}"
    )
    *panels, last = view.canvas.figure.axes
    for kind, panel in zip(("weights", "activations", "gradients"), panels, strict=True):
        np.testing.assert_allclose(line(last, kind).get_xdata(), np.clip(start.stds[kind], LOWEST, HIGHEST))
        _, heights = deep_net.profile(getattr(start, kind))
        drawn = panel.lines[0].get_ydata().reshape(depth + 1, -1)[:, :-1:2]
        heights = 0.85**2 / (depth + 1) * heights.numpy().clip(max=1.15)
        np.testing.assert_allclose(
            drawn - drawn[:1].min(),
            heights + np.arange(depth + 1)[:, None] * 0.85 / (depth + 1) - heights[:1].min(),
            atol=1e-6,
        )


def test_every_control_of_the_explorer_changes_the_picture():
    view = init_explorer()
    moves = {"scheme": "Xavier", "activation": "tanh", "gain": 2.0, "depth": 9, "units": 64}
    for name, value in moves.items():
        before = shown(view)
        getattr(view, name).value = value
        assert shown(view) != before, name


def test_an_explorer_of_many_layers_names_no_more_than_have_room():
    view = init_explorer(depth=16)
    names = [
        text for text in view.canvas.figure.axes[0].texts if text.get_ha() == "right" and text.get_va() == "center"
    ]
    assert len(names) == 17
    assert sum(text.get_visible() for text in names) <= 10


def test_an_error_is_shown_in_the_figure_and_the_next_move_goes_on(monkeypatch):
    view = init_explorer()
    with monkeypatch.context() as broken:
        broken.setitem(deep_net.ACTIVATIONS, "ReLU", lambda values: 1 / 0)
        view.gain.value = 1.5
    assert "✗ ZeroDivisionError: division by zero" in view.caption.value
    assert view.caption.is_error
    view.gain.value = 1.6
    assert "first loss" in view.caption.value


# ---- the monitor


def test_pausing_resuming_and_drawing_change_no_bit_of_a_training():
    alone, watched = shared_net(), shared_net()
    with d2lparams.track(alone) as plain:
        optimizer = train(alone, 120)
    seen = []
    with d2lparams.track(watched) as record, widgets.monitor(record, seconds=0.2, share=1) as view:

        def each(step, loss):
            view.log(train_loss=loss)
            if step in (20, 70):
                when_paused(view, lambda: (time.sleep(0.1), seen.append(record.total_steps), view.pause_button.click()))
                view.pause_button.click()

        again = train(watched, 120, each)
    assert seen == [22, 72]  # paused after the step that was under way, and not one step further
    for p, q in zip(alone.parameters(), watched.parameters(), strict=True):
        assert torch.equal(p, q)
        assert torch.equal(optimizer.state[p]["momentum_buffer"], again.state[q]["momentum_buffer"])
    assert record.frame().equals(plain.frame())
    assert record.uses("2.weight").equals(plain.uses("2.weight"))
    assert "<b>finished</b> at step 120" in view.caption.value


def test_stopping_ends_the_loop_after_a_whole_step_and_leaves_a_valid_record():
    alone, stopped = shared_net(), shared_net()
    train(alone, 41)
    with d2lparams.track(stopped, every=1) as record, widgets.monitor(record) as view:
        train(stopped, 1000, lambda step, loss: view.stop_button.click() if step == 39 else None)
    assert record.total_steps == len(record.table("grad_norm")) == 41
    assert all(torch.equal(p, q) for p, q in zip(alone.parameters(), stopped.parameters(), strict=True))
    assert "<b>stopped</b> at step 41" in view.caption.value
    train(stopped, 5)  # nothing of it is left in the way
    assert record.total_steps == 41


def test_stopping_a_paused_loop_ends_it():
    net = shared_net()
    with d2lparams.track(net) as record, widgets.monitor(record) as view:
        when_paused(view, view.stop)
        view.pause()
        train(net, 1000)
    assert record.total_steps == 1


def test_a_paused_loop_that_nobody_shows_any_more_goes_on_and_says_so(capsys):
    net, waited = shared_net(), []
    with d2lparams.track(net) as record, widgets.monitor(record, alone=0.4) as view:

        def each(step, loss):
            if step == 3:  # no page has ever said that it is there
                when_paused(view, lambda: (time.sleep(0.6), waited.append(record.total_steps), view.resume()))
                view.pause()
            if step == 5:
                started = time.monotonic()
                view.caption._handle_custom_msg({"alive": True}, [])
                view.pause()
                waited.append(started)
            if step == 7:
                waited.append(time.monotonic())

        train(net, 10, each)
    assert waited[0] == 5
    assert 0.4 < waited[2] - waited[1] < 2
    words = "the loop was paused at step 7, and went on by itself: no page showed its buttons"
    assert f"; {words}." in view.caption.value
    assert capsys.readouterr().out.count(words) == 1


def test_the_rate_is_scaled_from_the_next_step_on_and_a_scheduler_goes_on_from_there():
    net = shared_net()
    with d2lparams.track(net) as record, widgets.monitor(record) as view:
        optimizer = train(net, 10, lambda step, loss: view.halve_button.click() if step == 3 else None)
    assert view.changes == [(5, 0.5)]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.99**10 / 2)
    assert "× 0.5 after step 5" in view.caption.value
    assert f"learning rate {optimizer.param_groups[0]['lr']:.4g}" in view.caption.value


def test_the_rate_can_be_scaled_while_the_loop_is_paused():
    net = shared_net()
    with d2lparams.track(net) as record, widgets.monitor(record) as view:
        when_paused(view, lambda: (view.double_button.click(), wait(lambda: view.changes), view.resume()))
        view.pause()
        train(net, 3)
    assert view.changes == [(1, 2.0)]


def test_the_first_step_is_drawn_at_once_and_the_caption_goes_on_between_pictures():
    net, seen = shared_net(), []

    def each(step, loss):
        seen.append(
            (
                len(view.canvas.figure.axes[3].lines[0].get_xdata() if view.canvas.figure.axes[3].lines else []),
                view.caption.value,
            )
        )
        time.sleep(0.3)

    with d2lparams.track(net, every=1) as record, widgets.monitor(record, seconds=60) as view:
        train(net, 4, each)
    assert seen[0][0] == seen[3][0] == 1  # one picture, of the first step
    assert "<b>running</b> at step 1," in seen[0][1]
    assert "<b>running</b> at step 3," in seen[3][1]


def test_a_click_is_answered_before_the_next_step_and_many_take_one_clause():
    net, seen = shared_net(), []

    def each(step, loss):
        for _ in range(30 if step == 1 else 0):
            view.double_button.click()
            seen.append(view.caption.value)
            view.halve_button.click()
        if step == 2:
            view.stop_button.click()
            seen.append(view.caption.value)

    with d2lparams.track(net, every=1) as record, widgets.monitor(record, seconds=60) as view:
        train(net, 10, each)
    assert "; × 2 from the next step on" in seen[0]
    assert "<b>stopping</b>" in seen[-1]
    assert "; × 1 in all, by 60 changes, the last after step 3." in view.caption.value
    assert view.caption.value.count("×") == 1


@pytest.mark.parametrize(
    "labels",
    [
        ["train_loss", "val_loss", "train_acc", "val_acc"],
        ["train_loss", "train_acc", "test_acc", "test_loss"],
        ["loss", "train_loss", "loss_a", "loss_b", "acc", "my_acc", "my_accuracy", "top5_acc"],
        ["reconstruction", "kl", "total", "test_acc", "valid_acc"],
    ],
)
def test_no_two_curves_of_a_panel_look_alike(labels):
    view = widgets.monitor(d2lparams.Record(["w"], {}, 1, 0))
    view.log(**dict.fromkeys(labels, 0.5))
    view.draw("running")
    for axis in view.canvas.figure.axes[:2]:
        looks = [(line.get_color(), line.get_linestyle()) for line in axis.lines]
        assert len(looks) == len(set(looks)) > 0
    if {"train_loss", "train_acc"} <= set(labels) and "loss" not in labels:
        loss, accuracy = view.canvas.figure.axes[:2]
        assert line(loss, "train loss").get_color() == line(accuracy, "train acc").get_color()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no such <layer>")])
def test_an_interrupt_and_an_error_pass_through_and_leave_no_hook(error):
    def fail(step, loss):
        if step == 4:
            raise error

    net = shared_net()
    with d2lparams.track(net) as record:
        with pytest.raises(type(error)), widgets.monitor(record) as view:
            train(net, 10, fail)
        assert record.total_steps == 5
        caption = view.caption.value
        assert ("interrupted" if isinstance(error, KeyboardInterrupt) else "no such &lt;layer&gt;") in caption
        assert all(button.disabled for button in view.controls)
        view.stop()
        try:
            train(net, 5)
        except Stopped:
            pytest.fail("the monitor still watches the loop")
    assert record.total_steps == 10
    assert view.caption.value == caption


def test_another_monitors_stop_is_not_swallowed():
    net = shared_net()
    with d2lparams.track(net) as record, widgets.monitor(record) as outer:
        with widgets.monitor(record):
            outer.stop()
            train(net, 10)
        pytest.fail("the inner one caught what the outer one had raised")
    assert record.total_steps == 1
    assert issubclass(Stopped, KeyboardInterrupt)


def test_only_steps_of_its_own_net_count():
    net, other = shared_net(), shared_net()
    with d2lparams.track(net) as record, widgets.monitor(record) as view:
        view.stop()
        train(other, 5)  # the stop waits for a step of the net that is watched
        train(net, 5)
    assert record.total_steps == 1


def test_the_monitor_shows_what_the_record_holds():
    net = shared_net()
    with d2lparams.track(net, every=2) as record, widgets.monitor(record) as view:
        train(net, 20, lambda step, loss: view.log(train_loss=loss, val_acc=0.5))
    loss, accuracy, uses, *panels = view.canvas.figure.axes
    for quantity, panel in zip(("weight_norm", "grad_norm", "update_ratio"), panels, strict=True):
        for name, values in record.table(quantity).items():
            if not name.endswith("bias"):
                np.testing.assert_array_equal(line(panel, record.label(name)).get_ydata(), values)
    assert [text.get_text() for panel in panels for text in panel.texts] == ["usual: 0.001"]
    assert [1e-3, 1e-3] in [list(line.get_ydata()) for line in panels[2].lines]
    for place, values in record.uses("2.weight")["norm"].items():
        np.testing.assert_array_equal(line(uses, f"use at {place}").get_ydata(), values)
    assert len(line(loss, "train loss").get_ydata()) == 20
    assert set(line(accuracy, "val acc").get_ydata()) == {0.5}


def test_the_monitor_shows_a_deep_net_as_a_map():
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(40)))
    with d2lparams.track(net, every=1) as record, widgets.monitor(record) as view:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(3):
            net(torch.ones(1, 2)).square().sum().backward()
            optimizer.step()
            view.draw("running")
    panels = view.canvas.figure.axes[3:6]
    for quantity, panel in zip(("weight_norm", "grad_norm", "update_ratio"), panels, strict=True):
        cells = panel.collections[-1].get_array()
        np.testing.assert_array_equal(cells.T, record.table(quantity, [f"{i}.weight" for i in range(40)]))
        assert not panel.lines
    names = [text.get_text() for text in panels[0].get_yticklabels()]
    assert (names[0], names[-1], len(names)) == ("0.weight", "39.weight", 6)


def test_what_is_logged_stays_bounded_and_keeps_its_mean():
    view = widgets.monitor(d2lparams.Record(["w"], {}, 1, 0))
    for step in range(5 * MOST_POINTS):
        view.record.total_steps = step
        view.log(train_loss=step % 2)
    points = view.board.data["train_loss"]
    assert len(points) <= MOST_POINTS
    assert points[-1].x > 0.99 * 5 * MOST_POINTS
    assert len({b.x - a.x for a, b in itertools.pairwise(points)}) == 1  # early and late alike
    assert np.mean([point.y for point in points]) == pytest.approx(0.5, abs=0.01)


def test_a_picture_that_fails_ends_no_training(monkeypatch):
    net = shared_net()
    with d2lparams.track(net) as record, widgets.monitor(record, seconds=0, share=1e9) as view:
        monkeypatch.setattr(record, "table", lambda quantity: 1 / 0)
        train(net, 10)
    assert record.total_steps == 10
    assert "✗ ZeroDivisionError" in view.caption.value


def test_it_draws_no_more_often_than_its_share_of_the_time_allows(monkeypatch):
    net, drawn = shared_net(), []
    with d2lparams.track(net) as record, widgets.monitor(record, seconds=0, share=0.05) as view:
        table = record.table

        def slow_table(quantity):
            if quantity == "weight_norm":
                drawn.append(1)
                time.sleep(0.05)
            return table(quantity)

        monkeypatch.setattr(record, "table", slow_table)
        started = time.monotonic()
        train(net, 10**6, lambda step, loss: view.stop() if time.monotonic() > started + 1.5 else None)
    assert 1 <= len(drawn) <= 3  # 0.05 s in each second, and one at the end


def test_a_monitor_watches_one_loop_at_a_time():
    net = shared_net()
    with d2lparams.track(net) as record, widgets.monitor(record) as view:
        with pytest.raises(RuntimeError, match="watching a loop already: make another one"):
            view.__enter__()
        train(net, 1)


def test_it_takes_the_curves_of_an_unmodified_trainer():
    from d2l import torch as d2l

    class Data(d2l.DataModule):
        def __init__(self):
            self.batches = [(torch.randn(8, 4), torch.randint(3, (8,))) for _ in range(4)]

        def get_dataloader(self, train):
            return self.batches

    class Net(d2l.Classifier):
        def __init__(self):
            super().__init__()
            self.net, self.lr = shared_net(), 0.1

    net = Net()
    with d2lparams.track(net) as record, widgets.monitor(record) as view:
        net.board = view.board
        d2l.Trainer(max_epochs=3).fit(net, Data())
    assert set(view.board.data) == {"train_loss", "val_loss", "val_acc"}
    assert len(view.board.data["val_acc"]) == 3
    assert view.canvas.figure.axes[0].get_xlabel() == "epoch"
    assert record.total_steps == 12


# ---- the scrubber


def test_the_scrubber_shows_each_recorded_step(record, tmp_path):
    record.save(tmp_path / "record.pt")
    view = widgets.scrubber(d2lparams.Record.load(tmp_path / "record.pt"))
    table = record.uses("2.weight")
    assert view.step.value == view.step.max == view.player.max == len(table) - 1
    for i in (0, 11):
        before = shown(view)
        view.step.value = i
        row = table.iloc[i]
        assert shown(view) != before
        assert f"<b>Step {table.index[i]:,}</b>" in view.caption.value
        panel = view.canvas.figure.axes[2]
        *ends, total = (line(panel, label).get_xydata()[-1] for label in ("2", "4", "their sum"))
        ends = np.array(ends)
        np.testing.assert_allclose(ends.sum(0), total, atol=1e-6)  # the vectors add up
        lengths = np.linalg.norm(ends, axis=1)
        np.testing.assert_allclose(lengths / total[0], row["norm"] / row["sum", "norm"], rtol=1e-5)
        cosine = ends[0] @ ends[1] / lengths.prod()
        assert cosine == pytest.approx(row["cosine", "2, 4"], abs=1e-5)
        assert f"{row['cosine', '2, 4']:+.2f}" in view.caption.value


def test_the_scrubber_changes_its_parameter(record):
    view = widgets.scrubber(record)
    before = shown(view)
    view.parameter.value = "2.bias"
    assert shown(view) != before
    assert repr(view) == "scrubber: gradient by use of 2.bias"


def test_a_record_without_uses_says_so():
    with pytest.raises(ValueError, match="holds no gradient by use: no parameter was seen to be used twice"):
        widgets.scrubber(d2lparams.Record(["w"], {}, 1, 0))
