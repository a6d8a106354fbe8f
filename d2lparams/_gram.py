"""The inner products of the gradients that several uses of one parameter have: all that is kept of these gradients."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from . import _torch


def gram_and_error(
    gradients: Sequence[Tensor],
    total: Tensor,
    factor: Tensor | float = 1.0,
    base: Tensor | None = None,
    add_up: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the Gram matrix of factor · gradients, and ‖factor · (base + Σ gradients) − total‖ / ‖total‖.

    It works on a slice at a time, and makes no copy of a gradient. Where each process holds a part of every tensor,
    add_up adds numbers up over all parts.

    >>> gram, error = gram_and_error([torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])], torch.tensor([3.0, 4.0]))
    >>> gram.tolist(), error.item()
    ([[9.0, 0.0], [0.0, 16.0]], 0.0)
    """
    slices = _torch.slices([*gradients, *([total] if base is None else [total, base])])
    first = next(slices)  # the longest
    exact = torch.float64 if first[0].dtype == torch.float64 else torch.float32
    work = first[0].new_empty((len(gradients), len(first[0])), dtype=exact)  # asked for once, so it leaves no holes
    gram, missing, size = work.new_zeros(()), work.new_zeros(()), work.new_zeros(())
    for parts in itertools.chain([first], slices):
        flat, whole = work[:, : len(parts[0])], parts[len(gradients)]
        for row, part in zip(flat, parts, strict=False):
            row.copy_(part)
        gram = gram + flat @ flat.T
        found = flat.sum(0) if base is None else flat.sum(0) + parts[-1]
        missing = torch.hypot(missing, _torch.norm(found.mul_(factor).sub_(whole)))
        size = torch.hypot(size, _torch.norm(whole))
    gram = gram * factor**2
    if add_up is not None:
        sums = add_up(torch.cat([gram.flatten(), torch.stack([missing, size]).square()]))
        gram, missing, size = sums[:-2].view_as(gram), sums[-2].sqrt(), sums[-1].sqrt()
    return gram.float(), (missing / size).float()


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
