"""Nets that the exercises hand to an answer, besides those of torch.nn."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Parallel(nn.Module):
    """Run blocks side by side on one input, and lay their outputs end to end."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, X: Tensor) -> Tensor:
        return torch.cat([block(X) for block in self.blocks], dim=1)


class Fancy(nn.Module):
    """A block with fixed weights, after D2L's FancyMLP: they are saved, and never trained."""

    def __init__(self, width: int, fixed: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.register_buffer("fixed", fixed)
        self.register_buffer("scratch", torch.zeros(width), persistent=False)

    def forward(self, X: Tensor) -> Tensor:
        X = self.linear(X)
        return self.linear(F.relu(X @ self.fixed + 1))


class Speller(nn.Module):
    """Guess the next letter from one letter: embedding, one layer, and a head that scores every letter."""

    def __init__(self, letters: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(letters, width)
        self.body = nn.Linear(width, width)
        self.head = nn.Linear(width, letters)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(self.embed(ids))))
