"""`grad_norm` is the gradient as an optimizer got it: every one of torch.optim, and some by other people."""

import pytest
import torch
from eight_nets import data, loss_of
from elsewhere import needed
from torch import nn

from d2lparams import track

NAMES = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
)
ELSEWHERE = [
    ("schedulefree", "SGDScheduleFree"),
    ("schedulefree", "AdamWScheduleFree"),
    ("pytorch_optimizer", "Lion"),
    ("pytorch_optimizer", "Muon"),
    ("pytorch_optimizer", "LARS"),
    ("pytorch_optimizer", "SAM"),
]


def parameters_for(name, net):
    if name == "Muon":
        return [p for p in net.parameters() if p.dim() == 2]
    return list(net.parameters())


def assert_seen(optimizer, net, mine, closure=False, sam=False):
    """Train two steps; compare the norms in the record with those of the gradients right before the step."""
    truth = []
    with track(net, every=1) as record:
        for step in range(2):
            X, seen = data(step), []

            def run(X=X, seen=seen):
                optimizer.zero_grad()
                loss = loss_of(net(X))
                loss.backward()
                seen.append([p.grad.to_dense().norm().item() for p in mine])
                return loss

            if closure:
                optimizer.step(run)
            else:
                run()
                if sam:
                    optimizer.first_step(zero_grad=True)
                    run()
                    optimizer.second_step()
                else:
                    optimizer.step()
            truth.append(seen)
    assert not record.errors
    names = {p: name for name, p in net.named_parameters()}
    frame = record.frame().set_index(["step", "parameter"])["grad_norm"]
    for step, seen in enumerate(truth):
        for i, p in enumerate(mine):
            assert frame[step, names[p]] == pytest.approx(seen[-1][i], rel=1e-6, abs=1e-9), (step, names[p])


@pytest.mark.parametrize("name", NAMES)
def test_torch_optim(name):
    torch.manual_seed(0)
    if name == "SparseAdam":
        net = nn.Sequential(nn.Embedding(8, 4, sparse=True))
        ids = [torch.tensor([1, 2, 2]), torch.tensor([3, 1, 0])]
        optimizer, truth = torch.optim.SparseAdam(net.parameters(), lr=0.1), []
        with track(net, every=1) as record:
            for X in ids:
                optimizer.zero_grad()
                loss_of(net(X)).backward()
                truth.append(net[0].weight.grad.to_dense().norm().item())
                optimizer.step()
        assert not record.errors
        assert list(record.frame().grad_norm) == pytest.approx(truth, rel=1e-6)
        return
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4))
    mine = parameters_for(name, net)
    optimizer = getattr(torch.optim, name)(mine, lr=0.01)
    assert_seen(optimizer, net, mine, closure=name == "LBFGS")


@pytest.mark.parametrize(("package", "name"), ELSEWHERE)
def test_optimizers_by_other_people(package, name):
    kind = getattr(needed(package), name)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4))
    mine = parameters_for(name, net)
    if name == "SAM":
        optimizer = kind(mine, base_optimizer=torch.optim.SGD, lr=0.01)
    elif name == "Muon":
        optimizer = kind([{"params": mine, "use_muon": True, "lr": 0.01}])
    else:
        optimizer = kind(mine, lr=0.01)
    if package == "schedulefree":
        optimizer.train()
    assert_seen(optimizer, net, mine, sam=name == "SAM")
