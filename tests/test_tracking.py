"""The tracker, held against numbers worked out beside it, and against the same training without it."""

import warnings

import numpy as np
import pytest
import torch
from loops import batches, fit, nothing_is_left_behind, shared_mlp
from torch import nn

from d2lparams import record as records
from d2lparams import track


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


def test_a_sparse_embedding():
    net = nn.Sequential(nn.Embedding(5, 3, sparse=True))
    optimizer = torch.optim.SparseAdam(net.parameters())
    with track(net, every=1) as record:
        for _ in range(2):
            optimizer.zero_grad()
            net(torch.tensor([1, 3])).sum().backward()
            optimizer.step()
    assert record.table("grad_norm")["0.weight"].tolist() == pytest.approx([6**0.5] * 2)


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
