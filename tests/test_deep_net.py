"""The first pass through a deep net, held to closed forms and to `health`, which takes another way."""

import math

import pytest
import torch
from torch import nn

from d2lparams import health
from d2lparams.chapter.deep_net import ACTIVATIONS, SCHEMES, first_pass, profile


@pytest.mark.parametrize("activation", ["ReLU", "tanh", "none"])
@pytest.mark.parametrize("gain", [0.1, 1.0, 2.0])
def test_it_reports_what_health_finds_on_the_same_net(activation, gain):
    start = first_pass("He", gain, depth=6, width=64, activation=activation, seed=3)
    modules = {"ReLU": [nn.ReLU()], "tanh": [nn.Tanh()], "none": []}[activation]
    layers = [nn.Linear(*weight.shape[::-1], bias=False) for weight in start.weights]
    for layer, weight in zip(layers, start.weights, strict=True):
        layer.weight.data = weight
    net = nn.Sequential(*(part for layer in layers[:-1] for part in (layer, *modules)), layers[-1])
    generator = torch.Generator().manual_seed(3)
    X = torch.randn(64, 64, generator=generator, dtype=torch.float64).float()
    report = health(net, X, torch.randint(10, (64,), generator=generator))
    assert start.report.verdict == report.verdict
    assert start.report.reasons == report.reasons
    assert start.report.loss == pytest.approx(report.loss, rel=1e-6)
    assert len(start.report.layers) == len(report.layers)
    for ours, theirs in zip(start.report.layers, report.layers, strict=True):
        assert ours.shape == theirs.shape
        assert ours[3:] == pytest.approx(theirs[3:])


def test_the_activations_and_gradients_are_those_of_autograd():
    start = first_pass("Xavier", 1.3, depth=3, width=32, activation="tanh", seed=1)
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(64, 32, generator=generator, dtype=torch.float64).float()
    y, seen = torch.randint(10, (64,), generator=generator), []
    for i, weight in enumerate(start.weights):
        values = values @ weight.T
        values = (torch.tanh(values) if i < 3 else values).requires_grad_()
        values.retain_grad()
        seen.append(values)
    nn.functional.cross_entropy(values, y).backward()
    for ours, truth in zip(start.activations, seen, strict=True):
        torch.testing.assert_close(ours, truth.detach())
    for ours, truth in zip(start.gradients, seen, strict=True):
        torch.testing.assert_close(ours, truth.grad)
    for kind in ("weights", "activations", "gradients"):
        assert start.stds[kind] == pytest.approx([t.std(correction=0).item() for t in getattr(start, kind)])


@pytest.mark.parametrize(
    ("scheme", "std"),
    [
        ("default", 1 / math.sqrt(3 * 256)),
        ("He", math.sqrt(2 / 256)),
        ("Xavier", math.sqrt(2 / 512)),
        ("orthogonal", 1 / 16),
        ("normal(0.01)", 0.01),
        ("half-zero, ±(5, 10)", math.sqrt((25 + 50 + 100) / 6)),
        ("zeros", 0.0),
    ],
)
def test_each_scheme_draws_its_own_std_and_gain_is_a_factor_on_it(scheme, std):
    assert first_pass(scheme, 3.0, width=256).stds["weights"][:-1] == pytest.approx([3 * std] * 4, rel=0.02)


def test_verdicts_follow_the_closed_form():
    def verdict(gain):  # without activations an orthogonal layer multiplies every length by its gain
        return first_pass("orthogonal", gain, depth=10, width=128, activation="none").report.verdict

    assert [verdict(gain) for gain in (0.4, 1.0, 2.5)] == ["vanishes", "healthy", "explodes"]  # 1,000^(1/10) is 2.0


def test_another_gain_scales_the_same_draws_and_another_depth_keeps_the_first_layers():
    one, double, deeper = first_pass(), first_pass(gain=2.0), first_pass(depth=6)
    assert all(torch.equal(2 * w, v) for w, v in zip(one.weights, double.weights, strict=True))
    assert all(torch.equal(w, v) for w, v in zip(one.weights[:4], deeper.weights[:4], strict=True))
    assert not torch.equal(one.weights[0], one.weights[1])


def test_nothing_outside_is_touched():
    state = torch.get_rng_state()
    with torch.no_grad():  # as a training in the same thread may be
        first_pass("half-zero, ±(5, 10)")
        assert not torch.is_grad_enabled()
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("scheme", list(SCHEMES))
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_setting_has_finite_heights_also_where_numbers_overflow(scheme, activation):
    start = first_pass(scheme, 10.0, depth=16, width=16, activation=activation)
    for tensors in start[1:4]:
        limit, heights = profile(tensors)
        assert math.isfinite(limit)
        assert heights.isfinite().all()
    assert start.report.verdict in ("healthy", "vanishes", "explodes", "dead", "not finite")


def test_an_overflow_is_told_by_the_first_layer_that_it_reaches():
    start = first_pass(gain=1e10, depth=8, width=16)
    assert start.activations[0].isfinite().all()  # going up the numbers are finite at first; what comes back is not
    assert start.gradients[0].isnan().any()
    assert start.report.reasons == ["NaN or infinity first in 'layer 1' or in the gradient there"]


@pytest.mark.parametrize("values", [[-3.0, 1.0], [3.0, -1.0]])
def test_profile_reaches_as_far_as_the_largest_size(values):
    limit, heights = profile([torch.tensor(values)], bins=7)
    assert limit == 3.0
    assert heights.sum() == 2


def test_profile_counts_values_whose_range_float32_cannot_hold():
    limit, heights = profile([torch.tensor([-2e38, 0.0, 2e38, 2e38])], bins=5)
    assert limit == pytest.approx(2e38)
    assert heights.tolist() == [[0.5, 0, 0.5, 0, 1]]


def test_profile_counts_each_value_once_and_nan_never():
    limit, heights = profile([torch.tensor([-3.0, 3.0, 3.0, math.nan]), torch.tensor([0.0, math.inf])], bins=3)
    assert limit == 3.0
    assert heights.tolist() == [[0.5, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "Hé"}, "no scheme is called 'Hé'; choose one of default, He"),
        ({"activation": "relu"}, "no activation is called 'relu'; choose one of ReLU"),
        ({"depth": 0}, "depth=0, width=256: both must be 1 or more"),
    ],
)
def test_errors_say_what_to_do(options, message):
    with pytest.raises(ValueError, match=message):
        first_pass(**options)
