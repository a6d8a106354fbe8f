"""Descriptions of what figures draw: small changes of any figure are seen, and what changes no data is not."""

import json
import re

import drawn
import figure_words
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh
from matplotlib.text import Annotation
from nets import shared_net

from d2lparams import gradient_by_use, plots, track, untie
from d2lparams.chapter import figures, init_explorer, tie_playground

matplotlib.use("agg")


def record(net):
    """Return the record of a short training."""
    torch.manual_seed(0)
    X = torch.randn(16, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1, histograms=2, source="made up") as record:
        for _ in range(80):
            optimizer.zero_grad()
            (net(X) - X.sum(1, keepdim=True)).square().mean().backward()
            optimizer.step()
    return record


SHARED, TWIN = record(shared_net()), record(untie(shared_net()))


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def split():
    net = shared_net()
    return gradient_by_use(net, lambda: net(noise(8, 4)).square().mean())["2.weight"]


def many_kinds():
    """Draw what no figure of the chapter draws."""
    figure, (left, right) = plots.panels(2)
    x, y = noise(2, 30).numpy()
    left.scatter(x, y, c=y, marker="^", label="dots")
    left.fill_between(np.arange(5), np.arange(5.0), color="tab:red", label="area")
    left.axvspan(0.2, 0.4)
    left.annotate("here", (1.0, 2.0), (40, 3), textcoords="offset points", arrowprops={"arrowstyle": "->"})
    left.legend()
    right.errorbar(np.arange(9), np.arange(9.0) ** 2, yerr=2.0)
    right.pcolormesh(np.arange(4), np.arange(5) * 10, noise(4, 3).numpy())
    right.add_patch(plt.Circle((2.0, 30.0), 1.5))
    right.inset_axes([0.6, 0.6, 0.3, 0.3]).plot([1, 2, 4])
    right.table([["cell", "other"]])
    figure.text(0.1, 0.1, "a note")
    return figure


def histogram():
    figure, (axis,) = plots.panels(1)
    axis.hist(noise(2000).numpy(), bins=80, color=plots.color(1), label="He")
    axis.hist(noise(1000).numpy() / 2, bins=40, histtype="step", label="default, std 0.03")
    axis.set(xlabel="weight", ylabel="how many", title="The default is 2.45 times narrower")
    axis.legend()
    return figure


LAYERS = {name: [rate**n for n in range(1, 30)] for name, rate in (("He", 1.01), ("Xavier", 0.7), ("small", 0.4))}
KEPT = {"by name": {"copy": True, "save": False}, "by memory": {"copy": False, "save": False}}
MATRIX = {"copy": {"copy": {"a": "tied", "b": "raises"}, "load": {"a": "tied", "b": "untied, equal"}}}
COSTS = {net: {"weights": size * 2**20, "Adam": size * 2**21} for net, size in (("shared", 1), ("untied", 2))}
ERRORS = {("a", "tied"): [3, 1, 1], ("a", "free"): [9, 2, 1.5], ("b", "tied"): [1, 1, 1], ("b", "free"): [3, 2, 0.5]}
FIGURES = {
    "numbers": lambda: plots.matrices({"weight": noise(3, 4), "gradient": noise(3, 4) ** 2}, "two of 12", numbers=True),
    "matrices": lambda: plots.matrices({"eye_, 12": torch.eye(12), "dirac_, 24": noise(24, 40)}, "structure"),
    "gradient_uses": lambda: plots.gradient_uses(split()),
    "distribution": lambda: plots.distribution(noise(5000).numpy(), lambda x: np.clip(x, 0, 1), "uniform"),
    "training": lambda: plots.training(SHARED),
    "cosines_by_kind": lambda: figures.cosines_by_kind({("plain", 0): SHARED, ("skip", 0): SHARED}, "made up"),
    "right_triangle": lambda: figures.right_triangle(SHARED, TWIN, "2.weight"),
    "uses": lambda: plots.uses(SHARED, "2.weight"),
    "twins": lambda: plots.twins(SHARED, TWIN, "2.weight"),
    "histograms": lambda: plots.histograms(SHARED, "2.weight"),
    "images": lambda: figures.images(noise(3, 1, 28, 28), ["Coat", "Bag", "Bag"], "made up, 1 of 2"),
    "blocks": lambda: figures.blocks({"conv1": 9408, "layer1": 147968, "layer2": 525568, "fc": 513000}, "ResNet-18"),
    "tie_survival": lambda: figures.tie_survival(KEPT),
    "survival_matrix": lambda: figures.survival_matrix(MATRIX),
    "cosines_of_uses": lambda: figures.cosines_of_uses({"plain": [-0.1, 0.1], "skip": [0.7, 0.9]}),
    "memory_bars": lambda: figures.memory_bars(COSTS),
    "sharing_error": lambda: figures.sharing_error([10, 20, 40], ERRORS),
    "pulls": lambda: figures.pulls({"small": SHARED, "large": SHARED}, "2.weight"),
    "agreement": lambda: figures.agreement({"small": [1, 0.9, 0.4], "large": [1, 0.3, 0.1]}),
    "fading": lambda: figures.fading([0.1, 0.21, 0.43, 0.85]),
    "depth": lambda: figures.depth({"tanh": LAYERS, "ReLU": LAYERS}, "std"),
    "first_losses": lambda: figures.first_losses({"default": 2.31, "He": 2.5, "wild": 4e7}, classes=10),
    "explorer": lambda: init_explorer("normal(0.01)", depth=8).canvas.figure,
    "playground": lambda: tie_playground().canvas.figure,
    "histogram": histogram,
    "many kinds": many_kinds,
}


