"""Starts that learn and starts that don't, each with its batch: what `test_verdicts` asks `health` about."""

import functools
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


class Start(NamedTuple):
    """A net with a batch of its own; `optimizer` makes the usual one for such nets of its parameters."""

    net: nn.Module
    X: Any
    y: Any
    loss: Any = None
    optimizer: Any = functools.partial(torch.optim.SGD, lr=0.05, momentum=0.9)


adam = functools.partial(torch.optim.AdamW, lr=0.01)
GOOD, BAD = {}, {}  # name -> builder


def good(build):
    GOOD[build.__name__.strip("_").replace("_", " ")] = build
    return build


def bad(build):
    BAD[build.__name__.strip("_").replace("_", " ")] = build
    return build


def rows(n=32, width=32, classes=10):
    return torch.randn(n, width), torch.randint(classes, (n,))


def images(n=8, size=16, classes=10):
    return torch.randn(n, 3, size, size), torch.randint(classes, (n,))


def words(n=8, length=12, vocabulary=50):
    return torch.randint(1, vocabulary, (n, length))


def plain(depth, act=nn.ReLU, width=32, out=10, fill=None, bias=True):
    """Equal layers in a row; `fill` fills each weight, and biases are 0."""
    hidden = [part for _ in range(depth) for part in (nn.Linear(width, width, bias=bias), act())]
    net = nn.Sequential(*hidden, nn.Linear(width, out, bias=bias))
    return net if fill is None else filled(net, fill)


def filled(net, fill):
    for p in net.parameters():
        (fill if p.dim() > 1 else nn.init.zeros_)(p)
    return net


he = functools.partial(nn.init.kaiming_normal_, nonlinearity="relu")


def constant(value):
    return functools.partial(nn.init.constant_, val=value)


class Residual(nn.Module):
    """x + branch(x), `scale` times if there is one."""

    def __init__(self, branch, scale=None, after=None):
        super().__init__()
        self.branch, self.after = branch, after or nn.Identity()
        self.scale = None if scale is None else nn.Parameter(scale)

    def forward(self, x):
        y = self.branch(x)
        return self.after(x + (y if self.scale is None else self.scale * y))


# ---- good: plain nets


@good
def default_mlp():
    return Start(plain(2), *rows())


@good
def deep_relu_with_He():
    return Start(plain(20, width=64, fill=he), *rows(width=64), None, functools.partial(torch.optim.SGD, lr=0.02))


@good
def deep_tanh_with_Xavier():
    return Start(
        plain(10, nn.Tanh, width=64, fill=functools.partial(nn.init.xavier_normal_, gain=1.2)), *rows(width=64)
    )


@good
def selu_with_LeCun():
    lecun = functools.partial(nn.init.kaiming_normal_, nonlinearity="linear")
    return Start(plain(8, nn.SELU, width=64, fill=lecun), *rows(width=64))


@good
def deep_orthogonal_linear_layers():
    return Start(plain(12, nn.Identity, fill=nn.init.orthogonal_), *rows())


@good
def sigmoid_hidden_layer():
    return Start(plain(1, nn.Sigmoid, width=64), *rows(width=64), None, adam)


@good
def raw_pixels_into_batch_norm():
    X, y = images(16)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10)
    )
    return Start(net, 1e4 * (X + 3), y)


@good
def tiny_units_into_layer_norm():
    X, y = rows()
    return Start(nn.Sequential(nn.LayerNorm(32, eps=0), *plain(2)), 1e-6 * X, y)


class BatchNormAct(nn.BatchNorm2d):
    """A normalization that calls the activation behind it, as timm has it."""

    def __init__(self, width):
        super().__init__(width)
        self.act = nn.ReLU()

    def forward(self, X):
        return self.act(super().forward(X))


@good
def raw_pixels_into_a_norm_with_its_activation():
    X, y = images(16)
    body = nn.Conv2d(3, 16, 3), BatchNormAct(16), nn.Conv2d(16, 16, 3), BatchNormAct(16)
    return Start(nn.Sequential(*body, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10)), 1e5 * (X + 3), y)


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = plain(2)

    def forward(self, X):
        return self.net((X - 5e6) / 1e6)


