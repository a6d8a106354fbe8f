"""What playground.js and small_nets.js need: the nets as they start, their batches, the controls and where each panel is drawn."""

import base64
from functools import cache

import ipywidgets
import torch
from matplotlib import colormaps
from matplotlib.colors import to_hex

from d2lparams import plots
from d2lparams.chapter import matrix_panel, small_nets
from d2lparams.chapter.playground import ALONE, START, Playground
from d2lparams.widgets.canvas import LINE_SPACING

KINDS = {
    ipywidgets.Dropdown: "list",
    ipywidgets.BoundedIntText: "number",
    ipywidgets.FloatSlider: "slider",
    ipywidgets.Button: "button",
}


def data(text):
    """Return what the page needs to show a playground.

    text: what is stored beside its picture, "tie playground: three linear layers; ..."
    """
    net = text.removeprefix("tie playground: ").partition(";")[0]
    if net not in small_nets.NETS:
        known = ", ".join(small_nets.NETS)
        raise ValueError(
            f"no net is called {net!r}, as {text!r} says; the nets are {known}"
        )
    view = Playground(net)
    try:
        return {
            "nets": {name: start(name) for name in small_nets.NETS},
            "rows": rows(view),
            "layout": layout(view),
            "background": base64.b64encode(view.canvas.background()).decode(),
            "start": START,
            "alone": ALONE,
        }
    finally:
        view.close()


@cache
def start(name):
    """Return a net as the playground starts it: its class, its modules with a weight, its batch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = small_nets.NETS[name]()
    X, Y = small_nets.batch(net)
    modules = [
        {
            "path": path,
            "kind": type(net.get_submodule(path)).__name__,
            "weight": weight.tolist(),
            "bias": None if bias is None else bias.tolist(),
        }
        for path, weight in small_nets.places(net).items()
        for bias in [getattr(net.get_submodule(path), "bias", None)]
    ]
    return {
        "type": type(net).__name__,
        "modules": modules,
        "X": X.tolist(),
        "Y": Y.tolist(),
    }


def rows(view):
    """Return the controls of a figure, row by row."""
    names = {
        widget.model_id: name
        for name, widget in vars(view).items()
        if isinstance(widget, tuple(KINDS))
    }
    boxes = [box for box in view.children if isinstance(box, ipywidgets.HBox)]
    return [
        [control(names[widget.model_id], widget) for widget in box.children]
        for box in boxes
    ]


def control(name, widget):
    """Return a control, as live.js takes it."""
    described = {
        "name": name,
        "kind": KINDS[type(widget)],
        "label": widget.description,
    }
    match widget:
        case ipywidgets.Dropdown():
            texts = [
                option if isinstance(option, str) else option[0]
                for option in widget.options
            ]
            return described | {"options": texts, "value": texts[widget.index]}
        case ipywidgets.Button():
            return described | {"title": widget.tooltip}
    limits = {"min": widget.min, "max": widget.max, "step": widget.step}
    return described | limits | {"value": widget.value}


def layout(view):
    """Return where the panels are, in pixels from the upper left, and how they look."""
    figure = view.canvas.figure
    pixels = figure.dpi / 72

    def boxes(panels):
        found = [panel.axes.bbox for panel in panels]
        return [
            [box.x0, figure.bbox.height - box.y1, box.width, box.height]
            for box in found
        ]

    signed = colormaps[plots.SIGNED]
    return {
        "weights": boxes(view.weights),
        "gradients": boxes(view.gradients),
        "style": {
            "map": [to_hex(signed(i)) for i in range(signed.N)],
            "colors": [plots.color(i) for i in range(3)],
            "paler": matrix_panel.PALER,
            "outlined": matrix_panel.OUTLINED,
            "lineSpacing": LINE_SPACING,
            "title": matrix_panel.TITLE_SIZE * pixels,
            "number": matrix_panel.NUMBER_SIZE * pixels,
            "index": matrix_panel.INDEX_SIZE * pixels,
            "titlePad": matrix_panel.TITLE_PAD * pixels,
            "indexPad": matrix_panel.INDEX_PAD * pixels,
            "frame": matrix_panel.FRAME_WIDTH * pixels,
            "outline": matrix_panel.OUTLINE_WIDTH * pixels,
        },
    }
