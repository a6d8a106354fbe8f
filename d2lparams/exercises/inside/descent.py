"""A step of gradient descent, for probes."""

import torch
from torch import nn


def step(module: nn.Module, lr: float) -> None:
    """Move each parameter against its gradient, if it has one."""
    with torch.no_grad():
        for p in module.parameters():
            if p.grad is not None:
                p.sub_(lr * p.grad)
