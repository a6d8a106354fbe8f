"""A small tied net that accelerate trains in two processes under `track`: run as a script.

It gets its rank and a folder, and prints one line of JSON: the weight, tracked and bare, and what was recorded.
"""

import json
import os
import sys
import warnings

import torch
from torch import distributed, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, rows):
        return F.cross_entropy(self.head(self.embed(rows)[:, :-1]).transpose(1, 2), rows[:, 1:])


def data():
    return torch.randint(9, (12, 5), generator=torch.Generator().manual_seed(1))


def train(accelerator, every):
    from d2lparams import track

    net = Tied()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    model, optimizer, loader = accelerator.prepare(net, optimizer, DataLoader(data()))
    with track(model, every=every, all_ranks=True) as record:
        for batch in loader:
            with accelerator.accumulate(model):
                accelerator.backward(model(batch))
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 0.1)
                optimizer.step()
                optimizer.zero_grad()
    return net.embed.weight.tolist(), record


def main(rank, folder):
    import accelerate

    warnings.simplefilter("ignore")
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}  # none is opened, since the two have met
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    weight, record = train(accelerator, 1)
    assert record.errors == {}
    norms = record.table("grad_norm")["module.embed.weight"].tolist()
    uses = record.uses("module.embed.weight")["norm"].values.tolist()
    print(json.dumps([weight, train(accelerator, 99)[0], norms, uses]))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
