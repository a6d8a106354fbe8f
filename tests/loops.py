"""Small nets and loops to watch, and what is left of the watch when it has ended."""

import sys
from pathlib import Path

import torch
from torch import nn

import d2lparams

PACKAGE = str(Path(d2lparams.__file__).parent)


def shared_mlp():
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), shared, nn.Dropout(0.2), nn.ReLU(), shared, nn.Linear(6, 3))


def batches(number):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(8, 4, generator=generator) for _ in range(number)]


def fit(net, steps, optimizer=None, after=lambda: None):
    """Plain PyTorch; returns the losses."""
    torch.manual_seed(2)  # for dropout
    optimizer = optimizer or torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for X in batches(steps):
        optimizer.zero_grad()
        loss = net(X).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        after()
    return losses


def called(action):
    """Return the code of each function of the package that runs while `action()` does, in this thread."""
    found = []

    def look(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            found.append(frame.f_code)

    sys.setprofile(look)
    try:
        action()
    finally:
        sys.setprofile(None)
    return found


def nothing_is_left_behind():
    """Whether a training calls no function of the package, by a hook or a mode that is still there."""
    return not called(lambda: fit(nn.Linear(4, 3), 1))
