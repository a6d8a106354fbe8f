"""Nets that two processes train: each records the numbers of the whole net, as one process with all data has them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import d2lparams
from d2lparams.chapter.processes import two_processes

HERE = Path(__file__).parent
SCRIPT = f"import sys; sys.path.append({str(HERE)!r})\n" + (HERE / "watched.py").read_text()
EVERY = ["plain", "a layer used twice", "a tied embedding", "a shared filter", "an RNN", "a repeated block"]
EVERY += ["a frozen base", "an unused expert"]
TIED = ["a layer used twice", "a repeated block"]
WAYS = {
    "DDP": EVERY,
    "DDP in parts": EVERY,
    "DDP in parts without no_sync": EVERY,
    "DDP, static": TIED,
    "DDP, bucket views": EVERY,
    "DDP, compressed": TIED,
    "DDP, each process steps its half": TIED,
    "FSDP2": EVERY,
    "FSDP2, 1 x 2": TIED,
    "FSDP2, 2 x 1": TIED,
    "FSDP2, low precision": TIED,
    "FSDP2, offload": TIED,
    "FSDP2 and tensor parallel": TIED[:1],
    "tensor parallel": EVERY,
    "tensors in columns": TIED[:1],
}
ROUNDED = {"DDP, compressed": 1e-3, "FSDP2, low precision": 3e-2}


@pytest.fixture(scope="module")
def found():
    found = two_processes(SCRIPT, seconds=100)
    assert found, "the two processes could not train"
    return found


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(("way", "net"), [(way, net) for way, nets in WAYS.items() for net in nets])
def test_each_process_records_the_numbers_of_the_whole_net(found, net, way, rank):
    recorded, wanted, errors = found[f"process {rank}"][f"{net}, {way}"]
    near = ROUNDED.get(way, 1e-5)
    assert errors == {}
    assert recorded.keys() == wanted.keys()
    for key, numbers in wanted.items():
        assert recorded[key] == pytest.approx(numbers, rel=near, abs=near, nan_ok=True), key


def test_a_record_of_tensors_spread_over_processes_loads_in_a_process_of_its_own(found, tmp_path):
    (tmp_path / "record").write_bytes(bytes.fromhex(found["process 1"]["file"]))
    record = d2lparams.Record.load(tmp_path / "record")
    assert "2 rows of 2 steps, 1 apart; 2 histograms; gradient by use of 2.weight, 2.bias" in repr(record)
    assert record.histograms("2.weight")[2].sum(1).tolist() == [64, 64]


OWN = """
import copy, json, sys, torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from d2lparams import gradient_by_use, initialize, track
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
rules = {nn.Linear: nn.init.kaiming_normal_, (nn.Embedding, "weight"): lambda w: nn.init.uniform_(w)}
torch.manual_seed(7 + rank)  # what process 0 draws counts
sizes = [nn.Linear(5, 7), nn.Linear(7, 3), nn.Embedding(5, 3, padding_idx=1)]
whole, sharded = nn.Sequential(*copy.deepcopy(sizes)), nn.Sequential(*sizes)
for layer in (*sharded, sharded):
    fully_shard(layer, mesh=init_device_mesh("cpu", (2,)))
rules["*.bias"] = nn.init.zeros_
torch.manual_seed(7 + rank)
wanted = initialize(whole, rules)
torch.manual_seed(7 + rank)
report = initialize(sharded, rules)
starts = [[p.full_tensor().tolist() for p in sharded.parameters()], [p.tolist() for p in whole.parameters()]]
moments = [[(row.mean, row.std) for row in found.rows] for found in (report, wanted)]
alone = [g.norm().item() for g in alone.values()]
print(json.dumps({"alone": alone, "rows": rows, "said": repr(record), "starts": starts, "moments": moments}))
distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def own():
    return two_processes(OWN, seconds=60)


def test_one_process_alone_records_its_own_uses_and_says_so(own):
    found = own["process 0"]
    for *norms, error in found["rows"]:
        assert norms == pytest.approx(found["alone"], rel=1e-5)
        assert error < 1e-6
    assert len(found["rows"]) == 2
    assert "of this process's own batch" in found["said"]


def test_a_sharded_net_starts_with_the_numbers_that_process_0_draws_for_the_whole(own):
    (first, wanted), (second, others) = (own[f"process {rank}"]["starts"] for rank in (0, 1))
    assert first == second == wanted != others
    (moments, exact), (again, _) = (own[f"process {rank}"]["moments"] for rank in (0, 1))
    assert moments == again
    for found, number in zip(moments, exact, strict=True):
        assert found == pytest.approx(number, rel=1e-6)


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
