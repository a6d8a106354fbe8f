"""Tests of samples: could these numbers be independent draws from this law? A correct sample fails once in 1e10.

A matrix can have the right distribution, and be no independent draw all the same: with rows that are orthogonal or of
one length, with a count that is always the same, with numbers that come twice. Such things are looked for, too.
"""

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from .compare import KS, SIGMAS, Wrong, widest_gap


class Law(NamedTuple):
    """A distribution without jumps, as plain data.

    Attributes:
        kind: "normal" (mean 0, cut off nowhere), "uniform", "log-uniform" (the logarithm is uniform), or "rising" (the
            larger one of two uniform numbers: its density rises from 0 at `low`).
        low: its least value; of a normal one, minus the standard deviation.
        high: its largest value; of a normal one, the standard deviation.
    """

    kind: str
    low: float
    high: float

    def cdf(self, x: Tensor) -> Tensor:
        """Return the probability of a value at or below each x.

        >>> Law("rising", 1.0, 3.0).cdf(torch.tensor([0.0, 2.0, 4.0]))
        tensor([0.0000, 0.2500, 1.0000])
        """
        if self.kind == "normal":
            normal: Tensor = torch.special.ndtr(x / self.high)
            return normal
        if self.kind == "log-uniform":
            return (x.clamp(self.low, self.high) / self.low).log() / math.log(self.high / self.low)
        t = ((x - self.low) / (self.high - self.low)).clamp(0, 1)
        return t**2 if self.kind == "rising" else t

    @property
    def std(self) -> float:
        """The standard deviation, for a normal or a uniform law."""
        return self.high if self.kind == "normal" else (self.high - self.low) / math.sqrt(12)

    @property
    def size(self) -> float:
        """The mean absolute value, for a normal or a uniform law around 0."""
        return self.high * math.sqrt(2 / math.pi) if self.kind == "normal" else self.high / 2


def follows(values: Tensor, law: Law, what: str, mistakes: dict[str, Law] | None = None) -> None:
    """Raise Wrong unless the gap between a sample's cumulative shares and a law's is as small as chance makes it."""
    gap, most = widest_gap(values, law.cdf), KS / math.sqrt(len(values))
    if not gap <= most:
        gaps = {name: widest_gap(values, other.cdf) for name, other in (mistakes or {}).items()}
        likely = next((name for name, other in gaps.items() if other <= most), "it is another distribution")
        what = f"distribution of {what}, widest gap between its cumulative shares and the distribution's"
        raise Wrong(what, f"{gap:.3f}", f"at most {most:.3f}", likely)


def varying(counts: Tensor, trials: Tensor, share: float, what: str) -> None:
    """Raise Wrong if counts, each out of a number of trials, are closer to what is expected than chance lets them be.

    Under chance the sum of their squared errors is chi-squared, with as many degrees of freedom as there are counts.
    """
    errors = (counts - trials * share) ** 2 / (trials * share * (1 - share))
    if not errors.sum().item() >= least_chi2(len(counts)):
        wanted = "a count that varies by chance from one call to the next"
        raise Wrong(f"distribution, {what}", "the same share in every call", wanted, "each entry has to be drawn")


@cache
def least_chi2(degrees: int) -> float:
    """Return what a chi-squared number falls below but once in 1e10.

    >>> round(least_chi2(16), 2), round(least_chi2(62), 1)
    (0.43, 14.9)
    """
    low, high = 0.0, float(degrees)
    for _ in range(60):
        middle = (low + high) / 2
        shape, x = torch.tensor((degrees / 2, middle / 2), dtype=torch.float64)
        low, high = (middle, high) if torch.special.gammainc(shape, x) < 1e-10 else (low, middle)
    return low


def without_copies(values: Tensor, what: str) -> None:
    """Raise Wrong if numbers come again and again: a draw that serves several entries. Chance repeats hardly any."""
    again = len(values) - len(values.unique())
    if again > 20 + len(values) ** 2 / 2**20:  # float32's uniform numbers have 2**24 values
        raise Wrong(f"distribution of {what}", f"{again} that are equal to another", "a draw for each entry")


def unrelated_rows(values: Tensor, std: float, kurtosis: float, what: str) -> None:
    """Raise Wrong if a matrix's rows or columns are more orthogonal, or more alike in length, than independent draws.

    kurtosis: of one entry, E[x^4] / E[x^2]^2: 3 if normal, 9/5 if uniform.
    """
    for rows in (values, values.T):
        few, many = rows.shape
        gram = rows @ rows.T / std**2
        if few <= many:  # columns of a wide matrix can't be orthogonal
            products = gram.triu(1).square().sum().item() / many
            pairs = few * (few - 1) / 2
            if not products >= pairs * (1 - SIGMAS * math.sqrt(2 / pairs)):
                raise Wrong(f"distribution of {what}", "orthogonal rows or columns", "independent draws")
        lengths = (gram.diagonal() - many).square().sum().item() / (many * (kurtosis - 1))
        if not lengths >= least_chi2(few) / 2:  # halved: a sum of squares is only nearly normal
            raise Wrong(f"distribution of {what}", "rows or columns of one length", "independent draws")


def uniform(shares: Tensor, what: str) -> None:
    """Raise Wrong unless numbers between 0 and 1 have the moments that uniform ones have, of their logarithms too."""
    n, least = len(shares), 1e-6  # single precision rounds to 0 and 1 here and there
    for name, moments, wanted, spread in (
        ("mean", shares, 1 / 2, 1 / 12),
        ("mean square around 1/2", (shares - 0.5) ** 2, 1 / 12, 1 / 180),
        ("mean size of the logarithm", -shares.clamp(min=least).log(), 1.0, 1.0),
        ("mean size of the logarithm of what is left to 1", -(1 - shares).clamp(min=least).log(), 1.0, 1.0),
    ):
        actual = moments.mean().item()
        if not abs(actual - wanted) <= SIGMAS * math.sqrt(spread / n):
            likely = "it is another distribution, near to the one asked for"
            raise Wrong(
                f"distribution of {what}, scaled to be uniform: {name}", f"{actual:.4f}", f"{wanted:.4f}", likely
            )
