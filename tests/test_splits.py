"""Gradients that `track` splits by use, held against autograd on nets that share nothing."""

import copy
import inspect
import textwrap

import numpy as np
import pytest
import torch
from loops import batches, fit, nothing_is_left_behind, shared_mlp
from torch import nn

from d2lparams import gradient_by_use, track, untie


def test_each_use_gets_what_autograd_gives_an_untied_net_at_every_step():
    net = shared_mlp()
    rows = []

    def expected(X):
        twin = untie(net)
        torch.manual_seed(5)
        twin(X).square().mean().backward()
        return [twin[2].weight.grad.flatten(), twin[5].weight.grad.flatten()]

    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        for X in batches(5):
            a, b = expected(X)
            rows.append([a.norm(), b.norm(), torch.cosine_similarity(a, b, dim=0)])
            torch.manual_seed(5)
            optimizer.zero_grad()
            net(X).square().mean().backward()
            optimizer.step()
    table = record.uses("2.weight")
    found = table[[("norm", "2"), ("norm", "5"), ("cosine", "2, 5")]]
    np.testing.assert_allclose(found, torch.tensor(rows), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(table["share"].sum(axis=1), 1, rtol=1e-5)
    assert table["check", "error"].max() < 1e-6
    assert record.shared == ["2.weight", "2.bias"]
    assert record.label("2.weight") == "2.weight = 5.weight"


def test_uses_are_summed_over_micro_batches_and_in_the_units_of_the_clipped_gradient():
    net = shared_mlp().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        for _ in range(2):
            optimizer.zero_grad()
            for X in batches(3):
                net(X).square().mean().backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
            total = net[2].weight.grad.norm().item()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)  # zeros, not None, meet the next pass
    table = record.uses("2.weight")
    assert table["check", "error"].max() < 1e-6
    assert record.frame()["grad_norm"].max() < 1.1e-3
    a, b, cosine = table.iloc[-1][[("norm", "2"), ("norm", "5"), ("cosine", "2, 5")]]
    assert (a * a + b * b + 2 * a * b * cosine) ** 0.5 == pytest.approx(total, rel=1e-5)
    assert table["sum", "norm"].iloc[-1] == pytest.approx(total, rel=1e-5)


def test_a_gradient_from_outside_forward_shows_in_the_check():
    net = shared_mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        (net(torch.ones(1, 4)).sum() + 10 * net[2].weight.square().sum()).backward()
        optimizer.step()
    assert record.uses("2.weight")["check", "error"].item() > 0.1
    assert record.uses("2.bias")["check", "error"].item() < 1e-6


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")
def test_a_compiled_net_is_followed_as_a_whole():
    net = shared_mlp()
    compiled = torch.compile(net, backend="eager")
    with track(compiled, every=1) as record:
        fit(compiled, 3)
    assert record.total_steps == 3
    assert record.shared == []
    assert "uses not split, since a part of the net is compiled or scripted" in repr(record)


def test_a_loop_that_never_calls_the_net_is_told_so():
    net = shared_mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        net.forward(torch.ones(1, 4)).sum().backward()
        optimizer.step()
    assert "no forward pass was seen: the loop has to call the net itself" in repr(record)
    with pytest.raises(KeyError, match="uses not split, since no forward pass"):
        record.uses("2.weight")


class Tied(nn.Module):
    """An autoencoder that decodes with the encoder's weight, transposed."""

    def __init__(self, dtype):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=dtype))

    def forward(self, X):
        return X @ self.weight.T @ self.weight


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_a_weight_that_is_transposed_has_two_uses_also_if_it_is_complex(dtype):
    net = Tied(dtype)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    with track(net, every=1, histograms=1) as record:
        for X in batches(3):
            optimizer.zero_grad()
            net(X.to(dtype)).abs().square().mean().backward()
            optimizer.step()
    table, total = record.uses("weight"), record.table("grad_norm")["weight"]
    np.testing.assert_allclose(table["sum", "norm"], total, rtol=1e-4)
    assert table["check", "error"].max() < 1e-5
    assert (table["norm"] > 0).all(axis=None)
    assert record.histograms("weight")[2].sum(1).tolist() == [24 * (1 + dtype.is_complex)] * 3


@pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype")
@pytest.mark.parametrize("how", ["frozen", "frozen, by keyword", "no_grad"])
def test_a_transformer_that_is_not_trained_gives_the_same_numbers(how):
    """Without gradients it takes a kernel of its own, which leaves out what is padding."""

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.body = nn.TransformerEncoder(layer, 2).requires_grad_(how == "no_grad").eval()
            self.top, self.twice = nn.Linear(16, 16), nn.Linear(16, 16)

        def forward(self, X, padding):
            with torch.set_grad_enabled(how != "no_grad"):
                if how == "frozen, by keyword":
                    h = self.body(src=X, src_key_padding_mask=padding)
                else:
                    h = self.body(X, src_key_padding_mask=padding)
            return self.twice(self.twice(self.top(h).mean(1)))

    def run(net):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        generator = torch.Generator().manual_seed(1)
        padding = torch.arange(6) >= torch.tensor([[6], [4], [2]])
        for _ in range(3):
            optimizer.zero_grad()
            net(torch.randn(3, 6, 16, generator=generator), padding).square().mean().backward()
            optimizer.step()

    torch.manual_seed(0)
    plain = Head()
    tracked = copy.deepcopy(plain)
    run(plain)
    with track(tracked, every=1) as record:
        run(tracked)
    assert all(torch.equal(p, q) for p, q in zip(plain.parameters(), tracked.parameters(), strict=True))
    assert record.shared == ["twice.weight", "twice.bias"]
    assert nothing_is_left_behind()


@pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype")
def test_a_frozen_transformer_that_is_interrupted_does_not_end_the_watch():
    stumble = [True]

    class Layer(nn.TransformerEncoderLayer):
        def forward(self, *args, **kwargs):
            if stumble:
                stumble.pop()
                raise KeyboardInterrupt
            return super().forward(*args, **kwargs)

    twice = nn.Linear(4, 4)
    body = nn.TransformerEncoder(Layer(4, 2, 8, batch_first=True), 1).requires_grad_(False).eval()
    net = nn.Sequential(body, twice, twice)
    with track(net, every=1) as record:
        with pytest.raises(KeyboardInterrupt):
            net(torch.ones(8, 2, 4))
        optimizer = torch.optim.SGD(twice.parameters(), lr=0.1)
        for _ in range(3):
            net(torch.ones(8, 2, 4)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    assert nothing_is_left_behind()
    assert record.uses("1.weight")["norm", "1"].iloc[-2:].gt(0).all()
    assert record.uses("1.weight")["check", "error"].max() < 1e-6


@pytest.mark.parametrize("keywords", [(), ("query", "key", "value"), ("key", "value")])
def test_what_a_frozen_attention_is_asked_for_is_seen(keywords):
    class Pool(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.attend = nn.Parameter(torch.randn(1, 4)), nn.MultiheadAttention(4, 2)
            self.attend.requires_grad_(False).eval()

        def forward(self, X):
            call = {"query": X, "key": self.query, "value": X[:1]}
            by_keyword = {name: call.pop(name) for name in keywords}
            found, _ = self.attend(*call.values(), **by_keyword)
            return found + self.query

    net = Pool()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        net(torch.randn(3, 4)).square().mean().backward()
        optimizer.step()
    assert len(record.uses("query")["norm"].columns) > 1
    assert record.uses("query")["check", "error"].item() < 1e-5


def test_what_an_unfrozen_transformer_uses_is_seen():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True).eval()
    net = nn.Sequential(layer, layer)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        net(torch.randn(2, 3, 8)).square().mean().backward()
        optimizer.step()
    assert len(record.shared) == len(list(net.parameters()))


def forward_over(net, X):
    return torch.func.vmap(torch.func.grad(lambda x: net(x).squeeze()))(X)


def test_a_loss_with_a_derivative_by_torch_func():
    net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    plain = copy.deepcopy(net)
    X = torch.linspace(-1, 1, 8)[:, None]
    (forward_over(plain, X) - 1).square().mean().backward()
    with track(net, every=1) as record:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        (forward_over(net, X) - 1).square().mean().backward()
        assert all(
            torch.equal(p.grad, q.grad) for p, q in zip(net.parameters(), plain.parameters(), strict=True) if p.ndim > 1
        )
        optimizer.step()
    assert "has to call the net itself, net(X), outside torch.func" in repr(record)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_split_is_kept_for_whichever_optimizer_steps_last(order):
    net = shared_mlp()
    optimizers = [torch.optim.SGD(net[0].parameters(), 0.1), torch.optim.Adam(net[2].parameters())]
    with track(net, every=1) as record:
        for X in batches(3):
            for optimizer in optimizers:
                optimizer.zero_grad()
            net(X).square().mean().backward()
            for i in order:
                optimizers[i].step()
    assert record.uses("2.weight").index.tolist() == [0, 1, 2]
    assert record.uses("2.weight")["check", "error"].max() < 1e-6


def only(net, X, optimizer):
    optimizer.zero_grad()
    net(X).square().mean().backward()


def zeroed(net, X, optimizer):
    (100 * net(X).square().mean()).backward()
    only(net, X, optimizer)


def zeroed_in_place(net, X, optimizer):
    only(net, X, optimizer)
    optimizer.zero_grad(set_to_none=False)
    net(X).square().mean().backward()


def put_aside(net, X, optimizer):
    only(net, X, optimizer)
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    net(X).square().mean().backward()


def not_kept(net, X, optimizer):
    optimizer.zero_grad()
    torch.autograd.grad(net(X).square().mean(), list(net.parameters()))
    net(X).square().mean().backward()


def scaled_to_inf(net, X, optimizer):
    (net(X).square().mean() * torch.inf).backward()  # as with a GradScaler, which then leaves out the step
    only(net, X, optimizer)


def in_parts(net, X, optimizer):
    optimizer.zero_grad()
    for part in X.chunk(4):
        net(part).square().mean().backward()


def penalized(net, X, optimizer):
    in_parts(net, X, optimizer)
    net[2].weight.square().sum().backward()  # in a pass of its own, in which no use has a part


@pytest.mark.parametrize(
    "backward", [only, zeroed, zeroed_in_place, put_aside, not_kept, scaled_to_inf, in_parts, penalized]
)
def test_the_uses_are_those_that_are_in_grad_when_the_optimizer_steps(backward):
    net = shared_mlp().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    wanted = []
    with track(net, every=1) as record:
        for X in batches(3):
            backward(net, X, optimizer)
            outside = 2 * net[2].weight.detach() if backward is penalized else 0
            wanted.append((net[2].weight.grad - outside).norm().item())
            optimizer.step()
    table = record.uses("2.weight")
    np.testing.assert_allclose(table["sum", "norm"], wanted, rtol=1e-4)
    errors = table["check", "error"]
    assert errors.min() > 0.1 if backward is penalized else errors.max() < 1e-5


def clipped(net, grad):
    nn.utils.clip_grad_norm_(net.parameters(), 1e-3)


def unscaled(net, grad):
    grad.mul_(0.5)


def emptied_unseen(net, grad):
    grad.data.zero_()


@pytest.mark.parametrize("change", [clipped, unscaled, emptied_unseen])
def test_a_gradient_that_was_changed_between_two_passes_shows_in_the_check(change):
    net = shared_mlp().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    with track(net, every=1) as record:
        X, Y = batches(2)
        (10 * net(X).square().mean()).backward()
        change(net, net[2].weight.grad)
        net(Y).square().mean().backward()
        optimizer.step()
    assert record.uses("2.weight")["check", "error"].item() > 1e-3


def test_what_a_reentrant_checkpoint_leaves_out_shows_in_the_check():
    from torch.utils.checkpoint import checkpoint

    class Net(nn.Module):
        def __init__(self, order):
            super().__init__()
            self.order, self.layer = order, nn.Linear(4, 4)

        def forward(self, X):
            for kind in self.order:
                X = checkpoint(self.layer, X, use_reentrant=True) if kind == "c" else self.layer(X)
                X = torch.tanh(X)
            return X

    for order in ("uuc", "cuu", "ucu"):
        net = Net(order)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        with track(net, every=1) as record:
            net(torch.randn(3, 4, requires_grad=True)).square().sum().backward()
            total = net.layer.weight.grad.norm().item()
            optimizer.step()
        table = record.uses("layer.weight")
        told = table["check", "error"].item() > 1e-3
        assert told or table["sum", "norm"].item() == pytest.approx(total, rel=1e-4), order


def test_the_uses_of_lbfgs_are_those_of_its_last_pass():
    net = shared_mlp().eval()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=5)

    def closure():
        optimizer.zero_grad()
        loss = net(torch.ones(2, 4)).square().mean()
        loss.backward()
        return loss

    with track(net, every=1) as record:
        optimizer.step(closure)
        wanted = net[2].weight.grad.norm().item()
    assert record.uses("2.weight")["sum", "norm"].item() == pytest.approx(wanted, rel=1e-3)


