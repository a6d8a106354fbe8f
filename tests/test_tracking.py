"""The tracker, held against numbers worked out beside it, and against the same training without it."""

import copy
import gc
import pickle
import threading
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import optimizer as torch_optimizer

from d2lparams import Record, track, tracking, untie
from d2lparams import record as records


def shared_mlp():
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), shared, nn.Dropout(0.2), nn.ReLU(), shared, nn.Linear(6, 3))


def batches(number):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(8, 4, generator=generator) for _ in range(number)]


def fit(net, steps, optimizer=None, after=lambda: None):
    """Plain PyTorch; returns the losses."""
    torch.manual_seed(2)  # for dropout
    optimizer = optimizer or torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for X in batches(steps):
        optimizer.zero_grad()
        loss = net(X).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        after()
    return losses


def nothing_is_left_behind():
    module = nn.modules.module
    registries = [
        torch_optimizer._global_optimizer_pre_hooks,
        torch_optimizer._global_optimizer_post_hooks,
        module._global_forward_pre_hooks,
        module._global_forward_hooks,
        module._global_forward_hooks_always_called,
        torch.overrides._get_current_function_mode_stack(),
    ]
    return not any(registries)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        lambda p: torch.optim.AdamW(p, lr=0.01),
        lambda p: torch.optim.RMSprop(p, lr=0.01),
    ],
    ids=["sgd", "adamw", "rmsprop"],
)
def test_training_is_the_same_to_the_last_bit_with_and_without_tracking(make):
    plain, tracked = shared_mlp(), shared_mlp()
    expected = fit(plain, 30, make(plain.parameters()))
    with track(tracked, every=1, histograms=1):
        found = fit(tracked, 30, make(tracked.parameters()))
    assert found == expected
    for a, b in zip(plain.parameters(), tracked.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a.grad, b.grad)


def test_the_norms_are_those_of_numbers_worked_out_beside_it():
    net = shared_mlp()
    start = {name: p.detach().clone() for name, p in net.named_parameters()}
    before, expected = dict(start), []

    def look():
        for name, p in net.named_parameters():
            now = p.detach().clone()
            change = (now - before[name]).norm()
            expected.append([now.norm(), p.grad.norm(), change / now.norm(), (now - start[name]).norm()])
            before[name] = now

    with track(net, every=1) as record:
        fit(net, 7, torch.optim.Adam(net.parameters(), lr=0.01), look)
    frame = record.frame()
    assert frame["step"].tolist() == [step for step in range(7) for _ in start]
    assert frame["parameter"].tolist() == list(start) * 7
    np.testing.assert_allclose(frame[list(records.QUANTITIES)], torch.tensor(expected), rtol=1e-5)


def test_update_ratio_is_lr_times_gradient_for_plain_sgd():
    net = shared_mlp()
    with track(net, every=1) as record:
        fit(net, 3)
    ratio, weight, gradient = (record.table(q) for q in ("update_ratio", "weight_norm", "grad_norm"))
    np.testing.assert_allclose(ratio, 0.1 * gradient / weight, rtol=1e-4)


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


def test_uses_are_summed_over_micro_batches_and_checked_before_clipping():
    net = shared_mlp().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        for _ in range(2):
            optimizer.zero_grad()
            for X in batches(3):
                net(X).square().mean().backward()
            total = net[2].weight.grad.norm().item()
            nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
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


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_every_hook_is_gone_after_an_exception_and_the_record_stays(error):
    class Fails(nn.Module):
        calls = 0

        def forward(self, X):
            Fails.calls += 1
            if Fails.calls == 4:
                raise error
            return X

    net = nn.Sequential(nn.Linear(4, 4), Fails()).eval()
    with pytest.raises(error), track(net, every=1) as record:
        fit(net, 9)
    assert nothing_is_left_behind()
    assert record.total_steps == 3
    assert len(record.frame()) == 6
    assert not net.training


def test_a_forward_interrupted_and_survived_does_not_end_the_watch():
    net, stumble = shared_mlp(), [True]

    def interrupt(*_):
        if stumble:
            stumble.pop()
            raise KeyboardInterrupt

    net[1].register_forward_hook(interrupt)
    with track(net, every=1) as record:
        with pytest.raises(KeyboardInterrupt):
            net(torch.ones(1, 4))
        fit(net, 4)
    assert nothing_is_left_behind()
    table = record.uses("2.weight")
    assert table["check", "error"].max() < 1e-6
    assert table["norm"].loc[1:].dropna(axis=1).columns.tolist() == ["2", "5"]  # by their names, from the next step on


