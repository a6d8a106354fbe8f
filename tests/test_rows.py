"""What a table of parameters offers besides its print: rows by name, bytes, values, subtotals, and what ties save."""

import pytest
import torch
from nets import mlp, shared_net
from torch import nn

from d2lparams import parameter_table


def test_rows_are_counted_walked_through_and_found_by_any_name():
    net = shared_net()
    table = parameter_table(net)
    names = dict(net.named_parameters(remove_duplicate=False))
    assert len(table) == len(list(net.parameters()))
    assert [row.name for row in table] == [name for name, _ in net.named_parameters()]
    assert all(table[name].count == p.numel() for name, p in names.items())
    assert table[0] is table[table[0].name]
    assert "4.weight" in table
    assert "5.weight" not in table
    with pytest.raises(KeyError, match=r"no row is called '0.wieght'; close names: '0.weight'"):
        table["0.wieght"]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, 4),
        torch.ones(3, 4, dtype=torch.float16),
        torch.ones(3, 4, dtype=torch.complex64),
        torch.ones(3, 4, device="meta"),
        torch.ones(3, 4).t(),
    ],
)
def test_bytes_are_what_torch_says(tensor):
    table = parameter_table(nn.ParameterList([nn.Parameter(tensor)]))
    assert table[0].bytes == table.bytes == tensor.nbytes


@pytest.mark.filterwarnings("ignore:Sparse")
def test_bytes_of_sparse_and_nested_and_lazy_tensors():
    matrix = torch.eye(4)
    net = nn.Module()
    net.coo, net.csr = nn.Parameter(matrix.to_sparse()), nn.Parameter(matrix.to_sparse_csr())
    net.lazy = nn.UninitializedParameter()
    table = parameter_table(net)
    assert table["coo"].bytes == 4 * 4 + 2 * 4 * 8  # values, and two indices for each
    assert table["csr"].bytes == 4 * 4 + 4 * 8 + 5 * 8  # values, columns, rows' starts
    assert table["lazy"].bytes is None


def test_what_ties_save():
    net = shared_net()
    every = sum(p.nbytes for _, p in net.named_parameters(remove_duplicate=False))
    table = parameter_table(net)
    assert table.saved == every - sum(p.nbytes for p in net.parameters()) > 0
    assert f"which save {table.saved} bytes" in table.summary()
    a, b = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    b.weight.data = a.weight.data
    half = nn.ParameterList([nn.Parameter(a.weight.detach()[:2])])
    assert parameter_table(nn.Sequential(a, b)).saved == a.weight.nbytes
    assert parameter_table(nn.ModuleList([a, b, half])).saved == a.weight.nbytes + half[0].nbytes
    assert parameter_table(mlp(4, 8, 1)).saved == 0


def test_values_on_request():
    net = nn.Sequential(*(nn.Linear(5, 5) for _ in range(3)), nn.Linear(2, 2, device="meta"))
    with torch.no_grad():
        net[0].weight[0, :2] = 0
        net[1].bias[1] = float("nan")
    table = parameter_table(net, values=True)
    for name, p in net.named_parameters():
        values = table[name].values
        if p.is_meta:
            assert values is None
        elif name != "1.bias":
            expected = [p.mean(), p.std(correction=0), p.min(), p.max()]
            found = [values.mean, values.std, values.min, values.max]
            assert found == pytest.approx([number.item() for number in expected])
            assert (values.zeros, values.nonfinite) == (2 if name == "0.weight" else 0, 0)
    assert table["1.bias"].values.nonfinite == 1
    assert parameter_table(net)[0].values is None
    folded = repr(parameter_table(net[:3], values=True, max_rows=2)).splitlines()
    together = torch.cat([layer.weight.flatten() for layer in net[:3]]).detach()
    header, weights = folded[0].split(), folded[1].replace("3 × (5, 5)", "shape").split()
    assert float(weights[header.index("std")]) == pytest.approx(together.std(correction=0).item(), abs=1e-3)
    assert float(weights[header.index("max")]) == pytest.approx(together.max().item(), abs=1e-3)


def test_subtotals_add_up_at_every_depth():
    net = nn.ModuleDict({"a": shared_net(), "b": nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3))})
    net["b"][1].requires_grad_(False)
    net.register_parameter("own", nn.Parameter(torch.ones(5)))
    table = parameter_table(net, buffers=True)
    for depth in (1, 2, 3, None):
        lines = table.subtotals(depth)
        assert sum(line.count for line in lines) == table.count
        assert sum(line.bytes for line in lines) == table.bytes
        assert sum(line.tensors for line in lines) == len(table)
    lines = table.subtotals()
    assert [line.path for line in lines] == ["", "a", "b"]
    assert lines["a"].count == sum(p.numel() for p in net["a"].parameters())
    assert (lines["b"].type, lines["b"].trainable) == ("Sequential", 6)
    assert table.subtotals(None)["a.4"].tied == net["a"][4].weight.numel() + net["a"][4].bias.numel()
    assert "(the net)" in repr(lines)
    with pytest.raises(ValueError, match="depth must be 1 or more"):
        table.subtotals(0)


def test_frame():
    pytest.importorskip("pandas")
    net = shared_net()
    frame = parameter_table(net, values=True).frame().set_index("name")
    assert list(frame.index) == [name for name, _ in net.named_parameters()]
    assert frame["count"].sum() == sum(p.numel() for p in net.parameters())
    assert frame.loc["2.weight", "layer"] == "Linear"
    assert frame.loc["2.weight", "uses"] == 2
    assert frame.loc["0.bias", "mean"] == pytest.approx(net[0].bias.mean().item())
