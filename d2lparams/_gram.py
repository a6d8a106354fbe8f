"""The inner products of the gradients that several uses of one parameter have: all that is kept of these gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor

from . import _torch


def gram_and_error(
    gradients: Sequence[Tensor], total: Tensor, factor: Tensor | float = 1.0, base: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the Gram matrix of factor · gradients, and ‖factor · (base + Σ gradients) − total‖ / ‖total‖.

    It works on a slice at a time, and makes no copy of a gradient.

    >>> gram, error = gram_and_error([torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])], torch.tensor([3.0, 4.0]))
    >>> gram.tolist(), error.item()
    ([[9.0, 0.0], [0.0, 16.0]], 0.0)
    """
    grams, missing, sizes = [], [], []
    others = [total] if base is None else [total, base]
    for parts in _torch.slices([*gradients, *others]):
        flat, whole = torch.stack(parts[: len(gradients)]), parts[len(gradients)]
        flat = flat if flat.dtype == torch.float64 else flat.float()
        grams.append(flat @ flat.T)
        found = flat.sum(0) if base is None else flat.sum(0) + parts[-1].to(flat.dtype)
        missing.append(_torch.norm(found.mul_(factor).sub_(whole)))
        sizes.append(_torch.norm(whole))
    gram = torch.stack(grams).sum(0) * factor**2
    error = _torch.norm(torch.stack(missing)) / _torch.norm(torch.stack(sizes))
    return gram.float(), error.float()


def columns(places: Sequence[str], gram: Tensor, error: Tensor) -> dict[tuple[str, str], Tensor]:
    """Return what `Record.uses` shows, {column: a number for each step}; gram: shape (steps, places, places).

    >>> found = columns(["0", "1"], torch.tensor([[[9.0, 0.0], [0.0, 16.0]]]), torch.zeros(1))
    >>> {column: round(numbers.item(), 2) for column, numbers in found.items()}  # doctest: +NORMALIZE_WHITESPACE
    {('norm', '0'): 3.0, ('norm', '1'): 4.0, ('sum', 'norm'): 5.0,
     ('share', '0'): 0.36, ('share', '1'): 0.64, ('cosine', '0, 1'): 0.0, ('check', 'error'): 0.0}
    """
    norm = gram.diagonal(dim1=1, dim2=2).sqrt()
    share = gram.sum(2) / gram.sum((1, 2))[:, None]
    found = {("norm", place): norm[:, i] for i, place in enumerate(places)}
    found["sum", "norm"] = gram.sum((1, 2)).clamp_min(0).sqrt()
    found |= {("share", place): share[:, i] for i, place in enumerate(places)}
    for i, a in enumerate(places):
        for j, b in enumerate(places[:i]):
            found["cosine", f"{b}, {a}"] = gram[:, i, j] / (norm[:, i] * norm[:, j])
    found["check", "error"] = error
    return found
