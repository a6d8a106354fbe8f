"""The verdicts of `health` on starts that learn and starts that don't, held to what training them shows."""

import math

import pytest
import starts_bad  # noqa: F401  # adds its own to BAD
import starts_of_others  # noqa: F401  # adds its own to GOOD
import torch
from starts import BAD, GOOD
from torch import nn

from d2lparams import health
from d2lparams._batches import answer, call
from d2lparams._first_loss import first_loss

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
STEPS = 20


def train(start):
    """Return the losses of some steps on the one batch, and each weight's change relative to its size."""
    parameters = {name: p for name, p in start.net.named_parameters() if p.requires_grad}
    before = {name: p.detach().clone() for name, p in parameters.items()}
    optimizer, losses = start.optimizer(list(parameters.values())), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = first_loss(call(start.net, start.X), start.y, start.loss)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        loss.backward()
        optimizer.step()
    return losses, {
        name: ((p - before[name]).norm() / before[name].norm().clamp_min(1e-12)).item()
        for name, p in parameters.items()
        if p.dim() > 1
    }


def guessing(start):
    """Return the loss of answering every example alike, and of the best such answer; None for losses of numbers."""
    if start.loss is None:
        shares = torch.bincount(start.y.flatten()).float() / start.y.numel()
        classes = classes_of(start)
        return math.log(classes), -torch.special.xlogy(shares, shares).sum().item()
    if start.y.dtype.is_floating_point and isinstance(start.loss, nn.BCEWithLogitsLoss):
        return math.log(2), math.log(2)
    return None, None


def classes_of(start):
    with torch.no_grad():
        output = answer(call(start.net, start.X))
    return output.shape[-1] if output.shape[:-1] == start.y.shape else output.shape[1]


def learns(losses):
    return all(map(math.isfinite, losses)) and min(losses[-3:]) < 0.9 * losses[0]


def build(builders, name):
    torch.manual_seed(0)
    return builders[name]()


@pytest.mark.parametrize("name", GOOD)
def test_a_start_that_learns_is_not_condemned(name):
    start = build(GOOD, name)
    report = health(start.net, start.X, start.y, start.loss)
    assert report.verdict in ("healthy", "zero by design"), report.reasons
    expected, _ = guessing(start)
    assert report.expected == expected
    losses, _ = train(start)
    assert report.loss == pytest.approx(losses[0], rel=0.1)  # but for what is left out by chance
    assert learns(losses), losses
    assert expected is None or losses[0] < 2 * expected


@pytest.mark.parametrize("name", BAD)
def test_a_start_that_does_not_learn_is_not_passed(name):
    start = build(BAD, name)
    report = health(start.net, start.X, start.y, start.loss)
    assert report.verdict not in ("healthy", "zero by design", "unknown"), report.reasons
    expected, best = guessing(start)
    losses, changes = train(start)
    weights = {name: p.numel() for name, p in start.net.named_parameters() if name in changes}
    still = sum(n for name, n in weights.items() if changes[name] < 1e-3) / sum(weights.values())
    truths = {
        "begins far from the guess": not losses[0] < 3 * (expected or 1),
        "learns the shares at most": best is not None and min(losses) > 0.97 * best,
        "weights stand still": still > 0.05,
    }
    assert any(truths.values()), (losses, changes)


def test_there_are_enough_of_them():
    assert len(GOOD) >= 40
    assert len(BAD) >= 15


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("zero gamma", "zero by design"),
        ("layer scale", "zero by design"),
        ("lora", "zero by design"),
        ("router by mask", "healthy"),
        ("all zero", "dead"),
        ("dead relus", "dead"),
        ("small constant", "symmetric"),
        ("saturated sigmoid", "saturated"),
        ("too small by depth", "vanishes"),
        ("half zero half large", "explodes"),
        ("not a number", "not finite"),
    ],
)
def test_each_kind_goes_by_its_name(name, verdict):
    start = build(GOOD | BAD, name)
    assert health(start.net, start.X, start.y, start.loss).verdict == verdict


def test_equal_weights_are_symmetric_even_if_dropout_tells_units_apart():
    hidden = [part for _ in range(2) for part in (nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.5))]
    net = nn.Sequential(*hidden, nn.Linear(32, 10))
    for p in net.parameters():
        nn.init.constant_(p, 0.1)
    report = health(net, torch.randn(32, 32), torch.randint(10, (32,)))
    assert report.verdict == "symmetric"


def test_what_the_reasons_say():
    start = build(BAD, "dead relus")
    assert (
        health(*start[:4]).reasons[-1] == "100% of the units of '1' are dead: 86.5% of the weights never get a gradient"
    )
    start = build(BAD, "small constant")
    assert "'0.weight' has a twin with equal weights and an equal gradient" in health(*start[:4]).reasons[-1]
    start = build(BAD, "first layer cut off")
    assert "no gradient comes back to 'a'" in " ".join(health(*start[:4]).reasons)
    start = build(GOOD, "layer scale")
    assert "'0.scale' and 3 more, near 0, close their branches" in health(*start[:4]).reasons[-1]
    start = build(GOOD, "squeeze and excitation")
    assert "100% of the units of 'gate.1' are dead" in health(*start[:4]).reasons[-1]  # told, and no fault
