"""Rules by layer type, schemes that see their layer, and nets that are left whole when something fails."""

import copy
import functools
import math
import re
import warnings

import pytest
import torch
from nets import Double, mlp
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from d2lparams import Initializer, fan_in_out, initialize, select, with_true_fans

ones, zeros, he, xavier = nn.init.ones_, nn.init.zeros_, nn.init.kaiming_normal_, nn.init.xavier_uniform_


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def schemes_of(net, rules):
    return [row.scheme for row in initialize(net, rules).rows]


def state(net):
    return copy.deepcopy(net.state_dict())


def unchanged(net, before):
    now = net.state_dict()
    return now.keys() == before.keys() and all(torch.equal(now[name], value) for name, value in before.items())


# ---- which rule wins


def small():
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 2))


@pytest.mark.parametrize(
    ("rules", "wanted"),  # of 0.weight, 0.bias, 1.weight, 1.bias, 2.weight, 2.bias
    [
        ({nn.Linear: he, "*.bias": zeros}, "he zeros - zeros he zeros"),
        ({"*.bias": zeros, nn.Linear: he}, "he zeros - zeros he zeros"),
        ({nn.Linear: zeros}, "zeros zeros - - zeros zeros"),
        ({nn.LayerNorm: ones, "*.weight": he, "*.bias": zeros}, "he zeros ones zeros he zeros"),
        ({nn.LayerNorm: ones, nn.Linear: he, "*": zeros}, "he zeros ones zeros he zeros"),
        ({(nn.Linear, "weight"): he, nn.Module: ones}, "he ones ones ones he ones"),
        ({(nn.Linear, nn.LayerNorm): ones}, "ones ones ones ones ones ones"),
        ({(nn.Linear, nn.LayerNorm, "b*"): zeros}, "- zeros - zeros - zeros"),
        ({(nn.Linear, re.compile("^w")): he}, "he - - - he -"),
        ({(nn.Sequential, "2.*"): ones}, "- - - - ones ones"),
        ({"0.weight": ones, nn.Linear: zeros}, "ones zeros - - zeros zeros"),
        ({nn.LayerNorm: None, "*.weight": he, "*": zeros}, "he zeros - - he zeros"),
        ({"2.*": None, nn.Linear: zeros}, "zeros zeros - - - -"),
    ],
)
def test_the_first_rule_wins_and_a_type_leaves_biases_to_others(rules, wanted):
    short = {"kaiming_normal_": "he", "ones_": "ones", "zeros_": "zeros", None: "-"}
    assert " ".join(short[scheme] for scheme in schemes_of(small(), rules)) == wanted


def test_a_type_takes_what_select_takes_and_draws_as_nn_init_does():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.TransformerEncoderLayer(8, 2, 16), nn.MultiheadAttention(8, 2))
    for kind in (nn.Conv2d, nn.MultiheadAttention, nn.TransformerEncoderLayer, (nn.LayerNorm, nn.Conv2d)):
        touched = initialize(net, {kind: nn.init.normal_}).touched
        assert [row.names[0] for row in touched] == list(select(net, kind))
    initialize(net, {nn.Conv2d: xavier, "*.bias": zeros}, generator(3))
    assert torch.equal(net[0].weight, xavier(torch.empty(4, 3, 3, 3), generator=generator(3)))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            {nn.Conv2d: he},
            r"no parameter matches Conv2d: no layer of such a type holds one; the types here: Linear, La",
        ),
        ({(nn.Linear, "wieght"): he}, r"matches \(Linear, 'wieght'\): no layer of such a type holds one of this name"),
        ({nn.Linear: he, (nn.Linear, "weight"): ones}, r"\(Linear, 'weight'\) is never used: Linear, which comes bef"),
        ({"*.bias": nn.init.constant_}, r"missing 1 .* argument: 'val'; bind its arguments with functools.partial"),
        ({nn.Linear: he}, r"on '0.bias' \(8,\) failed.*; a rule for \(Linear, 'bias'\) before this one would take it"),
    ],
)
def test_a_rule_that_cannot_work_says_why_and_changes_nothing(rules, message):
    net = small()
    before = state(net)
    with pytest.raises(ValueError, match=message):
        initialize(net, rules)
    assert unchanged(net, before)


