"""What `health` takes: any batch, output, loss and kind of net; an answer, or a message that says what to do."""

import dataclasses
import math
import threading
import warnings
from collections import UserDict

import pytest
import torch
from nets import mlp
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence
from torch.utils.checkpoint import checkpoint

from d2lparams import health


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def batch(n=16, width=8, classes=3):
    return torch.randn(n, width), torch.randint(classes, (n,))


@dataclasses.dataclass
class Answer:
    note: str
    scores: torch.Tensor


class Returns(nn.Module):
    """A net that hands its scores out in some form."""

    def __init__(self, form):
        super().__init__()
        self.net, self.form = mlp(8, 16, 3), form

    def forward(self, X):
        return self.form(self.net(X))


FORMS = {
    "a tensor": lambda scores: scores,
    "a tuple": lambda scores: (scores, scores.detach().sum()),
    "a dictionary": lambda scores: {"state": torch.zeros(2), "logits": scores},
    "another mapping": lambda scores: UserDict(out=scores),
    "a dataclass": lambda scores: Answer("so", scores),
    "in lists": lambda scores: [[scores]],
}


@pytest.mark.parametrize("form", FORMS)
def test_an_output_of_any_form_has_the_loss_of_its_scores(form):
    net, (X, y) = Returns(FORMS[form]), batch()
    truth = F.cross_entropy(net.net(X), y).item()
    assert health(net, X, y).loss == pytest.approx(truth)
    report = health(net, X, y, F.cross_entropy)  # a loss of a tensor gets the tensor
    assert (report.loss, report.expected) == (pytest.approx(truth), math.log(3))


def test_a_loss_gets_the_whole_output():
    X, y = batch()
    assert health(Returns(FORMS["a dataclass"]), X, y, lambda output, y: F.cross_entropy(output.scores, y)).layers
    detector = Returns(lambda scores: {"class": scores.square().mean(), "box": scores.abs().mean()})
    whole = detector(X)
    report = health(detector, X, None, lambda losses, y: sum(losses.values()))
    assert report.loss == pytest.approx((whole["class"] + whole["box"]).item())
    assert report.expected is None


def test_an_error_in_a_loss_is_the_callers():
    X, y = batch()
    with pytest.raises(ZeroDivisionError):
        health(Returns(FORMS["a tuple"]), X, y, lambda output, y: 1 / 0)
    with pytest.raises(TypeError, match="returned a float; it must return a tensor"):
        health(mlp(8, 3), X, y, lambda output, y: 1.0)
    with pytest.raises(ValueError, match="returned a str without a tensor; pass loss="):
        health(Returns(lambda scores: "none"), X, y)


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(8, 16, 3)

    def forward(self, X, scale=1.0):
        return self.net(X) * scale


@pytest.mark.parametrize("kind", [dict, UserDict])
def test_any_mapping_is_handed_on_by_name(kind):
    X, y = batch()
    net = Named()
    report = health(net, kind(X=X, scale=2.0), y)
    assert report.loss == pytest.approx(F.cross_entropy(2 * net.net(X), y).item())


def test_packed_sequences_go_in_and_out():
    packed = pack_sequence([torch.randn(5, 4), torch.randn(3, 4)])
    net = nn.LSTM(4, 8)
    report = health(net, packed, None, lambda output, y: output[0].data.square().mean())
    assert report.loss == pytest.approx(net(packed)[0].data.square().mean().item())
    assert report.layers[0].shape == (8, 8)
    assert health(net, packed, None, lambda output, y: output.square().mean()).loss == pytest.approx(report.loss)


def test_what_the_net_is_given_stays_as_it_is():
    X, y = batch()
    before = X.clone()
    health(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 3)), X, y)
    assert torch.equal(X, before)


def test_moving_zeros_changes_the_copy_alone():
    net, (X, y) = mlp(8, 16, 3), batch()
    nn.init.zeros_(net[3].weight)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    report = health(net, X, y)
    assert report.verdict == "zero by design"
    assert (
        report.reasons[-1]
        == "'3.weight' begins at 0 and learns; once it has moved, '1.weight' and 1 more get a gradient"
    )
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert [layer.dead for layer in report.layers] == [0, 0, 0]
    assert report.layers[-1].std == pytest.approx(net[3].bias.std(correction=0).item(), rel=1e-5)  # as it begins


