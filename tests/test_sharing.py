"""Ties found, made and undone, in nets tied in each known way and in models that others wrote; what breaks them."""

import copy
import io
import itertools
import time
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

import d2lparams
from d2lparams import count_parameters, gradient_by_use, tie, ties, untie
from d2lparams.chapter import figures
from d2lparams.sharing import KINDS, SHOWN

TRUE_TIES = [kind for kind in KINDS if kind != "equal values"]


def shared_net():
    """D2L's net: one layer at 2 and 4."""
    torch.manual_seed(0)
    shared = nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(8, 1))


def tied_net():
    """One weight at 0 and 2, biases of their own."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    net[2].weight = net[0].weight
    return net


def stored_net():
    """Two Parameters at 0 and 2 on one storage."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    net[2].weight.data = net[0].weight.data
    return net


def linears(n, bias=False):
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(8, 8, bias=bias) for _ in range(n)))


def found(net):
    return [(each.kind, *each.names) for each in ties(net)]


class Double(nn.Module):
    def forward(self, weight):
        return 2 * weight


# --- ties: every way to share -------------------------------------------------------------------------------------


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
    packed = torch.arange(16, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    four = [nn.Parameter(packed.clone(), requires_grad=False) for _ in range(2)]
    assert found(nn.ParameterList(four)) == [("equal values", "0", "1")]
    assert found(nn.Sequential(a, copy.deepcopy(b).double())) == []
    assert found(nn.Sequential(a, b).to(torch.bfloat16)) == [("equal values", "0.weight", "1.weight")]
    eight = [nn.Parameter(a.weight.detach().to(torch.float8_e4m3fn), requires_grad=False) for _ in range(2)]
    assert found(nn.ParameterList(eight)) == [("equal values", "0", "1")]
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


# --- ties: models that others wrote -------------------------------------------------------------------------------

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


# --- ties: what it returns, what it costs -------------------------------------------------------------------------


def test_text_html_and_plain_data():
    groups = ties(shared_net())
    assert repr(groups).splitlines() == [
        "Sequential: 8 names for 6 tensors; 1 × same module, 2 × same Parameter",
        "  same module          2, 4",
        "  same Parameter       2.weight, 4.weight  (8, 8) float32",
        "  same Parameter       2.bias, 4.bias      (8,) float32",
    ]
    html = groups._repr_html_()
    assert html.count("<tr>") == 4
    assert "2.weight, 4.weight" in html
    assert isinstance(groups, list)
    assert [each.kind for each in groups.of("same Parameter")] == ["same Parameter"] * 2
    with pytest.raises(ValueError, match="no kind of tie is called 'same'; the kinds are same module, same Param"):
        groups.of("same")
    assert repr(ties(nn.Linear(2, 2))) == "Linear: 2 names for 2 tensors; nothing shared"


def test_names_are_escaped_in_html():
    layer = nn.Linear(2, 2, bias=False)
    assert "&lt;b&gt;" in ties(nn.ModuleDict({"<b>": layer, "other": layer}))._repr_html_()


def test_long_results_are_cut_in_print_and_whole_in_the_list():
    layers = [nn.Linear(2, 2, bias=False) for _ in range(50)]
    groups = ties(nn.Sequential(*(layers * 10)))
    assert len(groups) == 100
    assert len(repr(groups).splitlines()) == SHOWN + 2
    assert "and 70 more groups" in repr(groups)
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


def test_cost_grows_linearly_with_the_number_of_tensors():
    def seconds(n):
        net = nn.ModuleList(nn.Linear(4, 4) for _ in range(n))  # all of one shape: the worst case for comparing
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            ties(net)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(1600) < 8 * seconds(400)  # 4 if linear, 16 if quadratic


# --- tie ----------------------------------------------------------------------------------------------------------


def test_tie_makes_one_parameter():
    net = linears(3, bias=True)
    first = net[0].weight
    net[1].weight.requires_grad_(False)
    assert tie(net, "0.weight", "1.weight", "2.weight") is first
    assert first.requires_grad
    assert found(net) == [("same Parameter", "0.weight", "1.weight", "2.weight")]
    assert all(layer.weight is first for layer in net)


def test_tie_brings_along_what_was_tied_before():
    net = linears(4)
    tie(net, "2.weight", "3.weight")
    tie(net, "0.weight", "2.weight")
    assert found(net) == [("same Parameter", "0.weight", "2.weight", "3.weight")]


def test_tie_reaches_the_second_list_of_a_recurrent_layer():
    net = nn.ModuleDict({"a": nn.RNN(3, 3), "b": nn.RNN(3, 3)})
    shared = tie(net, "a.weight_hh_l0", "b.weight_hh_l0")
    assert any(w is shared for w in net["b"]._flat_weights)
    net["b"](torch.ones(2, 1, 3))[0].sum().backward()
    assert net["a"].weight_hh_l0.grad is not None
    twin = untie(net)
    assert any(w is twin["b"].weight_hh_l0 for w in twin["b"]._flat_weights)
    twin["b"](torch.ones(2, 1, 3))[0].sum().backward()
    assert twin["a"].weight_hh_l0.grad is None
    assert twin["b"].weight_hh_l0.grad is not None


def test_tie_in_containers_and_compiled_nets():
    net = nn.ModuleDict(
        {
            "list": nn.ParameterList([torch.ones(2), torch.zeros(2)]),
            "dict": nn.ParameterDict({"a": torch.ones(2)}),
        }
    )
    shared = tie(net, "list.0", "list.1", "dict.a")
    assert net["list"][1] is shared
    assert net["dict"]["a"] is shared
    compiled = torch.compile(linears(2), backend="eager")
    X = torch.ones(1, 8)
    compiled(X)
    tie(compiled, "_orig_mod.0.weight", "_orig_mod.1.weight")
    weight = compiled._orig_mod[0].weight
    torch.testing.assert_close(compiled(X), X @ weight.T @ weight.T)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("0.weight", "2.weight"),
            r"cannot tie '0.weight' \(8, 4\) to '2.weight' \(8, 8\): shapes differ; tie layers of equal shape",
        ),
        (("0.wieght", "2.weight"), "no parameter '0.wieght' in this Sequential; close names: '0.weight', "),
        (("2.weight", "xyz"), "no parameter 'xyz' in this Sequential; close names: '0.weight', "),
        (("2", "4"), "no parameter '2' in this Sequential"),
        (("2.weight", "4.weight"), "'2.weight' and '4.weight' are the same Parameter already: nothing to tie"),
        (("2.weight", "2.weight"), "same Parameter already"),
        (("2.weight",), "needs two names or more"),
        (("2.bias", "6.bias"), r"dtypes differ; convert the net first"),
        (("2.bias", "7.bias"), r"devices differ; move the net"),
        (("2.weight", "8.weight"), "'8.weight': it is lazy; run one batch through the net first"),
        (("2.weight", "9.weight"), "'9.weight': a parametrization computes this weight"),
        (("9.parametrizations.weight.original", "2.weight"), "a parametrization computes this weight"),
        (("2.bias", "10.running_mean"), "'10.running_mean': it is a buffer"),
    ],
)
def test_tie_refuses(names, message):
    net = shared_net()
    net[6] = nn.Linear(8, 8).double()
    net.append(nn.Linear(8, 8, device="meta"))
    net.append(nn.LazyLinear(8))
    net.append(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)))
    net.append(nn.BatchNorm1d(8))
    before = dict(net.named_parameters(remove_duplicate=False))
    with pytest.raises(ValueError, match=message):
        tie(net, *names)
    now = dict(net.named_parameters(remove_duplicate=False))
    assert all(now[name] is p for name, p in before.items())


