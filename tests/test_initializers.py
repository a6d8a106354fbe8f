"""Schemes and check-ups, held against nn.init, closed forms and scipy.stats; and the facts of notebooks 2 and 3."""

import copy
import functools
import inspect
import itertools
import math
import re
import warnings

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

import d2lparams
from d2lparams import Initializer, fan_in_out, half_zero_uniform_, health, initialize

LOW_P = 1e-4  # seeds are fixed: a KS test below this is no bad luck


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def mlp(*sizes):
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def images(n=64):
    return torch.rand(n, 1, 28, 28), torch.randint(10, (n,))


normal = functools.partial(nn.init.normal_, std=0.01)


# ---- initialize


def test_values_are_those_of_nn_init_from_the_same_generator():
    net = mlp(784, 256, 10)
    initialize(net, {"*.weight": nn.init.xavier_uniform_, "*.bias": nn.init.zeros_}, generator(3))
    g = generator(3)
    assert torch.equal(net[1].weight, nn.init.xavier_uniform_(torch.empty(256, 784), generator=g))
    assert torch.equal(net[3].weight, nn.init.xavier_uniform_(torch.empty(10, 256), generator=g))
    assert not net[1].bias.any()
    assert net[1].weight.requires_grad
    assert net[1].weight.is_leaf


def test_without_a_generator_the_global_one_decides():
    net = mlp(20, 10)
    torch.manual_seed(5)
    initialize(net, {"*.weight": normal})
    torch.manual_seed(5)
    assert torch.equal(net[1].weight, nn.init.normal_(torch.empty(10, 20), std=0.01))


def test_the_first_pattern_wins_and_the_report_says_who():
    net = mlp(4, 8, 1)
    report = initialize(net, {"*.bias": nn.init.zeros_, "1.*": nn.init.ones_, re.compile("weight"): normal})
    assert [row.scheme for row in report.rows] == ["ones_", "zeros_", "normal_(std=0.01)", "zeros_"]
    assert (net[1].weight == 1).all()
    assert not net[3].bias.any()


def test_the_report_lists_touched_and_untouched():
    net = mlp(4, 8, 1)
    bias = net[1].bias.clone()
    report = initialize(net, {"*.weight": nn.init.ones_})
    assert [row.names for row in report.touched] == [("1.weight",), ("3.weight",)]
    assert [row.names for row in report.untouched] == [("1.bias",), ("3.bias",)]
    assert (report.rows[0].mean, report.rows[0].std, report.rows[0].shape) == (1, 0, (8, 4))
    assert report.rows[1].mean == pytest.approx(bias.mean().item(), abs=1e-6)
    assert report.rows[1].std == pytest.approx(bias.std(correction=0).item(), abs=1e-6)
    assert torch.equal(net[1].bias, bias)


def test_a_tie_is_drawn_once_and_answers_to_each_name():
    shared = nn.Linear(8, 8)
    net = nn.Sequential(shared, shared)
    drawn = []
    report = initialize(net, {"1.weight": lambda w: drawn.append(w.shape) or w.mul_(0.5)})
    assert drawn == [(8, 8)]
    assert report.touched[0].names == ("0.weight", "1.weight")
    before = shared.weight.clone()
    initialize(net, {"*.weight": lambda w: w.mul_(0.5)})
    assert torch.equal(shared.weight, before / 2)  # net.apply would halve it twice


def test_a_pattern_without_a_match_lists_near_names_and_changes_nothing():
    net = mlp(4, 8, 1)
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match=r"no parameter matches '\*.wieght'.*1.weight"):
        initialize(net, {"*.bias": nn.init.ones_, "*.wieght": nn.init.ones_})
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_pattern_that_comes_too_late_is_an_error():
    with pytest.raises(
        ValueError, match=r"'\*.bias' is never used: '\*', which comes before it, already took '1.bias'"
    ):
        initialize(mlp(4, 8, 1), {"*": nn.init.ones_, "*.bias": nn.init.zeros_})


