"""Quiz questions on notebook 1."""

import torch
from torch import nn

from d2lparams import count_parameters

from . import Quiz


class _Attention(nn.Module):
    """A module with a mask that is kept in one of three ways."""

    def __init__(self, mask: str) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        if mask == "plain":
            self.mask = torch.ones(4, 4)
        else:
            self.register_buffer("mask", torch.ones(4, 4), persistent=mask == "persistent")


class _Heads(nn.Module):
    """Three layers: one is an attribute, two stand in a Python list."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 5)
        self.heads = [nn.Linear(5, 2), nn.Linear(5, 2)]


class _Detached(nn.Module):
    """A layer whose scale is cut off from autograd."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.linear(X) * self.scale.detach()


def _heads() -> int:
    return count_parameters(_Heads())


def _without_gradient() -> str:
    layer = _Detached()
    layer(torch.rand(2, 3)).sum().backward()
    return ", ".join(name for name, p in layer.named_parameters() if p.grad is None)


def _plain_mask() -> str:
    return str(_Attention("plain").double().mask.dtype)


def _unsaved_mask() -> str:
    return ", ".join(_Attention("not persistent").state_dict())


def _path() -> str:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
    return next(name for name, p in net.named_parameters() if p is net[1][1].bias)


def _factor() -> float:
    layer, X = nn.Linear(3, 1), torch.rand(2, 3)
    layer(X).sum().backward()
    once = layer.weight.grad[0, 0].item()
    layer(X).sum().backward()
    layer(X).sum().backward()
    return layer.weight.grad[0, 0].item() / once


def _thrice() -> int:
    layer = nn.Linear(5, 5)
    return count_parameters(nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), layer))


def _moved_in_evaluation() -> int:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    net.requires_grad_(False)
    net.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(torch.rand(8, 4))
    return sum(not torch.equal(value, before[name]) for name, value in net.state_dict().items())


def _lazy() -> str:
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.LazyLinear(2))
    return ", ".join(name for name, p in net.named_parameters() if nn.parameter.is_lazy(p))


def _missing() -> str:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    return ", ".join(net.load_state_dict(nn.Sequential(nn.Linear(2, 2)).state_dict(), strict=False).missing_keys)


QUIZ: list[Quiz] = [
    Quiz(
        asks="A module has a layer nn.Linear(6, 5) as an attribute, and two nn.Linear(5, 2) in a Python list. How many "
        "numbers does an optimizer over its parameters() train?",
        answer=35,
        computed=_heads,
        taught="1-access: Put layers into blocks",
    ),
    Quiz(
        asks="A layer computes self.linear(X) * self.scale.detach(). Which of its Parameters linear.weight, "
        "linear.bias and scale have the gradient None after backward()?",
        answer="scale",
        computed=_without_gradient,
        taught="1-access: Write a layer that learns",
    ),
    Quiz(
        asks="A module keeps a float32 mask as a plain attribute, self.mask = torch.ones(4, 4). Which dtype does the "
        "mask have after module.double()?",
        answer="torch.float32",
        computed=_plain_mask,
        taught="1-access: Tell Parameter, buffer and plain tensor apart",
    ),
    Quiz(
        asks="A module has the attribute linear, an nn.Linear(4, 4), and a mask registered as a buffer with "
        "persistent=False. Which keys does its state_dict() have?",
        answer="linear.weight, linear.bias",
        computed=_unsaved_mask,
        taught="1-access: Tell Parameter, buffer and plain tensor apart",
    ),
    Quiz(
        asks="net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2))). Which path leads to the "
        "bias of the last layer?",
        answer="1.1.bias",
        computed=_path,
        taught="1-access: Reach a parameter: index, name, path, pattern",
    ),
    Quiz(
        asks="The same batch goes forward and backward three times, without zero_grad(). By what factor is .grad "
        "larger than after the first time?",
        answer=3,
        computed=_factor,
        taught="1-access: Read values and gradients",
        within=1e-4,
    ),
    Quiz(
        asks="One nn.Linear(5, 5) stands three times in a net, and nothing else has parameters. How many numbers do "
        "its parameters() hold?",
        answer=30,
        computed=_thrice,
        taught="1-access: Count each parameter once",
    ),
    Quiz(
        asks="A net of a linear layer and a BatchNorm1d is frozen and put into eval(). Then a batch goes forward. How "
        "many entries of its state_dict() change?",
        answer=0,
        computed=_moved_in_evaluation,
        taught="1-access: Freeze a layer, and know what still moves",
    ),
    Quiz(
        asks="net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.LazyLinear(2)). Which of its Parameters are lazy "
        "before the first batch?",
        answer="2.weight, 2.bias",
        computed=_lazy,
        taught="1-access: Wait for the first batch",
    ),
    Quiz(
        asks="The state of nn.Sequential(nn.Linear(2, 2)) is loaded with strict=False into "
        "nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)). Which missing keys are returned?",
        answer="2.weight, 2.bias",
        computed=_missing,
        taught="1-access: Save and load",
    ),
]
