"""Each line of a folded table has a name by which `select` takes exactly its rows: on made-up nets and others' nets."""

import random

import pytest
import torch
from elsewhere import needed
from torch import nn

from d2lparams import parameter_table, select
from d2lparams._folding import fold


def lines_of(table):
    """Return (what a line is called, the names of its rows) for each line, before the middle is left out."""
    every = fold(table.rows, lambda row: row.names, lambda row: None if row.tie else (row.kind, row.shape, row.dtype))
    return [(line.label or line.rows[0].name, [row.name for row in line.rows]) for line in every]


def check(net):
    for buffers in (False, True):
        table = parameter_table(net, buffers)
        lines = lines_of(table)
        assert len({label for label, _ in lines}) == len(lines)
        for label, rows in lines:
            assert list(select(net, label, buffers)) == rows, label
        assert sum(len(rows) for _, rows in lines) == len(table)
        assert sum(part.count for part in table.subtotals(depth=None)) == table.count
    return lines


def tree(pick, depth=0):
    module = nn.Module()
    for name in pick.sample(["0", "1", "2", "10", "11", "a", "b0", "*", "[1]", "{0-2}", "w"], pick.randint(1, 6)):
        if depth < 3 and pick.random() < 0.6:
            module.add_module(name, tree(pick, depth + 1))
        else:
            module.register_parameter(name, nn.Parameter(torch.empty(pick.choice([1, 1, 2]), device="meta")))
    return module


@pytest.mark.parametrize("seed", range(60))
def test_of_any_tree(seed):
    check(tree(random.Random(seed)))


def test_how_lines_are_called():
    def block(*names):
        return nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in names})

    blocks = [block("a", "b") for _ in range(5)]
    blocks[3]["a"] = nn.Linear(2, 3, bias=False)
    blocks[4]["c"] = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(3)))
    net = nn.ModuleDict({"h": nn.ModuleList(blocks)})
    assert check(net) == [
        ("h.{0-2,4}.a.weight", [f"h.{i}.a.weight" for i in (0, 1, 2, 4)]),  # the star would take one of another shape
        ("h.*.b.weight", [f"h.{i}.b.weight" for i in range(5)]),
        ("h.3.a.weight", ["h.3.a.weight"]),
        ("h.4.c.*.weight", [f"h.4.c.{i}.weight" for i in range(3)]),
    ]
    flat = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(12)))
    assert [label for label, _ in check(flat)] == ["*.weight"]
    flat.append(block("a"))
    assert [label for label, _ in check(flat)] == ["{0-11}.weight", "12.a.weight"]


WIDTHS = """hidden_size d_model n_embd dim intermediate_size hidden_dim ffn_dim d_ff encoder_ffn_dim decoder_ffn_dim
moe_intermediate_size max_position_embeddings"""
HEADS = "num_attention_heads num_key_value_heads n_head num_heads n_heads"
LAYERS = "num_hidden_layers n_layer encoder_layers decoder_layers num_layers n_layers"
EXPERTS = "num_experts num_local_experts n_routed_experts"
SIZES = {"vocab_size": 60, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
for names, size in ((WIDTHS, 16), (HEADS, 2), (LAYERS, 5), (EXPERTS, 4)):
    SIZES |= dict.fromkeys(names.split(), size)

TRANSFORMERS = "albert bart bert clip deberta-v2 gemma gpt2 llama mixtral mobilebert opt roformer t5 vit wav2vec2"
TIMM = """convnext_atto levit_128 mixer_s32_224 mobilenetv3_small_050 nfnet_f0 poolformer_s12 regnetx_002 resnet18
swin_tiny_patch4_window7_224 tnt_s_patch16_224 vgg11 vit_tiny_patch16_224"""


@pytest.mark.filterwarnings("ignore")  # of others' code
@pytest.mark.parametrize("family", TRANSFORMERS.split())
def test_on_transformers(family):
    transformers = pytest.importorskip("transformers")
    config = transformers.AutoConfig.for_model(family, **SIZES)
    with torch.device("meta"):
        net = transformers.AutoModel.from_config(config)
    check(net)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TIMM.split())
def test_on_timm(name):
    timm = needed("timm")
    with torch.device("meta"):
        net = timm.create_model(name)
    check(net)
