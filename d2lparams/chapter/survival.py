"""Which ways to share a weight survive what: what happens to nets, and a probe that knows neither ways nor happenings.

Whether a tie is left is found by an experiment: write one entry, and read both uses.
"""

import copy
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_file, save_model
from torch import Tensor, distributed, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils import parametrize, prune
from torch.nn.utils.parametrizations import weight_norm
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from .survival_ways import START, UNIT, WAYS, Functional

OUTCOMES = {
    "tied": "one Parameter: what is written at one place is seen at the other",
    "shares memory": "two Parameters that read one memory; so far they act as a tie would",
    "trains differently": "two Parameters that read one memory; the step was not a tie's step",
    "partly tied": "a write is seen at the other place, but the two compute with different weights",
    "untied, equal": "two weights with equal numbers; the next step can part them",
    "drifts apart": "two weights with different numbers",
    "raises": "the call ends in an error",
}
"""What can become of a tie, from all of it to nothing at all."""

# ---- happenings: each takes a net and the path of the second place, and returns the net that is left

Happening = Callable[[nn.Module, str], nn.Module]


def _each_child(net: nn.Module, _: str) -> nn.Module:
    for name, child in net.named_children():
        setattr(net, name, copy.deepcopy(child))
    return net


def _through_file(kept: object, weights_only: bool = True) -> Any:
    file = io.BytesIO()
    torch.save(kept, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=weights_only)


def _loaded(net: nn.Module, assign: bool = False) -> nn.Module:
    net.load_state_dict(_through_file(net.state_dict()), assign=assign)
    return net


def _copies(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def _assigned_copies(net: nn.Module, _: str) -> nn.Module:
    net.load_state_dict(_copies(net), assign=True)
    return net


def _save_file(net: nn.Module, path: str) -> None:
    save_file(net.state_dict(), path)


def _safetensors(net: nn.Module, write: Callable[[nn.Module, str], None]) -> nn.Module:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "net.safetensors")
        write(net, path)
        load_model(net, path)
    return net


def _meta(net: nn.Module, _: str) -> nn.Module:
    kept = _copies(net)
    net.to("meta").to_empty(device="cpu").load_state_dict(kept)
    return net


def _draw(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding | Functional):
        nn.init.normal_(module.weight, std=0.1)


def train(net: nn.Module, optimizer: torch.optim.Optimizer | None = None, clip: bool = False) -> nn.Module:
    """Take two steps toward a target that differs for the two uses.

    Args:
        net: one of `WAYS`, also wrapped; it is changed in place.
        optimizer: of its Parameters; plain gradient descent if None.
        clip: whether the gradient is clipped to the norm 0.01.

    Returns:
        The same net.
    """
    optimizer = optimizer or torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        one, other = net(UNIT)
        loss = (one - START).square().sum() + (other - 2 * START - 1).square().sum()
        if loss.requires_grad:  # not everything is frozen
            loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(net.parameters(), 0.01)
        optimizer.step()
    return net


def _momentum(net: nn.Module, _: str) -> nn.Module:
    return train(net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9))


def _adamw(net: nn.Module, _: str) -> nn.Module:
    return train(net, torch.optim.AdamW(net.parameters(), lr=0.1, weight_decay=0.1))


def _frozen(net: nn.Module, place: str) -> nn.Module:
    net.get_submodule(place).requires_grad_(False)
    return train(net)


def _average(net: nn.Module, _: str) -> nn.Module:
    average = AveragedModel(net)
    average.update_parameters(net)
    return average.module


def _replaced(net: nn.Module, place: str) -> nn.Module:
    module = net.get_submodule(place)
    module.weight = nn.Parameter(module.weight.detach().clone())  # type: ignore[operator]
    return net


def _pruned(net: nn.Module, place: str) -> nn.Module:
    prune.l1_unstructured(net.get_submodule(place), "weight", amount=1)
    return net


def _normed(net: nn.Module, place: str) -> nn.Module:
    weight_norm(net.get_submodule(place))
    return net


