"""Every word and line drawn stands out from what is behind it: WCAG 2.2 wants 4.5 to 1 for words, 3 for lines."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.text import Text

import d2lparams
from d2lparams import plots, widgets
from d2lparams.chapter import init_explorer, tie_playground
from d2lparams.chapter.figures import survival
from d2lparams.plots.style import BAD, COLORS, GOOD

# what a dichromat sees of linear red, green and blue: Machado, Oliveira and Fernandes (2009), severity 1.0
EYES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "usual": np.eye(3),
}


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(color, other="white"):
    """Return the ratio that WCAG 2.2 defines, 1 to 21."""
    light, dark = sorted((linear(each) @ [0.2126, 0.7152, 0.0722] + 0.05 for each in (color, other)), reverse=True)
    return light / dark


def cielab(rgb):
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(matrix) @ np.clip(rgb, 1e-3, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_contrast_is_that_of_the_standard():
    assert contrast("black") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.005)  # the palest gray that passes, as is well known


@pytest.mark.parametrize("eyes", EYES)
def test_no_two_colors_look_alike_to_any_eyes(eyes):
    seen = [cielab(np.array(EYES[eyes]) @ linear(color)) for color in COLORS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 12


def test_every_color_stands_out_from_white():
    assert min(map(contrast, COLORS)) > 3
    assert min(map(contrast, (GOOD, BAD))) > 4.5
    for _, tile, ink, _ in survival.MARKS.values():
        assert contrast(tile, ink) > 4.5


def figures():
    """Yield each kind of figure."""
    record = plots.example_record()
    yield plots.training(record)
    yield plots.uses(record, "0.weight")
    yield plots.histograms(record, "0.weight")
    yield plots.twins(record, plots.example_record(tied=False), "0.weight")
    weight = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    yield plots.matrices({"weight": weight, "the other": -weight}, numbers=True)
    yield plots.gradient_uses({"0": weight, "2": 2 * weight})
    yield plots.distribution(weight.flatten(), lambda x: np.clip(x, 0, 1), "uniform")
    net = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(40)))
    with d2lparams.track(net, every=1) as deep:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        net(torch.ones(1, 2)).square().sum().backward()
        optimizer.step()
    monitor = widgets.monitor(record)
    for step, label in itertools.product(range(2), ["train_loss", "val_loss", "a", "b", "c", "d", "train_acc"]):
        record.total_steps = step
        monitor.log(**{label: step})
    monitor.draw("running")
    yield monitor.canvas.figure
    map_ = widgets.monitor(deep)
    map_.draw("running")
    yield map_.canvas.figure
    yield widgets.scrubber(record).canvas.figure
    yield tie_playground().canvas.figure
    for gain in (0.1, 1, 10):
        yield init_explorer("He", gain, 2, 16).canvas.figure


def test_every_word_and_line_stands_out():
    seen = set()
    for figure in figures():
        for axis in figure.axes:
            for text in axis.findobj(Text):
                if text.get_visible() and text.get_text().strip():
                    behind = "white"
                    if text in axis.texts and axis.images:  # a number in a cell
                        column, row = map(int, text.get_position())
                        behind = axis.images[0].to_rgba(axis.images[0].get_array())[row, column, :3]
                    assert contrast(text.get_color(), behind) >= 4.5, text
                    seen.add("text")
            for line in axis.lines:
                if line.get_alpha() is None and line.get_color() != "white":  # which parts what is drawn
                    assert contrast(line.get_color()) >= 3, line
                    seen.add("line")
        for text in figure.texts:
            assert contrast(text.get_color()) >= 4.5, text
    plt.close("all")
    assert seen == {"text", "line"}
