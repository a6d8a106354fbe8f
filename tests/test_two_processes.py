"""Nets that two processes train: each records the numbers of the whole net, as one process with all data has them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import d2lparams
from d2lparams.chapter.processes import two_processes

SCRIPT = (Path(__file__).parent / "watched.py").read_text()
NETS = ["plain", "a layer used twice", "a tied embedding", "a shared filter", "an RNN", "a repeated block"]
NETS += ["a frozen base", "an unused expert"]
WAYS = ["DDP", "DDP in parts", "DDP in parts without no_sync", "FSDP2"]


@pytest.fixture(scope="module")
def found():
    found = two_processes(SCRIPT, seconds=100)
    assert found, "the two processes could not train"
    return found


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("net", NETS)
def test_each_process_records_the_numbers_of_the_whole_net(found, net, way, rank):
    recorded, wanted, errors = found[f"process {rank}"][f"{net}, {way}"]
    assert errors == {}
    assert recorded.keys() == wanted.keys()
    for key, numbers in wanted.items():
        assert recorded[key] == pytest.approx(numbers, rel=1e-5, abs=1e-5, nan_ok=True), key


OWN = """
import json, sys, torch
from torch import distributed, nn
from d2lparams import gradient_by_use, track
rank = int(sys.argv[1])
distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}/meet", rank=rank, world_size=2)
torch.manual_seed(0)
shared = nn.Linear(4, 4)
net = nn.Sequential(shared, nn.Tanh(), shared)
model = nn.parallel.DistributedDataParallel(net)
X = torch.randn(8, 4, generator=torch.Generator().manual_seed(rank))
alone = gradient_by_use(net, lambda: net(X).square().mean())["0.weight"]
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
record = None
if rank == 0:  # one process alone may watch
    with track(model, every=1) as record:
        for _ in range(2):
            optimizer.zero_grad()
            for _ in range(2):
                (model(X).square().mean() / 2).backward()
            optimizer.step()
else:
    for _ in range(2):
        optimizer.zero_grad()
        for _ in range(2):
            (model(X).square().mean() / 2).backward()
        optimizer.step()
rows = [] if record is None else record.uses("module.0.weight")[["norm", "check"]].values.tolist()
print(json.dumps({"alone": [g.norm().item() for g in alone.values()], "rows": rows, "said": repr(record)}))
distributed.destroy_process_group()
"""


def test_one_process_alone_records_its_own_uses_and_says_so():
    found = two_processes(OWN, seconds=60)["process 0"]
    for *norms, error in found["rows"]:
        assert norms == pytest.approx(found["alone"], rel=1e-5)
        assert error < 1e-6
    assert len(found["rows"]) == 2
    assert "of this process's own batch" in found["said"]


class FullyShardedDataParallel(nn.Module):
    """Stands in for torch's older wrapper, which takes a process group to make."""

    def __init__(self, net):
        super().__init__()
        self.net = net


def test_what_cannot_be_recorded_is_refused_before_the_first_step():
    with pytest.raises(ValueError, match=r"flat shards.*fully_shard.*all_ranks=True"):
        d2lparams.track(FullyShardedDataParallel(nn.Linear(2, 2))).__enter__()
    with pytest.raises(ValueError, match="init_process_group first"):
        d2lparams.track(nn.Linear(2, 2), all_ranks=True).__enter__()
    net = nn.Linear(2, 2)
    net.weight.full_tensor = lambda: net.weight
    with pytest.raises(ValueError, match=r"holds only a part of weight: pass all_ranks=True"):
        d2lparams.track(net).__enter__()


def test_the_core_loads_no_module_of_torch_for_sharded_tensors():
    code = "import sys, d2lparams, torch; print('torch.distributed.fsdp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    assert torch.distributed.is_available()