def test_a_lazy_layer_is_an_error_where_it_matches():
    net = nn.Sequential(nn.LazyLinear(8), nn.Linear(8, 1))
    with pytest.raises(ValueError, match=r"0.weight have no shape yet: run one batch"):
        initialize(net, {"*.weight": nn.init.ones_})
    report = initialize(net, {"1.weight": nn.init.ones_})
    assert report.untouched[0].shape is None
    assert "lazy" in repr(report)
    net(torch.rand(2, 4))
    initialize(net, {"*.weight": nn.init.ones_})
    assert (net[0].weight == 1).all()


def test_a_scheme_that_fails_half_way_leaves_the_net_as_it_was():
    net = mlp(4, 8, 1)
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match=r"xavier_uniform_ on '1.bias' \(8,\) failed, so nothing was changed: Fan in"):
        initialize(net, {"*": nn.init.xavier_uniform_})
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (lambda w: w * 0.5, "returned a new tensor"),
        (lambda w: w.resize_(1, 32), "made its shape"),
        (lambda w: nn.init.normal_(w), "drew from torch's global generator"),
    ],
)
def test_schemes_that_break_the_grammar_are_told(scheme, message):
    net = mlp(4, 8, 1)
    before = net[1].weight.clone()
    with pytest.raises(ValueError, match=message):
        initialize(net, {"1.weight": scheme}, generator())
    assert torch.equal(net[1].weight, before)


@pytest.mark.parametrize("schemes", [nn.init.zeros_, {"*.weight": 0.01}, ["*.weight"]])
def test_what_is_no_dict_of_functions_is_refused(schemes):
    with pytest.raises(TypeError, match="map patterns to functions"):
        initialize(mlp(4, 1), schemes)


def test_a_scheme_gets_name_and_generator_if_it_asks_and_a_partial_keeps_its_own():
    net, seen, g, own = mlp(4, 8, 1), [], generator(1), generator(2)

    def scheme(tensor, name="", generator=None):
        seen.append((name, generator))

    initialize(net, {"*.bias": scheme, "*.weight": functools.partial(scheme, generator=own)}, g)
    assert seen == [("1.weight", own), ("1.bias", g), ("3.weight", own), ("3.bias", g)]
    initialize(net, {"*": torch.Tensor.zero_})  # written in C: no signature to ask
    assert not any(p.any() for p in net.parameters())


def test_dtypes_frozen_meta_and_parametrized_parameters():
    net = mlp(4, 8, 1).to(torch.bfloat16)
    net[1].weight.requires_grad_(False)
    report = initialize(net, {"*": nn.init.ones_})
    assert net[1].weight.dtype == torch.bfloat16
    assert not net[1].weight.requires_grad
    assert report.rows[0].mean == 1
    with torch.device("meta"):
        empty = mlp(4, 8, 1)
    report = initialize(empty, {"*.weight": nn.init.xavier_uniform_}, generator())
    assert report.touched[0].mean is None
    assert "–" in repr(report)
    net = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    initialize(net, {"*original0": nn.init.ones_})
    assert torch.allclose(net.weight.norm(dim=1), torch.ones(3))
    with pytest.raises(ValueError, match="original"):
        initialize(net, {"weight": nn.init.ones_})


def test_reports_are_readable_short_and_escaped():
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(100)))
    report = initialize(net, {"*.weight": lambda w: w.zero_()})
    assert len(report.rows) == 200
    assert len(repr(report).splitlines()) == 43
    assert "160 more" in repr(report)
    assert repr(report).endswith("100 touched, 100 not")
    assert "<td" in report._repr_html_()
    odd = nn.Module()
    odd.register_parameter("<b>", nn.Parameter(torch.ones(1)))
    assert "&lt;b&gt;" in initialize(odd, {"*": nn.init.zeros_})._repr_html_()


