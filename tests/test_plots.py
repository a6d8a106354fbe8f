"""The figures: labeled, titled with what the data say, and drawn from the record alone."""

import base64
import itertools
import re
import time

import IPython
import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from IPython.core.events import EventManager
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
from nets import shared_net
from scipy import stats
from torch import nn

from d2lparams import Record, gradient_by_use, plots, track, untie
from d2lparams.chapter import figures
from d2lparams.plots.layers import draw_map

matplotlib.use("agg")


def shared_mlp():
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(6, 3))


def train(net):
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1, histograms=2, source="made-up data") as record:
        for _ in range(20):
            optimizer.zero_grad()
            net(torch.randn(8, 4, generator=generator)).sub(1).square().mean().backward()
            optimizer.step()
    return record


@pytest.fixture(scope="module")
def records():
    net = shared_mlp()
    twin = untie(net)
    return train(net), train(twin)


@pytest.fixture(autouse=True)
def close():
    yield
    matplotlib.pyplot.close("all")


def checked(figure):
    """Every axis is labeled and titled, nothing is empty, and the source is named."""
    figure.canvas.draw()
    assert figure.get_suptitle() == "made-up data"
    for axis in figure.axes:
        assert axis.get_xlabel()
        assert axis.get_ylabel()
        assert axis.get_title()
        assert axis.lines or axis.collections
    return figure.axes


def line(axis, label):
    return next(line for line in axis.lines if line.get_label() == label)


def test_training(records):
    record, _ = records
    weight, gradient, ratio = checked(plots.training(record))
    labels = ["0.weight", "2.weight = 4.weight (shared)", "6.weight"]  # numeric order, the reused layer said to be
    assert weight.get_legend_handles_labels()[1] == labels
    raw = [found for found in gradient.lines if found.get_alpha() == 0.3]
    for found, name in zip(raw, ["0.weight", "2.weight", "6.weight"], strict=True):
        np.testing.assert_array_equal(found.get_ydata(), record.table("grad_norm")[name])
    colors = [line(axis, labels[1]).get_color() for axis in (weight, gradient, ratio)]
    assert colors == ["#D55E00"] * 3
    growth = record.table("weight_norm")[["0.weight", "2.weight", "6.weight"]].agg(lambda w: w.iloc[-1] / w.iloc[0])
    assert weight.get_title().startswith(f"{growth.idxmax()} grew most: ×{growth.max():.2g}")


def test_the_update_ratio_has_its_yardstick(records):
    record, _ = records
    axes = checked(plots.training(record))
    dashed = [line for line in axes[2].lines if list(line.get_ydata()) == [1e-3, 1e-3]]  # Karpathy's line at -3
    assert [line.get_linestyle() for line in dashed] == ["--"]
    assert [text.get_text() for text in axes[2].texts] == ["usual: 0.001"]
    low, high = axes[2].get_ylim()
    ratios = record.table("update_ratio").filter(like="weight")
    assert low < min(1e-3, ratios.min(axis=None)) <= max(1e-3, ratios.max(axis=None)) < high  # and all can be seen
    assert not axes[0].texts + axes[1].texts


def trained(net, rate=0.1, steps=5, factor=1.0, clip=1e-3):
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=rate)
    with track(net, every=1, source="made-up data") as record:
        for _ in range(steps):
            optimizer.zero_grad()
            net(torch.ones(8, 4)).sub(1).pow(4).sum().mul(factor).backward()
            nn.utils.clip_grad_norm_(net.parameters(), clip if factor == 1 else torch.inf)
            optimizer.step()
    return record


class Biases(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, X):
        return self.bias * 2 - X


def test_training_of_what_has_a_gradient():
    net = shared_mlp()
    net[0].requires_grad_(False)
    weight, _, _ = checked(plots.training(trained(net)))
    assert weight.get_legend_handles_labels()[1] == ["2.weight = 4.weight (shared)", "6.weight"]
    weight, gradient, _ = checked(plots.training(trained(Biases())))
    assert weight.get_legend_handles_labels()[1] == ["bias"]
    assert gradient.get_title() == "largest gradient: bias"