def test_tie_changes_nothing_if_one_of_many_is_refused():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 3))
    with pytest.raises(ValueError, match="shapes differ"):
        tie(net, "0.weight", "1.weight", "2.weight")
    assert found(net) == []


def test_tie_of_a_net_without_parameters():
    with pytest.raises(ValueError, match="none, it has no parameters"):
        tie(nn.ReLU(), "a", "b")


# --- untie --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [shared_net, tied_net])
def test_untie_gives_a_twin_with_equal_values(make):
    net = make()
    X = torch.randn(5, net[0].in_features)
    net(X).sum().backward()
    twin = untie(net)
    assert len(list(twin.parameters())) == len(net.state_dict())
    assert not any(ties(twin).of(kind) for kind in TRUE_TIES)
    assert {each.kind for each in ties(net)}.isdisjoint({"equal values"})  # the net is as it was
    assert torch.equal(twin(X), net(X))
    assert list(twin.state_dict()) == list(net.state_dict())
    assert all(p.grad is None for p in twin.parameters())


def test_untie_keeps_what_is_frozen_and_refuses_what_is_not_tied():
    net = tied_net()
    net[0].weight.requires_grad_(False)
    assert not untie(net)[2].weight.requires_grad
    with pytest.raises(ValueError, match="nothing to untie"):
        untie(linears(2))