@good
def input_scaled_in_forward():
    X, y = rows()
    return Start(Scaled(), 1e6 * X + 5e6, y)


@good
def small_policy_head():
    net = plain(2, nn.Tanh, fill=nn.init.orthogonal_)
    net[-1].weight.data.mul_(0.01)
    return Start(net, *rows())


@good
def weight_norm():
    net = plain(2)
    nn.utils.parametrizations.weight_norm(net[0])
    return Start(net, *rows())


@good
def binary_cross_entropy():
    X, _ = rows()
    return Start(plain(2, out=3), X, torch.randint(2, (32, 3)).float(), nn.BCEWithLogitsLoss(), adam)


@good
def regression():
    X, _ = rows()
    return Start(plain(2, out=1), X, torch.randn(32, 1), F.mse_loss, adam)


@good
def linear_probe():
    net = plain(2, fill=he)
    net[0].requires_grad_(False)
    net[2].requires_grad_(False)
    return Start(net, *rows())


class Probe(nn.Module):
    """A backbone that runs without autograd, on purpose."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = plain(1, out=32, fill=he), nn.Linear(32, 10)

    def forward(self, x):
        with torch.no_grad():
            x = self.backbone(x)
        return self.head(x)


@good
def backbone_without_autograd():
    return Start(Probe(), *rows())


class Beside(nn.Module):
    """A VAE, whose loss needs all three outputs."""

    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(20, 16), nn.Linear(8, 20)

    def forward(self, X):
        mean, log_variance = self.encode(X).chunk(2, 1)
        return self.decode(mean), mean, log_variance


def evidence(output, X):
    decoded, mean, log_variance = output
    return F.mse_loss(decoded, X) - 0.001 * (1 + log_variance - mean**2 - log_variance.exp()).mean()


@good
def vae():
    X = torch.randn(16, 20)
    return Start(Beside(), X, X, evidence, adam)


# ---- good: zeros by design


@good
def zero_classifier():
    return Start(plain(2, fill=he).apply(_zero_last), *rows())


def _zero_last(net):
    if isinstance(net, nn.Sequential):
        nn.init.zeros_(net[-1].weight)


@good
def zero_gamma():
    def block():
        conv = functools.partial(nn.Conv2d, 16, 16, 3, padding=1, bias=False)
        branch = nn.Sequential(conv(), nn.BatchNorm2d(16), nn.ReLU(), conv(), nn.BatchNorm2d(16))
        nn.init.zeros_(branch[-1].weight)
        return Residual(branch, after=nn.ReLU())

    stem = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
    head = nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10)
    return Start(nn.Sequential(*stem, block(), block(), *head), *images())


class Fixup(nn.Module):
    """Zhang et al. (2019), with relu as a function: the last layer of each branch and the classifier begin at 0."""

    def __init__(self, blocks=4, width=32):
        super().__init__()
        self.a = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.b = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.head = nn.Linear(width, 10)
        filled(self, he)
        for layer in self.a:
            layer.weight.data.mul_(blocks**-0.5)
        for layer in (*self.b, self.head):
            nn.init.zeros_(layer.weight)

    def forward(self, x):
        for a, b in zip(self.a, self.b, strict=True):
            x = F.relu(x + b(F.relu(a(x))))
        return self.head(x)


@good
def fixup():
    return Start(Fixup(), *rows())


def branch(width=32):
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


@good
def rezero():
    return Start(nn.Sequential(*(Residual(branch(), torch.zeros(())) for _ in range(6)), nn.Linear(32, 10)), *rows())


@good
def skip_init_and_a_zero_head():
    net = nn.Sequential(*(Residual(branch(), torch.zeros(1)) for _ in range(6)), nn.Linear(32, 10))
    nn.init.zeros_(net[-1].weight)
    return Start(net, *rows())


@good
def layer_scale():
    blocks = (Residual(nn.Sequential(nn.LayerNorm(32), branch()), torch.full((32,), 1e-6)) for _ in range(4))
    return Start(nn.Sequential(*blocks, nn.LayerNorm(32), nn.Linear(32, 10)), *rows())


class LoRA(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A, self.B = nn.Linear(32, rank, bias=False), nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.B.weight)

    def forward(self, x):
        return self.base(x) + 2 * self.B(self.A(x))


@good
def lora():
    X, y = rows()
    return Start(nn.Sequential(LoRA(nn.Linear(32, 32)), nn.ReLU(), LoRA(nn.Linear(32, 10))), X, y, None, adam)


@good
def mup_readout():
    net = plain(3, width=128, fill=he)
    nn.init.zeros_(net[-1].weight)
    return Start(net, *rows(width=128))


class DiT(nn.Module):
    """Blocks whose shift, scale and gate come from the condition, by layers that begin at 0, as the last one does."""

    def __init__(self, width=32, blocks=3):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, width), nn.SiLU(), nn.Linear(width, width))
        self.enter = nn.Linear(8, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(blocks))
        self.mlps = nn.ModuleList(branch(width) for _ in range(blocks))
        self.modulate = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(blocks))
        self.leave = nn.Linear(width, 8)
        for layer in (*self.modulate, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t):
        t = self.time(torch.cos(t[:, None] * torch.arange(1, 17)))
        x = self.enter(x)
        for norm, mlp, modulate in zip(self.norms, self.mlps, self.modulate, strict=True):
            shift, scale, gate = modulate(F.silu(t))[:, None].chunk(3, -1)
            x = x + gate * mlp(norm(x) * (1 + scale) + shift)
        return self.leave(x)


@good
def adaln_zero():
    X = torch.randn(16, 6, 8)
    return Start(DiT(), (X, torch.rand(16)), 0.5 * X, F.mse_loss, adam)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        conv = functools.partial(nn.Conv2d, kernel_size=3, padding=1)
        self.enter, self.down, self.inner = conv(3, 16), conv(16, 16, stride=2), conv(16, 16)
        self.norm, self.zero, self.leave = nn.GroupNorm(4, 16), conv(16, 16), conv(32, 3)
        for layer in (self.zero, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        first = self.enter(x)
        low = self.down(first)
        low = low + self.zero(F.silu(self.norm(self.inner(low))))
        return self.leave(torch.cat([first, F.interpolate(low, scale_factor=2)], 1))


@good
def unet_with_zero_convolutions():
    X, _ = images(4)
    return Start(UNet(), X, 0.5 * X, F.mse_loss, adam)


# ---- good: padding, masks, routing, chance


class Reader(nn.Module):
    def __init__(self, rnn, head=2):
        super().__init__()
        self.embed = nn.Embedding(50, 16, padding_idx=0)
        self.rnn, self.head = rnn, nn.Linear(16, head)

    def forward(self, ids):
        states = self.rnn(self.embed(ids))[0]
        mask = (ids > 0)[..., None]
        return self.head((states * mask).sum(1) / mask.sum(1))


def padded(n=8, length=24):
    ids = words(n, length)
    ids[:, length // 3 :] = 0
    return ids, torch.randint(2, (n,))


@good
def lstm_on_padded_batch():
    return Start(Reader(nn.LSTM(16, 16, batch_first=True)), *padded(), None, adam)


@good
def lstm_with_forget_bias():
    rnn = nn.LSTM(16, 16, batch_first=True)
    rnn.bias_hh_l0.data[16:32] = 1
    return Start(Reader(rnn), *padded(), None, adam)


@good
def gru_on_padded_batch():
    return Start(Reader(nn.GRU(16, 16, batch_first=True)), *padded(), None, adam)


class Convolve(nn.Module):
    """Channels before places, and padded places that stay 0."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16, padding_idx=0)
        self.conv, self.act, self.head = nn.Conv1d(16, 32, 3, padding=1), nn.ReLU(), nn.Linear(32, 2)

    def forward(self, ids):
        mask = (ids > 0)[:, None]
        x = self.act(self.conv(self.embed(ids).transpose(1, 2)) * mask)
        return self.head(x.sum(2) / mask.sum(2))


