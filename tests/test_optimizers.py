"""Optimizers of torch and from elsewhere: what is recorded is the gradient that each was given."""

import inspect

import pytest
import torch
from elsewhere import needed
from loops import batches, shared_mlp
from torch import nn

from d2lparams import track

OF_TORCH = [name for name, found in vars(torch.optim).items() if inspect.isclass(found) and name != "Optimizer"]
FROM_ELSEWHERE = {
    "schedulefree": ["AdamWScheduleFree", "RAdamScheduleFree", "SGDScheduleFree", "AdamWScheduleFreeReference"],
    "pytorch_optimizer": ["Lion", "LARS", "Muon", "SAM", "ScheduleFreeAdamW", "Lookahead"],
}
WITH_CLOSURE = {"LBFGS", "SAM"}  # take no step without


def make(owner, name, parameters):
    if name == "Muon":  # takes matrices alone
        parameters = [p for p in parameters if p.ndim == 2]
        if owner != torch.optim:
            return owner.Muon([{"params": parameters, "use_muon": True}])
    if name == "SAM":
        return owner.SAM(parameters, torch.optim.SGD, lr=0.1)
    if name == "Lookahead":
        return owner.Lookahead(torch.optim.Adam(parameters))
    if name == "LBFGS":
        return owner.LBFGS(parameters, lr=0.1, max_iter=3)
    return getattr(owner, name)(parameters, **({} if owner == torch.optim else {"lr": 0.01}))


EVERY = [("torch.optim", name) for name in OF_TORCH]
EVERY += [(owner, name) for owner, names in FROM_ELSEWHERE.items() for name in names]


@pytest.mark.parametrize(
    ("owner", "name", "closed"),
    [(*each, closed) for each in EVERY for closed in (False, True) if closed or each[1] not in WITH_CLOSURE],
)
def test_the_gradient_is_the_one_that_the_optimizer_was_given(owner, name, closed):
    module = needed(owner)
    net = shared_mlp().eval()
    if name == "SparseAdam":
        net = nn.Sequential(nn.Embedding(6, 3, sparse=True))
    optimizer = make(module, name, list(net.parameters()))
    stepped = [p for group in optimizer.param_groups for p in group["params"]]
    wanted = []

    def closure():
        optimizer.zero_grad()
        loss = net(X).square().mean()
        loss.backward()
        given[:] = [p.grad.to_dense().norm().item() for p in stepped]
        return loss

    getattr(optimizer, "train", lambda: None)()
    with track(net, every=1, histograms=1) as record:
        for X in batches(4):
            given = []
            X = (X[0] * 5).long().abs() % 6 if name == "SparseAdam" else X
            if not closed or name == "SAM":  # which starts from a gradient
                closure()
            optimizer.step(closure) if closed else optimizer.step()
            wanted.append(given)
    assert record.errors == {}
    assert record.table("grad_norm").to_numpy() == pytest.approx(torch.tensor(wanted).numpy(), rel=1e-6)
    assert "4 rows of 4 steps" in repr(record)
    if name != "SparseAdam":
        assert record.uses("2.weight")["check", "error"].max() < 1e-6


def test_the_gradient_is_the_one_that_hooks_of_the_optimizer_leave():
    net = shared_mlp().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def clip(*_):
        nn.utils.clip_grad_norm_(net.parameters(), 1e-3)

    optimizer.register_step_pre_hook(clip)
    with track(net, every=1) as record:
        for X in batches(3):
            optimizer.zero_grad()
            net(X).square().mean().backward()
            optimizer.step()
    assert record.whole()["grad_norm"].tolist() == pytest.approx([1e-3] * 3, rel=1e-3)
    assert record.uses("2.weight")["check", "error"].max() < 1e-6
    assert len(optimizer._optimizer_step_pre_hooks) == 1


@pytest.mark.parametrize("steps", [1, 9])
def test_a_step_that_fails_leaves_no_hook_behind(steps):
    net = shared_mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def fail(*_):
        raise RuntimeError("no step today")

    optimizer.register_step_pre_hook(fail)
    with track(net, every=1):
        for _ in range(steps):
            with pytest.raises(RuntimeError, match="no step today"):
                optimizer.step()
        optimizer.param_groups.clear()
        torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert len(optimizer._optimizer_step_pre_hooks) == 1