def test_a_forward_that_fails_and_is_survived_ends_its_watch_at_once():
    net = shared_mlp()
    with track(net, every=1):
        with pytest.raises(RuntimeError):
            net(torch.ones(1, 99))
        assert torch.overrides._get_current_function_mode_stack() == []
        fit(net, 1)


def test_a_net_can_be_copied_and_pickled_while_it_is_tracked():
    net = shared_mlp()
    with track(net, every=1) as record:
        fit(net, 1)
        copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
        for other in copies:
            fit(other, 3)
    assert record.total_steps == 1


def test_intervals_and_the_memory_bound(monkeypatch):
    monkeypatch.setattr(records, "MOST_ROWS", 10)
    monkeypatch.setattr(records, "MOST_HISTOGRAMS", 4)
    net = shared_mlp()
    with track(net, every=2, histograms=4) as record:
        fit(net, 200)
    steps = record.table("weight_norm").index
    assert len(steps) <= 10
    assert record.every == 32
    assert steps.tolist() == list(range(0, 200, 32))
    assert record.uses("2.weight").index.tolist() == steps.tolist()
    assert len(record.histograms("2.weight")[0]) <= 4
    assert "7 rows of 200 steps, 32 apart" in repr(record)


def test_histograms_are_numpys():
    net = shared_mlp()
    with track(net, every=1, histograms=2) as record:
        fit(net, 3)
    steps, edges, counts = record.histograms("0.weight")
    assert steps.tolist() == [0, 2]
    values = net[0].weight.detach().numpy().ravel()
    expected, _ = np.histogram(values, edges[-1])
    assert edges[-1, -1] == np.abs(values).max()
    assert abs(counts[-1] - expected).sum() <= 2  # a value may sit on an edge
    assert counts.sum(1).tolist() == [24, 24]
    assert record.histograms("0.weight", "gradient")[2].sum() == 48
    with pytest.raises(KeyError, match=r"no weight histogram of '9.weight'"):
        record.histograms("9.weight")


@pytest.mark.parametrize(
    ("values", "counted", "largest"),
    [([0.0, 0.0, 0.0], 3, 0.0), ([1.0, float("nan"), float("inf"), -2.0], 2, 2.0), ([float("nan")] * 2, 0, 0.0)],
)
def test_a_histogram_counts_what_is_finite(values, counted, largest):
    counts, scale = tracking._histogram(torch.tensor(values))
    assert (counts.sum().item(), scale.item()) == (counted, largest)


def test_nan_and_inf_are_recorded():
    net = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    with track(net, every=1, histograms=1) as record:
        for scale in (1.0, float("inf"), 1.0):
            optimizer.zero_grad()
            (net(torch.ones(1, 2)).sum() * scale).backward()
            optimizer.step()
    gradient = record.table("grad_norm")["weight"]
    assert np.isfinite(gradient[0])
    assert np.isinf(gradient[1])
    assert np.isnan(record.table("distance")["weight"][2]) or np.isinf(record.table("distance")["weight"][2])
    assert record.first_nonfinite() == (1, "weight", "weight_norm")
    assert record.histograms("weight")[2].sum(1).tolist() == [4, 0, 0]


def test_a_parameter_without_gradient_has_no_row():
    net = shared_mlp()
    net[0].requires_grad_(False)
    with track(net, every=1) as record:
        fit(net, 2)
    assert not record.frame()["parameter"].str.startswith("0.").any()
    assert record.first_nonfinite() is None


def test_two_optimizers_each_count_their_own_steps():
    net = shared_mlp()
    optimizers = [torch.optim.SGD(net[0].parameters(), 0.1), torch.optim.SGD(net[2].parameters(), 0.1)]
    stranger = torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
    with track(net, every=2) as record:
        for X in batches(4):
            net(X).sum().backward()
            for optimizer in (*optimizers, stranger):
                optimizer.step()
    assert record.total_steps == 8
    rows = record.frame().groupby("parameter")["step"].apply(list).to_dict()
    assert rows == {name: [0, 2] for name in ("0.weight", "0.bias", "2.weight", "2.bias")}


