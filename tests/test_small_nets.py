"""The ways to share, on small nets: what `ties` calls them, what an entry and a gradient do in each."""

import pytest
import torch
from torch.nn import functional as F

from d2lparams import ties, untie
from d2lparams.chapter.small_nets import (
    NETS,
    WAYS_TO_SHARE,
    Autoencoder,
    Repeat,
    WordModel,
    places,
    set_entry,
    share,
    three_layers,
    weight_uses,
)

KINDS = {
    "one Parameter (tie)": "same Parameter",
    "one module, twice": "same module",
    "one storage (.data = .data)": "same storage",
    "a view of it (Parameter of .t())": "overlapping storage",
    "equal values (load_state_dict)": "equal values",
}


@pytest.mark.parametrize("way", list(WAYS_TO_SHARE))
def test_ties_knows_each_way_by_its_kind(way):
    assert ties(share(three_layers(), way, "0", "4"))[0].kind == KINDS[way]


@pytest.mark.parametrize(
    ("way", "there"),
    [
        ("one Parameter (tie)", [[1, 2]]),
        ("one module, twice", [[1, 2]]),
        ("one storage (.data = .data)", [[1, 2]]),
        ("a view of it (Parameter of .t())", [[2, 1]]),
        ("equal values (load_state_dict)", []),
    ],
)
def test_an_entry_shows_up_where_memory_is_shared(way, there):
    net = share(three_layers(), way, "0", "4")
    changed = set_entry(net, "0", 1, 2, 9.0)
    assert {place: mask.nonzero().tolist() for place, mask in changed.items()} == {"0": [[1, 2]], "2": [], "4": there}
    assert (net[4].weight == 9).nonzero().tolist() == there
    assert not any(mask.any() for mask in set_entry(net, "0", 1, 2, 9.0).values())


@pytest.mark.parametrize("net", list(NETS))
def test_uses_add_up_to_what_backward_leaves(net):
    torch.manual_seed(0)
    net = NETS[net]()
    if len(places(net)) > 1:
        share(net, "one Parameter (tie)", *list(places(net))[:2])
    found = weight_uses(net, seed=4)
    generator = torch.Generator().manual_seed(4)
    words = isinstance(net, WordModel)
    X = torch.randint(4, (16,), generator=generator) if words else torch.randn(16, 3, generator=generator)
    F.mse_loss(net(X), torch.randn(16, 4 if words else 3, generator=generator)).backward()
    for name, by_use in found.items():
        torch.testing.assert_close(sum(by_use.values()), net.get_parameter(name).grad)
    assert len(next(iter(found.values()))) >= 2


def test_ties_of_parameters_and_of_memory_can_be_untied():
    assert len(untie(share(three_layers(), "one module, twice", "0", "2")).state_dict()) == 6
    net = untie(share(three_layers(), "one storage (.data = .data)", "0", "2"))
    before = net[2].weight.detach().clone()
    torch.nn.init.zeros_(net[0].weight)
    assert torch.equal(net[2].weight, before)


@pytest.mark.parametrize(
    ("net", "way", "pair", "message"),
    [
        (Repeat, "one Parameter (tie)", ("block", "block"), "one place with a weight, block: no second one"),
        (Autoencoder, "one Parameter (tie)", ("", ""), r"one place with a weight, \(the net\): no second one"),
        (three_layers, "one Parameter (tie)", "01", "no weight at '1'; there is one at '0', '2', '4'"),
        (three_layers, "by magic", "02", "no way to share is called 'by magic'; choose one of one Parameter"),
        (three_layers, "one module, twice", "00", "'0' and '0' are one place: choose two"),
        (WordModel, "one module, twice", ("embedding", "classifier"), "layers of different kinds"),
        (WordModel, "a view of it (Parameter of .t())", ("embedding", "classifier"), r"transpose .* \(3, 4\)"),
    ],
)
def test_what_cannot_be_shared_says_why(net, way, pair, message):
    net = net()
    before = net.state_dict()
    with pytest.raises(ValueError, match=message):
        share(net, way, *pair)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("one module, twice", "a view of it (Parameter of .t())", "are one module already"),
        ("one Parameter (tie)", "one Parameter (tie)", "are the same Parameter already"),
        ("one Parameter (tie)", "one storage (.data = .data)", "have one Parameter already"),
        ("one storage (.data = .data)", "one storage (.data = .data)", "read one storage already"),
        ("a view of it (Parameter of .t())", "a view of it (Parameter of .t())", "transposed already"),
        ("a view of it (Parameter of .t())", "equal values (load_state_dict)", "cannot hold a copy: untie them"),
    ],
)
def test_a_second_way_that_cannot_work_or_would_change_nothing_says_so(first, second, message):
    net = share(three_layers(), first, "0", "4")
    before, parameters = str(ties(net)), list(net.parameters())
    for pair in ("04", "40"):
        with pytest.raises(ValueError, match=message):
            share(net, second, *pair)
    assert str(ties(net)) == before
    assert all(p is q for p, q in zip(net.parameters(), parameters, strict=True))


@pytest.mark.parametrize(
    ("place", "row", "message"),
    [("1", 0, "no weight at '1'; there is one at '0', '2', '4'"), ("0", 3, "3 rows and 3 columns, counted from 0")],
)
def test_an_entry_that_is_not_there(place, row, message):
    with pytest.raises(ValueError, match=message):
        set_entry(three_layers(), place, row, 0, 1.0)


def test_a_weight_of_the_net_itself_has_a_place():
    assert list(places(Autoencoder())) == [""]