def test_training_that_went_wrong():
    weight, gradient, ratio = checked(plots.training(trained(shared_mlp(), rate=1e30, factor=1e30)))
    assert weight.get_title() == "not a number in the end"
    assert gradient.get_title() == "not a number in the end"
    _, _, ratio = checked(plots.training(trained(shared_mlp(), rate=0.0)))
    assert ratio.get_title() == "no update changed anything"
    with pytest.raises(ValueError, match="holds no step yet: train the net inside the `with track"):
        plots.training(Record(["weight"], {}, 1, 1))


def test_what_cannot_be_drawn_leaves_no_figure_behind(records):
    record, twin = records
    for draw in (
        lambda: plots.training(record, ["no such weight"]),
        lambda: plots.uses(record, "0.weight"),
        lambda: plots.twins(record, twin, "0.weight"),
        lambda: plots.histograms(record, "no such weight"),
    ):
        with pytest.raises(KeyError, match=r"nearest names|split by use: "):
            draw()
        assert not matplotlib.pyplot.get_fignums()  # or a notebook would show an empty one beneath the error


def test_the_sum_of_the_uses_is_the_gradient_as_the_optimizer_got_it():
    record = trained(shared_mlp())
    left, _ = checked(plots.uses(record, "4.weight"))
    norms = record.table("grad_norm")["2.weight"]
    assert norms.max() <= 1e-3
    np.testing.assert_allclose(left.lines[4].get_ydata(), norms, rtol=1e-5)


def test_uses_without_a_gradient():
    for factor, left_title in ((0.0, "half of the gradients or more are zero"), (torch.nan, "not a number in the end")):
        left, right = checked(plots.uses(trained(shared_mlp(), factor=factor), "2.weight"))
        assert left.get_title() == left_title
        assert right.get_title() == "no cosine: a gradient is zero or not a number"


def test_each_parameter_grows_over_the_steps_that_it_took():
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    optimizers = [torch.optim.SGD([p], lr=0.01) for p in net.parameters()]
    with track(net, every=1, source="made-up data") as record:
        for step in range(6):
            for optimizer in optimizers[step > 2 :]:
                net(torch.ones(1, 4)).square().sum().backward()
                optimizer.step()
                with torch.no_grad():
                    optimizer.param_groups[0]["params"][0].mul_(1.5 if optimizer is optimizers[0] else 0.9)
    norms = record.frame().query("parameter == '0.weight'")["weight_norm"]
    title = plots.training(record).axes[0].get_title()
    assert len(norms) == 3
    assert title == f"0.weight grew most: ×{norms.iloc[-1] / norms.iloc[0]:.2g}"


def test_uses(records):
    record, _ = records
    left, right = checked(plots.uses(record, "2.weight"))
    table = record.uses("2.weight")
    assert left.get_legend_handles_labels()[1] == ["use at 2", "use at 4", "their sum"]
    np.testing.assert_array_equal(left.lines[0].get_ydata(), table["norm", "2"])
    assert f"median cosine {table['cosine', '2, 4'].median():+.2f}" in right.get_title()
    with pytest.raises(KeyError, match="not used more than once"):
        plots.uses(record, "0.weight")


def test_twins(records):
    record, twin = records
    _, right = checked(plots.twins(record, twin, "2.weight"))
    np.testing.assert_array_equal(
        line(right, "twin, 4.weight").get_ydata(), twin.table("distance")["4.weight"].to_numpy()
    )


def test_twins_compares_gradients_in_one_unit():
    for clip in (1e9, 1e-2):
        net = shared_mlp()
        twin = untie(net)
        tied, untied = (trained(which, clip=clip, steps=1) for which in (net, twin))
        left, _ = plots.twins(tied, untied, "4.weight").axes
        pairs = ["shared, use at 2", "twin, 2.weight", "shared, use at 4", "twin, 4.weight"]
        assert left.get_legend_handles_labels()[1] == pairs
        size = {which: record.whole()["grad_norm"].iloc[0] for which, record in ((0, tied), (1, untied))}
        for place in ("2", "4"):  # both nets begin alike: clipping scales each by its own whole gradient
            shared, alone = line(left, f"shared, use at {place}"), line(left, f"twin, {place}.weight")
            plain = gradient_norms(shared_mlp())
            np.testing.assert_allclose(shared.get_ydata() / size[0], plain[place] / plain["tied"], rtol=1e-5)
            np.testing.assert_allclose(alone.get_ydata() / size[1], plain[place] / plain["untied"], rtol=1e-5)