def test_tie_undoes_untie():
    net, twin = shared_net(), untie(shared_net())
    for name in ("weight", "bias"):
        tie(twin, f"2.{name}", f"4.{name}")
    assert [(each.kind, each.names) for each in ties(twin)] == [
        (each.kind, each.names) for each in ties(net).of("same Parameter")
    ]


# --- the facts of notebook 4: these fail when PyTorch changes -----------------------------------------------------


def test_fact_07_equality_and_print_prove_no_tie():
    net, twin = shared_net(), untie(shared_net())
    assert bool((twin[2].weight == twin[4].weight).all())
    assert twin[2].weight is not twin[4].weight
    assert repr(net) == repr(twin)
    with torch.no_grad():
        net[2].weight[0, 0] = twin[2].weight[0, 0] = 100
    assert net[4].weight[0, 0] == 100
    assert twin[4].weight[0, 0] != 100


def test_fact_08_a_shared_layer_counts_once():
    net = shared_net()
    assert len(list(net.parameters())) == 6
    assert len(net.state_dict()) == 8
    assert len(list(net.named_parameters(remove_duplicate=False))) == 8
    assert count_parameters(net) == 121
    assert sum(value.numel() for value in net.state_dict().values()) == 193


def test_fact_09_the_gradient_is_the_sum_over_uses():
    linear = nn.Linear(1, 1, bias=False)
    nn.init.constant_(linear.weight, 3)
    y = nn.Sequential(linear, linear)(torch.ones(1, 1)).sum()
    y.backward()
    assert (y.item(), linear.weight.grad.item()) == (9, 6)

    net = shared_net()
    torch.manual_seed(3)
    X, Y = torch.randn(32, 4), torch.randn(32, 1)
    first, second = gradient_by_use(net, lambda: F.mse_loss(net(X), Y))["2.weight"].values()
    calls = []
    net[2].register_forward_hook(lambda *_: calls.append("module"))
    net[2].weight.register_hook(lambda _: calls.append("parameter"))
    twin = untie(net)
    twin[2]._forward_hooks.clear()
    F.mse_loss(net(X), Y).backward()
    assert calls == ["module", "module", "parameter"]
    F.mse_loss(twin(X), Y).backward()
    torch.testing.assert_close(first, twin[2].weight.grad)
    torch.testing.assert_close(second, twin[4].weight.grad)
    torch.testing.assert_close(first + second, net[2].weight.grad)
    assert F.cosine_similarity(first.flatten(), second.flatten(), dim=0) < -0.2
    assert (first + second).norm() < second.norm()


@pytest.mark.parametrize(
    ("optimizer", "options", "agree"),
    [
        (torch.optim.SGD, {"lr": 0.1}, True),
        (torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.1}, False),
        (torch.optim.Adam, {"lr": 0.1}, False),
    ],
)
def test_fact_10_shared_storage_is_a_tie_for_plain_sgd_alone(optimizer, options, agree):
    weights = []
    for net in (tied_net(), stored_net()):
        with torch.no_grad():  # the two draw different layers; start them alike
            for p in net.parameters():
                p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(p.dim())))
        steps = optimizer(net.parameters(), **options)
        X = torch.randn(16, 8, generator=torch.Generator().manual_seed(9))
        for _ in range(5):
            steps.zero_grad()
            net(X).tanh().square().mean().backward()
            steps.step()
        with torch.no_grad():
            weights.append(net[2].weight.clone())
    assert torch.allclose(*weights, atol=1e-6) == agree


