"""How a histogram of a tensor is made."""

import torch
from torch import Tensor

from . import _torch

HISTOGRAM_BINS = 64

Histogram = tuple[Tensor, Tensor]  # counts, shape (HISTOGRAM_BINS,), and the largest finite |value|, shape ()


def histogram(values: Tensor) -> Histogram:
    """Return (counts of equal bins over ±scale, scale), the largest finite |value|; NaN and inf are in no bin.

    values: any tensor, on any device, which never waits for a number; of complex ones both parts count. It works on a
    slice at a time, and makes no copy of the whole.

    >>> counts, scale = histogram(torch.tensor([-2.0, 1.0, torch.inf]))
    >>> counts.nonzero().flatten().tolist(), scale.item()
    ([0, 48], 2.0)
    """
    values = _torch.whole(_torch.dense(values))
    scale = torch.zeros((), device=values.device)
    counts = torch.zeros(HISTOGRAM_BINS + 1, dtype=torch.long, device=values.device)
    if not values.numel():
        return counts[:HISTOGRAM_BINS], scale
    for (part,) in _torch.slices([values]):
        scale = torch.maximum(scale, part.float().nan_to_num(0, 0, 0).abs_().amax())
    half = HISTOGRAM_BINS / 2
    for (part,) in _torch.slices([values]):
        bins = part.float().nan_to_num(torch.nan, torch.nan, torch.nan)
        bins = bins.mul_(half / scale.clamp_min(1e-30)).add_(half).clamp_(0, HISTOGRAM_BINS - 1)
        counts += _counts(bins.nan_to_num_(HISTOGRAM_BINS))  # one bin more, for what belongs to none
    return counts[:HISTOGRAM_BINS], scale


def _counts(bins: Tensor) -> Tensor:
    """Return how many of each number from 0 to HISTOGRAM_BINS there are, by what is fastest on the device."""
    if bins.is_cpu:  # a GPU would be waited for
        return torch.bincount(bins.to(torch.uint8), minlength=HISTOGRAM_BINS + 1)
    none = torch.zeros(HISTOGRAM_BINS + 1, dtype=torch.long, device=bins.device)
    return none.scatter_add_(0, bins.long(), torch.ones_like(bins, dtype=torch.long))