def gradient_norms(net):
    """Return the norm of each use's gradient, by autograd on the untied twin, and of both nets' whole gradients."""
    twin, found = untie(net), {}
    for name, which in (("tied", net), ("untied", twin)):
        which(torch.ones(8, 4)).sub(1).pow(4).sum().backward()
        found[name] = torch.cat([p.grad.flatten() for p in which.parameters()]).norm().item()
    return found | {place: twin[int(place)].weight.grad.norm().item() for place in ("2", "4")}


def deep(layers):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), *(m for _ in range(layers - 1) for m in (nn.ELU(), nn.Linear(8, 8))))


@pytest.mark.parametrize("layers", [8, 24, 96, 200])
def test_a_deep_net_is_drawn_as_a_map(layers):
    record = trained(deep(layers), steps=3)
    figure = plots.training(record)
    figure.canvas.draw()
    assert figure.get_size_inches()[0] == plots.training(trained(shared_mlp())).get_size_inches()[0]
    width = figure.get_tightbbox().width
    assert width < 10.5
    for axis, quantity in zip(figure.axes, ("weight_norm", "grad_norm", "update_ratio"), strict=False):
        table = record.table(quantity, [f"{2 * i}.weight" for i in range(layers)]).to_numpy().T
        mesh = axis.collections[-1]
        np.testing.assert_array_equal(mesh.get_array().reshape(table.shape), table)
        boxes = [text.get_window_extent() for text in axis.get_yticklabels() if text.get_text()]
        assert all(upper.y0 > lower.y0 for upper, lower in itertools.pairwise(boxes))
        assert axis.get_title()
    named = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert (named[0], named[-1], len(named)) == ("0.weight", f"{2 * layers - 2}.weight", min(layers, 24))


def test_a_map_tells_zero_from_nan_and_from_nothing():
    record = Record([f"{i}.weight" for i in range(8)], {}, 1, 0)
    for step, value in enumerate((1.0, 0.0, torch.nan)):
        record.add_row(step, record.names, torch.full((4, 8), value))
    record.add_row(3, record.names[1:], torch.ones(4, 7))
    figure = plots.training(record)
    marks, mesh = figure.axes[1].collections
    np.testing.assert_array_equal(mesh.get_array().mask[0], [False, True, True, True])
    np.testing.assert_array_equal(marks.get_array()[0].filled(-1), [-1, 0, 1, -1])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["0", "not a number", "not recorded"]


def test_a_map_of_many_cells_keeps_what_is_largest():
    values = np.ones((1000, 300))
    values[517, 123], values[3, 5] = 100.0, np.nan
    axis = matplotlib.figure.Figure().subplots()
    cells = draw_map(axis, pd.DataFrame(values)).get_array()
    assert max(cells.shape) == 256
    assert cells.max() == 100
    assert cells.mask.sum() == 1


@pytest.mark.parametrize("chosen", [["0.weight", "14.weight"], ["0.weight", "28.weight", "56.weight"], None])
def test_no_two_lines_look_alike(chosen):
    record = trained(deep(30 if chosen else 7), steps=2)
    axis = plots.training(record, chosen).axes[0]
    looks = [(line.get_color(), line.get_linestyle()) for line in axis.lines]
    assert len(set(looks)) == len(looks) == len(chosen or range(7))


class Repeated(nn.Module):
    def __init__(self, times):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4)] * times)

    def forward(self, X):
        for layer in self.layers:
            X = X + torch.tanh(layer(X))
        return X


@pytest.mark.parametrize("times", [4, 7, 12])
def test_many_uses(times):
    record = trained(Repeated(times), steps=3)
    table = record.uses("layers.0.weight")
    left, right = plots.uses(record, "layers.1.weight").axes[:2]
    if times == 12:
        np.testing.assert_array_equal(left.collections[-1].get_array(), table["norm"].to_numpy().T)
    else:
        looks = [(line.get_color(), str(line.get_linestyle())) for line in left.lines if line.get_alpha() is None]
        assert len(set(looks)) == times + 1
    if times > 4:
        square = right.collections[0].get_array()
        assert square[0, 1] == table["cosine"].iloc[:, 0].median()
        assert (square == square.T).all()
    else:
        assert len(right.get_legend_handles_labels()[1]) == 6


