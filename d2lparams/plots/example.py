"""A small record, to try the figures on."""

import torch
from torch import nn

from ..record import Record
from ..sharing import untie
from ..tracking import track


def example_record(tied: bool = True) -> Record:
    """Train a net of three linear layers, the first two of them one layer, for 20 steps; return what was recorded.

    It takes a few hundredths of a second, is the same each time, and leaves the state of the random generators alone.

    Args:
        tied: whether the first two layers are one; else they begin alike and are trained each for itself.

    Returns:
        The record of each step, with histograms; the shared weight is `0.weight`, used at 0 and 2.

    Example:
        >>> record = example_record()
        >>> record.shared
        ['0.weight', '0.bias']
        >>> record.table("update_ratio").shape
        (20, 4)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shared = nn.Linear(4, 4)
        net: nn.Module = nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(4, 1))
        X = torch.randn(16, 4)
    Y = X.square().sum(1, keepdim=True)
    if not tied:
        net = untie(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    with track(net, every=1, histograms=1, source="made-up data") as record:
        for _ in range(20):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(X), Y).backward()
            optimizer.step()
    return record
