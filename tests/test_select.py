"""What `select` takes: fnmatch's grammar, braces, one part between two dots, and layers of a type."""

import re
from fnmatch import fnmatchcase
from itertools import product

import pytest
import torch
from torch import nn

from d2lparams import initialize, select, track
from d2lparams._patterns import any_of, as_regex, literal

PIECES = ["a", "b", ".", "*", "?", "[ab]", "[!a]", "[", "]", "-"]


def names_of(*names):
    net = nn.Module()
    for name in names:
        *path, last = name.split(".")
        module = net
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_parameter(last, nn.Parameter(torch.ones(1)))
    return net


def test_without_braces_and_stars_between_dots_a_pattern_means_what_fnmatch_says():
    texts = ["".join(text) for length in range(4) for text in product("ab.[", repeat=length)]
    for pattern in map("".join, product(PIECES, repeat=3)):
        if ".*." not in pattern and "**" not in pattern:
            expected = [text for text in texts if fnmatchcase(text, pattern)]
            assert [text for text in texts if as_regex(pattern).fullmatch(text)] == expected, pattern


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("layer.*.out.weight", ["layer.0.out.weight", "layer.11.out.weight"]),
        ("layer.**.out.weight", ["layer.0.out.weight", "layer.11.out.weight", "layer.0.att.out.weight"]),
        ("layer.*.*.out.weight", ["layer.0.att.out.weight"]),
        ("*.weight", ["layer.0.out.weight", "layer.11.out.weight", "layer.0.att.out.weight", "head.weight"]),
        ("layer.*", ["layer.0.out.weight", "layer.11.out.weight", "layer.0.att.out.weight", "layer.0.out.bias"]),
        ("*.out.*", ["layer.0.out.weight", "layer.11.out.weight", "layer.0.att.out.weight", "layer.0.out.bias"]),
        ("layer.{0-10}.out.{weight,bias}", ["layer.0.out.weight", "layer.0.out.bias"]),
        ("layer.{1,11}.out.*", ["layer.11.out.weight"]),
        ("{head,layer.11.out}.weight", ["layer.11.out.weight", "head.weight"]),
    ],
)
def test_a_star_between_two_dots_is_one_part_of_a_name(pattern, expected):
    net = names_of(
        "layer.0.out.weight", "layer.11.out.weight", "layer.0.att.out.weight", "layer.0.out.bias", "head.weight"
    )
    assert sorted(select(net, pattern)) == sorted(expected)
    assert sorted(row.names[0] for row in initialize(net, {pattern: nn.init.zeros_}).touched) == sorted(expected)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 11), (7, 120), (99, 1001), (3, 2000), (10, 19), (5, 4)])
def test_a_range_takes_its_numbers_and_no_others(low, high):
    found = [number for number in range(2100) if as_regex(f"a.{{{low}-{high}}}").fullmatch(f"a.{number}")]
    assert found == list(range(low, high + 1))


def test_numbers_and_names_are_written_as_patterns_that_mean_them():
    assert any_of(["8", "0", "1", "2", "11"]) == "{0-2,8,11}"
    assert any_of(["3"]) == "3"
    for text in ("block [0].weight", "a*b", "{1-2}.w", "[!x]?", "[[]", "**"):
        assert as_regex(literal(text)).fullmatch(text)
        assert not as_regex(literal(text)).fullmatch(text + "x")


def test_a_name_that_is_there_stands_for_itself():
    net = names_of("block [0].weight", "block 0.weight", "a*b.weight", "aab.weight")
    assert list(select(net, "block [0].weight")) == ["block [0].weight"]
    assert list(select(net, "a*b.weight")) == ["a*b.weight"]
    assert list(select(net, "block [0]*")) == ["block 0.weight"]


def test_layers_of_a_type_with_all_that_stands_below_them():
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    net = nn.ModuleDict(
        {"stem": nn.Conv1d(3, 8, 1), "body": nn.Sequential(layer, nn.BatchNorm1d(8)), "head": layer.linear1}
    )
    inside = [f"body.0.{name}" for name, _ in layer.named_parameters()]
    assert list(select(net, nn.TransformerEncoderLayer)) == inside
    assert list(select(net, nn.Linear)) == [name for name in inside if "linear" in name or "out_proj" in name]
    assert list(select(net, (nn.Conv1d, nn.BatchNorm1d))) == [
        "stem.weight",
        "stem.bias",
        "body.1.weight",
        "body.1.bias",
    ]
    assert list(select(net, nn.Module)) == [name for name, _ in net.named_parameters()]
    parametrized = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), nn.PReLU())
    assert len(select(parametrized, nn.Linear)) == 3
    with pytest.raises(ValueError, match="type Conv2d; the types here: Conv1d, MultiheadAttention,"):
        select(net, nn.Conv2d)
    for wrong in (nn.Linear(2, 2), torch.Tensor, (), (nn.Linear, "x"), None):
        with pytest.raises(TypeError, match=r"a layer's class such as nn\.Linear"):
            select(net, wrong)


def test_buffers_on_request():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    assert list(select(net, "*.running_mean", buffers=True)) == ["0.running_mean", "1.running_mean"]
    assert len(select(net, nn.BatchNorm1d, buffers=True)) == 10
    with pytest.raises(ValueError, match="matches buffers: pass buffers=True"):
        select(net, "*.running_mean")


def test_track_takes_a_type_too():
    net = nn.Sequential(nn.Linear(2, 2), nn.PReLU())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with track(net, every=1, histograms=0, parameters=nn.PReLU) as record:
        net(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    assert list(record.names) == ["1.weight"]


def test_what_used_to_match_several_parts_is_said():
    net = names_of("encoder.a.b.weight")
    with pytest.raises(ValueError, match=re.escape("for several write 'encoder.**.weight'")):
        select(net, "encoder.*.weight")