class Adapter(nn.Module):
    """LoRA with rank 1, as a parametrization."""

    def __init__(self) -> None:
        super().__init__()
        self.A, self.B = nn.Parameter(torch.ones(1, 3)), nn.Parameter(torch.ones(3, 1))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.B @ self.A


def _adapted(net: nn.Module, place: str) -> nn.Module:
    parametrize.register_parametrization(net.get_submodule(place), "weight", Adapter())
    return net


def _merged(net: nn.Module, place: str) -> nn.Module:
    module = net.get_submodule(place)
    with torch.no_grad():
        assert isinstance(module.weight, Tensor)
        module.weight = module.weight.add_(1)  # the product B A of a trained adapter
    return net


class Int8(nn.Module):
    """A linear layer whose weight is kept in steps of 1/127 of its largest entry."""

    codes: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.step = weight.detach().abs().max().item() / 127
        self.register_buffer("codes", (weight.detach() / self.step).round().to(torch.int8))

    def forward(self, X: Tensor) -> Tensor:
        return F.linear(X, self.codes * self.step)


def _quantized(net: nn.Module, place: str) -> nn.Module:
    weight = net.get_submodule(place).weight
    assert isinstance(weight, Tensor)
    if place:
        net.set_submodule(place, Int8(weight))
    else:  # no layer to replace: the net's own weight is rounded
        weight.data = Int8(weight).codes * Int8(weight).step
    return net


class Called(nn.Module):
    """A net, run by `functional_call` with a copy of each entry of `named_parameters()`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = [net]  # in a list, so that its Parameters are not this module's
        self.names = [name for name, _ in net.named_parameters()]
        self.values = nn.ParameterList(value.detach().clone() for value in net.parameters())

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        values = dict(zip(self.names, self.values, strict=True))
        both: tuple[Tensor, Tensor] = functional_call(self.net[0], values, (X,))
        return both


class Recomputed(nn.Module):
    """A net whose activations are computed again in the backward pass."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        both: tuple[Tensor, Tensor] = checkpoint(self.net, X, use_reentrant=False)
        return both


def _compiled(net: nn.Module, _: str) -> nn.Module:
    torch.compiler.reset()
    compiled = torch.compile(net, backend="eager")
    assert isinstance(compiled, nn.Module)
    return train(compiled)


def _exported(net: nn.Module, _: str) -> nn.Module:
    return torch.export.export(net, (UNIT,)).module()


def _exported_file(net: nn.Module, _: str) -> nn.Module:
    file = io.BytesIO()
    torch.export.save(torch.export.export(net, (UNIT,)), file)
    return torch.export.load(io.BytesIO(file.getvalue())).module()


@contextmanager
def _one_process() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _ddp(net: nn.Module, _: str) -> nn.Module:
    with _one_process():
        train(nn.parallel.DistributedDataParallel(net))
    return net


GROUPS: dict[str, dict[str, Happening]] = {
    "copy": {
        "copy.deepcopy(net)": lambda net, _: copy.deepcopy(net),
        "deepcopy, child by child": _each_child,
        "torch.save(net), torch.load": lambda net, _: _through_file(net, weights_only=False),
        "averaged weights (EMA, SWA)": _average,
    },
    "save and load": {
        "load_state_dict": lambda net, _: _loaded(net),
        "load_state_dict(assign=True)": lambda net, _: _loaded(net, assign=True),
        "the same, from copies": _assigned_copies,
        "safetensors: save_file": lambda net, _: _safetensors(net, _save_file),
        "safetensors: save_model": lambda net, _: _safetensors(net, save_model),
    },
    "convert": {
        "net.double()": lambda net, _: net.double(),
        'to("meta"), to_empty, load': _meta,
        "net.share_memory()": lambda net, _: net.share_memory(),
    },
    "draw and train": {
        "net.apply(draw anew)": lambda net, _: net.apply(_draw),
        "SGD with momentum": _momentum,
        "AdamW": _adamw,
        "SGD, clip_grad_norm_": lambda net, _: train(net, clip=True),
        "SGD, one place frozen": _frozen,
    },
    "change one place": {
        "a new nn.Parameter": _replaced,
        "pruned": _pruned,
        "weight_norm": _normed,
        "LoRA": _adapted,
        "LoRA, merged": _merged,
        "quantized to int8": _quantized,
    },
    "run": {
        "functional_call": lambda net, _: Called(net),
        "checkpoint": lambda net, _: train(Recomputed(net)),
        'torch.compile("eager")': _compiled,
        "torch.export": _exported,
        "torch.export, save and load": _exported_file,
        "DistributedDataParallel": _ddp,
    },
}
"""What happens to nets, by kind."""

