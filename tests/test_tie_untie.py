"""Ties made and undone; what a conversion does to them."""

import sys
import warnings

import pytest
import torch
import torch.nn.utils.prune
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


# --- untie: some of it, in place, memory, and what torch.nn.utils leaves behind ---------------------------------------


def three_ties():
    """A shared module, one Parameter in two modules, two Parameters over one memory."""
    net = nn.Sequential(*(nn.Linear(4, 4) for _ in range(6)))
    net[1] = net[0]
    net[3].weight = net[2].weight
    net[5].weight.data = net[4].weight.data
    return net


def true_ties(net):
    return [(each.kind, *each.names) for each in ties(net) if each.kind in TRUE_TIES]


def test_untie_of_one_group_leaves_the_others():
    net = three_ties()
    module, weight, bias, parameter, storage = true_ties(net)
    twin = untie(net, "3.weight")
    assert true_ties(twin) == [module, weight, bias]  # a copy of the net has no memory in common either way
    assert true_ties(untie(net, "0.weight")) == [bias, parameter]  # the two modules still share their bias
    assert true_ties(untie(net, "1")) == [parameter]
    assert true_ties(untie(net, "0", "2", inplace=True)) == [storage]
    assert true_ties(net) == [storage]


def test_untie_in_place_keeps_the_first_parameter_and_its_gradient():
    net = three_ties()
    net(torch.randn(2, 4)).sum().backward()
    before, X = dict(net.named_parameters()), torch.randn(3, 4)
    gradients, expected = {name: p.grad for name, p in before.items()}, net(X)
    assert untie(net, inplace=True) is net
    assert true_ties(net) == []
    assert {name: p for name, p in net.named_parameters() if name in before} == before
    assert all(net.get_parameter(name).grad is gradient for name, gradient in gradients.items())
    assert net[3].weight.grad is None
    torch.testing.assert_close(net(X), expected, rtol=0, atol=0)
    with torch.no_grad():
        net[5].weight.zero_()
    assert net[4].weight.any()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("2.bias",), r"'2.bias' is not tied: nothing to untie; tied are 0.weight = 1.weight"),
        (("2.wieght",), "nothing in this Sequential is called '2.wieght'; tied are "),
        (("2.weight", "9"), "nothing in this Sequential is called '9'"),
    ],
)
def test_untie_refuses_what_is_not_tied_before_it_changes_anything(names, message):
    net = three_ties()
    before = true_ties(net)
    with pytest.raises(ValueError, match=message):
        untie(net, *names, inplace=True)
    assert true_ties(net) == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch.jit, by release
def test_untie_refuses_what_was_scripted():
    with pytest.raises(ValueError, match="untie the net, then script it"):
        untie(torch.jit.script(shared_net()))


def old_spectral_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of a torch to come
        return nn.utils.spectral_norm(layer)


def old_weight_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer)


def pruned(layer):
    return nn.utils.prune.l1_unstructured(layer, "weight", 0.5)


COMPUTED = {  # what computes a weight, and from which Parameter
    "weight_norm": (old_weight_norm, "weight_v"),
    "spectral_norm": (old_spectral_norm, "weight_orig"),
    "pruning": (pruned, "weight_orig"),
    "parametrize": (nn.utils.parametrizations.weight_norm, "parametrizations.weight.original1"),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_untie_copies_weights_that_are_computed(name):
    compute, key = COMPUTED[name]
    layer = compute(nn.Linear(4, 4))
    net, X = nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(4, 4)).eval(), torch.randn(3, 4)
    net(X).sum().backward()
    twin = untie(net)
    torch.testing.assert_close(twin(X), net(X))
    twin(X).sum().backward()
    for name, p in layer.named_parameters():  # a shared gradient is the sum over the uses
        torch.testing.assert_close(p.grad, twin[0].get_parameter(name).grad + twin[2].get_parameter(name).grad)
    assert true_ties(twin) == []
    assert twin[2].get_parameter(key) is not twin[0].get_parameter(key)


