"""The tie playground on a page without a kernel: whatever is done to it, it shows what the notebook's shows, by torch.

The script alone runs in one page of Chromium; test_live_pages.py looks at whole pages.
"""

import base64
import html
import io
import json
import os
import random
import re
from itertools import product

import lab
import numpy as np
import pytest
from edition import of_live_pages
from PIL import Image, ImageColor

from d2lparams.chapter import playground, tie_playground
from d2lparams.chapter.small_nets import NETS, WAYS_TO_SHARE, places

BUTTONS = ["again", "tie", "untie", "write"]  # after these both are looked at
WAYS = list(WAYS_TO_SHARE)
RANDOM = 200  # random sequences
EACH = 20  # of so many pictures, one is compared box by box
RUN = """([data, sequences, buttons, each]) => {
  let looked = 0;
  const run = ([net, actions]) => {
    const figure = d2lparams.playground.playground(structuredClone(data));
    const controls = Object.fromEntries(figure.rows.flat().map((control) => [control.name, control]));
    const take = (name, change) => Object.assign(controls[name], change);
    const answer = (name, value) => {
      if (value !== null) take(name, {value});
      for (const [other, change] of Object.entries(figure.answer(name, value ?? undefined) ?? {})) take(other, change);
    };
    const look = () => {
      const {overlay, label, caption, more} = figure.picture();
      const {one, other, place, row, column, way, tie} = controls;
      const list = ({options, value, disabled}) => [options, value, Boolean(disabled)];
      const states = [...[one, other, place].map(list), [row.max, row.value], [column.max, column.value]];
      return {
        label, caption, more, texts: overlay.texts.map(({text}) => text), states,
        disabled: [way, tie].map(({disabled}) => Boolean(disabled)),
        overlay: ++looked % each ? null : {boxes: overlay.boxes, texts: overlay.texts},
      };
    };
    answer("kind", net);
    return actions.flatMap(([name, value]) => {
      answer(name, value);
      return buttons.includes(name) ? [look()] : [];
    });
  };
  return JSON.stringify(sequences.map(run));
}"""


@pytest.fixture(scope="module")
def site():
    return of_live_pages("playground")


@pytest.fixture(scope="module")
def data(site):
    return site.data(repr(tie_playground()))


@pytest.fixture(scope="module")
def page():
    if not lab.CHROMIUM:
        pytest.fail("no chromium") if os.environ.get("CI") else pytest.skip("no Chromium: apt-get install chromium")
    with lab.browser() as browser:
        page = browser.new_page()
        live = of_live_pages("live")
        for name in ("canvas", "small_nets", "playground"):
            page.add_script_tag(content=live.classic(name, live.script(name).read_text(encoding="utf-8")))
        yield page


# ---- what is done: [control, value] again and again; a button has no value


def named(net):
    return [path or "(the net)" for path in places(NETS[net]())]


def sharing(way, one, other):
    return [["way", way], ["one", one], ["other", other], ["tie", None]]


def writing(place, row, column, value):
    return [["place", place], ["row", row], ["column", column], ["value", value], ["write", None]]


def walks():
    """Every net, way and ordered pair, then another way and pair; writes in between; and untie, and start again."""
    second = 0
    for net in NETS:
        paths = named(net)
        pairs = list(product(paths, repeat=2))
        for way, (one, other) in product(WAYS, pairs):
            second += 1
            yield (
                net,
                [
                    *sharing(way, one, other),
                    *writing(one, 0, 1, 1.75),
                    *writing(other, 1, 2, -0.125),
                    *sharing(WAYS[second % len(WAYS)], *pairs[second * 7 % len(pairs)]),
                    *writing(paths[-1], 1, 0, 2.0),
                    ["untie", None],
                    *writing(other, 0, 0, 0.0),
                    *(["untie", None], ["again", None]) * (second % 3 == 0),
                ],
            )


def at_random(seed):
    """A random net, and six random things done to it."""
    choose = random.Random(seed)
    net = choose.choice(list(NETS)[:2] * 3 + list(NETS)[2:])
    paths = named(net)
    actions = []
    for _ in range(6):
        values = [choose.choice([0.0, -3.0, 0.375, 0.25]), choose.choice([1.0, 2.875, -1.25])]
        actions += choose.choice(
            [
                *[sharing(choose.choice(WAYS), choose.choice(paths), choose.choice(paths)) for _ in range(4)],
                *[writing(choose.choice(paths), choose.randint(0, 1), choose.randint(0, 2), choose.choice(values))] * 3,
                [["untie", None]],
                [["again", None]],
            ]
        )
    return net, actions


