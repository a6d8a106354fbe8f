"""A gradient split by use, held against autograd on nets that share nothing, and against hand-made sums."""

import threading

import pytest
import torch
from loops import nothing_is_left_behind
from torch import nn
from torch.nn import functional as F

from d2lparams import gradient_by_use, track, untie


def close(a, b):
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7)


def shared_mlp(uses=2):
    shared = nn.Linear(6, 6)
    middle = [layer for _ in range(uses) for layer in (shared, nn.Tanh())]
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), *middle, nn.Linear(6, 3))


@pytest.mark.parametrize("uses", [2, 3])
def test_each_use_gets_what_autograd_gives_the_untied_twins_layer_there(uses):
    torch.manual_seed(0)
    net, X = shared_mlp(uses), torch.randn(5, 4)
    twin = untie(net)
    by_use = gradient_by_use(net, lambda: net(X).square().sum())
    twin(X).square().sum().backward()
    for name in ("2.weight", "2.bias"):
        places = by_use[name]
        assert list(places) == [str(2 + 2 * i) for i in range(uses)]
        for place, gradient in places.items():
            assert close(gradient, twin.get_parameter(f"{place}.{name[2:]}").grad)


def test_the_uses_sum_to_what_backward_leaves_and_grad_is_not_touched():
    torch.manual_seed(0)
    net, X = shared_mlp(), torch.randn(5, 4)
    by_use = gradient_by_use(net, lambda: net(X).square().sum())
    assert all(p.grad is None for p in net.parameters())
    net(X).square().sum().backward()
    for name, p in net.named_parameters():
        assert close(sum(by_use[name].values()), p.grad)


class TiedEmbedding(nn.Module):
    """An RNN whose output layer is its embedding: one Parameter in two modules, and a cell called once a time step."""

    def __init__(self):
        super().__init__()
        self.embedding, self.cell, self.out = nn.Embedding(7, 5), nn.RNNCell(5, 5), nn.Linear(5, 7, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, tokens):
        h = None
        for step in tokens:
            h = self.cell(self.embedding(step), h)
        return self.out(h)


def test_a_parameter_tied_across_modules_is_split_by_module_and_call():
    torch.manual_seed(0)
    net, tokens = TiedEmbedding(), torch.tensor([[1, 2], [0, 6]])
    by_use = gradient_by_use(net, lambda: net(tokens).square().sum())
    assert list(by_use["embedding.weight"]) == ["embedding", "embedding #2", "out"]
    assert list(by_use["cell.weight_hh"]) == ["cell", "cell #2"]
    used = by_use["embedding.weight"]["embedding"].abs().sum(1) > 0
    assert used.nonzero()[:, 0].tolist() == [1, 2]  # the first time step saw tokens 1 and 2 alone
    net(tokens).square().sum().backward()
    for name, p in net.named_parameters():
        assert close(sum(by_use[name].values()), p.grad)


class Functional(nn.Module):
    """No layers at all: `F.linear` with one weight, then its transpose, and a question about its size."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))

    def forward(self, X):
        assert self.weight.size(0) == 4  # asking is no use
        return F.linear(F.linear(X, self.weight), self.weight.t())


def test_any_function_that_takes_the_parameter_is_a_use():
    torch.manual_seed(0)
    net, X = Functional(), torch.randn(2, 3)
    places = gradient_by_use(net, lambda: net(X).sum())["weight"]
    assert list(places) == ["forward", "forward #2"]
    first, second = (net.weight.detach().clone().requires_grad_() for _ in range(2))
    F.linear(F.linear(X, first), second.t()).sum().backward()
    assert close(places["forward"], first.grad)
    assert close(places["forward #2"], second.grad)


class Views(nn.Module):
    """Attributes that hand the weight on, and an assignment that takes it up."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3, dtype=torch.complex64))

    def forward(self, X):
        w = self.weight
        Y = X @ w.T + X @ w.mT + X @ w.H + X @ w.mH + X @ w.real.to(X.dtype) + X @ w.imag.to(X.dtype)
        Z = torch.zeros_like(w)
        Z[:] = w
        return Y @ Z


def test_attributes_that_are_views_and_assignments_are_uses():
    torch.manual_seed(0)
    net, X = Views(), torch.randn(2, 3, dtype=torch.complex64)
    places = gradient_by_use(net, lambda: net(X).abs().square().sum())["weight"]
    assert list(places) == ["forward", *(f"forward #{k}" for k in range(2, 8))]
    net(X).abs().square().sum().backward()
    assert torch.allclose(sum(places.values()), net.weight.grad, rtol=1e-4)