def test_fact_10_double_and_deepcopy_unshare_storage():
    net = stored_net()
    assert net[0].weight is not net[2].weight
    assert net[0].weight.data_ptr() == net[2].weight.data_ptr()
    for changed in (copy.deepcopy(net), stored_net().double()):
        assert changed[0].weight.data_ptr() != changed[2].weight.data_ptr()
    a = nn.Linear(8, 8)
    b = nn.Parameter(a.weight.t())
    assert b is not a.weight
    assert b.data_ptr() == a.weight.data_ptr()
    assert a.double().weight.data_ptr() != b.data_ptr()


def test_fact_11_deepcopy_keeps_ties_within_one_call():
    for net in (shared_net(), tied_net()):
        whole, layers = copy.deepcopy(net), nn.Sequential(*(copy.deepcopy(layer) for layer in net))
        assert found(whole) == found(net)
        assert not any(ties(layers).of(kind) for kind in TRUE_TIES)


def test_fact_12_conversions_and_ties():
    assert found(tied_net().double()) == found(tied_net().half()) == found(tied_net())
    assert found(tied_net().to("meta")) == []
    with torch.device("meta"):
        planned, modules = tied_net(), shared_net()
    assert found(planned) == [("same Parameter", "0.weight", "2.weight")]
    empty = planned.to_empty(device="cpu")
    assert empty[0].weight is not empty[2].weight
    for net in (shared_net().to("meta"), modules.to_empty(device="cpu")):
        assert net[2] is net[4]


def test_fact_13_load_state_dict_and_ties():
    def saved(net):
        return {name: value.clone() for name, value in net.state_dict().items()}

    net = tied_net()
    assert str(net.load_state_dict(saved(net), assign=True)) == "<All keys matched successfully>"
    assert net[0].weight is not net[2].weight
    net = shared_net()
    net.load_state_dict(saved(net), assign=True)
    assert net[2].weight is net[4].weight
    net = tied_net()
    state = saved(net) | {"0.weight": torch.full((8, 8), 1.0), "2.weight": torch.full((8, 8), 2.0)}
    assert str(net.load_state_dict(state)) == "<All keys matched successfully>"
    assert net[0].weight is net[2].weight
    assert (net[0].weight == 2).all()


