"""What goes wrong while a net is watched: interrupts, failures, threads; nothing is left behind."""

import copy
import gc
import pickle
import threading

import numpy as np
import pytest
import torch
from loops import batches, called, fit, nothing_is_left_behind, shared_mlp
from torch import nn

from d2lparams import track


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
        assert not called(lambda: torch.ones(2) + 1)
        fit(net, 1)


def test_a_net_can_be_copied_and_pickled_while_it_is_tracked():
    net = shared_mlp()
    with track(net, every=1) as record:
        fit(net, 1)
        copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
        for other in copies:
            fit(other, 3)
    assert record.total_steps == 1


def recorded(*records):
    """Return how many tensors these records hold, histograms aside."""
    rows = sum(record.frame()["step"].nunique() for record in records)
    return rows + 2 * sum(len(record.uses(name)) for record in records for name in record.shared)


@pytest.fixture
def _nothing_older():
    """Let the garbage collector look only at what is made from now on: other tests leave millions of objects."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_nothing_older")
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
