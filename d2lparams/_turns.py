"""Which parameters are measured together, where copies of all of them do not fit."""

from torch import Tensor


def turns(parameters: list[Tensor]) -> list[set[Tensor]]:
    """Return groups of parameters, none larger than the largest parameter or a tenth of all.

    >>> import torch
    >>> a, b = torch.zeros(4), torch.zeros(4)
    >>> [len(group) for group in turns([a, b])]
    [1, 1, 0]
    """
    most = max(max(p.numel() for p in parameters), sum(p.numel() for p in parameters) // 10)
    groups: list[set[Tensor]] = [set()]
    size = 0
    for p in parameters:
        if size + p.numel() > most and groups[-1]:
            groups.append(set())
            size = 0
        groups[-1].add(p)
        size += p.numel()
    return groups if len(groups) % 2 else [*groups, set()]  # odd, so that all come when every other row is dropped