# ---- the loss of guessing


def guesses(loss, y, scores=3, **options):
    return health(mlp(8, scores), batch()[0], y, loss, **options).expected


def test_what_guessing_gives():
    y, ones = batch()[1], torch.randint(2, (16, 3)).float()
    assert guesses(F.cross_entropy, y) == math.log(3)
    assert guesses(lambda output, y: F.cross_entropy(output, y), y) == math.log(3)
    assert guesses(lambda output, y: F.nll_loss(output.log_softmax(1), y), y) == math.log(3)
    assert guesses(nn.CrossEntropyLoss(reduction="sum"), y) == pytest.approx(16 * math.log(3))
    assert guesses(nn.BCEWithLogitsLoss(), ones) == math.log(2)
    assert guesses(lambda output, y: F.binary_cross_entropy(output.sigmoid(), y), ones) == math.log(2)
    weighted = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0))
    assert guesses(weighted, ones) == pytest.approx(weighted(torch.zeros(16, 3), ones).item())
    assert guesses(F.mse_loss, ones) is None
    assert guesses(lambda output, y: output.exp().mean(), y) is None


def test_what_guessing_by_unequal_shares_gives():
    y = torch.tensor([0] * 12 + [1] * 4)
    shares = [0.75, 0.25, 0.0]
    best = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert guesses(None, y, shares=shares) == pytest.approx(best)
    assert guesses(None, y, shares=True) == pytest.approx(best)
    assert guesses(F.cross_entropy, F.one_hot(y, 3).float(), shares=True) == pytest.approx(best)
    rare = torch.zeros(16, 1)
    rare[0] = 1
    best = -(math.log(1 / 16) + 15 * math.log(15 / 16)) / 16
    assert guesses(nn.BCEWithLogitsLoss(), rare, 1, shares=True) == pytest.approx(best)
    assert guesses(nn.BCEWithLogitsLoss(), rare, 1, shares=1 / 16) == pytest.approx(best)
    X, y = batch()
    assert health(mlp(8, 3), X, y, shares=[0.98, 0.01, 0.01]).verdict == "healthy"  # answering all alike is no fault
    for wrong, loss in (
        ([0.5, 0.5], None),
        ([1.0, 1.0, -1.0], None),
        (True, F.mse_loss),
        (2.0, nn.BCEWithLogitsLoss()),
    ):
        with pytest.raises(ValueError, match="shares"):
            health(mlp(8, 3), X, y if loss is None else torch.rand(16, 3), loss, shares=wrong)


def test_a_binary_net_that_is_wrong_with_confidence():
    net, (X, _) = mlp(8, 1), batch()
    nn.init.constant_(net[1].bias, 30)
    report = health(net, X, torch.zeros(16, 1), nn.BCEWithLogitsLoss())
    assert report.verdict == "explodes"
    assert "ln 2 = 0.693" in repr(report)


# ---- nets of other kinds


class Functional(nn.Module):
    """Weights that no module uses, beside a Dropout that is called."""

    def __init__(self, gain):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.weights = nn.ParameterList(gain / 8 * torch.randn(64, 64) for _ in range(8))

    def forward(self, x):
        x = self.drop(x)
        for weight in self.weights:
            x = F.linear(x, weight).relu()
        return x


def exported(gain):
    net = nn.Sequential(*(part for w in Functional(gain).weights for part in (nn.Linear(64, 64), nn.ReLU())))
    for p in net.parameters():
        p.data.mul_(gain)
    return torch.export.export(net, (torch.randn(16, 64),)).module()


def scripted(gain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated
        net = torch.jit.script(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)))
    for p in net.parameters():
        p.data.mul_(gain)
    return net


@pytest.mark.parametrize("make", [Functional, exported, scripted])
def test_what_was_not_seen_is_unknown_and_its_loss_is_looked_at_all_the_same(make):
    X, y = batch(16, 64, 64)
    report = health(make(1.5), X, y)
    assert report.verdict == "unknown"
    assert [layer.name for layer in report.layers] == [""]
    assert any("no layer was seen" in reason for reason in report.reasons)
    report = health(make(30.0), X, y)
    assert report.verdict == "explodes"
    assert report.expected == math.log(64)
    assert report.reasons[0].startswith("signal from input to output: ×")
    assert health(make(30.0), X, X, F.mse_loss).verdict == "explodes"