# ---- fan-in, fan-out


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(400, 100), nn.Conv1d(4, 8, 5), nn.Conv2d(8, 16, (3, 5), groups=2), nn.ConvTranspose2d(4, 6, 3)],
)
def test_fans_are_those_of_nn_init(layer):
    assert fan_in_out(layer.weight) == nn.init._calculate_fan_in_and_fan_out(layer.weight)
    fan_in, fan_out = fan_in_out(layer.weight)
    bound = nn.init.xavier_uniform_(layer.weight).abs().max().item()
    assert bound == pytest.approx(math.sqrt(6 / (fan_in + fan_out)), rel=0.1)  # by what nn.init does with them


def test_fan_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"shape \(3,\) joins no inputs"):
        fan_in_out(torch.empty(3))
    with pytest.raises(ValueError, match="run one batch"):
        fan_in_out(nn.LazyLinear(3).weight)
    with pytest.raises(TypeError, match=r"Linear came: pass layer\.weight"):
        fan_in_out(nn.Linear(2, 2))


# ---- half zero


def test_half_zero_uniform_has_the_distribution_of_the_closed_form():
    weight = half_zero_uniform_(torch.empty(400, 500), generator=generator())
    values, n = weight.flatten(), weight.numel()
    kept = values[values != 0]
    assert stats.binomtest(len(kept), n, 0.5).pvalue > LOW_P
    assert stats.kstest(kept.abs().numpy(), stats.uniform(5, 5).cdf).pvalue > LOW_P
    assert stats.binomtest(int((kept > 0).sum()), len(kept), 0.5).pvalue > LOW_P
    assert values.mean().abs() < 4 * math.sqrt(175 / 6 / n)  # four standard errors
    assert values.var().item() == pytest.approx(175 / 6, rel=0.02)  # (25 + 50 + 100) / 6


def test_half_zero_uniform_keeps_the_half_for_any_bounds():
    values = half_zero_uniform_(torch.empty(100_000), low=1, high=4, generator=generator())  # not high/2
    kept = values[values != 0]
    assert stats.binomtest(len(kept), 100_000, 0.5).pvalue > LOW_P
    assert stats.kstest(kept.abs().numpy(), stats.uniform(1, 3).cdf).pvalue > LOW_P


def test_half_zero_uniform_speaks_pytorchs_grammar():
    weight = nn.Linear(20, 30).weight
    assert half_zero_uniform_(weight, generator=generator(1)) is weight
    assert weight.requires_grad
    assert weight.is_leaf
    again = half_zero_uniform_(torch.empty(30, 20), generator=generator(1))
    assert torch.equal(weight, again)
    assert torch.equal(
        half_zero_uniform_(torch.empty(30, 20, dtype=torch.bfloat16), generator=generator(1)), again.bfloat16()
    )
    assert half_zero_uniform_(torch.empty(2, 2, device="meta")).is_meta
    with pytest.raises(ValueError, match="low=10"):
        half_zero_uniform_(weight, low=10, high=5)
    with pytest.raises(TypeError, match=r"torch\.int64"):
        half_zero_uniform_(torch.zeros(3, dtype=torch.int64))


# ---- Initializer


class _Halves(Initializer):
    def init_weight_(self, tensor, generator=None):
        return half_zero_uniform_(tensor, generator=generator)


def test_an_initializer_reports_and_has_a_rule_for_each_kind(capsys):
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.LSTM(8, 8), nn.MultiheadAttention(8, 2))
    report = initialize(net, {"*": _Halves()}, generator())
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["init 0.weight (8, 4)", "init 0.bias (8,)", "init 1.weight (8,)"]
    assert len(lines) == len(list(net.parameters())) == len(report.touched)
    assert (net[1].weight == 1).all()
    assert not any(p.any() for name, p in net.named_parameters() if "bias" in name)
    assert torch.equal(net[0].weight, half_zero_uniform_(torch.empty(8, 4), generator=generator()))
    assert report.touched[0].scheme == "_Halves"


