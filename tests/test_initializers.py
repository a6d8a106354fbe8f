"""Schemes by pattern and schemes of one's own, held against nn.init, closed forms and scipy.stats."""

import copy
import functools
import math
import re

import pytest
import torch
from nets import mlp
from scipy import stats
from torch import nn

from d2lparams import Initializer, fan_in_out, half_zero_uniform_, initialize

LOW_P = 1e-4  # seeds are fixed: a KS test below this is no bad luck


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


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
    with pytest.raises(ValueError, match=r"0.weight has no shape yet: run one batch"):
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


def test_a_long_report_is_shortened():
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(100)))
    report = initialize(net, {"*.weight": lambda w: w.zero_()})
    assert len(report.rows) == 200
    assert len(repr(report).splitlines()) == 42
    assert "… 161 left out …" in repr(report)
    assert repr(report).endswith("100 touched, 100 not")


def test_a_parameter_that_cannot_be_filled_is_refused_before_anything_changes():
    net = nn.Linear(2, 2)
    net.scale = nn.Parameter(torch.ones(1).expand(3))
    net.row = nn.Parameter(torch.ones(3).as_strided((1, 3), (0, 1)))
    before = net.weight.detach().clone()
    with pytest.raises(ValueError, match=r"scale cannot be filled: expand\(\) gave it fewer numbers"):
        initialize(net, {"*": nn.init.zeros_})
    assert torch.equal(net.weight, before)
    assert len(initialize(net, {"row": nn.init.zeros_}).touched) == 1


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
    with pytest.raises(TypeError, match=r"not a list: pass layer or layer\.weight"):
        fan_in_out([1])
    with pytest.raises(ValueError, match="a LSTM has no tensor called weight: pass one of weight_ih_l0, weight_hh_l0"):
        fan_in_out(nn.LSTM(2, 2))


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cpu_generator_gives_cpu_and_gpu_the_same_numbers():
    here, there = mlp(784, 256, 10), mlp(784, 256, 10).cuda()
    for net in (here, there):
        initialize(net, {"1.weight": half_zero_uniform_, "3.weight": nn.init.xavier_uniform_}, generator())
    assert torch.equal(here[1].weight, there[1].weight.cpu())
    assert torch.equal(here[3].weight, there[3].weight.cpu())