def test_histograms_have_equal_areas(records):
    record, _ = records
    left, _ = checked(plots.histograms(record, "2.weight", rows=4))
    areas = []
    for ridge in left.lines:
        x, y = ridge.get_data()
        areas.append(((y - y.min()) * (x[1] - x[0])).sum())
    np.testing.assert_allclose(areas, areas[0], rtol=1e-3)


def test_histograms_of_steps_without_a_gradient():
    net = shared_mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    with track(net, every=1, histograms=1, source="made-up data") as record:
        for factor in (0.0, 1.0, 1.0, torch.nan):
            optimizer.zero_grad()
            (net(torch.ones(2, 4)).square().mean() * factor).backward()
            optimizer.step()
    _, right = checked(plots.histograms(record, "2.weight"))
    none, first, second, broken = (line.get_ydata() for line in reversed(right.lines))
    assert not np.isfinite(np.concatenate([none, broken])).any()
    assert min(np.ptp(first), np.ptp(second)) > 1
    assert right.get_title() == "RMS gradient: 0 at first, nan at last"


def test_images():
    figure = figures.images(torch.rand(3, 1, 28, 28), ["a", "b", "c"], "drawn")
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c"]
    assert figure.get_suptitle() == "drawn"


class Shell:
    """What the board shows, recorded: the display call, then one update a drawing."""

    def __init__(self, monkeypatch):
        self.shown, self.updates, self.now = [], 0, 0.0
        self.bars, self.events = [], EventManager(self, {"post_run_cell": lambda result: None})
        monkeypatch.setattr(IPython, "get_ipython", lambda: self)
        monkeypatch.setattr(IPython.display, "display", self.display)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def display(self, bundle, raw, display_id):
        if "image/png" in bundle:
            self.shown.append(bundle)
        else:
            self.bars.append([])
            self.update(bundle, raw)
        return self

    def end(self, error=None):
        """End the cell."""
        result = ExecutionResult(ExecutionInfo("", True, False, False, ""))
        result.error_in_exec = error
        self.events.trigger("post_run_cell", result)

    def update(self, bundle, raw):
        if "image/png" not in bundle:
            self.bars[-1].append(bundle["text/plain"])
            return
        assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
        assert re.match(r"training curves: .*(loss|acc) \d", bundle["text/plain"])
        self.updates += 1
        self.now += 0.06  # what a drawing takes


def test_the_uses_of_each_kind_of_net_are_compared(records):
    record, _ = records
    figure = figures.cosines_by_kind({("plain", 0): record, ("plain", 1): record}, "made-up data")
    (axis,) = checked(figure)
    cosines = record.uses("2.weight")["cosine", "2, 4"]
    np.testing.assert_array_equal(line(axis, "plain, seed 1").get_ydata(), cosines)
    assert axis.get_title() == f"median cosine of the uses: plain {cosines.median():+.2f}"


def test_a_right_triangle_has_the_twins_ways_for_legs(records):
    record, twin = records
    (axis,) = checked(figures.right_triangle(record, twin, "2.weight"))
    legs = twin.table("distance").iloc[-1][["2.weight", "4.weight"]].to_numpy()
    moved = record.table("distance")["2.weight"].iloc[-1]
    across, up, hypotenuse, arc = (np.array(line.get_xydata()) for line in axis.lines)
    np.testing.assert_allclose([np.ptp(across), np.ptp(up)], legs, rtol=1e-6)
    np.testing.assert_allclose(hypotenuse[-1], legs, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*arc.T), moved, rtol=1e-6)
    assert axis.get_title() == f"the shared weight moved {moved / np.hypot(*legs):.2f} times the hypotenuse"


def test_figures_of_notebook_4():
    net, kinds = shared_net(), ("one rule", "many")
    uses = gradient_by_use(net, lambda: net(torch.ones(3, 4)).sum())["2.weight"]
    assert len(plots.gradient_uses(uses).axes) == 4
    survival = figures.tie_survival({"a": {"x": True, "y": False}, "b": {"x": False, "y": False}})
    assert survival.axes[0].get_title() == "A survives most: 1 of 2"
    costs = {"shared": {"weights": 2**20, "rest": 2**20}, "untied": {"weights": 2**21, "rest": 2**21}}
    title = figures.memory_bars(costs).axes[0].get_title()
    assert title == "One training step holds 2.00 MiB in place of 4.00: 50% less"
    errors = {(world, fit): [1.0, 0.5] for world in kinds for fit in ("shared", "untied")}
    assert [len(axis.lines) for axis in figures.sharing_error([8, 16], errors).axes] == [2, 2]