@pytest.mark.parametrize(("gain", "verdict"), [(1.7, "healthy"), (100, "explodes"), (0.01, "vanishes")])
def test_complex_layers_have_a_size_too(gain, verdict):
    net = nn.Sequential(*(nn.Linear(16, 16, dtype=torch.complex64) for _ in range(8)))
    for p in net.parameters():
        p.data.mul_(gain)
    Z = torch.randn(8, 16, dtype=torch.complex64)
    report = health(net, Z, Z, lambda output, y: (output - y).abs().square().mean())
    values = torch.view_as_real(net[0](Z))
    assert report.layers[0].std == pytest.approx(values.std(correction=0).item(), rel=1e-5)
    assert report.verdict == verdict


def test_a_net_that_cannot_be_copied_says_so():
    net = mlp(8, 3)
    net.lock = threading.Lock()
    with pytest.raises(TypeError, match=r"copy.deepcopy\(net\) fails: cannot pickle '_thread.lock'"):
        health(net, *batch())


def test_a_function_is_no_net():
    with pytest.raises(TypeError, match=r"takes an nn.Module, whose layers can be watched, but got a function"):
        health(lambda X: X, *batch())


# ---- which run is which


class Recomputed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.enter, self.part, self.head = nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 16), nn.ReLU()), nn.Linear(16, 3)
        self.reentrant = reentrant

    def forward(self, X):
        X = self.enter(X)
        part = self.part(X) if self.reentrant is None else checkpoint(self.part, X, use_reentrant=self.reentrant)
        return self.head(part)


@pytest.mark.parametrize("reentrant", [False, True])
def test_layers_that_run_again_in_the_backward_pass_count_once(reentrant):
    net, (X, y) = Recomputed(None), batch()
    plain = health(net, X, y)
    net.reentrant = reentrant
    report = health(net, X, y)
    assert [layer.name for layer in report.layers] == ["enter", "part.0", "part.1", "head"]
    for ours, theirs in zip(report.layers, plain.layers, strict=True):
        assert ours.grad_std == pytest.approx(theirs.grad_std, rel=1e-5), ours.name
    assert report.reasons == plain.reasons
    assert all(p.grad is None for p in net.parameters())


class Twice(nn.Module):
    """One layer in two blocks, which run in the other order."""

    def __init__(self):
        super().__init__()
        shared = nn.Linear(8, 8)
        self.a, self.b = nn.Sequential(shared, nn.ReLU()), nn.Sequential(shared, nn.Tanh())
        self.head = nn.Linear(8, 3)

    def forward(self, X):
        return self.head(self.a(self.b(X)))


def test_a_shared_layer_goes_by_the_path_of_the_block_that_runs():
    assert [layer.name for layer in health(Twice(), *batch()).layers] == ["b.0", "b.1", "a.0", "a.1", "head"]


class Mask(nn.Module):
    def forward(self, scores):
        return scores.masked_fill(torch.tensor([False, False, True]), -math.inf)


def test_a_mask_is_not_infinite():
    X, y = batch(classes=2)
    report = health(nn.Sequential(nn.Linear(8, 3), Mask()), X, y)
    assert report.verdict == "healthy"
    assert report.layers[1].finite
    assert health(nn.Sequential(nn.Linear(8, 3), Mask()), X, y + 1).verdict == "not finite"  # whose loss is infinite


def test_channels_are_units_and_places_are_not():
    conv = nn.Conv1d(2, 4, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, 1]])[..., None])
    X = torch.rand(5, 2, 6)
    X[..., 3:] = 0  # padded
    net = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
    assert [layer.dead for layer in health(net, X, torch.arange(5) % 3).layers] == [0, 0.25, 0]


class Turned(nn.Module):
    """Its activation is given channels before places by no layer that says so."""

    def __init__(self):
        super().__init__()
        self.linear, self.act, self.head = nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)

    def forward(self, X):
        return self.head(self.act(self.linear(X).transpose(1, 2) * (X[:, None, :, 0] != 0)).sum(2))


def test_places_are_no_units_where_no_layer_says_which_are():
    X = torch.randn(8, 10, 4)
    X[:, 2:] = 0  # padded
    report = health(Turned(), X, torch.arange(8) % 3)
    assert (report.verdict, report.layers[1].dead) == ("healthy", 0)
