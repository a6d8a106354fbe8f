"""What each question's probe does with an answer: call it, and look at what follows from what it returned or changed.

Every fact here follows from inputs that nobody could guess. So whoever can state these facts has done the exercise.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .facts import describe, probe


@probe
def q1(answer: Callable, net: nn.Module, X: Tensor, factor: float) -> dict:
    """The returned tensor, its gradient, and what the net computes after it was multiplied in place."""
    weight = answer(net)
    facts = {"weight": describe(weight)}
    if isinstance(weight, Tensor):
        net(X).square().sum().backward()
        facts["gradient"] = describe(weight.grad)
        with torch.no_grad():
            weight *= factor
            facts["output"] = describe(net(X))
    return facts


@probe
def q2(answer: Callable, net: nn.Module) -> dict:
    """The number that the answer counted."""
    return {"count": describe(answer(net))}


@probe
def q3(answer: Callable, net: nn.Module) -> dict:
    """The names that the answer found."""
    return {"names": describe(answer(net))}


@probe
def q4(answer: Callable, layer: nn.Linear, activation: nn.Module) -> dict:
    """The layer's weight and bias after the answer filled them."""
    weight, bias = layer.weight, layer.bias
    answer(layer, activation)
    return {"weight": describe(weight), "bias": describe(bias)}


@probe
def q5(answer: Callable, net: nn.Module, X: Tensor) -> dict:
    """The shapes that the answer found, and those that the net has after its first batch."""
    facts = {"shapes": describe(answer(net))}
    try:
        net(X)
        facts["then"] = describe({name: tuple(p.shape) for name, p in net.named_parameters()})
    except Exception:
        facts["then"] = {"type": "NoneType", "value": None}
    return facts


@probe
def q6(answer: Callable, tensor: nn.Parameter, numbers: dict, seeds: list[int], factor: float) -> dict:
    """What fills a Parameter, from two generators and the global one, and what became of the global one."""
    facts = {"filled": []}
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        returned = answer(tensor, **numbers, generator=generator)
        facts["filled"].append(describe(tensor))
        with torch.no_grad():
            tensor *= factor
        facts["returned"] = describe(returned)
    facts["next"] = describe(torch.rand(4))
    for _ in range(2):
        answer(tensor, **numbers)
        facts["filled"].append(describe(tensor))
    return facts


@probe
def q7(answer: type, sizes: tuple[int, int], state: dict, X: Tensor, Y: Tensor, lr: float, steps: int) -> dict:
    """The output from given values, the values after some steps of gradient descent; what moves from its own start."""
    layer = answer(*sizes)
    held = layer.state_dict()
    facts = {"names": describe(list(held))}
    if sorted(held) == sorted(state) and all(held[name].shape == state[name].shape for name in state):
        start = copy.deepcopy(held)
        _descend(layer, X, Y, lr, steps)
        facts["moved"] = describe([name for name, value in layer.state_dict().items() if (value != start[name]).any()])
        layer.load_state_dict(state)
        facts["output"] = describe(layer(X))
        _descend(layer, X, Y, lr, steps)
        facts["values"] = {name: describe(value) for name, value in layer.state_dict().items()}
    return facts


def _descend(layer, X, Y, lr, steps):
    for _ in range(steps):
        layer.zero_grad()
        loss = F.mse_loss(layer(X), Y)
        if loss.requires_grad:
            loss.backward()
        with torch.no_grad():
            for p in layer.parameters():
                if p.grad is not None:
                    p -= lr * p.grad


@probe
def q8(answer: Callable, net: nn.Module, X: Tensor) -> dict:
    """The groups of names, and the output of the net that was looked at."""
    return {"groups": describe(answer(net)), "output": describe(net(X))}


@probe
def q9(answer: Callable, net: nn.Module, ids: Tensor, following: Tensor, lr: float) -> dict:
    """Output, gradient of the embedding's weight, and the output after a step with the parameters there are."""
    answer(net)
    output = net(ids)
    facts = {"output": describe(output), "count": describe(sum(p.numel() for p in net.parameters()))}
    F.cross_entropy(output, following).backward()
    facts["gradient"] = describe(net.embed.weight.grad)
    with torch.no_grad():
        for p in net.parameters():
            if p.grad is not None:
                p -= lr * p.grad
    facts["later"] = describe(net(ids))
    return facts


@probe
def q10(answer: Callable, W: Tensor, X: Tensor, Y: Tensor) -> dict:
    """The gradients that the answer worked out."""
    return {"gradients": describe(answer(W, X, Y))}


@probe
def q11(answer: Callable, net: nn.Module, X: Tensor, Y: Tensor, lr: float) -> dict:
    """The twin's and the net's outputs: at once, after a step of the twin, after a step of the net."""
    twin = answer(net)
    if not isinstance(twin, nn.Module):
        return {"twin": describe(twin)}
    facts = {"twin": {"type": "Module"}, "at once": _outputs(twin, net, X)}
    facts["count"] = describe(sum(p.numel() for p in twin.parameters()))
    for name, module in (("twin", twin), ("net", net)):
        module.zero_grad()
        F.mse_loss(module(X), Y).backward()
        with torch.no_grad():
            for p in module.parameters():
                if p.grad is not None:
                    p -= lr * p.grad
        facts[f"after a step of the {name}"] = _outputs(twin, net, X)
    return facts


def _outputs(twin, net, X):
    return {"twin": describe(twin(X)), "net": describe(net(X))}


@probe
def q12(answer: Callable, net: nn.Module, lr: float, decay: float, gradients: list[dict]) -> dict:
    """The parameters after the optimizer took a step with each set of gradients."""
    optimizer = answer(net, lr, decay)
    if not isinstance(optimizer, torch.optim.Optimizer):
        return {"optimizer": describe(optimizer)}
    named = dict(net.named_parameters())
    for step in gradients:
        for name, gradient in step.items():
            named[name].grad = gradient.clone()
        optimizer.step()
    return {"optimizer": {"type": "Optimizer"}, "values": {name: describe(p) for name, p in named.items()}}


@probe
def q13(answer: Callable, state: dict, X: Tensor, y: Tensor, lr: float, momentum: float, steps: int) -> dict:
    """The report."""
    return {"report": describe(answer(copy.copy(state), X, y, lr, momentum, steps))}
