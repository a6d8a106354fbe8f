"""Eight nets in one process, trained as people train: the numbers are those of plain autograd, the bits the same."""

import contextlib
import functools

import pytest
import torch
from eight_nets import NETS, STEPS, bare, data, loss_of, make, numbers, wanted
from torch import nn
from torch.utils.checkpoint import checkpoint

from d2lparams import track

pytestmark = pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")
AUTOCAST = functools.partial(torch.autocast, "cpu", dtype=torch.bfloat16)
COMPILED = "a part of the net is compiled or scripted"


class Checkpointed(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, X):
        return checkpoint(self.net, X.requires_grad_(), use_reentrant=True)


def checkpoint_layers(net):
    for layer in {m for m in net.children() if hasattr(m, "weight") or isinstance(m, nn.TransformerEncoderLayer)}:
        layer.forward = functools.partial(checkpoint, layer.forward, use_reentrant=False)
    return net


def compiled(net):
    torch.compiler.reset()
    return torch.compile(net, backend="eager", fullgraph=True)


def train(model, parameters, context=contextlib.nullcontext, pieces=1, clip=None, changed=lambda model: model):
    """Train a model, if it is changed so meanwhile; plain PyTorch."""
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=clip is not None)
    model = changed(model)
    for step in range(STEPS):
        optimizer.zero_grad()
        for X in data(step).chunk(pieces):
            with context():
                loss = loss_of(model(X)) / pieces
            scaler.scale(loss).backward()
        if clip is not None:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(parameters, clip)
        scaler.step(optimizer)
        scaler.update()


def same_bits(name, tracked, **options):
    net = make(name)
    train(net, list(net.parameters()), **options)
    return all(torch.equal(p, q) for p, q in zip(net.parameters(), tracked.parameters(), strict=True))


def check(found, expected, tolerance=1e-5):
    assert found.keys() == expected.keys()
    for key, these in expected.items():
        assert found[key] == pytest.approx(these, rel=tolerance, abs=tolerance, nan_ok=True), key


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pieces": 2},
        {"changed": checkpoint_layers},
        {"clip": 0.05},
        {"clip": 0.05, "pieces": 2},
        {"context": AUTOCAST},
    ],
    ids=["plain", "accumulated", "checkpointed", "scaled and clipped", "all at once", "autocast"],
)
def test_the_numbers_are_those_of_an_untied_twin_and_the_training_is_the_same(name, options):
    net = make(name)
    with track(net, every=1, histograms=1) as record:
        train(net, list(net.parameters()), **options)
    autocast = options.get("context") is AUTOCAST
    truth = wanted(name, options.get("context", torch.enable_grad), options.get("clip", float("inf")))
    check(numbers(record), truth, 1e-2 if autocast else 1e-5)
    assert record.errors == {}
    assert record.hidden == []
    assert same_bits(name, net, **options) or (autocast and record.shared)


@pytest.mark.parametrize("name", NETS)
def test_what_a_reentrant_checkpoint_runs_is_measured_and_its_uses_are_said_to_be_hidden(name):
    with track(model := Checkpointed(make(name)), every=1) as record:
        train(model, list(model.parameters()))
    truth = wanted(name)
    check(numbers(record), {key: these for key, these in truth.items() if not key.endswith("uses")})
    assert {bare(hidden) for hidden in record.hidden} == {key.split()[1] for key in truth if not key.endswith("uses")}
    assert "seen to be used twice" not in repr(record)
    assert record.errors == {}
    assert same_bits(name, model)


@pytest.mark.parametrize("way", ["the plain one", "the compiled one", "inside"])
@pytest.mark.parametrize("name", NETS)
def test_a_compiled_net_is_measured_as_a_whole_and_said_to_be(name, way):
    net = make(name)
    run = net if way == "inside" else compiled(net)
    with track(run if way == "the compiled one" else net, every=1) as record:
        train(run, list(net.parameters()), changed=compiled if way == "inside" else lambda model: model)
    check(numbers(record), {key: these for key, these in wanted(name).items() if not key.endswith("uses")})
    assert record.errors == {}
    assert record.note == f"uses not split, since {COMPILED}"
    assert same_bits(name, net, changed=compiled)


class Block(nn.Linear):
    def forward(self, X):
        return torch.tanh(super().forward(X))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's, of block by block
@pytest.mark.parametrize("in_place", [True, False])
def test_blocks_that_are_compiled_meanwhile_are_compiled_no_more_often_than_without_the_watch(in_place):
    def run(watch):
        torch.compiler.reset()
        graphs = []

        def backend(graph, _):
            graphs.append(graph)
            return graph.forward

        net = nn.Sequential(*(Block(8, 8) for _ in range(12)))  # more than torch compiles of one function, 8
        with track(net, every=2) if watch else contextlib.nullcontext() as record:
            for i, layer in enumerate(net):
                if in_place:
                    layer.compile(backend=backend, fullgraph=True)
                else:
                    net[i] = torch.compile(layer, backend=backend, fullgraph=True)
            train(net, list(net.parameters()))
        return len(graphs), record

    plain, _ = run(False)
    found, record = run(True)
    assert found == plain
    assert record.errors == {}
    assert COMPILED in repr(record)


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch's own
def test_a_step_that_is_compiled_is_recorded_and_compiled_as_without_the_watch():
    def run(watch):
        torch.compiler.reset()
        graphs, net = [], make("a layer used twice")

        def backend(graph, _):
            graphs.append(graph)
            return graph.forward

        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        step = torch.compile(optimizer.step, backend=backend)
        with track(net, every=1) if watch else contextlib.nullcontext() as record:
            for i in range(STEPS):
                optimizer.zero_grad()
                loss_of(net(data(i))).backward()
                step()
        return len(graphs), record

    plain, _ = run(False)
    found, record = run(True)
    assert found == plain
    check(numbers(record), wanted("a layer used twice"))
