"""Starts that don't learn, or begin far from the guess."""

import functools
import math

import torch
from starts import Residual, Start, bad, branch, constant, filled, he, plain, rows, words
from torch import nn
from torch.nn import functional as F


def mlp(fill, act=nn.ReLU, depth=2):
    return Start(plain(depth, act, fill=fill), *rows())


@bad
def all_zero():
    return mlp(nn.init.zeros_)


@bad
def all_zero_with_tanh():
    return mlp(nn.init.zeros_, nn.Tanh)


@bad
def all_zero_with_sigmoid():
    return mlp(nn.init.zeros_, nn.Sigmoid)


@bad
def all_one():
    return mlp(nn.init.ones_)


@bad
def small_constant():
    return mlp(constant(0.01), nn.Tanh)


@bad
def constant_with_batch_norm():
    net = nn.Sequential(
        nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    for layer in (net[0], net[3], net[5]):
        filled(layer, constant(0.2))
    return Start(net, *rows())


@bad
def half_zero_half_large():
    def fill(weight):
        nn.init.uniform_(weight, -10, 10)
        return weight.mul_(weight.abs() >= 5) if not weight.requires_grad else weight.data.mul_(weight.abs() >= 5)

    return mlp(fill)


@bad
def standard_normal():
    return mlp(nn.init.normal_)


@bad
def standard_normal_regression():
    X, _ = rows()
    return Start(plain(3, out=1, fill=nn.init.normal_), X, torch.randn(32, 1), F.mse_loss)


@bad
def dead_relus():
    net = plain(2)
    nn.init.constant_(net[0].bias, -100)
    return Start(net, *rows())


class Functional(nn.Module):
    """relu as a function; the second layer's are dead."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 10)
        nn.init.constant_(self.b.bias, -100)

    def forward(self, x):
        return self.head(torch.relu(self.b(torch.relu(self.a(x)))))


@bad
def dead_relus_called_as_functions():
    return Start(Functional(), *rows())


@bad
def one_dead_layer_in_the_middle():
    net = plain(6, fill=he)
    nn.init.zeros_(net[6].weight)
    return Start(net, *rows())


@bad
def dead_branch():
    blocks = [Residual(branch()) for _ in range(3)]
    nn.init.constant_(blocks[1].branch[0].bias, -100)
    return Start(nn.Sequential(*blocks, nn.Linear(32, 10)), *rows())


@bad
def saturated_tanh():
    return mlp(functools.partial(nn.init.normal_, std=3), nn.Tanh)


@bad
def saturated_sigmoid():
    net = plain(2, nn.Sigmoid, fill=functools.partial(nn.init.normal_, std=5))
    net[-1].weight.data.mul_(0.02)
    return Start(net, *rows())


@bad
def too_small_by_depth():
    return mlp(functools.partial(nn.init.normal_, std=0.01), depth=10)


@bad
def default_of_a_deep_net():
    return Start(plain(30), *rows())


@bad
def too_large_by_depth():
    return mlp(functools.partial(nn.init.normal_, std=1.0), depth=20)


@bad
def not_a_number():
    net = plain(2)
    net[0].weight.data[0, 0] = math.nan
    return Start(net, *rows())


class Past(nn.Linear):
    def forward(self, x):
        return F.linear(x, self.weight.data, self.bias.data)


@bad
def weights_read_past_autograd():
    return Start(nn.Sequential(Past(32, 32), nn.ReLU(), nn.Linear(32, 10)), *rows())


@bad
def wide_embedding_as_classifier():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(50, 64), nn.Linear(64, 50, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.embed(ids))

    ids = words()
    return Start(Tied(), ids, ids.roll(1, 1))


@bad
def first_layer_cut_off():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.head = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(F.relu(self.b(F.relu(self.a(x)).detach())))

    return Start(Cut(), *rows())
