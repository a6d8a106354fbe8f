"""What torchinfo, accelerate and treescope show of parameters, ours show too, on a net with three kinds of ties.

Left out is what torchinfo adds from a run, the sizes of what flows through a net: those are no parameters.
"""

import re

import pytest
import torch
from elsewhere import needed
from torch import nn

from d2lparams import parameter_table, ties


def net_with_ties():
    """A module in two places, one Parameter in two modules, two Parameters over one memory; and a frozen layer."""
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Linear(6, 6) for _ in range(6)), nn.Linear(6, 2).requires_grad_(False))
    net[1] = net[0]
    net[3].weight = net[2].weight
    net[5].weight.data = net[4].weight.data
    nn.init.zeros_(net[6].bias)
    return net


def test_torchinfo():
    torchinfo = needed("torchinfo")
    net = net_with_ties()
    summary, table = torchinfo.summary(net, (3, 6), verbose=0), parameter_table(net)
    twice = net[2].weight  # one Parameter in two modules, which it counts twice
    trained = sum(row.count for row in table if row.trains)
    assert table.count == summary.total_params - twice.numel()
    assert trained == summary.trainable_params - twice.numel()
    assert table.bytes == summary.total_param_bytes - twice.nbytes
    lines = [info for info in summary.summary_list if info.depth == 1]
    first = lines
    for line, info in zip(table.subtotals(), first, strict=True):
        assert (line.type, line.count + line.tied) == (info.class_name, info.num_params)
        assert bool(line.trainable or line.tied) == (info.trainable == "True")


def test_accelerate():
    needed("accelerate")
    from accelerate.utils import find_tied_parameters

    net = net_with_ties()
    theirs, ours = find_tied_parameters(net), ties(net)
    assert len(theirs) == 3
    for group in theirs:
        assert any(set(group) <= set(tie.names) for tie in ours)
    assert len({tie.kind for tie in ours} & {"same module", "same Parameter", "same storage"}) == 3


@pytest.mark.filterwarnings("ignore")
def test_treescope(monkeypatch):
    treescope = needed("treescope")
    if not hasattr(torch.Tensor, "names"):  # it reads what newer torch lacks
        monkeypatch.setattr(torch.Tensor, "names", property(lambda tensor: (None,) * tensor.dim()), raising=False)
    net = net_with_ties()
    table = parameter_table(net, values=True)
    text = dict(re.findall(r"\((\d)\): (.*)", treescope.render_to_text(net)))
    form = r"(weight|bias)=<torch.nn.Parameter (\w+)\(([\d, ]+)\) ≈(\S+) ±\S+ \[≥(\S+), ≤(\S+)\](?: zero:(\d+))?"
    seen = 0
    for layer, line in text.items():
        for name, dtype, shape, mean, low, high, zeros in re.findall(form, line):
            row = table[f"{layer}.{name}"]
            assert (str(row.dtype), row.shape) == (f"torch.{dtype}", tuple(map(int, shape.strip(", ").split(", "))))
            shown = [f"{number:.2}" for number in (row.values.mean, row.values.min, row.values.max)]
            assert [float(number) for number in shown] == pytest.approx(
                [float(mean), float(low), float(high)], abs=0.02
            )
            assert row.values.zeros == int(zeros or 0)
            seen += 1
    assert seen >= len(table) - 1  # what it wrote as ±, a variance, is our std squared