# ---- what is compared


def words(view):
    """Return what stands in the notebook's panels, in the order in which the page has it."""
    shown = []
    for panel in [*view.weights, *view.gradients]:
        if panel.axes.get_visible():
            shown += [*panel.axes.get_title().split("\n"), *(text.get_text() for text in panel.axes.texts)]
    return shown


def numbers(view):
    """Return the numbers that the panels show and torch has computed; None where a word or a weight stands."""
    shown = []
    for matrix in playground.weights(view.net, {}):
        shown += [None] * (1 + matrix.values.numel() + sum(matrix.values.shape))
    for matrix in playground.gradients(view.net):
        norm, entries = float(matrix.values.norm()), matrix.values.flatten().tolist()
        shown += [None, norm, *entries, *[None] * sum(matrix.values.shape)]
    return shown


def same_words(view, texts):
    """Whether the page shows the same: a number that lies between two, by torch's last digits, may be either."""
    here = words(view)
    if here == texts:
        return True
    exact = numbers(view)
    assert len(here) == len(texts) == len(exact)
    for mine, other, number in zip(here, texts, exact, strict=True):
        if mine != other:
            last = 0.0005 if "norm" in other else 0.005
            if number is None or abs(float(other.removeprefix("norm ")) - number) > last + 2e-6:
                return False
    return True


def plain(caption):
    """Return a caption without what only says where it stands."""
    return re.sub(r"</?div[^>]*>|<br>| (class|style)=\"[^\"]*\"(?=>✗)", "", caption)


def control_states(view):
    """Return the controls that change with others, as `RUN` tells of them."""
    found = []
    for control in (view.one, view.other, view.place):
        labels = [label for label, _ in control.options]
        found.append([labels, labels[control.index], control.disabled])
    return [*found, *([control.max, control.value] for control in (view.row, view.column))]


def do(view, name, value):
    control = getattr(view, name)
    if value is None:
        control.click()
    elif name in ("one", "other", "place"):
        control.value = "" if value == "(the net)" else value
    else:
        control.value = value


def assert_drawn_alike(here, there):
    """Boxes and texts of two overlays: where they are, and how they look; colors to one step of the color map."""
    for kind in ("boxes", "texts"):
        assert len(here[kind]) == len(there[kind])
    for mine, other in zip(here["boxes"], there["boxes"], strict=True):
        assert np.allclose([*mine["box"], mine["width"]], [*other["box"], other["width"]], atol=0.01)
        assert mine["edge"].lower() == other["edge"].lower()
        assert bool(mine["fill"]) == bool(other["fill"])
        if mine["fill"]:
            colors = [np.array(ImageColor.getrgb(box["fill"])) for box in (mine, other)]
            assert abs(colors[0] - colors[1]).max() <= 5

    def place(text):
        return round(text["y"]), round(text["x"])

    for mine, other in zip(sorted(here["texts"], key=place), sorted(there["texts"], key=place), strict=True):
        assert np.allclose([mine["x"], mine["y"], mine["size"]], [other["x"], other["y"], other["size"]], atol=0.01)
        assert [mine[key] for key in ("align", "baseline", "color")] == [
            other["align"],
            other["baseline"],
            other["color"],
        ]


def brightness(color):
    """Return the relative luminance of a color, by WCAG."""
    parts = np.array(ImageColor.getrgb(color)) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrasts(overlay):
    """Yield the contrast of each text against what is behind it."""
    filled = [box for box in overlay["boxes"] if box["fill"]]
    corners = np.array([box["box"] for box in filled])
    for text in overlay["texts"]:
        across, down = text["x"] - corners[:, 0], text["y"] - corners[:, 1]
        inside = np.flatnonzero((across > 0) & (across < corners[:, 2]) & (down > 0) & (down < corners[:, 3]))
        behind = filled[inside[0]]["fill"] if len(inside) else "#ffffff"
        lights = sorted([brightness(text["color"]), brightness(behind)])
        yield (lights[1] + 0.05) / (lights[0] + 0.05)


