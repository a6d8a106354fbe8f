"""access.py against torch's own bookkeeping, on nets written here and on models that others wrote."""

import re
import sys
import warnings

import pytest
import torch
from torch import nn

from d2lparams import count_parameters, parameter_table, select


def mlp(shared=False):
    middle = nn.Linear(8, 8)
    last = middle if shared else nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), middle, nn.ReLU(), last, nn.ReLU(), nn.Linear(8, 1))


def transformer(model, config, **sizes):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # raised while transformers is imported
        transformers = pytest.importorskip("transformers")
        return getattr(transformers, model)(getattr(transformers, config)(**sizes))


def vision(name):
    pytest.importorskip("torchvision")
    from torchvision import models

    return getattr(models, name)(weights=None)


def check_against_torch(net):
    """Whatever the net, the rows must say what torch's own iterators say."""
    rows = parameter_table(net, buffers=True).rows
    parameters = [row for row in rows if row.kind == "parameter"]
    assert [row.name for row in parameters] == [name for name, _ in net.named_parameters()]
    assert [row.name for row in rows if row.kind != "parameter"] == [name for name, _ in net.named_buffers()]
    every = dict(net.named_parameters(remove_duplicate=False))
    assert sorted(name for row in parameters for name in row.names) == sorted(every)
    for row in parameters:
        p = every[row.name]
        assert (row.shape, row.dtype, row.device) == (tuple(p.shape), p.dtype, p.device)
        assert (row.count, row.trains) == (p.numel(), p.requires_grad)
        assert all(every[name] is p for name in row.names)
        assert row.uses == sum(q is p for q in every.values())
    assert count_parameters(net) == sum(p.numel() for p in set(net.parameters()))
    assert count_parameters(net) == sum(row.count for row in parameters)
    assert list(select(net, "*")) == [row.name for row in parameters]
    return rows


# The table


def test_the_table_of_a_tied_net_in_full():
    assert repr(parameter_table(mlp(shared=True))).splitlines() == [
        "name                 shape   dtype    count  bytes  uses  tie",
        "0.weight             (8, 4)  float32     32    128     1",
        "0.bias               (8,)    float32      8     32     1",
        "2.weight = 4.weight  (8, 8)  float32     64    256     2  A",
        "2.bias = 4.bias      (8,)    float32      8     32     2  B",
        "6.weight             (1, 8)  float32      8     32     1",
        "6.bias               (1,)    float32      1      4     1",
        "6 parameters, 121 numbers, 484 bytes; 2 ties, which save 288 bytes",
    ]


NETS = {
    "mlp": mlp,
    "tied": lambda: mlp(shared=True),
    "attention": lambda: nn.MultiheadAttention(8, 2, kdim=4),
    "lstm": lambda: nn.LSTM(4, 8, num_layers=2, bidirectional=True, proj_size=3),
    "batch norm": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
    "parametrized": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 8)),
    "spectral": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(4, 8)),
    "lists": lambda: nn.ModuleDict(
        {"a": nn.ParameterList([torch.ones(2)]), "b": nn.ParameterDict({"c": torch.ones(3)})}
    ),
    "compiled": lambda: torch.compile(mlp(shared=True), backend="eager"),
    "scripted": lambda: torch.jit.trace(mlp(shared=True), torch.ones(1, 4)),
    "mixed": lambda: nn.Sequential(nn.Linear(4, 8).half(), nn.Embedding(3, 4, dtype=torch.bfloat16)),
    "complex": lambda: nn.Linear(2, 3, dtype=torch.complex64),
    "meta": lambda: mlp(shared=True).to("meta"),
    "resnet": lambda: vision("resnet18"),
    "mobilenet": lambda: vision("mobilenet_v3_small"),
    "gpt2": lambda: transformer("GPT2LMHeadModel", "GPT2Config", n_layer=2, n_embd=16, n_head=2, vocab_size=50),
    "t5": lambda: transformer(
        "T5ForConditionalGeneration", "T5Config", d_model=16, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=50
    ),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch.jit, by release
def test_every_kind_of_net_agrees_with_torch(name):
    check_against_torch(NETS[name]())


def test_known_ties_of_models_that_others_wrote():
    def ties(net):
        return [set(row.names) for row in parameter_table(net).rows if row.tie]

    assert ties(NETS["gpt2"]()) == [{"transformer.wte.weight", "lm_head.weight"}]
    t5 = {"shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"}
    assert ties(NETS["t5"]()) == [t5]
    assert ties(NETS["resnet"]()) == ties(NETS["lstm"]()) == ties(NETS["mobilenet"]()) == []


def test_a_compiled_net_still_runs_and_keeps_its_rows():
    net = torch.compile(mlp(), backend="eager")
    before = repr(parameter_table(net))
    net(torch.ones(2, 4)).sum().backward()
    assert repr(parameter_table(net)) == before