@pytest.mark.parametrize(
    "key", [torch.Tensor, nn.Linear(2, 2), 3, (), ("weight",), (nn.Linear, 3), ("weight", nn.Linear)]
)
def test_what_is_no_rule_is_refused(key):
    with pytest.raises(TypeError, match=r"is no rule's key.*nn\.Linear"):
        initialize(small(), {key: zeros})


def test_a_tied_parameter_answers_to_the_types_of_all_its_layers():
    net = nn.ModuleDict({"embed": nn.Embedding(7, 4, padding_idx=2), "head": nn.Linear(4, 7, bias=False)})
    net["head"].weight = net["embed"].weight
    seen = []

    def look(tensor, name, layer):
        seen.append((name, type(layer).__name__))
        return ones(tensor)

    report = initialize(net, {nn.Linear: look})
    assert (seen, len(report.rows)) == ([("head.weight", "Linear")], 1)
    assert net["embed"].weight.sum(1).tolist() == [4, 4, 0, 4, 4, 4, 4]  # the row for padding, under both names


# ---- what a scheme sees of its layer


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    "kind", [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]
)
def test_the_fans_of_a_layer_are_those_that_autograd_counts(kind, groups):
    layer = kind(4, 8, 3, groups=groups, bias=False)
    n = {"1": 1, "2": 2, "3": 3}[kind.__name__[-2]]
    X = torch.rand(1, 4, *[7] * n, requires_grad=True)
    output = layer(X)
    middle = (0, 0, *[size // 2 for size in output.shape[2:]])
    read = torch.autograd.grad(output[middle], X)[0].count_nonzero().item()
    one = torch.zeros_like(X)
    one[(0, 0, *[3] * n)] = 1
    assert fan_in_out(layer) == (read, layer(one).count_nonzero().item())


def test_the_fans_of_other_layers():
    conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D
    assert fan_in_out(conv1d(8, 4)) == (4, 8)  # GPT-2's layer: 8 outputs of 4 inputs, stored (4, 8)
    assert fan_in_out(nn.utils.parametrizations.weight_norm(nn.Linear(4, 8))) == (4, 8)
    depthwise = nn.Conv2d(64, 64, 3, groups=64)
    assert (fan_in_out(depthwise), fan_in_out(depthwise.weight)) == ((9, 9), (9, 576))
    attention = nn.MultiheadAttention(8, 2)
    assert fan_in_out(attention.in_proj_weight, attention) == (8, 24)
    with pytest.raises(ValueError, match="Sequential has no tensor called weight: pass one of the layers in it"):
        fan_in_out(mlp(2, 2))


class He(Initializer):
    def init_weight_(self, tensor, generator=None, layer=None):
        fan_in, _ = fan_in_out(tensor, layer)
        return nn.init.normal_(tensor, std=math.sqrt(2 / fan_in), generator=generator)


def test_an_initializer_knows_the_true_fan_of_a_transposed_convolution():
    net = nn.Sequential(nn.ConvTranspose2d(64, 4, 3), nn.Conv2d(64, 64, 3, groups=64))
    initialize(net, {nn.Module: He(say=None)}, generator())
    assert net[0].weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.1)
    assert net[1].weight.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.1)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d, nn.ConvTranspose1d])
