"""An error of the watch itself, in whatever function, ends no training, changes nothing about it, and is told."""

import inspect
import warnings

import pytest
import torch
from loops import batches, called, fit, nothing_is_left_behind, shared_mlp
from torch import nn

from d2lparams import (
    Record,
    _gram,
    _histograms,
    _notes,
    _paths,
    _splits,
    _torch,
    _tracker,
    gradient_by_use,
    record,
    track,
    uses,
)

MODULES = _gram, _histograms, _notes, _paths, _splits, _torch, _tracker, record, uses
# Before the loop begins an error may be raised, and something has to catch it, tell it, and take the hooks away.
BEFORE = {"track", "parameter_names", "names_by_tensor", "check_not_lazy", "Filling.__init__", "Tracker.__init__"}
BEFORE |= {"check", "is_sharded", "several", "Notes.__init__"}
CATCH = {"Uses._carefully", "Uses.__torch_function__", "Split._carefully", "Notes.noting", "Tracker.start"}
CATCH |= {"Noting.__enter__", "Noting.__exit__", "Tracker._before_step", "Tracker._after_step"}
TELL = {"Notes.note", "Notes.warn", "Record.add_error"}
STEP = {f"Tracker.{name}" for name in ("_begin", "_end", "_mine", "_forget_splits")}
STEP |= {"_has_closure"}  # these begin and end a step
TAKE_AWAY = {"Tracker.stop", "Uses.start", "Uses.stop", "Uses._stop", "Uses._in_forward", "Uses._switch"}


class Loop:
    """Trains one net, plain or under `track`, with everything in it that the watch has code for."""

    def __init__(self):
        torch.manual_seed(0)
        body = nn.TransformerEncoderLayer(4, 2, 4, batch_first=True).requires_grad_(False).eval()
        self.net = nn.Sequential(nn.Unflatten(1, (1, 4)), body, nn.Flatten(), shared_mlp())

    def fit(self):
        torch.manual_seed(2)  # for dropout
        optimizer = torch.optim.SGD([p for p in self.net.parameters() if p.requires_grad], lr=0.1)
        losses = []
        for k, X in enumerate(batches(4)):
            if k != 2:  # where the pass meets the gradients of the last one
                optimizer.zero_grad()
            for part in X.chunk(2):
                loss = self.net(part).square().mean()
                loss.backward()
                losses.append(loss.item())
            optimizer.step()
        return losses

    def track(self):
        with track(self.net, every=2, histograms=2) as record:
            losses = self.fit()
        return losses, record

    def weights(self):
        return [p.detach().clone() for p in self.net.parameters()]


def functions():
    """Return {name: where it is} of each function of the watch that runs while a net is tracked."""
    codes = set(called(Loop().track))
    found = {}
    for module in MODULES:
        for owner in (module, *(thing for thing in vars(module).values() if inspect.isclass(thing))):
            for name, thing in vars(owner).items():
                function = inspect.unwrap(thing) if callable(thing) else None
                if getattr(function, "__code__", None) in codes:
                    found.setdefault(function.__qualname__, []).append((owner, name))
    return {name: owners for name, owners in found.items() if name not in BEFORE | CATCH | TELL | TAKE_AWAY}


FUNCTIONS = functions()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small nets
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def plain(one_thread):
    loop = Loop()
    return loop.fit(), loop.weights(), Loop().track()[1]


def break_(monkeypatch, owner, name, failing):
    """Let `owner.name` raise an error at each call for which `failing()` holds."""
    original = vars(owner)[name]

    def faulty(*args, **kwargs):
        if failing():
            raise RuntimeError("a fault of the watch")
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, faulty)


