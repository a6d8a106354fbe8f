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
        scale = torch.maximum(scale, part.float().nan_to_num(0, 0, 0).abs().amax())
    half = HISTOGRAM_BINS / 2
    one = torch.ones((), dtype=torch.long, device=values.device)
    for (part,) in _torch.slices([values]):
        part = part.float()
        finite = part.nan_to_num(0, 0, 0)
        outside = finite != part  # where a value is NaN or inf
        bins = finite.mul_(half / scale.clamp_min(1e-30)).add_(half).clamp_(0, HISTOGRAM_BINS - 1)
        bins = bins.masked_fill_(outside, HISTOGRAM_BINS).long()  # one bin more, for what belongs to none
        counts.scatter_add_(0, bins, one.expand_as(bins))
    return counts[:HISTOGRAM_BINS], scale