def test_nn_init_can_be_given_the_true_fans(kind, mode):
    net = nn.Sequential(kind(64, 32, 3, groups=4), nn.Linear(9, 5), nn.Conv1d(9, 5, 3))
    scheme = with_true_fans(functools.partial(he, mode=mode))
    report = initialize(net, {"*.weight": scheme}, generator())
    fans = dict(zip(("fan_in", "fan_out"), fan_in_out(net[0]), strict=True))
    assert net[0].weight.std().item() == pytest.approx(math.sqrt(2 / fans[mode]), rel=0.1)
    assert report.touched[0].scheme == f"with_true_fans(kaiming_normal_(mode={mode}))"
    for layer in net[1:]:  # as they are, the same numbers
        alone = torch.empty_like(layer.weight)
        initialize(layer, {"weight": scheme}, generator(1))
        assert torch.equal(layer.weight, he(alone, mode=mode, generator=generator(1)))


class Tokens(nn.Module):
    """A model's own Parameters, which are no layer's weights, and one that is."""

    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.full((1, 1, 8), 0.5))
        self.pos_embed = nn.Parameter(torch.rand(1, 5, 8))
        self.layer_scale = nn.Parameter(torch.full((8, 1, 1), 1e-6))
        self.logit_scale = nn.Parameter(torch.tensor(2.66))
        self.gamma = nn.Parameter(torch.full((8,), 1e-5))
        self.attention_biases = nn.Parameter(torch.rand(2, 49))
        self.dt_bias = nn.Parameter(torch.rand(8))
        self.A_log = nn.Parameter(torch.rand(8, 4))
        self.relative_position_bias_table = nn.Parameter(torch.zeros(169, 4))
        self.projection = nn.Parameter(torch.zeros(8, 4))
        self.W = nn.Parameter(torch.zeros(8, 1))
        self.b = nn.Parameter(torch.rand(4))


def test_an_initializer_leaves_to_torch_what_is_no_weight(capsys):
    net = nn.ModuleDict({"own": Tokens(), "slope": nn.PReLU(3, init=0.1), "embed": nn.Embedding(9, 8, padding_idx=0)})
    net["attention"] = nn.MultiheadAttention(8, 2, add_bias_kv=True)
    zeros(net["attention"].bias_k)
    ones(net["slope"].weight)
    before = state(net)
    initialize(net, {"*": He()}, generator())
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    own = {name for name in before if name.startswith("own.")}
    assert changed & own == {"own.relative_position_bias_table", "own.projection", "own.W", "own.b"}
    assert net["own"].relative_position_bias_table.std().item() == pytest.approx(0.02, rel=0.1)
    assert net["slope"].weight.tolist() == pytest.approx([0.1] * 3)
    assert not net["own"].b.any()
    assert not net["embed"].weight[0].any()
    assert net["embed"].weight[1:].all()
    assert 0.1 < net["attention"].bias_k.std() < 2  # Xavier's: √(2 / 16) = 0.35
    lines = capsys.readouterr().out.splitlines()
    assert "init slope.weight (3,), as torch does" in lines
    assert "init own.cls_token (1, 1, 8), left as it is" in lines
    assert "init own.projection (8, 4)" in lines


def test_an_initializer_leaves_other_peoples_models_sane():
    models = pytest.importorskip("transformers")
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    size |= {"vocab_size": 32, "num_key_value_heads": 1, "head_dim": 8}
    nets = [
        models.GPT2Model(models.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=32, n_positions=16)),
        models.T5Model(models.T5Config(d_model=16, d_ff=32, d_kv=8, num_layers=1, num_heads=2, vocab_size=32)),
        models.GemmaModel(models.GemmaConfig(**size)),  # multiplies by 1 + scale
    ]
    for net in nets:
        before = state(net)
        report = initialize(net, {nn.Module: He(say=None)}, generator())
        assert not report.untouched
        for name, value in net.state_dict().items():
            kept = value.dim() < 2 or "relative_attention_bias" in name  # their biases and scales are like ours
            assert torch.equal(value, before[name]) is kept, name
    std = nets[0].h[0].mlp.c_fc.weight.std().item()
    assert std == pytest.approx(math.sqrt(2 / 16), rel=0.1)  # stored (in, out), (16, 64)


# ---- layers that compute their weight