def test_fact_14_saving_ties(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")

    def size(state):
        file = io.BytesIO()
        torch.save(state, file)
        return len(file.getvalue())

    net = nn.Sequential(nn.Linear(256, 256), nn.Linear(256, 256))
    twice = size(net.state_dict())
    tie(net, "0.weight", "1.weight")
    assert size(net.state_dict()) < 0.55 * twice
    with pytest.raises(RuntimeError, match="Some tensors share memory"):
        safetensors.save_file(net.state_dict(), tmp_path / "net")
    safetensors.save_model(net, str(tmp_path / "net"))
    assert sorted(safetensors.load_file(tmp_path / "net")) == ["0.bias", "0.weight", "1.bias"]
    fresh = nn.Sequential(nn.Linear(256, 256), nn.Linear(256, 256))
    tie(fresh, "0.weight", "1.weight")
    safetensors.load_model(fresh, str(tmp_path / "net"))
    assert fresh[0].weight is fresh[1].weight
    assert torch.equal(fresh[1].weight, net[0].weight)


def test_fact_15_a_parameter_named_twice():
    p = nn.Parameter(torch.ones(1))
    with pytest.warns(UserWarning, match="parameter group with duplicate parameters"):
        optimizer = torch.optim.SGD([p, p], lr=0.1)
    p.grad = torch.ones(1)
    optimizer.step()
    assert p.item() == pytest.approx(0.8)
    with pytest.raises(ValueError, match="more than one parameter group"):
        torch.optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)
    p.grad = torch.tensor([3.0])
    assert nn.utils.clip_grad_norm_([p, p], 1).item() == pytest.approx(3 * 2**0.5)
    assert p.grad.item() == pytest.approx(3 / 18, rel=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.optim.SGD(tied_net().parameters(), lr=0.1)  # parameters() names each once


def test_fact_15_a_parameter_rebound_later_is_never_updated():
    net = linears(2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net[1].weight = nn.Parameter(net[1].weight.detach().clone())
    before = [layer.weight.detach().clone() for layer in net]
    net(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    assert [torch.equal(layer.weight, old) for layer, old in zip(net, before, strict=True)] == [False, True]


def test_fact_16_apply_visits_modules():
    def halve(module):
        if isinstance(module, nn.Linear):
            with torch.no_grad():
                module.weight.mul_(0.5)

    shared = nn.Linear(8, 8)
    scales = []
    for net in (tied_net(), nn.Sequential(shared, shared), nn.Sequential(nn.Sequential(shared), nn.Sequential(shared))):
        weight = nn.init.ones_(next(net.parameters()))
        net.apply(halve)
        scales.append(weight[0, 0].item())
    assert scales == [0.25, 0.5, 0.25]


def test_fact_18_parametrizing_one_of_two_tied_layers_parts_them():
    net = tied_net()
    parametrize.register_parametrization(net[0], "weight", Double())
    assert net[0].parametrizations.weight.original is net[2].weight
    assert torch.equal(net[0].weight, 2 * net[2].weight)
    normed = tied_net()
    nn.utils.parametrizations.weight_norm(normed[0])  # makes new Parameters; one reads the old one's memory still
    assert found(normed) == [("same storage", "0.parametrizations.weight.original1", "2.weight")]
    assert "0.weight is computed from it" in repr(ties(normed))
    normed[2].weight.data.mul_(-1)
    assert torch.allclose(normed[0].weight, normed[2].weight)  # the direction followed, the length did not need to
    normed[2].weight.data.mul_(2)
    assert torch.allclose(2 * normed[0].weight, normed[2].weight)


@pytest.mark.parametrize(
    ("optimizer", "options", "ratio"),
    [
        (torch.optim.SGD, {}, 1),
        (torch.optim.SGD, {"momentum": 0.9}, 1 / 2.71),  # 1 + 0.9 + 0.81 at the third step
        (torch.optim.Adagrad, {}, 3**0.5),
    ],
)
def test_fact_21_lr_times_gradient_is_the_change_for_plain_sgd_alone(optimizer, options, ratio):
    w = nn.Parameter(torch.ones(50))
    optimizer = optimizer([w], lr=0.1, **options)
    for _ in range(3):
        w.grad = torch.ones_like(w)
        before = w.detach().clone()
        optimizer.step()
    assert (0.1 * w.grad.norm() / (w - before).norm()).item() == pytest.approx(ratio, rel=1e-4)


def test_fact_22_sharing_saves_parameters_and_no_arithmetic():
    def flops(net):
        with FlopCounterMode(display=False) as counter:
            net(torch.ones(16, 4)).sum().backward()
        return counter.get_total_flops()

    net, twin = shared_net(), untie(shared_net())
    assert count_parameters(twin) - count_parameters(net) == 72
    assert flops(net) == flops(twin) > 0


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
def test_fact_22_what_shares_nothing():
    weights = [nn.Parameter(torch.randn(10, 10)) for _ in range(3)]
    assert found(nn.ParameterList(weights)) == []
    assert found(nn.ParameterDict(dict(zip("abc", weights, strict=True)))) == []
    for weight_norm in (nn.utils.weight_norm, nn.utils.parametrizations.weight_norm):
        with pytest.raises(AttributeError):
            weight_norm(nn.Parameter(torch.randn(10, 10)))
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(10, 10, bias=False))
    assert found(normed) == []
    assert count_parameters(normed) == 110
    four = ["ParameterList", "ParameterDict", "linear", "weight_norm"]
    assert not any(hasattr(torch.nn.modules.utils, name) for name in four)


def test_figures_of_notebook_4():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    plots = d2lparams.plots
    net = shared_net()
    uses = gradient_by_use(net, lambda: net(torch.ones(3, 4)).sum())["2.weight"]
    errors = {case: [1.0, 0.5] for case in itertools.product(("one rule", "many"), ("shared", "untied"))}
    drawn = [
        plots.gradient_uses(uses),
        figures.tie_survival({"a": {"x": True, "y": False}, "b": {"x": False, "y": False}}),
        figures.memory_bars({"shared": {"weights": 2**20, "rest": 2**20}, "untied": {"weights": 2**21, "rest": 2**21}}),
        figures.sharing_error([8, 16], errors),
    ]
    drawn[1].canvas.draw()
    assert drawn[1].axes[0].get_title() == "A survives most: 1 of 2"
    assert drawn[2].axes[0].get_title() == "One training step holds 2.00 MiB in place of 4.00: 50% less"
    for figure in drawn:
        pyplot.close(figure)