# ---- changes: each takes what it changes in a figure, and what to take comes from `CHANGES`


def lines(figure):
    return [line for axes in figure.axes for line in axes.lines if axes.get_visible() and len(line.get_xdata()) > 2]


def bars(figure):
    return [bar for axes in figure.axes for bar in axes.patches if isinstance(bar, plt.Rectangle) if axes.get_visible()]


def images(figure):
    return [image for axes in figure.axes for image in axes.images if axes.get_visible()]


def texts(figure):
    return [text for axes in figure.axes for text in axes.texts if text.get_text()]


def titles(figure):
    shown = [axes.title for axes in figure.axes] + figure.texts
    return [text for text in shown if re.search(r"\d", text.get_text())]


def axes(figure):
    return [part for part in figure.axes if part.get_visible() and part.axison]


def collections(figure):
    return [part for axes in figure.axes for part in axes.collections if not isinstance(part, QuadMesh)]


def legends(figure):
    return [legend for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)] if legend]


def another_color(artist):
    artist.set_color("#123456")


def move(line, part=0.02):
    y = np.asarray(line.get_ydata(), float)
    line.set_ydata(y + part * (np.nanmax(y) - np.nanmin(y)))


def stretch(line):
    line.set_xdata(np.asarray(line.get_xdata(), float) * 1.02)


def change_a_point(line):
    y = np.array(line.get_ydata(), float)
    y[len(y) // 2] += 0.5 * (np.nanmax(y) - np.nanmin(y))
    line.set_ydata(y)


def exchange_colors(line):
    other = next((one for one in line.axes.lines if one.get_color() != line.get_color()), None)
    if other is None:
        another_color(line)
    else:
        mine = line.get_color()
        line.set_color(other.get_color())
        other.set_color(mine)


def lengthen(bar):
    low, high = bar.axes.dataLim.min, bar.axes.dataLim.max
    bar.set_width(bar.get_width() + 0.02 * (high - low)[0])
    bar.set_height(bar.get_height() + 0.02 * (high - low)[1])


def change_a_digit(text):
    text.set_text(re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), text.get_text(), count=1))


