"""What several processes that train one net mean for what is recorded."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from . import _torch

_FSDP1 = "FullyShardedDataParallel"


def several() -> bool:
    """Whether this is one of several processes that can talk to each other."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def check(net: nn.Module, all_ranks: bool) -> None:
    """Raise ValueError for a net whose numbers one process cannot say.

    Args:
        net: any module.
        all_ranks: whether every process tracks it.
    """
    kinds = {type(module).__name__ for module in net.modules()}
    if _FSDP1 in kinds:
        raise ValueError(
            f"{_FSDP1} hides the net's parameters in flat shards, which cannot be tracked: shard it with fully_shard "
            "(torch.distributed.fsdp) and pass all_ranks=True to track in every process"
        )
    sharded = [name for name, p in net.named_parameters() if _torch.is_sharded(p)]
    if sharded and not all_ranks:
        raise ValueError(
            f"each process holds only a part of {', '.join(sharded[:3])}{', ...' if len(sharded) > 3 else ''}: pass "
            "all_ranks=True to track in every process, and all of them record the numbers of the whole net"
        )
    if all_ranks and not several():
        raise ValueError("all_ranks=True is for several processes: call torch.distributed.init_process_group first")


def same_everywhere(text: str, device: torch.device) -> bool:
    """Whether all processes say the same here. Each has to ask."""
    number = torch.tensor([sum((i + 1) * ord(letter) for i, letter in enumerate(text)) % 2**31], device=device)
    bounds = torch.stack([number, -number])
    dist.all_reduce(bounds, dist.ReduceOp.MAX)
    return bool((bounds[0] == -bounds[1]).all())


def own_parts(tensors: Sequence[Tensor], p: Tensor) -> list[Tensor]:
    """Return what this process holds of tensors that are spread over all processes, laid out as the parameter p is."""
    like: Any = p
    if like.device_mesh.size() < dist.get_world_size():
        raise ValueError(
            f"the parameter is spread over {like.device_mesh.size()} of {dist.get_world_size()} processes, so the "
            "gradients of its uses cannot be averaged over all"
        )
    spread: list[Any] = list(tensors)
    return [tensor.redistribute(placements=like.placements).to_local() for tensor in spread]


def sum_over_parts(p: Tensor, numbers: Tensor) -> Tensor:
    """Return the sum of what all processes say, each about its part of the parameter p. All have to ask together."""
    from torch.distributed.tensor import DTensor, Partial, Replicate

    like: Any = p
    placements = [Replicate() if placement.is_replicate() else Partial() for placement in like.placements]
    found: Tensor = DTensor.from_local(numbers, like.device_mesh, placements, run_check=False).full_tensor()
    return found


def averages(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the averages of tensors over all processes, each of which has to ask for the same ones."""
    found = []
    for tensor in tensors:
        average = tensor.detach().clone()
        dist.all_reduce(average)
        found.append(average / dist.get_world_size())
    return found