def test_a_net_without_parameters_has_an_empty_table():
    assert parameter_table(nn.ReLU()).rows == []
    assert repr(parameter_table(nn.ReLU())).splitlines()[-1] == "0 parameters, 0 numbers"


def test_lazy_layers_before_and_after_the_first_batch():
    net = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(1))
    table = parameter_table(net)
    assert [row.shape for row in table.rows] == [row.count for row in table.rows] == [None] * 4
    assert "lazy" in repr(table)
    assert "4 not counted" in repr(table)
    with pytest.raises(ValueError, match=r"0\.weight.*run one batch"):
        count_parameters(net)
    net(torch.ones(2, 4))
    assert [row.shape for row in parameter_table(net).rows] == [(8, 4), (8,), (1, 8), (1,)]
    assert count_parameters(net) == 49


def test_columns_that_say_something_appear():
    net = mlp()
    assert repr(parameter_table(net)).splitlines()[0].split() == [
        "name",
        "shape",
        "dtype",
        "count",
        "bytes",
        "uses",
        "tie",
    ]
    net[0].requires_grad_(False)
    net[2].to("meta")
    header, first, *_, last, total = repr(parameter_table(net)).splitlines()
    assert header.split() == ["name", "shape", "dtype", "device", "trains", "count", "bytes", "uses", "tie"]
    assert first.split() == ["0.weight", "(8,", "4)", "float32", "cpu", "no", "32", "128", "1"]
    assert last.split() == ["6.bias", "(1,)", "float32", "cpu", "yes", "1", "4", "1"]
    assert "40 of them frozen" in total
    assert count_parameters(net, trainable=True) == count_parameters(net) - 40


def test_the_device_is_not_named_where_there_is_one():
    assert "cpu" not in repr(parameter_table(mlp())) + parameter_table(mlp())._repr_html_()
    assert "on the meta device" in repr(parameter_table(mlp().to("meta")))


def test_buffers_and_which_of_them_are_saved():
    net = nn.Sequential(nn.BatchNorm1d(4))
    net.register_buffer("mask", torch.ones(3), persistent=False)
    table = parameter_table(net, buffers=True)
    assert [row.name for row in table.rows if row.kind == "buffer, not saved"] == ["mask"]
    saved = [row.name for row in table.rows if row.kind != "buffer, not saved"]
    assert sorted(saved) == sorted(net.state_dict())
    assert "2 parameters, 8 numbers, 32 bytes; 4 buffers, 12 numbers, 52 bytes" in repr(table)  # 4 + 4 + 1 + 3
    assert "mask" not in repr(parameter_table(net))


def test_memory_that_overlaps_is_one_tie_group():
    a, b, c, d = (nn.Linear(4, 4, bias=False) for _ in range(4))
    b.weight.data = a.weight.data  # two Parameters, one memory
    c.weight = nn.Parameter(a.weight.detach().t())  # another shape of the same memory
    net = nn.Sequential(a, b, c, d)
    assert [row.tie for row in parameter_table(net).rows] == ["A", "A", "A", ""]
    halves = torch.ones(8)
    apart = nn.ParameterList([nn.Parameter(halves[:4]), nn.Parameter(halves[4:])])  # one storage, no number shared
    assert [row.tie for row in parameter_table(apart).rows] == ["", ""]
    columns = nn.ParameterList([nn.Parameter(torch.ones(4, 4)[:, :2])])
    columns.append(nn.Parameter(columns[0].data.as_strided((4, 2), (4, 1), 2)))  # the other half of the matrix
    assert [row.tie for row in parameter_table(columns).rows] == ["", ""]
    meeting = nn.ParameterList([nn.Parameter(halves[:5]), nn.Parameter(halves[4:])])
    assert [row.tie for row in parameter_table(meeting).rows] == ["A", "A"]
    nested = nn.ParameterList([nn.Parameter(part) for part in (halves, halves[1:2], halves[5:6])])
    assert [row.tie for row in parameter_table(nested).rows] == ["A", "A", "A"]  # by way of the first
    assert [row.tie for row in parameter_table(mlp().to("meta")).rows] == [""] * 8  # all at "address" 0


def test_tie_letters_go_on_after_z():
    net = nn.ModuleList([nn.ParameterList([p, p]) for p in (nn.Parameter(torch.ones(1)) for _ in range(28))])
    assert [row.tie for row in parameter_table(net).rows][-3:] == ["Z", "AA", "AB"]


def test_a_long_table_folds_equal_layers_into_patterns_for_select():
    net = NETS["gpt2"]()
    net.transformer.h.extend(transformer("GPT2Model", "GPT2Config", n_layer=4, n_embd=16, n_head=2, vocab_size=50).h)
    table = parameter_table(net)
    assert len(table.rows) == 76  # 6 layers of 12 tensors, two embeddings, the last norm
    line = next(line for line in repr(table).splitlines() if "mlp.c_fc.weight" in line)
    assert line.split() == [
        "transformer.h.*.mlp.c_fc.weight",
        "6",
        "×",
        "(16,",
        "64)",
        "float32",
        "6,144",
        "24,576",
        "1",
    ]
    found = select(net, line.split()[0])
    assert sum(p.numel() for p in found.values()) == 6144
    assert len(repr(parameter_table(net, max_rows=None)).splitlines()) == 78  # header, rows, total