@pytest.mark.parametrize(
    "wrap",
    [
        parametrizations.weight_norm,
        functools.partial(parametrizations.weight_norm, dim=1),
        functools.partial(parametrizations.weight_norm, dim=None),
        nn.utils.weight_norm,
        functools.partial(nn.utils.weight_norm, dim=1),
        functools.partial(nn.utils.weight_norm, dim=None),
    ],
)
def test_a_type_draws_the_weight_that_a_normalized_layer_uses(wrap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the old weight_norm
        net = nn.Sequential(wrap(nn.Linear(6, 5)))
    initialize(net, {(nn.Linear, "weight"): he}, generator(1))
    net(torch.zeros(1, 6))
    assert torch.allclose(net[0].weight, he(torch.empty(5, 6), generator=generator(1)), atol=1e-6)


def test_an_initializer_leaves_magnitudes_and_draws_directions():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the old weight_norm
        net = nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 5)), nn.utils.weight_norm(nn.Linear(6, 5)))
    before = state(net)
    initialize(net, {"*": He(say=None)}, generator(1))
    kept = {name for name, value in net.state_dict().items() if torch.equal(value, before[name])}
    assert kept == {"0.parametrizations.weight.original0", "1.weight_g"}


def test_other_parametrizations_get_what_assigning_would_store():
    drawn = he(torch.empty(5, 6), generator=generator(1))
    for wrap in (parametrizations.spectral_norm, parametrizations.orthogonal):
        net = wrap(nn.Linear(6, 5)).eval()
        by_hand = copy.deepcopy(net)
        by_hand.weight = drawn
        initialize(net, {(nn.Linear, "weight"): he}, generator(1))
        assert torch.allclose(net.weight, by_hand.weight, atol=1e-6)
    net = parametrizations.spectral_norm(nn.Linear(6, 5))  # in training each look at the weight moves its buffers
    buffers = {name: value.clone() for name, value in net.named_buffers()}
    initialize(net, {(nn.Linear, "weight"): he})
    assert all(module.training for module in net.modules())
    assert all(torch.equal(value, buffers[name]) for name, value in net.named_buffers())
    pruned = prune.l1_unstructured(nn.Linear(6, 5), "weight", 0.5)
    initialize(pruned, {(nn.Linear, "weight_orig"): he}, generator(1))
    pruned(torch.zeros(1, 6))
    assert torch.equal(pruned.weight, drawn * pruned.weight_mask)
    one_way = nn.Linear(6, 5)
    parametrize.register_parametrization(one_way, "weight", Double())
    with pytest.raises(ValueError, match="Double has no right_inverse, so its originals need rules by name"):
        initialize(one_way, {nn.Linear: nn.init.normal_})
    initialize(one_way, {"*original": ones})
    assert (one_way.weight == 2).all()


# ---- all or none


def test_the_report_is_measured_last_and_says_where_one_memory_was_drawn_twice():
    net = nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in ((64, 8), (8, 64), (8, 8))))
    net[1].weight.data = net[0].weight.data.t()
    report = initialize(net, {"0.*": ones, "1.*": functools.partial(nn.init.constant_, val=5.0)})
    assert [row.mean for row in report.rows[:2]] == [5, 5] == [net[0].weight.mean(), net[1].weight.mean()]
    assert len(report.notes) == 1
    assert "0.weight and 1.weight share memory, drawn 2 times" in repr(report)
    assert "drawn last: constant_(val=5.0) for 1.weight" in repr(report)
    report = initialize(net, {"0.*": ones})
    assert "0.weight and 1.weight share memory, drawn once, and changed under all of these names" in repr(report)
    assert report.rows[1].mean == 1
    assert initialize(net, {"2.*": ones}).notes == []


class Stubborn(nn.Parameter):
    """Refuses to be written."""

    error = RuntimeError

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.copy_ and isinstance(args[0], cls):
            raise cls.error("not mine")
        return super().__torch_function__(func, types, args, kwargs or {})


class Interrupted(Stubborn):
    error = KeyboardInterrupt