# ---- the tests


def test_the_page_shows_what_the_notebook_shows_whatever_is_done(page, data, monkeypatch):
    sequences = sorted([*walks(), *map(at_random, range(RANDOM))], key=lambda sequence: list(NETS).index(sequence[0]))
    assert {(net, way, *pair) for net in NETS for way in WAYS for pair in product(named(net), repeat=2)} <= {
        (net, actions[0][1], actions[1][1], actions[2][1]) for net, actions in sequences if actions[0][0] == "way"
    }
    there = json.loads(page.evaluate(RUN, [data, sequences, BUTTONS, EACH]))
    view = tie_playground()
    monkeypatch.setattr(view.canvas_widget, "show", lambda canvas, label: None)  # the overlay is asked for now and then
    compared = errors = 0
    for (net, actions), looks in zip(sequences, there, strict=True):
        view.row.value = view.column.value = 0
        if view.kind.value == net:
            view.again.click()
        view.kind.value = net
        seen = iter(looks)
        for name, value in actions:
            do(view, name, value)
            if name in BUTTONS:
                it = next(seen)
                errors += "✗" in it["caption"]
                assert it["label"] == view.summary, (net, actions)
                assert view.caption.said in html.unescape(it["caption"]), (net, actions)  # what is spoken
                assert plain(it["caption"] + it["more"]) == plain(view.caption.value), (net, actions)
                assert same_words(view, it["texts"]), (net, actions)
                assert it["states"] == control_states(view), (net, actions)
                assert it["disabled"] == [view.way.disabled, view.tie.disabled]
                if it["overlay"]:
                    compared += 1
                    assert_drawn_alike(view.canvas.overlay(), it["overlay"])
                    assert min(contrasts(it["overlay"])) >= 4.5
    assert compared * EACH > 1000
    assert errors > 100
    view.close()


DRAW = """async ([data, actions]) => {
  const figure = d2lparams.playground.playground(structuredClone(data));
  for (const [name, value] of actions) figure.answer(name, value ?? undefined);
  const state = figure.picture();
  const model = {get: (name) => state[name], set() {}, save_changes() {}, on() {}, off() {}};
  const el = document.createElement("div");
  d2lparams.canvas.main.render({model, el});
  const canvas = el.querySelector("canvas");
  while (!canvas.hasAttribute("aria-label")) await new Promise(requestAnimationFrame);
  return [canvas.getAttribute("aria-label"), canvas.toDataURL()];
}"""


def test_the_page_draws_as_the_stored_picture_is_drawn(page, data):
    """Letters differ by a shade; a box, a color or a word that is not there would be hundreds of pixels."""
    actions = [*sharing(WAYS[0], "0", "4"), *writing("4", 1, 2, 2.5)]
    view = tie_playground()
    for name, value in actions:
        do(view, name, value)
    label, url = page.evaluate(DRAW, [data, actions])
    assert label == repr(view)
    stored, drawn = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)
        for png in (view.canvas.png(), base64.b64decode(url.partition(",")[2]))
    )
    assert stored.shape == drawn.shape
    apart = abs(stored - drawn).max(2) > 100
    assert apart.mean() < 0.02
    cells = apart.reshape(stored.shape[0] // 20, 20, stored.shape[1] // 20, 20).mean((1, 3))
    assert cells.max() < 0.4
    nothing = np.asarray(Image.open(io.BytesIO(view.canvas.background())).convert("RGB"), int)
    assert (abs(stored - nothing).max(2) > 100).mean() > 0.05  # the picture, and not its background alone
    view.close()


def test_an_entry_beyond_the_weight_snaps(page, data):
    snapped = """([data, net]) => {
      const figure = d2lparams.playground.playground(structuredClone(data));
      figure.answer("kind", net);
      return [figure.answer("row", 9), figure.answer("column", 9)];
    }"""
    rows, columns = page.evaluate(snapped, [data, "one weight and its transpose, by F.linear"])
    assert rows["row"] == {"max": 1, "value": 1}
    assert columns["column"] == {"max": 2, "value": 2}


def test_a_stored_text_that_names_no_net_is_refused(site):
    with pytest.raises(ValueError, match=r"no net is called 'four layers'.*three linear layers"):
        site.data("tie playground: four layers; numbers: 36")
