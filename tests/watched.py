"""Eight nets, trained in two processes under `track`, beside one process that has all the data: run as a script.

It gets its rank and a folder, and prints one line of JSON: {case: [what was recorded, what should be]}.
"""

import contextlib
import json
import sys
import warnings

import torch
from torch import distributed, nn
from torch.nn import functional as F

from d2lparams import gradient_by_use, track

STEPS = 2


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.body, self.head = nn.Embedding(12, 8), nn.Linear(8, 8), nn.Linear(8, 12, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, X):
        return self.head(torch.tanh(self.body(self.embed(X.abs().mul(7).long() % 12))))


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter, self.out = nn.Conv1d(1, 1, 3, padding=1), nn.Linear(8, 4)

    def forward(self, X):
        X = X[:, None]
        for _ in range(3):
            X = torch.tanh(self.filter(X))
        return self.out(X[:, 0])


class Rnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.RNNCell(1, 6), nn.Linear(6, 4)

    def forward(self, X):
        H = X.new_zeros(len(X), 6)
        for column in X.split(1, dim=1):
            H = self.cell(column, H)
        return self.out(H)


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)

    def forward(self, X):
        X = X.unflatten(1, (1, 8)) * torch.arange(1, 4)[:, None]
        for _ in range(3):
            X = self.block(X)
        return X.mean(1)


class Lora(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(8, 8).requires_grad_(False)
        self.a, self.b = nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)

    def forward(self, X):
        for _ in range(2):
            X = torch.tanh(self.base(X) + self.b(self.a(X)))
        return X


class Experts(nn.Module):
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


def make(net):
    torch.manual_seed(0)
    return NETS[net]()


def data(step):
    return torch.randn(8, 8, generator=torch.Generator().manual_seed(step))


def loss_of(output):
    return F.mse_loss(output, torch.zeros_like(output)) + output.square().square().mean()


def numbers(record):
    """Return what a record says, as {column: numbers}; a name is taken without what wraps it."""
    frame = record.frame()
    found = {}
    for row in frame.itertuples():
        name = row.parameter.removeprefix("module.")
        found[f"{row.step} {name}"] = [row.grad_norm, row.update_ratio, row.weight_norm]
    for name in record.shared:
        for step, row in record.uses(name).iterrows():
            short = name.removeprefix("module.")
            found[f"{step} {short} uses"] = [*row["norm"], *row["cosine"], row["sum", "norm"]]
    return found


def wanted(name):
    """Return the same numbers of one process that has all the data, by autograd and a plain optimizer."""
    net = make(name)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    found = {}
    for step in range(STEPS):
        by_use = gradient_by_use(net, lambda step=step: loss_of(net(data(step))))
        optimizer.zero_grad()
        loss_of(net(data(step))).backward()
        before = {key: p.detach().clone() for key, p in net.named_parameters()}
        gradients = {key: p.grad.clone() for key, p in net.named_parameters() if p.grad is not None}
        optimizer.step()
        for key, p in net.named_parameters():
            if key in gradients:
                ratio = (p - before[key]).norm() / p.norm()
                found[f"{step} {key}"] = [gradients[key].norm().item(), ratio.item(), p.detach().norm().item()]
            if len(parts := by_use.get(key, {})) > 1:
                flat = [part.flatten() for part in parts.values()]
                pairs = [(a, b) for i, b in enumerate(flat) for a in flat[:i]]
                cosines = [(a @ b / (a.norm() * b.norm())).item() for a, b in pairs]  # NaN for a gradient of 0
                norms = [part.norm().item() for part in flat]
                found[f"{step} {key} uses"] = [*norms, *cosines, sum(flat).norm().item()]
    return found


def train(net, model, parts, rank, quiet=contextlib.nullcontext):
    """Train a model for some steps, each process on its half of the data, in some parts."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with track(model, every=1, histograms=1, all_ranks=True) as record:
        for step in range(STEPS):
            optimizer.zero_grad()
            own = data(step).chunk(2)[rank].chunk(parts)
            for i, X in enumerate(own):
                with quiet() if i < parts - 1 else contextlib.nullcontext():
                    (loss_of(model(X)) / parts).backward()
            optimizer.step()
    return record


def main(rank, folder):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    from torch.distributed.fsdp import fully_shard

    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = {}
    for name in NETS:
        truth = wanted(name)
        unused = name == "an unused expert"
        for way in ("DDP", "DDP in parts", "DDP in parts without no_sync", "FSDP2"):
            net = make(name)
            if way == "FSDP2":
                model = fully_shard(net)
                record = train(net, model, 1, rank)
            else:
                model = nn.parallel.DistributedDataParallel(net, find_unused_parameters=unused)
                quiet = model.no_sync if way == "DDP in parts" else contextlib.nullcontext
                record = train(net, model, 1 if way == "DDP" else 2, rank, quiet)
            seen = numbers(record)
            if way == "FSDP2":
                assert record.shared == []
                assert "sharded" in record.note
            expected = {key: value for key, value in truth.items() if way != "FSDP2" or not key.endswith("uses")}
            found[f"{name}, {way}"] = [seen, expected, record.errors]
    print(json.dumps(found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
