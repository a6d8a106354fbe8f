"""Nets that several tests use."""

import itertools

import torch
from torch import nn


def mlp(*sizes):
    """Linear layers of these sizes, with ReLUs between them."""
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def shared_net():
    """D2L's net: one layer at 2 and 4."""
    torch.manual_seed(0)
    shared = nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(8, 1))


def tied_net():
    """One weight at 0 and 2, biases of their own."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    net[2].weight = net[0].weight
    return net


def stored_net():
    """Two Parameters at 0 and 2 on one storage."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    net[2].weight.data = net[0].weight.data
    return net


def linears(n, bias=False):
    """Layers in a row, all of one shape."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(8, 8, bias=bias) for _ in range(n)))


class Double(nn.Module):
    """A parametrization."""

    def forward(self, weight):
        return 2 * weight
