"""What runs beside an answer to q6, in the sandbox too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from d2lparams.exercises.inside.plain_data import describe


def probe(
    answer: Callable[..., Any], tensor: nn.Parameter, numbers: dict[str, float], seeds: list[int], factor: float
) -> dict[str, Any]:
    """What fills a Parameter, from two generators and the global one, and what became of the global one."""
    facts: dict[str, Any] = {"filled": []}
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        returned = answer(tensor, **numbers, generator=generator)
        facts["filled"].append(describe(tensor))
        with torch.no_grad():
            tensor.mul_(factor)
        facts["returned"] = describe(returned)
    facts["next"] = describe(torch.rand(4))
    for _ in range(2):
        answer(tensor, **numbers)
        facts["filled"].append(describe(tensor))
    return facts