@pytest.mark.parametrize(("kind", "error"), [(Stubborn, ValueError), (Interrupted, KeyboardInterrupt)])
def test_when_a_parameter_refuses_its_values_all_get_theirs_back(kind, error):
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3), parametrizations.orthogonal(nn.Linear(3, 3)))
    net[2].weight = kind(torch.rand(3, 3))
    before = state(net)
    with pytest.raises(error, match=r"2.weight refused its new values, so nothing was changed|not mine"):
        initialize(net, {nn.Linear: nn.init.normal_})
    assert unchanged(net, before)  # the parametrization's buffer, too


def quantized():
    return nn.Parameter(torch.quantize_per_tensor(torch.rand(3, 3), 0.1, 0, torch.qint8), requires_grad=False)


class Codes(torch.Tensor):
    """Stands in for the tensors of torchao."""

    def dequantize(self):
        return self.float() * 0.1


def nested(layout=torch.jagged):
    return nn.Parameter(torch.nested.nested_tensor([torch.rand(2, 3), torch.rand(4, 3)], layout=layout))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (quantized, r"odd cannot be filled: quantized codes \(torch.qint8\) depend on a scale"),
        (lambda: nn.Parameter(torch.zeros(3, dtype=torch.uint8), requires_grad=False), r"codes \(torch.uint8\)"),
        (lambda: nn.Parameter(torch.zeros(3).to(torch.float8_e4m3fn), requires_grad=False), r"codes \(torch.float8"),
        (lambda: nn.Parameter(torch.zeros(3).as_subclass(Codes)), r"quantized codes \(Codes\)"),
        (nested, "odd cannot be filled: a scheme cannot fill a nested tensor"),
        (lambda: nested(torch.strided), "odd cannot be filled: a scheme cannot fill a nested tensor"),
        (lambda: nn.Parameter(torch.rand(4).as_strided((3, 2), (1, 1))), "odd cannot be filled: expand"),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:.*quantiz")
def test_what_no_scheme_can_fill_is_refused_first_and_may_be_left_out(odd, message):
    net = nn.Linear(2, 2)
    net.odd = odd()
    before = net.weight.clone()
    with pytest.raises(ValueError, match=rf"{message}.*[Nn]othing was changed"):
        initialize(net, {"*": ones})
    assert torch.equal(net.weight, before)
    report = initialize(net, {"odd": None, "*": ones})
    assert [row.scheme for row in report.rows] == ["ones_", "ones_", None]


def test_what_was_made_in_inference_mode_is_refused_outside_and_filled_inside():
    with torch.inference_mode():
        loaded = nn.Linear(2, 2)
    net = nn.Sequential(nn.Linear(2, 2), loaded)
    before = state(net)
    with pytest.raises(ValueError, match=r"1.weight, 1.bias cannot be filled: .*inference_mode\(\).*Nothing was chan"):
        initialize(net, {"*": ones})
    assert unchanged(net, before)
    with torch.inference_mode():
        initialize(net, {"*": ones})
    assert (loaded.weight == 1).all()


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_sparse_and_transposed_and_frozen_parameters_work():
    net = nn.Module()
    net.coo, net.csr = nn.Parameter(torch.eye(4).to_sparse()), nn.Parameter(torch.eye(4).to_sparse_csr())
    net.turned = nn.Parameter(torch.rand(3, 5).t(), requires_grad=False)
    net.last = nn.Parameter(torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last))
    report = initialize(net, {"c*": lambda w: w.mul_(2), "*": nn.init.normal_})
    assert [row.mean for row in report.rows[:2]] == [0.5, 0.5]
    for row, p in zip(report.rows[2:], (net.turned, net.last), strict=True):
        assert row.mean == pytest.approx(p.mean().item(), abs=1e-6)
        assert row.std == pytest.approx(p.std(correction=0).item(), rel=1e-5)
    assert net.turned.stride() == (1, 5)
    assert not net.turned.requires_grad