HAPPENINGS = {name: happen for group in GROUPS.values() for name, happen in group.items()}


# ---- the probe


def uses(net: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the weights with which the two uses compute, as copies.

    Args:
        net: one of `WAYS`, whatever has happened to it.

    Returns:
        Two matrices of shape (3, 3), equal where the two are tied.

    Example:
        >>> one, other = uses(WAYS["one layer, called twice"].build())
        >>> torch.equal(one, other)
        True
    """
    dtype = next((p.dtype for p in net.parameters()), torch.float32)
    with torch.no_grad():
        one, other = net(UNIT.to(dtype))
    return one.clone(), other.clone()


def survives(way: str, happening: str) -> str:
    """Let something happen to a net, and return what is left of its tie.

    One entry of each of its tensors is changed in turn, and both uses are read: which changed, and are they equal?

    Args:
        way: a key of `WAYS`.
        happening: a key of `HAPPENINGS`.

    Returns:
        A key of `OUTCOMES`.

    Example:
        >>> survives("one Parameter in two layers", "copy.deepcopy(net)")
        'tied'
        >>> survives("one memory (b.data = a.data)", "copy.deepcopy(net)")
        'untied, equal'
    """
    try:
        net = _after(way, happening)
        before = uses(net)
    except Warning:  # an error by somebody's filter; none of these calls warns
        raise
    except Exception:
        return "raises"
    equal = torch.allclose(*before, atol=1e-6)
    changes = {
        tensor: _write(tensor, net, before) for tensor in [*net.parameters(), *net.buffers()] if tensor.ndim == 2
    }
    seen = [tensor for tensor, (one, other, _) in changes.items() if one and other]
    if not seen:
        return "untied, equal" if equal else "drifts apart"
    if not all(still_equal and one == other for one, other, still_equal in changes.values()):
        return "partly tied"
    if len({tensor.untyped_storage().data_ptr() for tensor in seen}) == len(seen):  # no two in one memory
        return "tied"
    as_tied = uses(_after(WAYS[way].tie, happening))
    return "shares memory" if torch.allclose(before[0], as_tied[0], atol=1e-5) else "trains differently"


def _after(way: str, happening: str) -> nn.Module:
    torch.manual_seed(0)
    return HAPPENINGS[happening](WAYS[way].build(), WAYS[way].place)


def _write(tensor: Tensor, net: nn.Module, before: tuple[Tensor, Tensor]) -> tuple[bool, bool, bool]:
    """Change one entry; return whether the first use changed, whether the second did, and whether they are equal."""
    with torch.no_grad():
        entry = tensor[0, -1].clone()
        tensor[0, -1] += 1
        one, other = uses(net)
        tensor[0, -1] = entry
    changed = [not torch.allclose(now, then, atol=1e-6) for now, then in zip((one, other), before, strict=True)]
    return changed[0], changed[1], torch.allclose(one, other, atol=1e-6)


def matrix() -> dict[str, dict[str, dict[str, str]]]:
    """Return what is left of each way's tie after each happening, in a few seconds.

    Returns:
        {group: {happening: {way: a key of `OUTCOMES`}}}.
    """
    return {
        group: {happening: {way: survives(way, happening) for way in WAYS} for happening in happenings}
        for group, happenings in GROUPS.items()
    }
