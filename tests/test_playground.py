"""The tie playground of the notebook: what it shows is what the core says of its net, whatever is done to it."""

import pytest
import torch

import d2lparams
from d2lparams.chapter import small_nets, tie_playground


@pytest.mark.parametrize("way", list(small_nets.WAYS_TO_SHARE))
def test_the_playground_shows_what_the_core_says_of_each_way(way):
    view = tie_playground()
    view.way.value = way
    before = view.canvas_widget.overlay
    view.tie.click()
    assert view.canvas_widget.overlay != before or way == "equal values (load_state_dict)"
    torch.manual_seed(0)
    net = small_nets.share(small_nets.three_layers(), way, "0", "4")
    assert d2lparams.ties(net)._repr_html_() in view.caption.value
    assert d2lparams.parameter_table(net)._repr_html_() in view.caption.value
    numbers = d2lparams.count_parameters(net), len(list(net.parameters())), len(net.state_dict())
    assert repr(view).endswith("numbers: {}, in parameters(): {}, in state_dict(): {}".format(*numbers))
    drawn = [text.get_text() for axis in view.canvas.figure.axes for text in axis.texts]
    for by_use in small_nets.weight_uses(net).values():
        for gradient in by_use.values():
            assert {f"{value:.2f}" for value in gradient.flatten().tolist()} <= set(drawn)


def test_the_playground_writes_an_entry_and_says_where_it_shows_up():
    view = tie_playground()
    view.tie.click()
    view.place.value, view.row.value, view.column.value, view.value.value = "4", 2, 1, -1.5
    view.write.click()
    assert "Written through 4; it shows up at 0 [2, 1], 4 [2, 1]." in view.caption.value
    assert view.net[0].weight[2, 1] == -1.5
    figure = view.canvas.figure
    black = [box for box in view.canvas_widget.overlay["boxes"] if box["edge"] == "#000000"]
    inside = [[axis.bbox.x0 < box["box"][0] < axis.bbox.x1 for box in black] for axis in figure.axes[:3]]
    assert [sum(outlines) for outlines in inside] == [1, 0, 1]
    view.untie.click()
    view.value.value = 0.5
    view.write.click()
    assert "it shows up at 4 [2, 1]." in view.caption.value
    view.again.click()
    assert repr(view).endswith("numbers: 36, in parameters(): 6, in state_dict(): 6")


def test_the_playground_tells_what_it_cannot_do():
    view = tie_playground()
    view.other.value = view.one.value
    view.tie.click()
    assert "are one place: choose two" in view.caption.value
    view.untie.click()
    assert "nothing to untie" in view.caption.value
    assert d2lparams.parameter_table(view.net)._repr_html_() in view.caption.value  # and the tables stay


def test_the_playground_offers_the_rows_and_columns_that_the_weight_has():
    view = tie_playground("a word model: embedding and classifier")
    view.row.value, view.column.value = 9, 9  # as typed; it snaps
    assert (view.row.value, view.column.value) == (3, 2)
    view.kind.value = "one weight and its transpose, by F.linear"
    assert (view.row.value, view.column.value) == (1, 2)
    view.write.click()
    assert "it shows up at (the net) [1, 2]." in view.caption.value


def test_the_playground_says_where_nothing_can_be_tied():
    view = tie_playground("one layer, called three times")
    assert "one place with a weight" in view.caption.value
    assert view.tie.disabled
    view.kind.value = "three linear layers"
    assert not view.tie.disabled


@pytest.mark.parametrize("net", list(small_nets.NETS))
def test_the_playground_has_every_net(net):
    state = torch.get_rng_state()
    view = tie_playground(net)
    assert repr(view).startswith(f"tie playground: {net}; ")
    assert torch.equal(state, torch.get_rng_state())
    assert not view.caption.is_error
