"""Eight nets that share their parameters in different ways, and what training them does, in plain torch alone."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

STEPS = 2


class Net(nn.Module):
    def use(self, name, k):
        """Return the module of the k-th use, counted from 1: in a twin that shares nothing it has a name of its own."""
        return getattr(self, f"{name} #{k}", None) or getattr(self, name)


class Head(Net):
    def __init__(self):
        super().__init__()
        self.embed, self.body, self.head = nn.Embedding(12, 8), nn.Linear(8, 8), nn.Linear(8, 12, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, X):
        return self.head(torch.tanh(self.body(self.embed(X.abs().mul(7).long() % 12))))


class Conv(Net):
    def __init__(self):
        super().__init__()
        self.filter, self.out = nn.Conv1d(1, 1, 3, padding=1), nn.Linear(8, 4)

    def forward(self, X):
        X = X[:, None]
        for k in range(3):
            X = torch.tanh(self.use("filter", k + 1)(X))
        return self.out(X[:, 0])


class Rnn(Net):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.RNNCell(1, 6), nn.Linear(6, 4)

    def forward(self, X):
        H = X.new_zeros(len(X), 6)
        for k, column in enumerate(X.split(1, dim=1)):
            H = self.use("cell", k + 1)(column, H)
        return self.out(H)


class Repeated(Net):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)

    def forward(self, X):
        X = X.unflatten(1, (1, 8)) * torch.arange(1, 4)[:, None]
        for k in range(3):
            X = self.use("block", k + 1)(X)
        return X.mean(1)


class Lora(Net):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(8, 8).requires_grad_(False)
        self.a, self.b = nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)

    def forward(self, X):
        for k in (1, 2):
            X = torch.tanh(self.base(X) + self.use("b", k)(self.use("a", k)(X)))
        return X


class Experts(Net):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(8, 4) for _ in range(3))

    def forward(self, X):
        return self.experts[0](X) + self.experts[1](X.abs())


def twice():
    shared = nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(8, 8), nn.Tanh(), shared, nn.Tanh(), shared)


NETS = {
    "plain": lambda: nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4)),
    "a layer used twice": twice,
    "a tied embedding": Head,
    "a shared filter": Conv,
    "an RNN": Rnn,
    "a repeated block": Repeated,
    "a frozen base": Lora,
    "an unused expert": Experts,
}

# where the later uses of a module stand in a twin that shares nothing
LATER = {
    "a layer used twice": {"2": ["4"]},
    "a tied embedding": {"embed": ["head"]},
    "a shared filter": {"filter": ["filter #2", "filter #3"]},
    "an RNN": {"cell": [f"cell #{k}" for k in range(2, 9)]},
    "a repeated block": {"block": ["block #2", "block #3"]},
    "a frozen base": {"a": ["a #2"], "b": ["b #2"]},
}


def make(name):
    torch.manual_seed(0)
    return NETS[name]()


def data(step):
    return torch.randn(8, 8, generator=torch.Generator().manual_seed(step))


def loss_of(output):
    return F.mse_loss(output, torch.zeros_like(output)) + output.square().square().mean()


def gradients_by_use(name, net, X, context):
    """Return {parameter's name: [the gradient of each use]}: those of a twin that shares nothing, by autograd."""
    twin, names = copy.deepcopy(net), {key: [key] for key, _ in net.named_parameters()}
    for first, others in LATER.get(name, {}).items():
        for other in others:
            if name == "a tied embedding":
                twin.head.weight = nn.Parameter(twin.head.weight.detach().clone())
            else:
                setattr(twin, other, copy.deepcopy(getattr(twin, first)))
            for key in names:
                if key.startswith(f"{first}."):
                    names[key].append(other + key.removeprefix(first))
    with context():
        loss = loss_of(twin(X))
    loss.backward()
    found = {key: [twin.get_parameter(other).grad for other in others] for key, others in names.items()}
    return {key: gradients for key, gradients in found.items() if gradients[0] is not None}


def wanted(name, context=torch.enable_grad, most=float("inf")):
    """Return what is to be recorded of a training: norms, uses, cosines and ratios.

    context: in which the forward pass runs. most: to which norm the gradient of the whole net is clipped.
    """
    net = make(name)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    found = {}
    for step in range(STEPS):
        uses = gradients_by_use(name, net, data(step), context)
        whole = torch.stack([sum(parts).norm() for parts in uses.values()]).norm()
        factor = min(1.0, most / (whole.item() + 1e-6))
        before = {key: p.detach().clone() for key, p in net.named_parameters()}
        for key, parts in uses.items():
            net.get_parameter(key).grad = factor * sum(parts)
        optimizer.step()
        for key, parts in uses.items():
            p = net.get_parameter(key).detach()
            ratio = ((p - before[key]).norm() / p.norm()).item()
            found[f"{step} {key}"] = [factor * sum(parts).norm().item(), ratio, p.norm().item()]
            if len(parts) > 1:
                flat = [factor * part.flatten() for part in parts]
                pairs = [(a, b) for i, b in enumerate(flat) for a in flat[:i]]
                cosines = [(a @ b / (a.norm() * b.norm())).item() for a, b in pairs]  # NaN for a gradient of 0
                norms = [part.norm().item() for part in flat]
                found[f"{step} {key} uses"] = [*norms, *cosines, sum(flat).norm().item()]
    return found


def numbers(record):
    """Return what a record says, as {column: numbers}; a name is taken without what wraps it."""
    found = {}
    for row in record.frame().itertuples():
        found[f"{row.step} {bare(row.parameter)}"] = [row.grad_norm, row.update_ratio, row.weight_norm]
    for name in record.shared:
        for step, row in record.uses(name).iterrows():
            found[f"{step} {bare(name)} uses"] = [*row["norm"], *row["cosine"], row["sum", "norm"]]
    return found


def bare(name):
    for wrapper in ("module.", "net.", "_orig_mod."):
        name = name.removeprefix(wrapper)
    return name
