"""What `track` says of trainings as people run them: scaled losses, clipping, other optimizers, nets that change."""

import functools
import json
import math

import pytest
import torch
from loops import batches, fit, shared_mlp
from torch import nn
from torch.utils.checkpoint import checkpoint

from d2lparams import _torch, gradient_by_use, track, untie


class InPlace(torch.optim.SGD):
    """Works in the gradient's own memory, as optimizers from elsewhere do."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad.mul_(-group["lr"])
                p.add_(p.grad)


def emptied(parameters):
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    optimizer.register_step_post_hook(lambda *_: optimizer.zero_grad())
    return optimizer


@pytest.mark.parametrize("make", [functools.partial(InPlace, lr=0.1), emptied], ids=["in place", "emptied"])
def test_gradients_are_those_before_the_step(make):
    net = shared_mlp().eval()
    optimizer, wanted = make(net.parameters()), []
    with track(net, every=1, histograms=1) as record:
        for X in batches(3):
            optimizer.zero_grad()
            net(X).square().mean().backward()
            wanted.append([p.grad.norm().item() for p in net.parameters()])
            largest = net[2].weight.grad.abs().max().item()
            optimizer.step()
    assert record.table("grad_norm").to_numpy() == pytest.approx(torch.tensor(wanted).numpy(), rel=1e-6)
    assert record.histograms("2.weight", "gradient")[1][-1, -1] == pytest.approx(largest)
    assert record.uses("2.weight")["check", "error"].max() < 1e-6


def test_with_a_closure_gradients_are_those_that_it_leaves():
    net = shared_mlp().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    (X,) = batches(1)

    def closure():
        optimizer.zero_grad()
        loss = net(X).square().mean()
        loss.backward()
        return loss

    with track(net, every=1) as record:
        for _ in range(2):
            optimizer.step(closure)
            wanted = net[2].weight.grad.norm().item()
    assert record.table("grad_norm")["2.weight"].iloc[-1] == pytest.approx(wanted)
    assert record.uses("2.weight")["check", "error"].max() < 1e-6


def scaled(net, X, optimizer, scaler=None):
    scaler = scaler or torch.amp.GradScaler("cpu", init_scale=2.0**16)
    scaler.scale(net(X).square().mean()).backward()
    scaler.step(optimizer)


def clipped(net, X, optimizer):
    net(X).square().mean().backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
    optimizer.step()


def scaled_and_clipped(net, X, optimizer):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    for part in X.chunk(2):
        scaler.scale(net(part).square().mean() / 2).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
    scaler.step(optimizer)


@pytest.mark.parametrize("take_step", [scaled, clipped, scaled_and_clipped])
def test_uses_have_the_units_of_the_gradient_that_the_optimizer_got(take_step):
    net = shared_mlp().eval()
    twin = untie(net)
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.0) for model in (net, twin)]
    (X,) = batches(1)
    with track(net, every=1) as record:
        take_step(net, X, optimizers[0])
    take_step(twin, X, optimizers[1])
    table = record.uses("2.weight").iloc[0]
    total = record.table("grad_norm")["2.weight"].iloc[0]
    assert table["sum", "norm"] == pytest.approx(total, rel=1e-5)
    assert table["check", "error"] < 1e-5
    # in the twin both layers were clipped by another norm, so compare their proportion
    ratio = twin[2].weight.grad.norm() / twin[5].weight.grad.norm()
    assert table["norm", "2"] / table["norm", "5"] == pytest.approx(ratio.item(), rel=1e-4)


def test_a_gradient_that_was_changed_entry_by_entry_shows_in_the_check():
    net = shared_mlp().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1) as record:
        net(batches(1)[0]).square().mean().backward()
        nn.utils.clip_grad_value_(net.parameters(), 1e-3)
        optimizer.step()
    assert record.uses("2.weight")["check", "error"].item() > 0.01


# ---- NaN at every step


@pytest.mark.parametrize("waits", [True, False], ids=["on the CPU", "as on a GPU"])
@pytest.mark.parametrize("culprit", ["0.weight", "2.weight", "6.bias"])
def test_the_first_nan_is_found_at_its_step_and_parameter(culprit, waits, monkeypatch):
    if not waits:  # there every step is marked, and nobody asks whether all is well
        monkeypatch.setattr(_torch, "all_finite", lambda tensors: False)
    net = shared_mlp()
    seen = []

    def spoil(gradient):
        seen.append(1)
        return gradient * math.nan if len(seen) == 26 else gradient

    net.get_parameter(culprit).register_hook(spoil)
    with track(net) as record:
        fit(net, 60)
    assert record.first_nonfinite() == (25, culprit, "grad_norm")


def test_a_nan_that_the_last_step_makes_is_found():
    net = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net) as record:
        for step in range(6):
            optimizer.zero_grad()
            net(torch.ones(1, 2)).sum().backward()
            optimizer.param_groups[0]["lr"] = math.inf if step == 5 else 0.1
            optimizer.step()
    assert record.first_nonfinite()[::2] == (5, "weight_norm")


# ---- a net that changes, a part of it, a watch that goes on


def test_parameters_that_the_net_gets_meanwhile_are_said_and_recorded():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    saved = {name: value.clone() for name, value in net.state_dict().items()}
    told = pytest.warns(RuntimeWarning, match="the net got new Parameters")
    with told, track(net, every=1) as record:
        fit(net, 2)
        net.load_state_dict(saved, assign=True)
        fit(net, 2)
        net.append(nn.Linear(3, 2))
        fit(net, 2)
    assert record.total_steps == 6
    assert record.table("grad_norm")["0.weight"].notna().all()
    assert record.table("grad_norm")["2.weight"].notna().sum() == 2
    assert record.table("distance")["0.weight"].iloc[2] == pytest.approx(
        record.table("update_ratio")["0.weight"].iloc[2] * record.table("weight_norm")["0.weight"].iloc[2], rel=1e-3
    )


def test_an_optimizer_that_holds_what_the_net_has_dropped_is_said():
    net = nn.Sequential(nn.Linear(4, 4))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.ones(1, 4)).sum().backward()
    told = pytest.warns(RuntimeWarning, match="no longer holds: 0.weight, 0.bias")
    with told, track(net):
        net.load_state_dict({name: value.clone() for name, value in net.state_dict().items()}, assign=True)
        optimizer.step()


def test_a_part_is_watched_by_pattern_and_frozen_parameters_cost_nothing():
    net = shared_mlp()
    net[0].requires_grad_(False)
    with track(net, every=1, parameters="*.weight") as record:
        fit(net, 3)
    assert record.names == ["0.weight", "2.weight", "6.weight"]
    assert list(record.table("grad_norm")) == ["2.weight", "6.weight"]
    assert record.shared == ["2.weight"]
    with pytest.raises(ValueError, match="no parameter matches"), track(net, parameters="*.wieght"):
        pass


def test_a_second_watch_goes_on_from_a_record():
    net = shared_mlp().eval()
    start = {name: value.clone() for name, value in net.state_dict().items()}
    with track(net, every=1) as record:
        fit(net, 3)
    with track(net, record=record, start=start) as same:
        fit(net, 3)
    assert same is record
    assert record.table("distance").index.tolist() == [0, 1, 2, 3, 4, 5]
    moved = (net[2].weight - start["2.weight"]).norm().item()
    assert record.table("distance")["2.weight"].iloc[-1] == pytest.approx(moved, rel=1e-5)
    with pytest.raises(ValueError, match="of another net"), track(nn.Bilinear(2, 2, 2), record=record):
        pass


def test_lean_measures_every_parameter_in_turn():
    nets = [shared_mlp().eval() for _ in range(2)]
    with track(nets[0], every=1) as whole:
        losses = fit(nets[0], 24)
    with track(nets[1], every=1, lean=True) as lean:
        assert fit(nets[1], 24) == losses
    found, wanted = lean.frame(), whole.frame().set_index(["step", "parameter"])
    assert set(found["parameter"]) == set(whole.names)
    assert found["distance"].isna().all()
    for row in found.itertuples():
        assert row.grad_norm == pytest.approx(wanted.loc[row.step, row.parameter]["grad_norm"])
        assert row.update_ratio == pytest.approx(wanted.loc[row.step, row.parameter]["update_ratio"])


def test_each_row_is_handed_out_when_it_is_recorded(tmp_path):
    net = shared_mlp()
    with (
        open(tmp_path / "rows.jsonl", "w") as file,
        track(net, every=2, each_row=lambda row: print(json.dumps(row), file=file)) as record,
    ):
        fit(net, 5)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2, 4]
    assert [row["grad_norm/2.weight"] for row in rows] == pytest.approx(record.table("grad_norm")["2.weight"].tolist())
    with pytest.warns(RuntimeWarning, match="each_row"), track(net, every=1, each_row=lambda row: row["nonsense"]):
        fit(net, 2)


# ---- which use is which


class Block(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.a, self.b, self.act = nn.Linear(4, 4), nn.Linear(4, 4), act

    def forward(self, X):
        return self.act(self.b(self.act(self.a(X))))


class Blocks(nn.Module):
    def __init__(self, keep):
        super().__init__()
        act = nn.PReLU()
        self.blocks, self.keep = nn.ModuleList(Block(act) for _ in range(3)), keep

    def forward(self, X):
        for i in self.keep:
            X = self.blocks[i](X)
        return X


@pytest.mark.parametrize("keep", [[0, 1, 2], [1, 2], [2, 0]])
def test_a_module_in_several_blocks_goes_by_the_block_that_calls_it(keep):
    torch.manual_seed(0)
    net, X = Blocks(keep), torch.randn(64, 4)
    by_use = gradient_by_use(net, lambda: net(X).square().mean())["blocks.0.act.weight"]
    twin = untie(net)
    twin(X).square().mean().backward()
    found = {f"blocks.{i}.act": 0.0 for i in keep}
    for place, gradient in by_use.items():
        found[place.split(" ")[0]] += gradient.item()
    wanted = {f"blocks.{i}.act": twin.blocks[i].act.weight.grad.item() for i in keep}
    assert found == pytest.approx(wanted, rel=1e-4)


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.first, self.a, self.reentrant = nn.Linear(4, 4), nn.Linear(4, 4), reentrant
        self.b = self.a

    def forward(self, X):
        return checkpoint(lambda X: self.b(torch.tanh(self.a(X))), self.first(X), use_reentrant=self.reentrant)


@pytest.mark.parametrize("reentrant", [False, True])
def test_what_a_checkpoint_hides_is_not_denied(reentrant):
    net = Checkpointed(reentrant)
    with track(net, every=1) as record:
        fit(net, 2)
    if reentrant:
        assert {"a.weight", "a.bias"} <= set(record.hidden)
        assert "seen to be used twice" not in repr(record)
    else:
        assert record.hidden == []
        assert list(record.uses("a.weight")["norm"]) == ["a", "b"]
        assert record.uses("a.weight")["check", "error"].max() < 1e-6


def test_gradient_by_use_says_what_a_checkpoint_hides():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
            self.b.weight = self.a.weight

        def forward(self, X):
            return self.b(torch.tanh(checkpoint(self.a, X, use_reentrant=True)))

    net, X = Net(), torch.randn(5, 3, requires_grad=True)
    with pytest.warns(RuntimeWarning, match="use_reentrant=True were not seen: of a.weight, a.bias"):
        gradient_by_use(net, lambda: net(X).square().sum())


def test_a_compiled_run_of_the_net_goes_through_whole():
    net, X = shared_mlp().eval(), batches(1)[0]
    plain = torch.compile(net, fullgraph=True, backend="eager")(X)
    run = torch.compile(net, fullgraph=True, backend="eager")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net) as record:
        found = run(X)
        found.square().mean().backward()
        optimizer.step()
    assert torch.equal(found, plain)
    assert len(record.frame()) == 6
    assert "since a part of the net is compiled" in repr(record)
