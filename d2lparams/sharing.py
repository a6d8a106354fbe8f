"""Find, prove, make and undo ties between the parameters of any `nn.Module`."""

import copy

from torch import nn


def untie(net: nn.Module) -> nn.Module:
    """Return a twin of `net` with equal values in which no two places share a Parameter or a module.

    The first place keeps the name that `net.named_parameters()` gives it; each further place gets a copy of its own.
    `net` is left as it is. In the twin `.grad` is empty.
    Raises ValueError if no place shares anything. A module that `forward` itself calls twice has one place only:
    write it as two entries to untie it.
    Met in notebooks 4 and 5.

    >>> import torch
    >>> shared = nn.Linear(2, 2)
    >>> twin = untie(nn.Sequential(shared, nn.ReLU(), shared))
    >>> twin[0].weight is twin[2].weight, torch.equal(twin[0].weight, twin[2].weight)
    (False, True)
    """
    twin = copy.deepcopy(net)
    for p in twin.parameters():
        p.grad = None
    seen = {id(twin)}
    if not _separate(twin, seen):
        raise ValueError("nothing to untie: no two places of this net share a Parameter or a module")
    return twin


def _separate(module, seen):
    """Give every place below `module` that meets something in `seen` (ids) a copy of it; return how many did."""
    copies = 0
    for name, p in module._parameters.items():
        if p is not None and id(p) in seen:
            module._parameters[name] = nn.Parameter(p.detach().clone(), p.requires_grad)
            copies += 1
        elif p is not None:
            seen.add(id(p))
    for name, child in module._modules.items():
        if child is not None and id(child) in seen:
            module._modules[name] = child = copy.deepcopy(child)
            copies += 1
        if child is not None:
            seen.add(id(child))
            copies += _separate(child, seen)
    return copies