@pytest.mark.parametrize(
    ("net", "X"),
    [
        (nn.Sequential(c := nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), c), torch.randn(2, 3, 8, 8)),
        (nn.Sequential(r := nn.ModuleList([nn.LSTM(4, 4)])[0]), torch.randn(3, 1, 4)),
        (nn.Sequential(t := nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), t), torch.randn(2, 3, 8)),
        (nn.Sequential(b := nn.BatchNorm1d(4), nn.Linear(4, 4), b), torch.randn(6, 4)),
        (nn.Sequential(w := nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), w), torch.randn(6, 4)),
    ],
    ids=["conv", "lstm", "transformer", "batchnorm", "weight_norm"],
)
def test_layers_of_any_kind_sum_to_grad(net, X):
    def loss():
        out = net(X)
        return (out[0] if isinstance(out, tuple) else out).square().sum()

    by_use = gradient_by_use(net, loss)
    loss().backward()
    for name, p in net.named_parameters():
        assert torch.allclose(sum(by_use[name].values()), p.grad, rtol=1e-4, atol=1e-5)


def test_a_sparse_gradient_is_split_too():
    embedding = nn.Embedding(5, 3, sparse=True)
    net = nn.Sequential(nn.Flatten(0), embedding)
    by_use = gradient_by_use(net, lambda: net(torch.tensor([1, 3])).sum())
    assert by_use["1.weight"]["1"].is_sparse
    assert by_use["1.weight"]["1"].to_dense().sum(1).tolist() == [0, 3, 0, 3, 0]


def test_a_frozen_parameter_has_no_uses():
    net = shared_mlp()
    net[2].requires_grad_(False)
    names = gradient_by_use(net, lambda: net(torch.randn(2, 4)).sum())
    assert list(names) == ["0.weight", "0.bias", "6.weight", "6.bias"]


def test_a_loss_that_runs_the_net_twice_sums_over_the_runs():
    torch.manual_seed(0)
    net, X = shared_mlp(), torch.randn(5, 4)
    once = gradient_by_use(net, lambda: net(X).square().sum())["2.weight"]
    twice = gradient_by_use(net, lambda: net(X).square().sum() + net(X).square().sum())["2.weight"]
    assert all(close(twice[place], 2 * once[place]) for place in ("2", "4"))


def test_parameters_keep_their_own_methods_during_forward():
    seen = []

    class Hooking(nn.Linear):
        def forward(self, X):
            self.weight.register_hook(lambda g: seen.append(g))
            assert self.weight.is_leaf
            assert self.weight.grad is None
            return super().forward(X)

    net = Hooking(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1):
        net(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    assert len(seen) == 1
    assert torch.equal(seen[0], net.weight.grad)


@pytest.mark.parametrize("within", [nn.Sequential, lambda layer: nn.TransformerEncoder(layer, 1, None, False)])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_forward_leaves_no_hook_and_no_mode_behind(error, within):
    class Fails(nn.TransformerEncoderLayer):
        def forward(self, *args, **kwargs):
            raise error("stop")

    frozen = within(Fails(2, 1, batch_first=True)).eval().requires_grad_(False)
    net = nn.Sequential(frozen, nn.Linear(2, 2))
    with pytest.raises(error):
        gradient_by_use(net, lambda: net(torch.ones(1, 2)).sum())
    assert nothing_is_left_behind()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda net: net(torch.ones(2, 4)), r"must return a scalar tensor, but it returned one of shape \(2, 3\)"),
        (lambda net: 3.0, "but it returned float"),
        (lambda net: torch.ones(()), "depends on no parameter of the net: call the net itself"),
        (lambda net: net.forward(torch.ones(2, 4)).sum(), "call the net itself"),
    ],
)
def test_a_loss_that_is_none_is_refused(loss, message):
    net = shared_mlp()
    with pytest.raises(ValueError, match=message):
        gradient_by_use(net, lambda: loss(net))


def test_a_net_that_runs_in_another_thread_is_not_mistaken_for_a_part():
    inside, leave = threading.Event(), threading.Event()

    class Wait(nn.Module):
        def forward(self, X):
            inside.set()
            leave.wait(10)

    class Start(nn.Module):
        def forward(self, X):
            thread.start()
            inside.wait(10)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.start, self.weight = Start(), nn.Parameter(torch.ones(2, 2))

        def forward(self, X):
            self.start(X)  # from here on the other net is in the middle of its forward pass
            return F.linear(X, self.weight)

    thread, net = threading.Thread(target=nn.Sequential(Wait()), args=[torch.ones(1)]), Net()
    uses = gradient_by_use(net, lambda: net(torch.ones(1, 2)).sum())["weight"]
    leave.set()
    thread.join()
    assert list(uses) == ["forward"]
