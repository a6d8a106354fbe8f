"""What runs beside an answer to q6, in the sandbox too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from d2lparams.exercises.inside.plain_data import describe


def probe(
    answer: Callable[..., Any],
    tensor: nn.Parameter,
    numbers: dict[str, float],
    seeds: list[int],
    calls: int,
    factor: float,
) -> dict[str, Any]:
    """What fills a Parameter, call by call, from three generators and the global one, and what became of that one."""

    def fill(times: int, generator: torch.Generator) -> list[dict[str, Any]]:
        filled = []
        for _ in range(times):
            answer(tensor, **numbers, generator=generator)
            filled.append(describe(tensor))
        return filled

    seed, other = seeds
    returned = answer(tensor, **numbers, generator=torch.Generator().manual_seed(seed))
    _scale(tensor, factor)
    facts: dict[str, Any] = {"returned": describe(returned)}
    facts["filled"] = fill(calls, torch.Generator().manual_seed(seed))
    facts["again"] = fill(2, torch.Generator().manual_seed(seed))
    facts["other"] = fill(1, torch.Generator().manual_seed(other))
    single = nn.Parameter(torch.zeros((), dtype=tensor.dtype))
    answer(single, **numbers, generator=torch.Generator().manual_seed(other))
    facts["single"] = describe(single)
    facts["next"] = describe(torch.rand(4))
    facts["global"] = []
    for _ in range(2):
        answer(tensor, **numbers)
        facts["global"].append(describe(tensor))
    return facts


def _scale(tensor: Tensor, factor: float) -> None:
    with torch.no_grad():
        tensor.mul_(factor)
