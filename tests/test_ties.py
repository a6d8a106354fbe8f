"""Ties found in nets that are tied in each known way, and in models that others wrote."""

import copy

import pytest
import torch
from nets import Double, linears, shared_net, stored_net, tied_net
from torch import nn
from torch.nn.utils import parametrize

import d2lparams
from d2lparams import count_parameters, ties, untie


def found(net):
    return [(each.kind, *each.names) for each in ties(net)]


# --- every way to share -----------------------------------------------------------------------------------------------


def test_one_module_twice():
    assert found(shared_net()) == [
        ("same module", "2.weight", "2.bias", "4.weight", "4.bias"),
        ("same Parameter", "2.weight", "4.weight"),
        ("same Parameter", "2.bias", "4.bias"),
    ]
    assert all(each.modules == ("2", "4") for each in ties(shared_net()))


def test_one_parameter_in_two_modules():
    (only,) = ties(tied_net())
    assert (only.kind, only.names, only.modules) == ("same Parameter", ("0.weight", "2.weight"), ("0", "2"))
    assert (only.shapes, only.dtypes, only.note) == (((8, 8),), (torch.float32,), "")


def test_one_storage_under_two_parameters():
    assert found(stored_net()) == [("same storage", "0.weight", "2.weight")]
    row = torch.arange(3.0)
    views = [row.as_strided((1, 3), (step, 1)) for step in (3, 7)]  # the step to a row that isn't there
    assert found(nn.ParameterList(map(nn.Parameter, views))) == [("same storage", "0", "1")]


def test_a_transpose_and_a_slice_overlap():
    net = linears(3)
    net[1].weight = nn.Parameter(net[0].weight.t())
    net[2].weight = nn.Parameter(net[0].weight[:3])
    (only,) = ties(net)
    assert (only.kind, only.names) == ("overlapping storage", ("0.weight", "1.weight", "2.weight"))
    assert only.shapes == ((8, 8), (3, 8))


def test_equal_copies_are_no_tie():
    net = linears(3)
    net[2].load_state_dict(net[0].state_dict())
    assert found(net) == [("equal values", "0.weight", "2.weight")]
    with torch.no_grad():
        net[2].weight[7, 7] += 1e-3  # an entry that the samples may miss
    assert found(net) == []


def test_equal_groups_come_in_the_order_of_the_net():
    net = nn.Sequential(nn.Linear(4, 8, bias=False), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(4, 8, bias=False))
    net[2].load_state_dict(net[1].state_dict())
    net[3].load_state_dict(net[0].state_dict())
    assert [each.names[0] for each in ties(nn.Sequential(net[1], net[0], net[2], net[3]))] == [
        "0.weight",
        "0.bias",
        "1.weight",
    ]
    late = nn.Sequential(net[0], net[1], nn.Linear(4, 8, bias=False), net[2])
    late[2].load_state_dict(nn.Linear(4, 8, bias=False).state_dict())
    late.append(copy.deepcopy(late[2]))  # shape (8, 4) is met first, its equal pair last
    assert [each.names[0] for each in ties(late)] == ["1.weight", "1.bias", "2.weight"]


def test_a_tied_embedding():
    net = nn.ModuleDict({"embedding": nn.Embedding(10, 4), "classifier": nn.Linear(4, 10, bias=False)})
    assert found(net) == []
    net["classifier"].weight = net["embedding"].weight
    assert found(net) == [("same Parameter", "embedding.weight", "classifier.weight")]