def test_an_initializer_can_be_silent_log_elsewhere_and_stand_alone(capsys):
    lines = []
    initialize(mlp(4, 8), {"*": _Halves(say=None)})
    initialize(mlp(4, 8), {"*": _Halves(say=lines.append)})
    assert capsys.readouterr().out == ""
    assert lines == ["init 1.weight (8, 4)", "init 1.bias (8,)"]
    weight = nn.Parameter(torch.ones(3, 3))
    assert _Halves(say=None)(weight) is weight
    with pytest.raises(NotImplementedError, match="Initializer has no init_weight_"):
        Initializer(say=None)(torch.empty(2, 2))


# ---- health


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
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert modes == [m.training for m in net.modules()]
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), grads, strict=True))
    assert torch.equal(random, torch.get_rng_state())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert not any(p._backward_hooks for p in net.parameters())
    assert [layer.kind for layer in report.layers] == ["Conv2d", "BatchNorm2d", "ReLU", "Linear"]
    assert report.layers[1].std == pytest.approx(1, abs=0.01)  # BatchNorm's, seen before ReLU wrote over it


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


def test_a_parameter_that_cannot_be_filled_is_refused_before_anything_changes():
    net = nn.Linear(2, 2)
    net.scale = nn.Parameter(torch.ones(1).expand(3))
    net.row = nn.Parameter(torch.ones(3).as_strided((1, 3), (0, 1)))
    before = net.weight.detach().clone()
    with pytest.raises(ValueError, match=r"scale cannot be filled: expand\(\) gave it fewer numbers"):
        initialize(net, {"*": nn.init.zeros_})
    assert torch.equal(net.weight, before)
    assert len(initialize(net, {"row": nn.init.zeros_}).touched) == 1


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
    assert (report.verdict, report.layers[1].dead) == ("vanishes", 1)
    assert "100% of the units of '2' are dead" in report.reasons


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
    net = _Shifted()
    assert [layer.name for layer in health(net, *images()).layers] == ["shift", "head"]
    assert not net.shift.value._backward_hooks


def test_health_names_a_tied_layer_by_the_path_of_each_run():
    shared = nn.Linear(16, 16)
    net = nn.Sequential(shared, nn.ReLU(), shared)
    report = health(net, torch.rand(8, 16), torch.randint(16, (8,)))
    assert [layer.name for layer in report.layers] == ["0", "1", "2"]


def test_health_looks_into_a_compiled_part():
    part = nn.Sequential(nn.Linear(784, 16), nn.ReLU())
    net = nn.Sequential(nn.Flatten(), torch.compile(part, backend="eager"), nn.Linear(16, 10))
    assert [layer.name for layer in health(net, *images()).layers] == ["1.0", "1.1", "2"]


def test_a_confident_first_answer_alone_is_called_exploding():
    net, (X, y) = mlp(784, 10), images()
    with torch.no_grad():
        net[1].bias[0] = 50
    report = health(net, X, torch.ones_like(y))
    assert report.verdict == "explodes"
    assert any("wrong with confidence" in reason for reason in report.reasons)
    assert report.layers[0].std < 100  # the signal alone would pass


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cpu_generator_gives_cpu_and_gpu_the_same_numbers():
    here, there = mlp(784, 256, 10), mlp(784, 256, 10).cuda()
    for net in (here, there):
        initialize(net, {"1.weight": half_zero_uniform_, "3.weight": nn.init.xavier_uniform_}, generator())
    assert torch.equal(here[1].weight, there[1].weight.cpu())
    assert torch.equal(here[3].weight, there[3].weight.cpu())
    X, y = images()
    before = torch.cuda.get_rng_state()
    assert health(there, X.cuda(), y.cuda()).loss == pytest.approx(health(here, X, y).loss, rel=1e-3)
    assert torch.equal(before, torch.cuda.get_rng_state())


def test_health_reads_nets_that_others_wrote():
    import torchvision

    torch.manual_seed(0)
    resnet = torchvision.models.resnet18(num_classes=10)
    report = health(resnet, torch.randn(4, 3, 32, 32), torch.randint(10, (4,)))
    assert report.verdict == "healthy"
    assert {layer.name for layer in report.layers} >= {"conv1", "layer1.0.relu #2", "fc"}
    assert report._repr_html_().count("<tr>") == 42
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