def change_pixels(image):
    values = np.array(image.get_array(), float)
    values[: len(values) // 2 + 1] *= 0.9
    image.set_data(values)


def turn(image):
    image.set_data(np.asarray(image.get_array())[::-1, ::-1])


def exchange_words(legend):
    one, other = legend.get_texts()[0], legend.get_texts()[-1]
    words = one.get_text()
    one.set_text(other.get_text() + "!")
    other.set_text(words)


def move_word(text):
    if isinstance(text, Annotation):
        text.xy = (text.xy[0] * 1.02, text.xy[1])
    else:
        text.set_x(text.get_position()[0] + 0.5)


def shift(collection):
    for path in collection.get_paths():
        path.vertices = path.vertices * 1.02 + 0.02
    collection.set_offsets(np.asarray(collection.get_offsets()) * 1.02 + 0.02)


def rescale(part):
    part.set_yscale("linear" if part.get_yscale() == "log" else "log")


def zoom(part):
    low, high = part.get_ylim()
    part.set_ylim(low, high * (high / low) ** 0.02 if part.get_yscale() == "log" else high + 0.02 * (high - low))


CHANGES = [
    ("a curve is moved by 2% of its range", lines, move),
    ("a curve is stretched by 2%", lines, stretch),
    ("one point of a curve is another", lines, change_a_point),
    ("two colors are exchanged", lines, exchange_colors),
    ("a curve is left out", lines, lambda line: line.remove()),
    ("a curve is dotted", lines, lambda line: line.set_linestyle((0, (1, 3)))),
    ("a curve has marks", lines, lambda line: line.set_marker("x")),
    ("a bar is left out", bars, lambda bar: bar.remove()),
    ("a bar is longer", bars, lengthen),
    ("a bar has another color", bars, another_color),
    ("a number in a title is another", titles, change_a_digit),
    ("an axis has another label", axes, lambda part: part.set_xlabel(part.get_xlabel() + " (%)")),
    (
        "an axis has another scale",
        axes,
        rescale,
    ),
    ("an axis reaches further", axes, zoom),
    ("the words of a legend are exchanged", legends, exchange_words),
    ("an image has other values", images, change_pixels),
    ("an image is turned", images, turn),
    ("an image has another color map", images, lambda image: image.set_cmap("viridis")),
    ("an image has other limits", images, lambda image: image.set_clim(vmax=0.98 * image.get_clim()[1])),
    ("a word is another", texts, lambda text: text.set_text(text.get_text() + "0")),
    ("a word stands elsewhere", texts, move_word),
    ("an area, or dots, are moved", collections, shift),
    ("an area, or dots, have another color", collections, another_color),
]


def told(figure):
    return json.loads(json.dumps(drawn.describe(figure)))


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_on_any_screen_and_small(name):
    stored = told(FIGURES[name]())
    assert len(json.dumps(stored)) < 40_000
    with matplotlib.rc_context({"figure.dpi": 190, "savefig.dpi": 70, "font.family": "serif", "font.size": 17}):
        figure = FIGURES[name]()
        figure.canvas.draw()
        assert drawn.differences(stored, told(figure)) == []


@pytest.fixture(scope="module")
def parts_of():
    """How many parts of each kind each figure has."""
    found = {}
    for name, make in FIGURES.items():
        figure = make()
        found[name] = {parts: len(parts(figure)) for _, parts, _ in CHANGES}
        plt.close(figure)
    return found


@pytest.mark.parametrize(("parts", "change"), [what[1:] for what in CHANGES], ids=[what[0] for what in CHANGES])
def test_a_change_is_seen(parts_of, parts, change):
    names = [name for name in FIGURES if parts_of[name][parts]]
    for name in names[:: len(names) // 3]:
        figure = FIGURES[name]()
        stored = told(figure)
        change(parts(figure)[-1])
        assert drawn.differences(stored, told(figure)) != [], name


def test_noise_of_the_last_digits_is_no_change():
    generator = np.random.default_rng(0)
    x = generator.standard_normal(3000)
    stored, again = (told(line_of(x * factor)) for factor in (1, 1 + 2e-6 * generator.standard_normal(3000)))
    assert drawn.differences(stored, again) == []


def line_of(y):
    figure, (axis,) = plots.panels(1)
    axis.plot(y, label="noise")
    return figure


def test_what_is_told_of_a_change():
    """The place, what is stored, what is drawn: enough to find it."""
    stored = told(line_of(np.arange(5.0)))
    figure = line_of(np.arange(5.0) * 2)
    figure.axes[0].set_title("twice")
    found = drawn.differences(stored, told(figure))
    assert found == [
        "axes 1: title: stored '', drawn 'twice'",
        "axes 1: y axis: limits: stored 4.2, drawn 8.4",
        "axes 1: artists 1 (line, noise): y: stored 4, drawn 8",
    ]
    figure.axes[0].lines[0].remove()
    assert "axes 1: artists: stored 1: line, noise, drawn []" in drawn.differences(stored, told(figure))


def test_of_a_training_repeated_only_digits_differ():
    generator = np.random.default_rng(0)
    y = generator.standard_normal(500).cumsum()
    stored = line_of(y)
    again = line_of(y * 1.05)
    for figure, number in ((stored, 1.23), (again, 1.31)):
        figure.axes[0].set_title(f"grew ×{number}")
    assert drawn.differences(told(stored), told(again), rough=True) == []
    assert len(drawn.differences(told(stored), told(again))) == 3
    again.axes[0].set_title("shrank ×1.31")
    again.axes[0].lines[0].set_color("red")
    assert len(drawn.differences(told(stored), told(again), rough=True)) == 2


def test_a_figure_in_words_says_its_findings_axes_and_where_curves_go():
    figure, (left, right) = plots.panels(2)
    figure.suptitle("Two nets")
    for name, last in (("He", 1e-2), ("normal(0.01)", 1e-30)):
        left.plot(np.geomspace(1, last, 500), label=name)
    left.set(title="He falls least", xlabel="layer", ylabel="signal", yscale="log")
    right.bar(["conv", "fc"], [3, 4])
    right.set(title="fc is larger", ylabel="numbers")
    assert figure_words.words(told(figure)) == (
        "Two nets. 2 panels. 1: He falls least. signal over layer: He from 1 to 0.01; normal(0.01) from 1 to 1e-30. "
        "2: fc is larger. numbers: conv; fc."
    )


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_in_words_has_each_title_and_is_short(name):
    figure = FIGURES[name]()
    said = figure_words.words(told(figure))
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    assert [title for title in titles if " ".join(title.split()) not in said] == []
    assert 20 < len(said) < 900