def test_all_kinds_in_one_net_from_the_strictest_on():
    net = linears(5)
    net[1].weight = net[0].weight
    net[2].weight.data = net[0].weight.data
    net[3].weight = nn.Parameter(net[0].weight.t())
    net[4].load_state_dict(net[0].state_dict())
    names = [f"{i}.weight" for i in range(5)]
    assert found(net) == [
        ("same Parameter", *names[:2]),
        ("same storage", *names[:3]),
        ("overlapping storage", *names[:4]),
        ("equal values", *names[:3], names[4]),
    ]


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        (lambda w: w[:, :4], lambda w: w[:, 4:], False),  # interleaved in memory, no entry in common
        (lambda w: w[:, :5], lambda w: w[:, 4:], True),
        (lambda w: w[:4], lambda w: w[4:], False),
        (lambda w: w[:5], lambda w: w[4:], True),
        (lambda w: w[0], lambda w: w[1:, 0], False),
        (lambda w: w[0], lambda w: w[:, 0], True),
        (lambda w: w[::2], lambda w: w[1::2], False),
        (lambda w: w.view(torch.float64), lambda w: w[:, 2:3], True),
        (lambda w: w.view(torch.float64)[:, :1], lambda w: w[:, 2:], False),
        (lambda w: w[3], lambda w: w.view(-1)[24:33], True),
        (lambda w: w[1:3, 1:3], lambda w: w[5, 5], False),
        (lambda w: w[:1, 0].expand(6), lambda w: w[:, 0], True),
        (lambda w: w.view(torch.float16)[:, 1:2], lambda w: w[:, :1], True),
        (lambda w: w.view(torch.float16)[:, 1:2], lambda w: w.view(torch.float16)[:, ::2], False),
    ],
)
def test_overlap_is_exact(first, second, meet):
    w = torch.randn(8, 8)
    net = nn.ParameterList([nn.Parameter(first(w)), nn.Parameter(second(w))])
    marked = w.clone().zero_()  # the outside truth: write through one, look through the other
    target = first(marked)
    (target[:1] if target.stride() == (0,) else target).fill_(1 / 3)  # whose float64 has no byte of 0
    assert bool((second(marked) != 0).any()) == meet
    assert found(net) == ([("overlapping storage", "0", "1")] if meet else [])


def test_a_module_within_a_shared_module_is_not_told_twice():
    block = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    groups = ties(nn.ModuleDict({"a": block, "b": nn.Sequential(block)}))
    assert [each.modules for each in groups.of("same module")] == [("a", "b.0")]
    assert ("a.1.bias", "b.0.1.bias") in [each.names for each in groups.of("same Parameter")]
    assert len(groups) == 5


def test_modules_without_parameters_may_stand_anywhere():
    relu = nn.ReLU()
    assert found(nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu)) == []


def test_constants_and_nan_are_not_called_equal():
    net = nn.Sequential(nn.LayerNorm(8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 8))
    for layer in net[2:]:
        nn.init.constant_(layer.bias, 0.3)
        nn.init.constant_(layer.weight, torch.nan)
    assert found(net) == []


def test_almost_constant_tensors_are_compared_in_full():
    net = linears(3)
    for layer, at in zip(net, (1, 1, 2), strict=True):
        nn.init.zeros_(layer.weight)
        with torch.no_grad():
            layer.weight[0, at] = 1  # the samples see nothing but zeros
    assert found(net) == [("equal values", "0.weight", "1.weight")]


def test_buffers():
    class Masked(nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.register_buffer("mask", mask)

    mask = torch.arange(4.0)
    assert found(nn.Sequential(Masked(mask), Masked(mask))) == [("same buffer", "0.mask", "1.mask")]
    assert found(nn.Sequential(Masked(mask), Masked(mask[:]))) == [("same storage", "0.mask", "1.mask")]
    assert found(nn.Sequential(Masked(mask), Masked(mask[1:]))) == [("overlapping storage", "0.mask", "1.mask")]
    assert found(nn.Sequential(Masked(mask), Masked(mask.clone()))) == []  # equal values: Parameters alone
    weight = nn.Linear(4, 4).weight
    assert found(nn.Sequential(nn.ParameterList([weight]), Masked(weight))) == [("same Parameter", "0.0", "1.mask")]


def test_the_net_itself_may_hold_a_tie():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)
            self.weight = self.layer.weight

    (only,) = ties(Net())
    assert only.names == ("weight", "layer.weight")
    assert only.modules == ("", "layer")


def test_meta_tensors_have_identity_and_storage_but_no_values():
    with torch.device("meta"):
        nets = shared_net(), tied_net(), stored_net(), linears(2)
    assert [[each.kind for each in ties(net)] for net in nets] == [
        ["same module", "same Parameter", "same Parameter"],
        ["same Parameter"],
        ["same storage"],
        [],
    ]
    assert "on the meta device: no values to compare" in repr(ties(nets[0]))


def test_lazy_layers():
    lazy = nn.LazyLinear(8)
    net = nn.Sequential(lazy, nn.Linear(8, 8))
    assert found(net) == []
    assert ties(net).notes[0].startswith("2 lazy")
    net.append(lazy)
    assert [each.kind for each in ties(net)] == ["same module", "same Parameter", "same Parameter"]
    assert ties(net)[1].shapes == ()


