"""What runs beside an answer to q9, in the sandbox too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lparams.exercises.inside.descent import step
from d2lparams.exercises.inside.plain_data import describe


class Speller(nn.Module):
    """Guess the next letter from one letter: embedding, one layer, and a head that scores every letter."""

    def __init__(self, letters: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(letters, width)
        self.body = nn.Linear(width, width)
        self.head = nn.Linear(width, letters)

    def forward(self, ids: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.tanh(self.body(self.embed(ids))))
        return scores


def probe(answer: Callable[..., Any], net: Speller, ids: Tensor, following: Tensor, lr: float) -> dict[str, Any]:
    """Output, gradient of the embedding's weight, the parameters there are, and the output after a step with them."""
    before = [net.body.weight, net.body.bias, net.head.bias]
    answer(net)
    output = net(ids)
    named = dict(net.named_parameters(remove_duplicate=False))
    facts: dict[str, Any] = {"output": describe(output), "count": describe(sum(p.numel() for p in net.parameters()))}
    facts["names"] = describe(list(named))
    facts["trains"] = describe(all(p.requires_grad for p in named.values()))
    F.cross_entropy(output, following).backward()
    facts["gradient"] = describe(net.embed.weight.grad)
    step(net, lr)
    facts["later"] = describe(net(ids))
    after = [net.body.weight, net.body.bias, net.head.bias]
    facts["kept"] = describe(all(p is q for p, q in zip(before, after, strict=True)))
    return facts