@good
def convolution_over_padded_words():
    return Start(Convolve(), *padded(), None, adam)


@good
def encoder_with_padding_mask():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(50, 16, padding_idx=0)
            layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True)
            self.encode = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(16, 2)

        def forward(self, ids):
            return self.head(self.encode(self.embed(ids), src_key_padding_mask=ids == 0)[:, 0])

    return Start(Encoder(), *padded(), None, adam)


class Mixture(nn.Module):
    """Each row goes to one expert of many: most get nothing. With `dense` all of them run, and a mask picks."""

    def __init__(self, dense, experts=16):
        super().__init__()
        self.dense, self.enter, self.route = dense, nn.Linear(32, 32), nn.Linear(32, experts)
        self.experts = nn.ModuleList(branch() for _ in range(experts))
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = self.enter(x)
        weight, chosen = self.route(x).softmax(1).max(1)
        y = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            picked = chosen == i
            if self.dense:
                y = y + expert(x) * picked[:, None]
            else:
                y = y.index_add(0, picked.nonzero()[:, 0], expert(x[picked]))
        return self.head(x + weight[:, None] * y)


@good
def router_to_experts():
    return Start(Mixture(False), *rows(8))


@good
def router_by_mask():
    return Start(Mixture(True), *rows(8))


class Masked(nn.Module):
    """Most experts are given zeros, and have no biases: what they hand on is 0."""

    def __init__(self, experts=16):
        super().__init__()
        self.route, self.head = nn.Linear(32, experts), nn.Linear(32, 10)
        linear = functools.partial(nn.Linear, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(linear(32, 64), nn.ReLU(), linear(64, 32)) for _ in range(experts))

    def forward(self, x):
        weight, chosen = self.route(x).softmax(1).max(1)
        y = sum(expert(x * (chosen == i)[:, None]) for i, expert in enumerate(self.experts))
        return self.head(x + weight[:, None] * y)