def test_mixed_dtypes_are_not_equal_and_exotic_ones_are_compared():
    a, b = linears(2)
    b.load_state_dict(a.state_dict())
    assert found(nn.Sequential(a, copy.deepcopy(b).double())) == []
    assert found(nn.Sequential(a, b).to(torch.bfloat16)) == [("equal values", "0.weight", "1.weight")]
    exotic = [a.weight.detach().to(torch.float8_e4m3fn)]
    if hasattr(torch, "float4_e2m1fn_x2"):  # from torch 2.8 on
        exotic.append(torch.arange(16, dtype=torch.uint8).view(torch.float4_e2m1fn_x2))
    for values in exotic:
        twice = [nn.Parameter(values.clone(), requires_grad=False) for _ in range(2)]
        assert found(nn.ParameterList(twice)) == [("equal values", "0", "1")]
    assert found(nn.ParameterList(nn.Parameter(torch.arange(4) * 1j) for _ in range(2))) == [("equal values", "0", "1")]


def test_empty_and_sparse_tensors_are_harmless():
    empty = [nn.Parameter(torch.empty(0, 3)) for _ in range(2)]
    sparse = [nn.Parameter(torch.eye(3).to_sparse()) for _ in range(2)]
    groups = ties(nn.ParameterList(empty + sparse))
    assert (len(groups), groups.notes) == (
        0,
        ["2 in a layout of their own, such as sparse: only identity was looked at"],
    )


def test_parametrized_modules():
    net = tied_net()
    parametrize.register_parametrization(net[0], "weight", Double())
    (only,) = ties(net)
    assert only.names == ("0.parametrizations.weight.original", "2.weight")
    assert only.note.startswith("0.weight is computed from it")
    assert found(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))) == []


def test_weight_norm_on_one_of_two_tied_layers_leaves_them_a_storage():
    net = tied_net()
    nn.utils.parametrizations.weight_norm(net[0])  # makes new Parameters; one reads the old one's memory still
    assert found(net) == [("same storage", "0.parametrizations.weight.original1", "2.weight")]
    assert "0.weight is computed from it" in repr(ties(net))
    net[2].weight.data.mul_(-1)
    assert torch.allclose(net[0].weight, net[2].weight)  # the direction followed, the length did not need to
    net[2].weight.data.mul_(2)
    assert torch.allclose(2 * net[0].weight, net[2].weight)


@pytest.mark.parametrize("change", [copy.deepcopy, nn.Module.double])
def test_a_shared_storage_does_not_outlive_a_copy_or_a_conversion(change):
    assert found(change(stored_net())) == [("equal values", "0.weight", "2.weight")]
    transposed = linears(2)
    transposed[1].weight = nn.Parameter(transposed[0].weight.t())
    assert found(change(transposed)) == []


def test_attention_and_recurrent_layers():
    torch.manual_seed(0)
    net = nn.ModuleDict({"attention": nn.MultiheadAttention(8, 2), "lstm": nn.LSTM(8, 8, 2), "gru": nn.GRU(8, 8)})
    assert found(net) == []
    net["lstm"].weight_hh_l1 = net["lstm"].weight_hh_l0
    assert found(net) == [("same Parameter", "lstm.weight_hh_l0", "lstm.weight_hh_l1")]
    layers = ties(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, batch_first=True), 2))
    assert {each.kind for each in layers} == {"equal values"}  # its layers are deep copies of one
    assert ("layers.0.linear1.weight", "layers.1.linear1.weight") in [each.names for each in layers]


def test_compiled_nets():
    net = shared_net()
    compiled = torch.compile(net, backend="eager")
    assert [each.modules for each in ties(compiled)] == [("_orig_mod.2", "_orig_mod.4")] * 3
    net.compile(backend="eager")
    net(torch.ones(1, 4))
    assert len(ties(net)) == 3


# --- models that others wrote -----------------------------------------------------------------------------------------


SMALL = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 37}

SEQ2SEQ = {
    **{f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in [("layers", 2), ("attention_heads", 4)]},
    **{"vocab_size": 99, "d_model": 32, "encoder_ffn_dim": 37, "decoder_ffn_dim": 37},
}

