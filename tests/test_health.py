"""The check-up of a net's first pass, held against plain autograd."""

import copy
import functools
import math
import warnings

import pytest
import torch
from nets import mlp
from torch import nn
from torch.nn import functional as F

from d2lparams import health, initialize

normal = functools.partial(nn.init.normal_, std=0.01)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def images(n=64):
    return torch.rand(n, 1, 28, 28), torch.randint(10, (n,))


def state_of(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def test_health_measures_what_a_plain_pass_measures():
    net, (X, y) = mlp(784, 256, 10), images()
    report = health(net, X, y)
    hidden = net[1](X.flatten(1))
    active = hidden.relu()
    output = net[3](active)
    loss = F.cross_entropy(output, y)
    flows = torch.autograd.grad(loss, [hidden, active, output])
    assert report.loss == pytest.approx(loss.item(), rel=1e-6)
    assert report.expected == math.log(10)
    assert [layer.name for layer in report.layers] == ["1", "2", "3"]
    for layer, value, flow in zip(report.layers, [hidden, active, output], flows, strict=True):
        assert layer.std == pytest.approx(value.std(correction=0).item(), rel=1e-5)
        assert layer.grad_std == pytest.approx(flow.std(correction=0).item(), rel=1e-5)
        assert layer.shape == tuple(value.shape)
    assert report.layers[1].dead == pytest.approx((active == 0).all(0).float().mean().item())
    assert report.verdict == "healthy"


def test_health_leaves_the_net_untouched():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.utils.parametrizations.spectral_norm(nn.Linear(8 * 26 * 26, 10)),
    )
    X, y = images(8)
    net(X).sum().backward()
    net[2].eval()
    before, modes = state_of(net), [m.training for m in net.modules()]
    grads, random = [p.grad.clone() for p in net.parameters()], torch.get_rng_state()
    report = health(net, X, y)
    layers = list(report.layers)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert modes == [m.training for m in net.modules()]
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), grads, strict=True))
    assert torch.equal(random, torch.get_rng_state())
    assert [layer.kind for layer in report.layers] == ["Conv2d", "BatchNorm2d", "ReLU", "Linear"]
    assert report.layers[1].std == pytest.approx(1, abs=0.01)  # BatchNorm's, seen before ReLU wrote over it
    net(X).sum().backward()
    assert report.layers == layers  # no hook is left


def test_health_changes_no_embedding_that_limits_its_norms_and_calls_no_hook():
    embedding, calls = nn.Embedding(10, 4, max_norm=0.5), []
    net = nn.Sequential(embedding, nn.Flatten(), nn.Linear(8, 3))
    before = embedding.weight.detach().clone()
    embedding.weight.register_hook(calls.append)
    health(net, torch.randint(10, (16, 2)), torch.randint(3, (16,)))
    assert torch.equal(embedding.weight, before)
    assert calls == []
    net(torch.randint(10, (16, 2))).sum().backward()
    assert len(calls) == 1
    assert not torch.equal(embedding.weight, before)


def test_health_sees_gradients_through_a_closure_and_what_is_written_on_a_parameter():
    plain = nn.Sequential(*(module for _ in range(12) for module in (nn.Linear(8, 8), nn.Tanh())), nn.Linear(8, 3))
    initialize(plain, {"*": lambda w: nn.init.normal_(w, std=0.05)})
    wrapped = copy.deepcopy(plain)
    for layer in wrapped:
        layer.forward = lambda X, forward=layer.forward: forward(X)
    X, y = torch.randn(20, 8), torch.randint(3, (20,))
    assert repr(health(wrapped, X, y)) == repr(health(plain, X, y))
    assert health(plain, X, y).verdict == "vanishes"

    class Scaled(nn.Linear):
        def forward(self, X):
            return super().forward(X) * self.weight.multiplier

    net = Scaled(8, 3)
    net.weight.multiplier = 2.0
    assert health(net, X, y).verdict == "healthy"


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_health_of_a_layer_without_units():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.full, self.empty = nn.Linear(4, 3), nn.Linear(4, 0)

        def forward(self, X):
            return self.full(X) + self.empty(X).sum()

    assert health(Beside(), torch.randn(5, 4), torch.randint(3, (5,))).layers[1].std is None


