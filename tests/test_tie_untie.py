"""Ties made and undone; what a conversion does to them."""

import pytest
import torch
from nets import linears, shared_net, tied_net
from torch import nn

from d2lparams import tie, ties, untie
from d2lparams.sharing import KINDS

TRUE_TIES = [kind for kind in KINDS if kind != "equal values"]


def found(net):
    return [(each.kind, *each.names) for each in ties(net)]


# --- tie --------------------------------------------------------------------------------------------------------------


def test_tie_makes_one_parameter():
    net = linears(3, bias=True)
    first = net[0].weight
    net[1].weight.requires_grad_(False)
    assert tie(net, "0.weight", "1.weight", "2.weight") is first
    assert first.requires_grad
    assert found(net) == [("same Parameter", "0.weight", "1.weight", "2.weight")]
    assert all(layer.weight is first for layer in net)


def test_tie_brings_along_what_was_tied_before():
    net = linears(4)
    tie(net, "2.weight", "3.weight")
    tie(net, "0.weight", "2.weight")
    assert found(net) == [("same Parameter", "0.weight", "2.weight", "3.weight")]


def test_tie_reaches_the_second_list_of_a_recurrent_layer():
    net = nn.ModuleDict({"a": nn.RNN(3, 3), "b": nn.RNN(3, 3)})
    shared = tie(net, "a.weight_hh_l0", "b.weight_hh_l0")
    assert any(w is shared for w in net["b"]._flat_weights)
    net["b"](torch.ones(2, 1, 3))[0].sum().backward()
    assert net["a"].weight_hh_l0.grad is not None
    twin = untie(net)
    assert any(w is twin["b"].weight_hh_l0 for w in twin["b"]._flat_weights)
    twin["b"](torch.ones(2, 1, 3))[0].sum().backward()
    assert twin["a"].weight_hh_l0.grad is None
    assert twin["b"].weight_hh_l0.grad is not None


def test_tie_in_containers_and_compiled_nets():
    net = nn.ModuleDict(
        {
            "list": nn.ParameterList([torch.ones(2), torch.zeros(2)]),
            "dict": nn.ParameterDict({"a": torch.ones(2)}),
        }
    )
    shared = tie(net, "list.0", "list.1", "dict.a")
    assert net["list"][1] is shared
    assert net["dict"]["a"] is shared
    compiled = torch.compile(linears(2), backend="eager")
    X = torch.ones(1, 8)
    compiled(X)
    tie(compiled, "_orig_mod.0.weight", "_orig_mod.1.weight")
    weight = compiled._orig_mod[0].weight
    torch.testing.assert_close(compiled(X), X @ weight.T @ weight.T)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("0.weight", "2.weight"),
            r"cannot tie '0.weight' \(8, 4\) to '2.weight' \(8, 8\): shapes differ; tie layers of equal shape",
        ),
        (("0.wieght", "2.weight"), "no parameter '0.wieght' in this Sequential; close names: '0.weight', "),
        (("2.weight", "xyz"), "no parameter 'xyz' in this Sequential; close names: '0.weight', "),
        (("2", "4"), "no parameter '2' in this Sequential"),
        (("2.weight", "4.weight"), "'2.weight' and '4.weight' are the same Parameter already: nothing to tie"),
        (("2.weight", "2.weight"), "same Parameter already"),
        (("2.weight",), "needs two names or more"),
        (("2.bias", "6.bias"), r"dtypes differ; convert the net first"),
        (("2.bias", "7.bias"), r"devices differ; move the net"),
        (("2.weight", "8.weight"), "8.weight has no shape yet: run one batch through the net first"),
        (("2.weight", "9.weight"), "'9.weight': a parametrization computes this weight"),
        (("9.parametrizations.weight.original", "2.weight"), "a parametrization computes this weight"),
        (("2.bias", "10.running_mean"), "'10.running_mean': it is a buffer"),
    ],
)
def test_tie_refuses(names, message):
    net = shared_net()
    net[6] = nn.Linear(8, 8).double()
    net.append(nn.Linear(8, 8, device="meta"))
    net.append(nn.LazyLinear(8))
    net.append(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)))
    net.append(nn.BatchNorm1d(8))
    before = dict(net.named_parameters(remove_duplicate=False))
    with pytest.raises(ValueError, match=message):
        tie(net, *names)
    now = dict(net.named_parameters(remove_duplicate=False))
    assert all(now[name] is p for name, p in before.items())


def test_tie_changes_nothing_if_one_of_many_is_refused():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 3))
    with pytest.raises(ValueError, match="shapes differ"):
        tie(net, "0.weight", "1.weight", "2.weight")
    assert found(net) == []


def test_tie_of_a_net_without_parameters():
    with pytest.raises(ValueError, match="none, it has no parameters"):
        tie(nn.ReLU(), "a", "b")


# --- untie ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [shared_net, tied_net])
def test_untie_gives_a_twin_with_equal_values(make):
    net = make()
    X = torch.randn(5, net[0].in_features)
    net(X).sum().backward()
    twin = untie(net)
    assert len(list(twin.parameters())) == len(net.state_dict())
    assert not any(ties(twin).of(kind) for kind in TRUE_TIES)
    assert {each.kind for each in ties(net)}.isdisjoint({"equal values"})  # the net is as it was
    assert torch.equal(twin(X), net(X))
    assert repr(twin) == repr(net)
    assert list(twin.state_dict()) == list(net.state_dict())
    assert all(p.grad is None for p in twin.parameters())


def test_untie_keeps_what_is_frozen_and_refuses_what_is_not_tied():
    net = tied_net()
    net[0].weight.requires_grad_(False)
    assert not untie(net)[2].weight.requires_grad
    with pytest.raises(ValueError, match="nothing to untie"):
        untie(linears(2))


def test_tie_undoes_untie():
    net, twin = shared_net(), untie(shared_net())
    for name in ("weight", "bias"):
        tie(twin, f"2.{name}", f"4.{name}")
    assert [(each.kind, each.names) for each in ties(twin)] == [
        (each.kind, each.names) for each in ties(net).of("same Parameter")
    ]