GPT2 = {"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 1, "eos_token_id": 2}

KNOWN = {  # model: (its config, the tied names as its authors document them)
    "GPT2LMHeadModel": (GPT2, [{"transformer.wte.weight", "lm_head.weight"}]),
    "BertForMaskedLM": (
        SMALL,
        [
            {"bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"},
            {"cls.predictions.bias", "cls.predictions.decoder.bias"},
        ],
    ),
    "T5ForConditionalGeneration": (
        {"vocab_size": 99, "d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4},
        [{"shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"}],
    ),
    "AlbertForMaskedLM": (
        {**SMALL, "embedding_size": 16},
        [
            {"albert.embeddings.word_embeddings.weight", "predictions.decoder.weight"},
            {"predictions.bias", "predictions.decoder.bias"},
        ],
    ),
    "BartForConditionalGeneration": (
        SEQ2SEQ,
        [
            {
                "model.shared.weight",
                "model.encoder.embed_tokens.weight",
                "model.decoder.embed_tokens.weight",
                "lm_head.weight",
            }
        ],
    ),
    "ElectraForMaskedLM": (
        {**SMALL, "embedding_size": 16},
        [{"electra.embeddings.word_embeddings.weight", "generator_lm_head.weight"}],
    ),
    "DistilBertForMaskedLM": (
        {"vocab_size": 99, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 37},
        [{"distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"}],
    ),
    "RobertaForMaskedLM": (
        SMALL,
        [
            {"roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
            {"lm_head.bias", "lm_head.decoder.bias"},
        ],
    ),
    "LlamaForCausalLM": (
        {**SMALL, "tie_word_embeddings": True},
        [{"model.embed_tokens.weight", "lm_head.weight"}],
    ),
    "BertModel": (SMALL, []),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", KNOWN)
def test_models_of_transformers(name):
    transformers = pytest.importorskip("transformers")
    settings, known = KNOWN[name]
    torch.manual_seed(0)
    model = getattr(transformers, name)
    net = model(model.config_class(**settings))
    groups = ties(net)
    assert sorted(map(sorted, (each.names for each in groups))) == sorted(map(sorted, known))
    assert all(each.kind == "same Parameter" for each in groups)
    if known:
        twin = untie(net)
        assert ties(twin).of("same Parameter") == []
        extra = sum(net.get_parameter(min(group)).numel() * (len(group) - 1) for group in known)
        assert count_parameters(twin) == count_parameters(net) + extra


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_0", "shufflenet_v2_x0_5", "swin_t"])
def test_nets_of_torchvision_share_nothing(name):
    assert d2lparams  # imported first, it makes torchvision importable beside a CPU-only torch
    models = pytest.importorskip("torchvision.models")
    assert found(models.get_model(name, weights=None)) == []


# --- what it returns, what it costs -----------------------------------------------------------------------------------


def test_text_and_plain_data():
    groups = ties(shared_net())
    assert repr(groups).splitlines() == [
        "Sequential: 8 names for 6 tensors; 1 × same module, 2 × same Parameter",
        "  same module          2, 4",
        "  same Parameter       2.weight, 4.weight  (8, 8) float32",
        "  same Parameter       2.bias, 4.bias      (8,) float32",
    ]
    assert isinstance(groups, list)
    assert [each.kind for each in groups.of("same Parameter")] == ["same Parameter"] * 2
    with pytest.raises(ValueError, match="no kind of tie is called 'same'; the kinds are same module, same Param"):
        groups.of("same")
    assert repr(ties(nn.Linear(2, 2))) == "Linear: 2 names for 2 tensors; nothing shared"


def test_long_results_are_cut_in_print_and_whole_in_the_list():
    layers = [nn.Linear(2, 2, bias=False) for _ in range(50)]
    groups = ties(nn.Sequential(*(layers * 10)))
    assert len(groups) == 100
    assert len(repr(groups).splitlines()) == 41
    assert "… 61 left out …" in repr(groups)
    assert "(10 in all)" in repr(groups)
    assert len(groups[0].modules) == 10


def test_nothing_is_changed():
    net = shared_net()
    net(torch.ones(1, 4)).sum().backward()
    before = [(p, p._version, p.grad.clone()) for p in net.parameters()]
    ties(net)
    for (p, version, grad), now in zip(before, net.parameters(), strict=True):
        assert p is now
        assert p._version == version
        assert torch.equal(p.grad, grad)