def test_health_knows_vanishing_exploding_and_dead():
    deep, (X, y) = mlp(784, *[256] * 20, 10), images()
    he = {"*.weight": functools.partial(nn.init.kaiming_normal_, nonlinearity="relu"), "*.bias": nn.init.zeros_}
    initialize(deep, he)
    assert health(deep, X, y).verdict == "healthy"
    initialize(deep, {"*.weight": normal})
    assert health(deep, X, y).verdict == "vanishes"
    initialize(deep, {"*.weight": functools.partial(nn.init.normal_, std=0.5)})
    assert health(deep, X, y).verdict == "explodes"
    net = mlp(784, 256, 10)
    initialize(net, {"1.bias": functools.partial(nn.init.constant_, val=-100)})
    report = health(net, X, y)
    assert (report.verdict, report.layers[1].dead) == ("dead", 1)
    assert any("100% of the units of '2' are dead" in reason for reason in report.reasons)


def test_health_reports_nan_and_infinity():
    net, (X, y) = mlp(784, 256, 10), images()
    with torch.no_grad():
        net[1].weight[3, 3] = float("nan")
    report = health(net, X, y)
    assert report.verdict == "not finite"
    assert "first in '1'" in report.reasons[0]
    assert math.isnan(report.layers[0].std)
    assert "nan" in repr(report)
    net = mlp(784, 256, 10)
    initialize(net, {"*.weight": functools.partial(nn.init.constant_, val=1e30)})
    assert health(net, X, y).verdict == "not finite"
    initialize(net, {"*.weight": normal})
    assert health(net, X, y, loss=lambda output, y: output.sum() * float("inf")).verdict == "not finite"


def test_a_confident_first_answer_alone_is_called_exploding():
    net, (X, y) = mlp(784, 10), images()
    with torch.no_grad():
        net[1].bias[0] = 50
    report = health(net, X, torch.ones_like(y))
    assert report.verdict == "explodes"
    assert any("wrong with confidence" in reason for reason in report.reasons)
    assert report.layers[0].std < 100  # the signal alone would pass


def test_health_errors_say_what_to_do():
    X, y = images(4)
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.Linear(8, 10))
    with pytest.raises(ValueError, match=r"1.weight.* have no shape yet: run one batch"):
        health(lazy, X, y)
    lazy(X)
    assert health(lazy, X, y).verdict == "healthy"
    with torch.device("meta"):
        empty = mlp(784, 10)
    with pytest.raises(ValueError, match=r"'1.weight' is on the meta device"):
        health(empty, X, y)
    with pytest.raises(ValueError, match=r"class numbers, but it is of torch.float32; pass loss="):
        health(mlp(784, 10), X, y.float())
    with pytest.raises(ValueError, match="depends on no parameter"):
        health(mlp(784, 10).requires_grad_(False), X, y)


def test_health_takes_other_losses_and_inputs():
    net = nn.Bilinear(4, 5, 1)
    X = torch.rand(8, 4), torch.rand(8, 5)
    report = health(net, X, torch.rand(8, 1), loss=nn.MSELoss(reduction="none"))
    assert report.expected is None
    assert [layer.name for layer in report.layers] == [""]
    named = health(net, {"input1": X[0], "input2": X[1]}, torch.zeros(8, 1), loss=F.mse_loss)
    assert named.loss == pytest.approx(net(*X).square().mean().item())
    X, y = images()
    assert health(mlp(784, 10), X, y, loss=nn.CrossEntropyLoss()).expected == math.log(10)