def test_an_optimizer_with_a_closure():
    net = shared_mlp().eval()
    X = batches(1)[0]
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = net(X).square().mean()
        loss.backward()
        return loss

    with track(net, every=1) as record:
        optimizer.step(closure)
    assert record.total_steps == 1
    assert record.uses("2.weight")["check", "error"].max() < 1e-5


def test_low_precision_norms_do_not_overflow():
    net = nn.Linear(4, 4).half()
    with torch.no_grad():
        net.weight.fill_(60000)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    with track(net, every=1) as record:
        net.weight.sum().backward()
        optimizer.step()
    assert record.table("weight_norm")["weight"].item() == pytest.approx(4 * 60000, rel=1e-3)


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


def test_a_sparse_embedding():
    net = nn.Sequential(nn.Embedding(5, 3, sparse=True))
    optimizer = torch.optim.SparseAdam(net.parameters())
    with track(net, every=1) as record:
        for _ in range(2):
            optimizer.zero_grad()
            net(torch.tensor([1, 3])).sum().backward()
            optimizer.step()
    assert record.table("grad_norm")["0.weight"].tolist() == pytest.approx([6**0.5] * 2)


def test_save_and_load(tmp_path):
    net = shared_mlp()
    with track(net, every=1, source="some data") as record:
        fit(net, 3)
    record.save(tmp_path / "record.pt")
    again = Record.load(tmp_path / "record.pt")
    assert repr(again) == repr(record)
    assert again.source == "some data"
    assert again.frame().equals(record.frame())
    assert again.uses("2.weight").equals(record.uses("2.weight"))
    assert [file.name for file in tmp_path.iterdir()] == ["record.pt"]


def test_what_cannot_be_loaded_says_so_and_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "text.pt").write_text("no record")
    with pytest.raises(ValueError, match=r"text.pt is not a record that Record.save wrote"):
        Record.load(tmp_path / "text.pt")
    with pytest.raises(FileNotFoundError):
        Record.load(tmp_path / "nothing.pt")
    monkeypatch.setattr(torch, "save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Record([], {}, 1, 1).save(tmp_path / "half.pt")
    assert [file.name for file in tmp_path.iterdir()] == ["text.pt"]


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (nn.Sequential(nn.ReLU()), {}, "this Sequential has no parameters, so there is nothing to track"),
        (
            nn.Sequential(nn.LazyLinear(3)),
            {},
            r"0.weight, 0.bias have no shape yet: run one batch through the net first, net\(X\)",
        ),
        (nn.Linear(1, 1), {"every": 0}, "every=0 must be 1 or more"),
    ],
)
def test_what_cannot_be_tracked_is_refused_before_the_loop(net, options, message):
    with pytest.raises(ValueError, match=message), track(net, **options):
        pytest.fail("the block ran")
    assert nothing_is_left_behind()


def test_a_loop_without_an_optimizer_of_torch_is_told_so():
    net = nn.Linear(1, 1)

    def by_hand():
        with track(net):
            net(torch.ones(1, 1)).backward()
            with torch.no_grad():
                net.weight -= 0.1 * net.weight.grad

    with pytest.warns(UserWarning, match="no optimizer took a step on this net"):
        by_hand()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ZeroDivisionError), track(net):
            _ = 1 / 0


def test_asking_for_what_was_not_recorded():
    net = shared_mlp()
    with track(net, every=1) as record:
        fit(net, 1)
    with pytest.raises(KeyError, match=r"it was not used more than once; split by use: \['2.weight', '2.bias'\]"):
        record.uses("0.weight")
    with pytest.raises(ValueError, match="'speed' is not recorded: choose one of weight_norm"):
        record.table("speed")


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


def test_an_optimizer_that_steps_in_the_backward_pass():
    plain, tracked = shared_mlp().eval(), shared_mlp().eval()

    def update(p):
        optimizer = torch.optim.SGD([p], lr=0.1)
        optimizer.step()
        optimizer.zero_grad()

    def run(net):
        for p in net.parameters():
            p.register_post_accumulate_grad_hook(update)
        for X in batches(3):
            net(X).square().mean().backward()

    run(plain)
    with track(tracked, every=1) as record:
        run(tracked)
    assert all(torch.equal(p, q) for p, q in zip(plain.parameters(), tracked.parameters(), strict=True))
    assert len(record.table("grad_norm")) == 3


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


