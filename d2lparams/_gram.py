"""The inner products of the gradients that several uses of one parameter have: all that is kept of these gradients."""

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
    rows = []
    for parts in _torch.slices([*gradients, *([total] if base is None else [total, base])]):
        exact = torch.float64 if parts[0].dtype == torch.float64 else torch.float32
        *uses, whole = (part.to(exact) for part in parts[: len(gradients) + 1])
        products, found = _products_and_sum(uses)
        if base is not None:
            found += parts[-1]
        missing = found.mul_(factor).sub_(whole)
        rows.append(torch.cat([products, torch.stack([missing.dot(missing), whole.dot(whole)])]))
    sums = rows[0] if len(rows) == 1 else torch.stack(rows).sum(0)
    if add_up is not None:
        sums = add_up(sums)
    gram = sums[:-2].view(len(gradients), -1) * factor**2
    return gram.float(), (sums[-2] / sums[-1]).sqrt().float()


def _products_and_sum(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the inner products of all pairs of rows, shape (rows * rows,), and their sum."""
    if len(rows) == 2:  # as most often; what follows takes twice as long
        a, b = rows
        both = a.dot(b)
        return torch.stack([a.dot(a), both, both, b.dot(b)]), a + b
    matrix = torch.stack(list(rows))
    return (matrix @ matrix.T).flatten(), matrix.sum(0)


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