@good
def router_that_masks_inputs():
    return Start(Masked(), *rows(8))


class Chance(nn.Module):
    """Leaves a branch out, by chance, for the whole batch."""

    def forward(self, x):
        return x * torch.bernoulli(torch.tensor(0.5))


@good
def stochastic_depth():
    blocks = (Residual(nn.Sequential(*branch(), Chance())) for _ in range(6))
    return Start(nn.Sequential(*blocks, nn.Linear(32, 10)), *rows())


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.h, self.t = nn.Linear(32, 32), nn.Linear(32, 32)
        nn.init.constant_(self.t.bias, -3)

    def forward(self, x):
        t = torch.sigmoid(self.t(x))
        return t * torch.relu(self.h(x)) + (1 - t) * x


@good
def highway_with_closed_gates():
    return Start(nn.Sequential(*(Gate() for _ in range(6)), nn.Linear(32, 10)), *rows())


class Squeeze(nn.Module):
    """A gate of two units, which may both be dead: the net learns all the same."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate = (
            nn.Conv2d(3, 32, 3, padding=1),
            nn.Sequential(nn.Linear(32, 2), nn.ReLU(), nn.Linear(2, 32)),
        )
        self.norm, self.head = nn.BatchNorm2d(32), nn.Linear(128, 10)
        nn.init.constant_(self.gate[0].bias, -5)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        return self.head(F.adaptive_avg_pool2d(x, 2).flatten(1))


@good
def squeeze_and_excitation():
    return Start(Squeeze(), *images())


@good
def a_layer_that_the_loss_does_not_use():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.beside = plain(2), nn.Linear(32, 32)

        def forward(self, x):
            return self.net(x), self.beside(x)

    return Start(Idle(), *rows())


@good
def embedding_of_small_numbers():
    reader = Reader(nn.LSTM(16, 16, batch_first=True))
    reader.embed.weight.data.mul_(1e-4)
    return Start(reader, words(), torch.randint(2, (8,)), None, adam)