class Lookahead(torch.optim.Optimizer):
    """Wraps another optimizer, and goes back half of the way after each of its steps."""

    def __init__(self, base):
        super().__init__(base.param_groups, {})
        self.base = base

    def step(self):
        before = [p.detach().clone() for group in self.param_groups for p in group["params"]]
        self.base.step()
        with torch.no_grad():
            for group in self.param_groups:
                for p, old in zip(group["params"], before, strict=True):
                    p.lerp_(old, 0.5)


def test_of_an_optimizer_within_another_the_outer_ones_update_stands():
    net, wanted = shared_mlp(), []
    optimizer = Lookahead(torch.optim.SGD(net.parameters(), lr=0.1))

    def look():
        wanted.append((0.05 * net[2].weight.grad.norm() / net[2].weight.norm()).item())

    with track(net, every=1) as record:
        fit(net, 4, optimizer, look)
    assert record.table("update_ratio").index.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(record.table("update_ratio")["2.weight"], wanted, rtol=1e-4)
    assert not record.frame().duplicated(["step", "parameter"]).any()


def test_a_second_optimizer_goes_on_where_the_first_one_ended():
    net = shared_mlp()
    with track(net, every=2) as record:
        fit(net, 5, torch.optim.Adam(net.parameters(), lr=0.01))
        fit(net, 5, torch.optim.SGD(net.parameters(), lr=0.1))
    assert record.table("grad_norm").index.tolist() == [0, 2, 4, 6, 8]
    assert record.uses("2.weight").index.tolist() == [0, 2, 4, 6, 8]


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_parameter_without_numbers():
    net = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 0, bias=False))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1, histograms=1) as record:
        net(torch.ones(1, 4)).sum().backward()
        optimizer.step()
    assert record.table("weight_norm")["1.weight"].item() == 0
    assert record.histograms("1.weight")[2].sum() == 0


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


def recorded(*records):
    """Return how many tensors these records hold, histograms aside."""
    return sum(len(record._rows) + 2 * sum(map(len, record._uses.values())) for record in records)


def test_nothing_piles_up():
    def alive():
        gc.collect()
        return sum(issubclass(type(thing), (torch.Tensor, torch.optim.Optimizer)) for thing in gc.get_objects())

    net, X = shared_mlp().eval(), batches(1)[0]

    def renewed():
        fit(net, 1, torch.optim.Adam(net.parameters()))

    def no_step():
        torch.autograd.grad(net(X).square().mean(), list(net.parameters()))

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 1)

        def forward(self, X):
            return (self.layer(X) + self.layer(2 * X)).sum()

    twice = Twice()
    optimizer = torch.optim.SGD(twice.parameters(), lr=0.1)

    def retained():
        loss.backward(retain_graph=True)
        optimizer.step()

    with track(net, every=1) as record, track(twice, every=1) as other:
        loss = twice(X)
        for loop in (renewed, no_step, retained):
            for _ in range(3):
                loop()
            before, rows = alive(), recorded(record, other)
            for _ in range(30):
                loop()
            assert alive() - before < 20 + recorded(record, other) - rows, loop
    assert (record.total_steps, other.total_steps) == (33, 33)


