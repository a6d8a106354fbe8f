"""Eight nets, trained in two processes under `track`, beside one process that has all the data: run as a script.

It gets its rank and a folder, and prints one line of JSON: {case: [what was recorded, what should be, errors]}.
"""

import contextlib
import functools
import json
import sys
import warnings

import torch
from eight_nets import NETS, STEPS, data, loss_of, make, numbers, wanted
from torch import distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_module, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from d2lparams import Record, track

DDP = nn.parallel.DistributedDataParallel
WHOLE = functools.partial(ColwiseParallel, output_layouts=Replicate())

# how a net's layers are spread: where nothing is said of a net, all of it is replicated
PLANS = {
    "plain": {"0": ColwiseParallel(), "2": RowwiseParallel()},
    "a layer used twice": {"0": WHOLE(), "2": WHOLE()},
    "a tied embedding": {"embed": RowwiseParallel(input_layouts=Replicate()), "body": WHOLE(), "head": WHOLE()},
    "a repeated block": {"block.linear1": ColwiseParallel(), "block.linear2": RowwiseParallel()},
    "a frozen base": {"base": WHOLE(), "a": ColwiseParallel(), "b": RowwiseParallel()},
    "an unused expert": {f"experts.{i}": WHOLE() for i in range(3)},
}


def ddp(name, net, **options):
    return DDP(net, **{"find_unused_parameters": name == "an unused expert"} | options)


def compressed(name, net):
    model = ddp(name, net)
    model.register_comm_hook(None, fp16_compress_hook)
    return model


def tensor_parallel(name, net):
    mesh = init_device_mesh("cpu", (2,))
    if name in PLANS:
        model = parallelize_module(net, mesh, PLANS[name])
        if name == "a tied embedding":  # which is lost on the way
            model.head.weight = model.embed.weight
        return model
    return spread(name, net, Replicate())


def spread(name, net, layout):
    """Spread a net over both processes in one layout, by torch's own means."""
    mesh = init_device_mesh("cpu", (2,))

    def place(_, layer, mesh):
        for key, p in layer.named_parameters(recurse=False):
            setattr(layer, key, nn.Parameter(distribute_tensor(p, mesh, [layout])))

    def whole(_, args, mesh):
        return tuple(distribute_tensor(X, mesh, [Replicate()]) for X in args)

    return distribute_module(net, mesh, place, whole, lambda _, output, mesh: output.full_tensor())


def both(name, net):
    """Spread a net by tensor parallel along one dimension of a mesh, and by fully_shard along the other."""
    mesh = init_device_mesh("cpu", (2, 1), mesh_dim_names=("data", "tensor"))
    return fully_shard(parallelize_module(net, mesh["tensor"], PLANS[name]), mesh=mesh["data"])


def sharded(_, net, shape=None, **options):
    mesh = init_device_mesh("cpu", shape or (2,), mesh_dim_names=("a", "b")[: len(shape or (2,))])
    return fully_shard(net, mesh=mesh, **options)


LOW = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
TIED = ["a layer used twice", "a repeated block"]

ZERO = "DDP, each process steps its half"  # ZeRO, first stage
# way: (how a model is made of a net, number of parts of a batch, with no_sync, the same data in both processes, nets)
WAYS = {
    "DDP": (ddp, 1, False, False, NETS),
    "DDP in parts": (ddp, 2, True, False, NETS),
    "DDP in parts without no_sync": (ddp, 2, False, False, NETS),
    "DDP, static": (functools.partial(ddp, static_graph=True, find_unused_parameters=False), 2, False, False, TIED),
    "DDP, bucket views": (functools.partial(ddp, gradient_as_bucket_view=True), 2, False, False, NETS),
    "DDP, compressed": (compressed, 1, False, False, TIED),
    ZERO: (ddp, 1, False, False, TIED),
    "FSDP2": (sharded, 1, False, False, NETS),
    "FSDP2, 1 x 2": (functools.partial(sharded, shape=(1, 2)), 1, False, False, TIED),
    "FSDP2, 2 x 1": (functools.partial(sharded, shape=(2, 1)), 1, False, False, TIED),
    "FSDP2, low precision": (functools.partial(sharded, mp_policy=LOW), 1, False, False, TIED),
    "FSDP2, offload": (
        functools.partial(sharded, offload_policy=CPUOffloadPolicy(pin_memory=False)),
        1,
        False,
        False,
        TIED,
    ),
    "FSDP2 and tensor parallel": (both, 1, False, False, ["a layer used twice"]),
    "tensor parallel": (tensor_parallel, 1, False, True, NETS),
    "tensors in columns": (functools.partial(spread, layout=Shard(-1)), 1, False, True, ["a layer used twice"]),
}


def train(model, optimizer, rank, pieces, no_sync, same):
    """Train a model for some steps, each process on its half of the data, or all of it, in some parts."""
    with track(model, every=1, histograms=1, all_ranks=True) as record:
        for step in range(STEPS):
            optimizer.zero_grad()
            X = data(step) if same else data(step).chunk(2)[rank]
            for i, part in enumerate(X.chunk(pieces)):
                quiet = model.no_sync if no_sync and i < pieces - 1 else contextlib.nullcontext
                with quiet():
                    (loss_of(model(part)) / pieces).backward()
            optimizer.step()
    return record


def main(rank, folder):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    truth = {name: wanted(name) for name in NETS}
    found = {}
    for way, (make_model, pieces, no_sync, same, nets) in WAYS.items():
        for name in nets:
            model = make_model(name, make(name))
            sgd = functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9)
            if way == ZERO:
                from torch.distributed.optim import ZeroRedundancyOptimizer  # which warns when it is imported

                sgd = functools.partial(ZeroRedundancyOptimizer, optimizer_class=sgd)
            record = train(model, sgd(model.parameters()), rank, pieces, no_sync, same)
            if way.startswith("FSDP2"):
                assert record.shared == []
                assert "sharded" in record.note
            record.save(f"{folder}/{rank}")
            assert Record.load(f"{folder}/{rank}").frame().equals(record.frame())
            split = not way.startswith("FSDP2")
            expected = {key: these for key, these in truth[name].items() if split or not key.endswith("uses")}
            found[f"{name}, {way}"] = [numbers(record), expected, record.errors]
    with open(f"{folder}/{rank}", "rb") as file:
        found["file"] = file.read().hex()
    print(json.dumps(found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