def test_only_numbers_fold():
    net = nn.ModuleDict({name: nn.ModuleList([nn.Linear(2, 2, bias=False) for _ in range(3)]) for name in "ab"})
    lines = repr(parameter_table(net, max_rows=5)).splitlines()[1:-1]
    assert [line.split()[0] for line in lines] == ["a.*.weight", "b.*.weight"]


def test_tied_rows_never_fold():
    pairs = [[nn.Parameter(torch.ones(2))] * 2 for _ in range(3)]
    net = nn.ModuleList(
        [nn.ParameterList(pair) for pair in pairs] + [nn.ParameterList(torch.ones(2) for _ in range(5))]
    )
    names = [line.split("  ")[0] for line in repr(parameter_table(net, max_rows=7)).splitlines()[1:-1]]
    assert names == ["0.0 = 0.1", "1.0 = 1.1", "2.0 = 2.1", "3.*"]


@pytest.mark.parametrize("max_rows", [1, 2, 3, 7, 61, 62, 63])
def test_lines_never_exceed_max_rows_and_nothing_goes_uncounted(max_rows):
    net = vision("resnet18")
    table = parameter_table(net, max_rows=max_rows)
    header, *lines, total = repr(table).splitlines()
    assert len(lines) <= max_rows
    assert total.startswith("62 parameters, 11,689,512 numbers")
    left = [re.match(r"… ([\d,]+) left out, with ([\d,]+) numbers …", line) for line in lines if line[0] == "…"]
    shown, end = 0, header.index("count") + len("count")
    for line in lines:
        if line[0] != "…":
            shown += int(line[:end].split()[-1].replace(",", ""))
    assert shown + sum(int(m[2].replace(",", "")) for m in left) == 11_689_512
    assert len(table.rows) == 62
    with pytest.raises(ValueError, match="max_rows must be 1 or more"):
        parameter_table(net, max_rows=0)


def test_a_tensor_with_many_names_keeps_its_line_short():
    block = nn.Linear(2, 2)
    table = parameter_table(nn.Sequential(*[block] * 12))
    assert [row.uses for row in table.rows] == [12, 12]
    assert "0.weight = 1.weight = 2.weight = … 9 more" in repr(table)
    assert table.rows[0].names[-1] == "11.weight"


def test_the_cost_grows_linearly():
    """Eight times the tensors must not cost anything like 64 times the calls."""

    def calls(tensors):
        net = nn.ParameterList([torch.ones(1) for _ in range(tensors)])
        seen = 0

        def watch(frame, event, arg):
            nonlocal seen
            seen += 1

        sys.setprofile(watch)
        try:
            repr(parameter_table(net))
        finally:
            sys.setprofile(None)
        return seen

    assert calls(4000) < 9 * calls(500)


# Selection


def test_select_by_shell_pattern_and_by_regular_expression():
    net = mlp()
    assert list(select(net, "*.weight")) == ["0.weight", "2.weight", "4.weight", "6.weight"]
    assert list(select(net, "[02].*")) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert list(select(net, re.compile("eig"))) == list(select(net, "*eig*"))
    assert list(select(net, re.compile(r"^[46]\.b"))) == ["4.bias", "6.bias"]
    assert select(net, "0.weight")["0.weight"] is net[0].weight
    with pytest.raises(ValueError, match="nearest"):
        select(net, "weight")  # the whole name must match
    with pytest.raises(ValueError, match="nearest"):
        select(net, "*.Weight")


def test_select_gives_a_tied_parameter_once_under_any_of_its_names():
    net = mlp(shared=True)
    assert list(select(net, "4.*")) == ["4.weight", "4.bias"]
    assert select(net, "4.weight")["4.weight"] is net[2].weight
    assert list(select(net, "*.bias")) == ["0.bias", "2.bias", "6.bias"]


def test_select_says_what_is_wrong():
    net = mlp()
    with pytest.raises(ValueError, match=r"no parameter matches '0.wieght'; the nearest of 8 names: 0.weight"):
        select(net, "0.wieght")
    with pytest.raises(ValueError, match=r"pass re\.compile\('\.\*weight'\)"):
        select(net, ".*weight")  # Gluon's habit
    with pytest.raises(ValueError, match=r"write '\*weight\*'"):
        select(net, "weight")
    with pytest.raises(ValueError, match="has no parameters"):
        select(nn.ReLU(), "*")
    with pytest.raises(TypeError, match="not a list"):
        select(net, ["*.weight"])
    with pytest.raises(ValueError, match="nearest"):
        select(net, "zzz*(")  # no regular expression either
