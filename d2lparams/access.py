"""Tables, selection and counts of the parameters of any `nn.Module`."""

from torch import nn


def count_parameters(net: nn.Module) -> int:
    """Return how many numbers training can change in `net`, each counted once however many names it has.

    A Parameter that stands in several places (a tie) counts once, as in `net.parameters()`.
    Raises ValueError if a lazy layer has not seen its first batch, since its shape is not known yet.
    Source: `nn.Module.parameters`, which leaves out duplicates. Met in notebooks 1 and 5.

    >>> from torch import nn
    >>> shared = nn.Linear(8, 8)
    >>> count_parameters(nn.Sequential(nn.Linear(4, 8), shared, shared, nn.Linear(8, 1)))
    121
    """
    if lazy := [name for name, p in net.named_parameters() if nn.parameter.is_lazy(p)]:
        raise ValueError(f"{', '.join(lazy)} have no shape yet: run one batch through the net first, net(X)")
    return sum(p.numel() for p in net.parameters())