@pytest.mark.parametrize("name", COMPUTED)
def test_tie_and_ties_know_weights_that_are_computed(name):
    compute, key = COMPUTED[name]
    net = nn.Sequential(compute(nn.Linear(4, 4)), compute(nn.Linear(4, 4)), nn.Linear(4, 4))
    for names in ((f"0.{key}", f"1.{key}"), ("0.weight", "2.weight"), ("2.weight", f"1.{key}")):
        with pytest.raises(ValueError, match="a parametrization computes this weight"):
            tie(net, *names)
    path, _, last = f"0.{key}".rpartition(".")
    setattr(net.get_submodule(path), last, net[2].weight)
    (found,) = ties(net).of("same Parameter")
    assert found.note == "0.weight is computed from it by a parametrization, so it can differ from the others"
    setattr(net.get_submodule(path.replace("0", "1", 1)), last, net[2].weight)
    assert ties(net).of("same Parameter")[0].note.startswith("0.weight, 1.weight are computed from it")
    assert all(not each.note for each in ties(nn.Sequential(net[0], net[0])))  # one module computes one weight


class Stack(nn.Module):
    """Goes by a list of its own, which no module and no state_dict shows."""

    def __init__(self, order):
        super().__init__()
        self.a = self.b = nn.Linear(4, 4)
        self.order = order(self)

    def forward(self, X):
        for layer in self.order["all"] if isinstance(self.order, dict) else self.order:
            X = layer(X)
        return X


ORDERS = {
    "list": lambda net: [net.a, net.b],
    "tuple": lambda net: (net.a, nn.ReLU(), net.b),
    "dict of a list": lambda net: {"all": [net.a, net.b]},
}


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_a_list_that_forward_goes_by_follows(order, inplace):
    net, X = Stack(ORDERS[order]), torch.randn(3, 4)
    expected = net(X)
    twin = untie(net, inplace=inplace)
    torch.testing.assert_close(twin(X), expected)
    twin(X).sum().backward()
    assert twin.a is not twin.b
    assert all(p.grad is not None for p in twin.parameters())


def test_a_list_of_which_it_cannot_be_told_is_named():
    net = Stack(lambda net: [net.a, net.b, net.a])
    with pytest.warns(RuntimeWarning, match=r"Stack\.order holds 3 times what stood in 2 places"):
        untie(net)


def test_what_holds_no_numbers_is_no_tie():
    relu = nn.ReLU()
    with pytest.raises(ValueError, match="nothing to untie"):
        untie(nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu))
    twin = untie(nn.Sequential(*[nn.Sequential(nn.Linear(2, 2), relu)] * 2))
    assert true_ties(twin) == []


def test_untie_of_buffers_lazy_layers_and_meta():
    shared = nn.Module()
    for module in (net := nn.Sequential(nn.Module(), nn.Module())):
        module.register_buffer("mask", shared.mask if hasattr(shared, "mask") else torch.ones(3), persistent=False)
        shared.mask = module.mask
    assert true_ties(net) == [("same buffer", "0.mask", "1.mask")]
    twin = untie(net)
    assert true_ties(twin) == []
    assert list(twin.state_dict()) == []
    lazy = nn.LazyLinear(3)
    twin = untie(nn.Sequential(lazy, lazy))
    assert twin(torch.ones(2, 5)[:, :3]).shape == (2, 3)
    assert len(list(twin.parameters())) == 4
    assert true_ties(untie(three_ties().to("meta"))) == []


def test_untie_costs_linear_time():
    def calls(layers):
        net = nn.ModuleList(nn.Linear(1, 1) for _ in range(layers))
        net = nn.Sequential(*net, *net)
        seen = 0

        def watch(frame, event, arg):
            nonlocal seen
            seen += 1

        sys.setprofile(watch)
        try:
            untie(net)
        finally:
            sys.setprofile(None)
        return seen

    assert calls(400) < 4.4 * calls(100)