def test_the_board_draws_into_one_figure_and_ends_complete(monkeypatch):
    shell = Shell(monkeypatch)
    board = plots.Board(share=0.1)
    board.xlim = [0, 3]
    for epoch in range(3):
        for batch in range(4):
            shell.now += 0.2
            board.draw(epoch + batch / 4, 1 / (epoch + 1), "train_loss", every_n=2)
        board.draw(epoch + 1, 0.5 + epoch / 10, "val_acc", every_n=1)
    shell.end()
    assert len(shell.shown) == len(shell.bars) == 1
    assert 2 <= shell.updates <= 5  # one of 0.06 s in 0.6 s, in 2.4 s; and the end
    loss, accuracy = board.figure.axes
    assert list(line(loss, "train_loss").get_xdata()) == [0.125, 0.625, 1.125, 1.625, 2.125, 2.625]
    assert list(line(accuracy, "val_acc").get_ydata()) == [0.5, 0.6, 0.7]
    assert accuracy.get_title() == "val acc 0.700"
    assert "100%|" in shell.bars[0][-1]
    assert "epoch 3.0 of 3, " in shell.bars[0][-1]
    assert not matplotlib.pyplot.get_fignums()  # or the notebook would show it twice


@pytest.mark.parametrize("xlim", [None, [0, 2]])
@pytest.mark.parametrize("every", [1, 3, 7])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_the_boards_last_picture_is_the_last_state_however_the_cell_ends(monkeypatch, xlim, every, error):
    shell = Shell(monkeypatch)
    board = plots.Board()
    board.xlim = xlim
    for cell in range(2):  # one loop in two cells
        for batch in range(100):  # an epoch without validation: no value stands at its end
            shell.now += 0.01
            board.draw(cell + batch / 100, 1 / (1 + batch + 100 * cell), "train_loss", every_n=every)
        shell.end(error)
        last = board.data["train_loss"][-1]
        assert board.figure.axes[0].get_title() == f"train loss {last.y:.3f}"
        assert line(board.figure.axes[0], "train_loss").get_xdata()[-1] == last.x
    assert len(shell.shown) == 1
    assert len(shell.bars) == (xlim is not None)
    if xlim:
        assert "epoch 2.0 of 2, " in shell.bars[0][-1]
        assert "00:00 left" in shell.bars[0][-1]
    before = shell.updates
    shell.end()  # of a cell in which nothing is trained
    assert shell.updates == before


def test_the_boards_bar_stops_where_the_training_did(monkeypatch):
    shell = Shell(monkeypatch)
    board = plots.Board()
    board.xlim = [0, 4]
    for batch in range(5):
        board.draw(batch / 5, 1.0, "train_loss")
    shell.end(ValueError())
    assert " 20%|████████ " in shell.bars[0][-1]


def test_the_board_keeps_what_d2ls_board_keeps():
    from d2l import torch as d2l

    ours, theirs = plots.Board(), d2l.ProgressBoard(display=False)
    for x in range(10):
        for board in (ours, theirs):
            board.draw(x, x * x, "train_loss", every_n=3)
    assert ours.data["train_loss"] == theirs.data["train_loss"]


@pytest.mark.parametrize("claim", [stats.norm(), stats.norm(0.5), stats.norm(-0.5)])
@pytest.mark.parametrize("values", [stats.norm.rvs(size=50, random_state=0), [0.3] * 9 + [0.4], [1.0], [-1.0]])
def test_the_widest_gap_is_that_of_kolmogorov_and_smirnov(claim, values):
    axis = plots.distribution(np.array(values), claim.cdf).axes[1]
    gap = stats.kstest(values, claim.cdf).statistic
    assert axis.get_title() == f"widest gap: {gap:.2g}"
    ((at, low), (same, high)) = axis.collections[0].get_segments()[0]
    assert at == same
    assert at in values
    assert abs(high - low) == pytest.approx(gap)


def test_where_sample_and_claim_jump_alike_there_is_no_gap():
    axis = plots.distribution(np.array([-1.0, 0, 0, 1]), lambda x: ((x >= -1) + 2 * (x >= 0) + (x >= 1)) / 4).axes[1]
    assert axis.get_title() == "widest gap: 0"