def test_a_step_that_calls_the_step_of_its_own_class_counts_once():
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # torch hooks each class when it first makes one of it

    class Decay(torch.optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.mul_(0.9)

    net, start = shared_mlp(), shared_mlp()
    with track(net, every=1, histograms=1) as record:
        fit(net, 1, Decay(net.parameters(), lr=0.1))
        change = (net[2].weight - start[2].weight).norm() / net[2].weight.norm()
        fit(net, 2, Decay(net.parameters(), lr=0.1))
    assert record.total_steps == 3
    assert record.table("update_ratio").index.tolist() == [0, 1, 2]
    assert record.table("update_ratio")["2.weight"][0] == pytest.approx(change.item(), rel=1e-4)
    assert record.histograms("2.weight")[0].tolist() == [0, 1, 2]


def test_optimizers_that_take_turns_have_their_steps_in_one_row():
    net = shared_mlp()
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1), torch.optim.Adam(net.parameters())]
    with track(net, every=1) as record:
        for k in range(3):
            fit(net, 1, optimizers[k % 2])
            fit(net, 1, optimizers[1 - k % 2])
    assert record.table("grad_norm").index.tolist() == [0, 1, 2, 3, 4, 5]
    assert record.uses("2.weight").index.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_step_that_fails_is_not_mistaken_for_the_next_one():
    net, fail = shared_mlp(), [True, False, False]

    class Fails(torch.optim.SGD):
        def step(self, closure=None):
            if fail.pop(0):
                with torch.no_grad():
                    self.param_groups[0]["params"][0].mul_(2)
                raise RuntimeError("stop")
            return super().step(closure)

    optimizer = Fails(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        with pytest.raises(RuntimeError, match="stop"):
            fit(net, 1, optimizer)
        fit(net, 2, optimizer)
    ratio, weight, gradient = (record.table(q) for q in ("update_ratio", "weight_norm", "grad_norm"))
    assert ratio.index.tolist() == [0, 1]
    np.testing.assert_allclose(ratio, 0.1 * gradient / weight, rtol=1e-4)


@pytest.mark.parametrize("patient", [True, False])
def test_another_thread_may_run_the_net_while_this_one_trains_it(patient):
    inside, leave = threading.Event(), threading.Event()

    class Waits(nn.Module):
        def forward(self, X):
            if threading.current_thread() is not threading.main_thread():
                inside.set()
                leave.wait(20)
            return X

    net = nn.Sequential(nn.Linear(4, 4), Waits(), nn.Linear(4, 3)).eval()
    actor = threading.Thread(target=lambda: net(torch.ones(1, 4)))
    with track(net, every=2) as record:
        actor.start()
        assert inside.wait(20)
        fit(net, 3)
        if patient:
            leave.set()
            actor.join()
            fit(net, 3)
    leave.set()
    actor.join()
    assert record.total_steps == (6 if patient else 3)
    assert nothing_is_left_behind()


def test_forward_may_train_a_part_of_its_own():
    class Adapts(nn.Module):
        def __init__(self):
            super().__init__()
            self.fast, self.slow = nn.Linear(4, 4), nn.Linear(4, 4)
            self.inner = torch.optim.SGD(self.fast.parameters(), lr=0.1)

        def forward(self, X):
            with torch.device("cpu"):
                self.inner.zero_grad()
                self.fast(X).square().mean().backward()
                self.inner.step()
            return self.slow(self.slow(self.fast(X).detach()))

    net = Adapts()
    with track(net, every=2) as record:
        fit(net, 5, torch.optim.SGD(net.slow.parameters(), lr=0.1))
    assert record.uses("slow.weight").index.tolist() == [0, 2, 4]
    assert record.uses("slow.weight")["check", "error"].max() < 1e-5
    assert nothing_is_left_behind()


def test_uses_that_were_thinned_away_are_not_listed(monkeypatch):
    monkeypatch.setattr(records, "MOST_ROWS", 4)

    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls, self.layer = 0, nn.Linear(4, 4)

        def forward(self, X):
            self.calls += 1
            return self.layer(self.layer(X)) if self.calls % 2 == 0 else self.layer(X)

    net = Sometimes()
    with track(net, every=1) as record:
        fit(net, 5)
    assert record.shared == []
    assert "gradient by use" not in repr(record)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_no_step_waits_for_a_number():
    net = shared_mlp().cuda()
    loads = [X.cuda() for X in batches(30)]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1, histograms=1) as record:
        torch.cuda.set_sync_debug_mode("error")
        try:
            for X in loads:
                optimizer.zero_grad()
                net(X).square().mean().backward()
                optimizer.step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert record.uses("2.weight")["check", "error"].max() < 1e-5
    assert np.isfinite(record.frame()["grad_norm"]).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_net_that_moves_to_the_gpu_inside_the_block():
    net = shared_mlp()
    with track(net, every=1) as record:
        net.cuda()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for X in batches(3):
            optimizer.zero_grad()
            net(X.cuda()).square().mean().backward()
            optimizer.step()
    assert len(record.table("distance")) == 3