def test_a_legacy_weight_norm_can_be_checked():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and its weight is a tensor that deepcopy refuses
        net = nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(784, 10)))
    X, y = images()
    net(X)
    weight = net[1].weight
    assert health(net, X, y).verdict == "healthy"
    assert net[1].weight is weight


# ---- nn.init in this torch: notebook 2 shows each


def draw(scheme, *shape, **options):
    return scheme(torch.empty(shape), generator=generator(), **options).flatten().numpy()


def fits(values, law):
    return stats.kstest(values, law.cdf).pvalue > LOW_P


def test_nn_init_has_the_functions_that_the_chapter_shows():
    public = {name for name, f in vars(nn.init).items() if inspect.isfunction(f) and not name.startswith("_")}
    alive = {
        *("calculate_gain", "uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_"),
        *("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_"),
    }
    old = public - alive
    assert alive <= public
    assert {name + "_" for name in old} <= alive
    assert len(old) == 11
    for name in old:
        with pytest.warns(FutureWarning, match="deprecated"):
            getattr(nn.init, name)(
                *{"constant": (torch.empty(3, 3), 1), "sparse": (torch.empty(3, 3), 0.5)}.get(
                    name, (torch.empty(3, 3, 3) if name == "dirac" else torch.empty(3, 3),)
                )
            )


def test_the_random_schemes_follow_their_formulas():
    shape, fan_in, fan_out = (300, 200), 200, 300
    he, xavier = math.sqrt(2 / fan_in), math.sqrt(2 / (fan_in + fan_out))
    assert fits(draw(nn.init.uniform_, *shape, a=-2, b=3), stats.uniform(-2, 5))
    assert fits(draw(nn.init.normal_, *shape, mean=1, std=2), stats.norm(1, 2))
    assert fits(draw(nn.init.trunc_normal_, *shape), stats.truncnorm(-2, 2))
    assert fits(draw(nn.init.xavier_uniform_, *shape), stats.uniform(-xavier * 3**0.5, 2 * xavier * 3**0.5))
    assert fits(draw(nn.init.xavier_normal_, *shape, gain=2), stats.norm(0, 2 * xavier))
    assert fits(draw(nn.init.kaiming_uniform_, *shape), stats.uniform(-he * 3**0.5, 2 * he * 3**0.5))
    assert fits(draw(nn.init.kaiming_normal_, *shape, mode="fan_out"), stats.norm(0, math.sqrt(2 / fan_out)))
    assert not fits(draw(nn.init.kaiming_normal_, *shape), stats.norm(0, he * 1.05))  # the test has teeth


def test_trunc_normals_bounds_are_absolute():
    values = draw(nn.init.trunc_normal_, 300, 200, std=0.02)
    assert abs(values).max() > 3 * 0.02  # ±2 is 100 standard deviations away: nothing was cut
    assert fits(values, stats.norm(0, 0.02))


# ---- the facts


def test_fact_01_linears_default_is_uniform_in_one_over_root_fan_in():
    for out in (100, 3000):
        layer = nn.Linear(400, out)
        assert fits(layer.weight.detach().flatten().numpy(), stats.uniform(-0.05, 0.1))
        assert layer.weight.std().item() == pytest.approx(0.0289, rel=0.02)  # He: 0.0707
        assert layer.bias.abs().max() <= 0.05
    assert fits(nn.Linear(400, 3000).bias.detach().numpy(), stats.uniform(-0.05, 0.1))


def test_fact_04_type_equality_skips_lazy_layers_and_isinstance_raises():
    net = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(1))
    touched = []
    net.apply(lambda m: touched.append(m) if type(m) == nn.Linear else None)  # noqa: E721
    assert touched == []
    with pytest.raises(ValueError, match="uninitialized parameter"):
        net.apply(lambda m: nn.init.normal_(m.weight) if isinstance(m, nn.Linear) else None)
    net(torch.rand(2, 4))
    net.apply(lambda m: touched.append(m) if type(m) == nn.Linear else None)  # noqa: E721
    assert len(touched) == 2  # a lazy layer becomes an nn.Linear


