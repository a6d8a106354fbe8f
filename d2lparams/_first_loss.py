"""The first loss, and what it would be if the net only guessed."""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ._batches import answer

Shares = Sequence[float] | Tensor | float | bool | None


class Guess(NamedTuple):
    """What is known of a loss that torch computed.

    Attributes:
        classes: how many there are, 2 for binary cross-entropy; None for a loss that has none.
        expected: the loss of a net that only guesses; None if there is no such number.
        zero: the loss of an output that is 0 all over; None if it was not asked for.
    """

    classes: int | None = None
    expected: float | None = None
    zero: float | None = None


class Watch(TorchFunctionMode):
    """Notes the losses that torch computes, wherever they are called, in a net's own `forward` too."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Callable[[Tensor], Tensor], Tensor, Tensor, dict[str, Any], Tensor]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in _GUESSES and len(args) > 1 and isinstance(result, Tensor) and isinstance(args[0], Tensor):
            anew = functools.partial(_anew, func, args[1:], kwargs)
            self.calls.append((name, anew, args[0].detach(), args[1], kwargs, result.detach()))
        return result

    def guess(self, value: Tensor, shares: Shares) -> Guess:
        """Return what guessing gives, for the loss that became `value`; nothing is known of any other."""
        for name, anew, scores, target, options, result in reversed(self.calls):
            if torch.equal(result.mean(), value.detach()) or torch.allclose(result.mean(), value.detach(), 1e-5):
                return _GUESSES[name](anew, scores, target, options, shares)
        if shares is not None:
            raise ValueError(
                "shares are for losses over classes, and this is neither cross-entropy nor its binary form"
            )
        return Guess()


def first_loss(output: Any, y: Any, loss: Callable[[Any, Any], Tensor] | None) -> Tensor:
    """Return the loss, shape (), of what a net handed out.

    Without a `loss` it is cross-entropy: the classes stand last if that fits `y`, as in language models, and else
    second. A `loss` gets the whole output; one that can do nothing with it gets the answer alone, `.logits` or the
    first tensor.
    """
    scores = answer(output)
    if loss is None:
        if scores is None:
            raise ValueError(f"the net returned a {type(output).__name__} without a tensor; pass loss=...")
        if scores.shape[:-1] == y.shape:
            return F.cross_entropy(scores.flatten(0, -2), y.flatten().long())
        return F.cross_entropy(scores, y.long())
    try:
        value = loss(output, y)
    except Exception:
        if scores is None or scores is output:
            raise
        try:
            value = loss(scores, y)
        except Exception:
            value = None
        if value is None:
            raise
    if not isinstance(value, Tensor):
        raise TypeError(f"loss(output, y) returned a {type(value).__name__}; it must return a tensor")
    return value.mean()


# ---- what guessing gives


def _anew(func: Callable[..., Tensor], rest: tuple[Any, ...], options: dict[str, Any], scores: Tensor) -> Tensor:
    with torch.no_grad():
        return func(scores, *rest, **options).mean()


def _of_classes(
    anew: Callable[[Tensor], Tensor], scores: Tensor, target: Tensor, options: dict[str, Any], shares: Shares
) -> Guess:
    classes = scores.shape[1] if scores.dim() > 1 else scores.shape[0]
    expected = math.log(classes)
    if options.get("reduction") == "sum":
        expected = anew(torch.full_like(scores, -expected)).item()
    if shares is not None:
        expected = _entropy(_shares_of_classes(shares, target, classes))
    return Guess(classes, expected)


def _of_log_softmax(
    anew: Callable[[Tensor], Tensor], scores: Tensor, target: Tensor, options: dict[str, Any], shares: Shares
) -> Guess:
    total = scores.logsumexp(1 if scores.dim() > 1 else 0)
    is_log_of_shares = bool((total.abs() < 1e-3).all())
    return _of_classes(anew, scores, target, options, shares) if is_log_of_shares else Guess()


def _of_two(
    anew: Callable[[Tensor], Tensor],
    scores: Tensor,
    target: Tensor,
    options: dict[str, Any],
    shares: Shares,
    *,
    undecided: float,
) -> Guess:
    if shares is not None:
        share = target.double().mean(0) if shares is True else torch.as_tensor(shares, dtype=torch.float64)
        if bool(((share < 0) | (share > 1)).any()):
            raise ValueError(f"shares={shares}: for binary cross-entropy give the share of 1, between 0 and 1")
        return Guess(2, (_surprise(share) + _surprise(1 - share)).mean().item())
    weighted = options.get("weight") is not None or options.get("pos_weight") is not None
    if weighted or options.get("reduction") == "sum":
        return Guess(2, anew(torch.full_like(scores, undecided)).item())
    return Guess(2, math.log(2))


def _of_numbers(
    anew: Callable[[Tensor], Tensor], scores: Tensor, target: Tensor, options: dict[str, Any], shares: Shares
) -> Guess:
    if shares is not None:
        raise ValueError("shares are for losses over classes, not for numbers")
    return Guess(zero=anew(torch.zeros_like(scores)).item())


_GUESSES: dict[str, Callable[..., Guess]] = {
    "cross_entropy": _of_classes,
    "nll_loss": _of_log_softmax,
    "binary_cross_entropy_with_logits": functools.partial(_of_two, undecided=0.0),
    "binary_cross_entropy": functools.partial(_of_two, undecided=0.5),
    "mse_loss": _of_numbers,
}


def _shares_of_classes(shares: Any, target: Tensor, classes: int) -> Tensor:
    if shares is True and not target.is_floating_point():
        counts = torch.bincount(target[(target >= 0) & (target < classes)].flatten(), minlength=classes).double()
        return counts / counts.sum()
    if shares is True:  # each example has a share of each class
        return target.double().movedim(1, -1).flatten(0, -2).mean(0)
    found: Tensor = torch.as_tensor(shares, dtype=torch.float64)
    if found.shape != (classes,) or bool((found < 0).any()) or not math.isclose(found.sum().item(), 1, abs_tol=1e-3):
        raise ValueError(f"shares={shares}: give one for each of the {classes} classes, 1 in all; or True, as in y")
    return found


def _surprise(share: Tensor) -> Tensor:
    terms: Tensor = torch.special.xlogy(share, share)
    return -terms


def _entropy(shares: Tensor) -> float:
    return _surprise(shares).sum().item()