@pytest.mark.parametrize("which", ["all calls", "the second", "from the fourth on"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_training_goes_through_whatever_function_fails(function, which, plain, monkeypatch):
    losses, weights, whole = plain
    calls, failed = [], []

    def failing():
        calls.append(1)
        fails = {"all calls": True, "the second": len(calls) == 2, "from the fourth on": len(calls) > 3}[which]
        failed.extend([1] * fails)
        return fails

    for owner, name in FUNCTIONS[function]:
        break_(monkeypatch, owner, name, failing)
    loop = Loop()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found, record = loop.track()
    monkeypatch.undo()
    assert found == losses
    assert all(torch.equal(a, b) for a, b in zip(loop.weights(), weights, strict=True))
    assert nothing_is_left_behind()
    assert bool(record.errors) == bool(failed)
    assert len(told) == bool(failed)
    if failed:
        assert "a fault of the watch" in str(told[0].message)
        assert "while recording" in repr(record)
    if function in STEP:
        return
    same = record.frame().merge(whole.frame())  # the rows that are equal to the last bit
    assert len(same) == len(record.frame())
    for name in record.shared:
        table = record.uses(name)
        assert table.equals(whole.uses(name).loc[table.index])


OF_A_SPLIT = _torch, uses, uses.Uses
BEFORE_THE_LOSS = {"lacking", "lacking_for_views", "lacking_for_pauses", "_first_missing", "_look_up", "Uses.__init__"}


def fault(*_):
    raise RuntimeError("a fault of the watch")


@pytest.mark.parametrize("which", ["all calls", "the second"])
@pytest.mark.parametrize("function", [name for name, owners in FUNCTIONS.items() if owners[-1][0] in OF_A_SPLIT])
def test_a_split_of_a_gradient_is_right_or_there_is_none(function, which, monkeypatch):
    net, calls, ran = Loop().net, [], []

    def failing():
        calls.append(1)
        return which == "all calls" or len(calls) == 2

    def loss():
        value = net(torch.ones(1, 4)).sum()
        ran.append(1)
        return value

    torch.manual_seed(0)
    whole = gradient_by_use(net, loss)
    for owner, name in FUNCTIONS[function]:
        break_(monkeypatch, owner, name, failing)
    torch.manual_seed(0)
    try:
        found = gradient_by_use(net, loss)
    except RuntimeError as error:
        assert "a fault of the watch" in str(error)  # noqa: PT017 # there may be none
        assert len(ran) == 2 or function in BEFORE_THE_LOSS
    else:
        assert {name: list(uses) for name, uses in found.items()} == {name: list(uses) for name, uses in whole.items()}
        assert all(torch.equal(found[name][place], whole[name][place]) for name in whole for place in whole[name])
    monkeypatch.undo()
    assert nothing_is_left_behind()


def test_the_rest_is_recorded_of_a_parameter_and_of_all_others(monkeypatch, tmp_path):
    def norms(self, p, *args, original=_tracker.Tracker._norms):
        return original(self, p, *args) if p.ndim > 1 else fault()

    def counted(values, original=_tracker.histogram):
        return original(values) if isinstance(values, nn.Parameter) else fault()

    monkeypatch.setattr(_tracker.Tracker, "_norms", norms)
    monkeypatch.setattr(_tracker, "histogram", counted)
    net = shared_mlp()
    told = pytest.warns(RuntimeWarning, match=r"the gradient histogram of '0.weight' could not be recorded")
    with told, track(net, every=1, histograms=1) as record:
        fit(net, 3)
    assert len(told) == 1
    assert list(record.table("grad_norm")) == ["0.weight", "2.weight", "6.weight"]
    assert len(record.table("grad_norm")) == 3
    assert record.shared == ["2.weight", "2.bias"]
    assert record.histograms("0.bias")[0].tolist() == [0, 1, 2]
    with pytest.raises(
        KeyError, match=r"no gradient histogram of '0.bias'.*step 0: RuntimeError: a fault of the watch"
    ):
        record.histograms("0.bias", "gradient")
    assert len(record.errors) == 3 + 6
    record.save(tmp_path / "record.pt")
    assert Record.load(tmp_path / "record.pt").errors == record.errors


def test_what_was_split_before_an_error_stays(monkeypatch):
    net = shared_mlp()
    with track(net, every=1) as record:
        fit(net, 2)
        monkeypatch.setattr(uses.Uses, "_enter", fault)
        with pytest.warns(RuntimeWarning, match="the gradients by use could not be recorded: step 2: RuntimeError"):
            fit(net, 2)
        monkeypatch.undo()
        fit(net, 1)
    assert record.uses("2.weight").index.tolist() == [0, 1]
    assert record.table("grad_norm").index.tolist() == [0, 1, 2, 3, 4]
    assert "gradient by use of 2.weight, 2.bias; 1 error while recording" in repr(record)
    with pytest.raises(KeyError, match=r"no gradient by use of '0.weight': .* ended with an error"):
        record.uses("0.weight")


class Mute(Exception):
    def __str__(self):
        raise ZeroDivisionError


def test_an_error_that_cannot_be_told_is_told(monkeypatch):
    def fails(*_):
        raise Mute

    monkeypatch.setattr(_tracker, "histogram", fails)
    net = shared_mlp()
    with pytest.warns(RuntimeWarning, match="Mute"), track(net) as record:
        fit(net, 1)
    assert len(record.errors) == 12


def test_where_warnings_are_errors_the_training_ends_first(monkeypatch):
    monkeypatch.setattr(_tracker, "histogram", fault)
    net, losses = shared_mlp(), []
    with pytest.raises(RuntimeWarning, match="could not be recorded"), track(net, every=1) as record:
        losses += fit(net, 3)
    assert len(losses) == record.total_steps == 3
    with pytest.raises(ZeroDivisionError), track(net, every=1):
        fit(net, 1, after=lambda: 1 / 0)


@pytest.mark.parametrize("where", ["Tracker._norms", "Split._use_arrived", "Uses._enter", "Uses._tell"])
def test_an_interrupt_from_the_keyboard_goes_through(where, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    for owner, name in FUNCTIONS[where]:
        monkeypatch.setattr(owner, name, interrupt)
    net = shared_mlp()
    with pytest.raises(KeyboardInterrupt), track(net, every=1):
        fit(net, 3)
    assert nothing_is_left_behind()


def test_an_error_of_the_nets_own_comes_first(monkeypatch):
    error, net = ValueError("the net's own"), shared_mlp()

    def fails(*_):
        raise error

    net[4].register_forward_hook(fails)
    for _ in range(2):
        with pytest.raises(ValueError, match="own") as raised:
            gradient_by_use(net, lambda: net(torch.ones(1, 4)).sum())
        assert raised.value is error
        monkeypatch.setattr(uses.Uses, "_enter", fault)


def test_an_error_within_a_function_that_is_watched_is_raised_unchanged():
    error = ValueError("the tensor's own")

    class Fails(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise error

    net = nn.Linear(4, 3)
    with pytest.raises(ValueError, match="own") as raised, track(net) as record:
        net(torch.ones(1, 4).as_subclass(Fails))
    assert raised.value is error
    assert record.errors == {}
    assert nothing_is_left_behind()