def test_a_loop_over_time_has_a_bounded_number_of_uses():
    class Unrolled(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.RNNCell(2, 3)

        def forward(self, X):
            h = None
            for x in X:
                h = self.cell(x, h)
            return h

    net = Unrolled()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        for length in (40, 50):
            optimizer.zero_grad()
            net(torch.randn(length, 5, 2)).square().mean().backward()
            optimizer.step()
    table = record.uses("cell.weight_hh")
    assert list(table["norm"]) == ["cell", *(f"cell #{k}" for k in range(2, 16)), "cell #16 and later"]
    assert table["check", "error"].max() < 1e-5


def test_a_gradient_that_forward_itself_takes_is_that_of_the_parameter():
    class Adapts(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 2))

        def forward(self, X):
            (gradient,) = torch.autograd.grad((X @ self.weight).square().mean(), self.weight, create_graph=True)
            X.sum().add((X @ self.weight).sum()).backward(inputs=[self.weight])
            return X @ (self.weight - 0.1 * gradient)

    def run(net):
        X = torch.linspace(-1, 1, 6).reshape(2, 3)
        net(X).square().mean().backward()
        return net.weight.grad

    expected, net = run(Adapts()), Adapts()
    with track(net, every=1) as record:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        assert torch.equal(run(net), expected)
        optimizer.step()
    assert record.total_steps == 1


def without_function_mode(monkeypatch):
    monkeypatch.delattr(torch.overrides, "_get_current_function_mode")
    return "torch.overrides._get_current_function_mode"


def without_keyword_arguments(monkeypatch):
    source = textwrap.dedent(inspect.getsource(nn.Module._call_impl)).replace("kwargs", "by_keyword")
    renamed = {}
    exec(source.replace("with_by_keyword", "with_kwargs"), vars(nn.modules.module), renamed)
    monkeypatch.setattr(nn.Module, "_call_impl", renamed["_call_impl"])
    return "the local name `kwargs` of nn.Module._call_impl"


@pytest.mark.parametrize("without", [without_function_mode, without_keyword_arguments])
def test_a_torch_in_which_a_transformer_cannot_be_left_alone_costs_its_split_and_no_other(without, monkeypatch):
    name = without(monkeypatch)
    net = nn.Sequential(nn.Unflatten(1, (1, 4)), nn.TransformerEncoderLayer(4, 2, 4, batch_first=True))
    with pytest.warns(RuntimeWarning, match=name) as told, track(net, every=1) as record:
        fit(net, 2)
    assert len(told) == 1
    assert record.note == f"uses not split, since torch {torch.__version__} has no {name}"
    assert len(record.table("grad_norm")) == 2
    with pytest.raises(RuntimeError, match=f"has no {name}, which gradient_by_use needs"):
        gradient_by_use(net, lambda: net(torch.ones(1, 4)).sum())
    other = shared_mlp()
    with track(other, every=1) as record:
        fit(other, 1)
    assert record.shared == ["2.weight", "2.bias"]


def test_a_torch_that_tells_no_backward_pass_from_the_next_still_splits_one_gradient(monkeypatch):
    monkeypatch.delattr(torch._C, "_current_graph_task_id")
    net = shared_mlp()
    with pytest.warns(RuntimeWarning, match="_current_graph_task_id") as told, track(net, every=1) as record:
        fit(net, 2)
    assert len(told) == 1
    assert "not split" in repr(record)
    assert list(gradient_by_use(net, lambda: net(torch.ones(1, 4)).sum())["2.weight"]) == ["2", "5"]
