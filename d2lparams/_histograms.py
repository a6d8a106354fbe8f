"""How a histogram of a tensor is made."""

import torch
from torch import Tensor

HISTOGRAM_BINS = 64

Histogram = tuple[Tensor, Tensor]  # counts, shape (HISTOGRAM_BINS,), and the largest finite |value|, shape ()


def histogram(values: Tensor) -> Histogram:
    """Return (counts of equal bins over ±scale, scale), the largest finite |value|; NaN and inf are in no bin.

    values: any real tensor, on any device, which never waits for a number.

    >>> counts, scale = histogram(torch.tensor([-2.0, 1.0, torch.inf]))
    >>> counts.nonzero().flatten().tolist(), scale.item()
    ([0, 48], 2.0)
    """
    values = values.flatten().float()
    if not len(values):
        return torch.zeros(HISTOGRAM_BINS, dtype=torch.long, device=values.device), values.new_zeros(())
    finite = values.nan_to_num(0, 0, 0)
    outside = finite != values  # where a value is NaN or inf
    scale = finite.abs().amax()
    half = HISTOGRAM_BINS / 2
    bins = finite.mul_(half / scale.clamp_min(1e-30)).add_(half).clamp_(0, HISTOGRAM_BINS - 1)
    bins = bins.masked_fill_(outside, HISTOGRAM_BINS).long()  # one bin more, for what belongs to none
    counts = torch.zeros(HISTOGRAM_BINS + 1, dtype=torch.long, device=values.device)
    one = torch.ones((), dtype=torch.long, device=values.device)
    return counts.scatter_add_(0, bins, one.expand_as(bins))[:HISTOGRAM_BINS], scale