class _Reader(nn.Module):
    """Attention, recurrence, a parametrized head, and a layer that runs twice."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.attend = nn.MultiheadAttention(16, 2, batch_first=True)
        self.read = nn.LSTM(16, 16, batch_first=True)
        self.mix = nn.Linear(16, 16)
        self.head = nn.utils.parametrizations.weight_norm(nn.Linear(16, 5))

    def forward(self, x):
        x = self.embed(x)
        x = self.attend(x, x, x)[0]
        return self.head(self.mix(self.mix(self.read(x)[0])))


@pytest.mark.parametrize("wrap", [lambda net: net, functools.partial(torch.compile, backend="eager")])
def test_health_reads_attention_recurrence_parametrized_and_compiled_nets(wrap):
    net = _Reader()
    ids, targets = torch.randint(50, (3, 7)), torch.randint(5, (3, 7))
    loss = F.cross_entropy(net(ids).flatten(0, 1), targets.flatten()).item()
    net.mix.compile(backend="eager")  # in place
    report = health(wrap(net), ids, targets)
    assert [(layer.name, layer.kind) for layer in report.layers] == [
        ("embed", "Embedding"),
        ("attend", "MultiheadAttention"),
        ("read", "LSTM"),
        ("mix", "Linear"),
        ("mix #2", "Linear"),
        ("head", "Linear"),
    ]
    assert report.expected == math.log(5)
    assert all(layer.grad_std > 0 for layer in report.layers)
    assert report.loss == pytest.approx(loss, rel=1e-5)


class _Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.ones(1, 784))

    def forward(self):
        return self.value


class _Shifted(nn.Module):
    def __init__(self):
        super().__init__()
        self.shift, self.head = _Constant(), nn.Linear(784, 10)

    def forward(self, X):
        return self.head(X.flatten(1) + self.shift())


def test_health_leaves_no_hook_on_a_parameter_that_a_layer_hands_out():
    net, (X, y) = _Shifted(), images()
    net.shift.forward = lambda value=net.shift.value: value  # the net's own, in a copy of it too
    report = health(net, X, y)
    assert [layer.name for layer in report.layers] == ["shift", "head"]
    layers = list(report.layers)
    F.cross_entropy(net(X), 9 - y).backward()
    assert report.layers == layers


def test_health_names_a_tied_layer_by_the_path_of_each_run():
    shared = nn.Linear(16, 16)
    net = nn.Sequential(shared, nn.ReLU(), shared)
    report = health(net, torch.rand(8, 16), torch.randint(16, (8,)))
    assert [layer.name for layer in report.layers] == ["0", "1", "2"]


def test_health_looks_into_a_compiled_part():
    part = nn.Sequential(nn.Linear(784, 16), nn.ReLU())
    net = nn.Sequential(nn.Flatten(), torch.compile(part, backend="eager"), nn.Linear(16, 10))
    assert [layer.name for layer in health(net, *images()).layers] == ["1.0", "1.1", "2"]


def test_a_legacy_weight_norm_can_be_checked():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and its weight is a tensor that deepcopy refuses
        net = nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(784, 10)))
    X, y = images()
    net(X)
    weight = net[1].weight
    assert health(net, X, y).verdict == "healthy"
    assert net[1].weight is weight


def test_health_reads_nets_that_others_wrote():
    torchvision = pytest.importorskip("torchvision")

    torch.manual_seed(0)
    resnet = torchvision.models.resnet18(num_classes=10)
    report = health(resnet, torch.randn(4, 3, 32, 32), torch.randint(10, (4,)))
    assert report.verdict == "healthy"
    assert {layer.name for layer in report.layers} >= {"conv1", "layer1.0.relu #2", "fc"}
    assert len(repr(report).splitlines()) == 42
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers' own
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            n_layer=2, n_embd=32, n_head=2, vocab_size=100, n_positions=16, bos_token_id=0, eos_token_id=0
        )
        gpt = GPT2LMHeadModel(config)
    ids = torch.randint(100, (2, 8))
    assert health(gpt, {"input_ids": ids}, ids).expected == math.log(100)
    drawn = {name: p.clone() for name, p in gpt.named_parameters()}
    report = initialize(gpt, {"*wte*": nn.init.ones_})
    assert report.touched[0].names == ("transformer.wte.weight", "lm_head.weight")
    assert torch.equal(drawn["transformer.wpe.weight"], gpt.transformer.wpe.weight)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_health_on_a_gpu_leaves_its_random_state():
    net, (X, y) = mlp(784, 256, 10), images()
    there, before = copy.deepcopy(net).cuda(), torch.cuda.get_rng_state()
    assert health(there, X.cuda(), y.cuda()).loss == pytest.approx(health(net, X, y).loss, rel=1e-3)
    assert torch.equal(before, torch.cuda.get_rng_state())