def test_fact_05_nn_init_takes_weights_as_out_in():
    assert draw(nn.init.kaiming_normal_, 100, 400).std() == pytest.approx(math.sqrt(2 / 400), rel=0.02)  # 0.0707
    assert draw(nn.init.kaiming_normal_, 400, 100).std() == pytest.approx(math.sqrt(2 / 100), rel=0.02)  # 0.141


def test_fact_06_he_needs_the_second_moment_not_the_variance():
    z = torch.randn(1_000_000, generator=generator())
    a = F.leaky_relu(z, 0.1)
    assert a.mean().item() == pytest.approx(0.9 / math.sqrt(2 * math.pi), abs=0.003)  # 0.359
    assert nn.init.calculate_gain("leaky_relu", 0.1) == pytest.approx(a.square().mean().item() ** -0.5, rel=0.005)
    assert a.std().item() ** -1 > 1.15 * nn.init.calculate_gain("leaky_relu", 0.1)  # what the variance would give


def test_fact_17_an_embedding_at_unit_variance_tied_to_the_classifier_begins_at_256():
    embed = nn.Embedding(1000, 256)
    ids, targets = torch.randint(1000, (512,)), torch.randint(1000, (512,))
    loss = F.cross_entropy(F.linear(embed(ids), embed.weight), targets)
    assert loss.item() == pytest.approx(256, rel=0.05)
    nn.init.normal_(embed.weight, std=0.02)
    loss = F.cross_entropy(F.linear(embed(ids), embed.weight), targets)
    assert loss.item() == pytest.approx(math.log(1000), abs=0.05)


def shared_mlp():
    shared = nn.Linear(256, 256)
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(256, 10)
    )
    initialize(net, {"*.bias": nn.init.zeros_})
    return net


def test_fact_20_the_first_loss_reads_an_init():
    X, y = images(256)
    assert health(shared_mlp(), X, y).loss == pytest.approx(math.log(10), abs=0.1)
    net = shared_mlp()
    initialize(net, {"*.weight": half_zero_uniform_}, generator())
    assert 1e7 < health(net, X, y).loss < 1e8


def test_fact_20_zeros_give_no_weight_gradient():
    X, y = images()
    net = mlp(784, 256, 10)
    initialize(net, {"*": nn.init.zeros_})
    F.cross_entropy(net(X), y).backward()
    assert [name for name, p in net.named_parameters() if p.grad.any()] == ["3.bias"]


def test_fact_20_a_constant_keeps_rank_one():
    X, y = images()
    net = mlp(784, 256, 10).double()
    initialize(net, {"*.weight": nn.init.ones_, "*.bias": nn.init.zeros_})
    # every class gets the same logit, 100,000 or so: the first loss alone looks perfect, the signal does not
    report = health(net, X.double(), y)
    assert report.loss == pytest.approx(math.log(10))
    assert report.verdict == "explodes"
    initialize(net, {"*.weight": functools.partial(nn.init.constant_, val=0.01)})
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    first = net[1].weight.detach().clone()
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(net(X.double()), y).backward()
        optimizer.step()
    assert (net[1].weight - first).abs().max() > 1e-3
    assert torch.linalg.matrix_rank(net[1].weight) == 1


def test_fact_03_a_data_edit_hides_from_autograd():
    for edit, wanted in ((lambda w: w.data.mul_(10), 60), (lambda w: None, 6)):
        w = torch.tensor(3.0, requires_grad=True)
        y = w**2
        edit(w)
        y.backward()
        assert w.grad == wanted
    w = torch.tensor(3.0, requires_grad=True)
    y = w**2
    with torch.no_grad():
        w.mul_(10)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_public_names_are_exported():
    assert {"Initializer", "fan_in_out", "half_zero_uniform_", "health", "initialize"} <= set(d2lparams.__all__)
