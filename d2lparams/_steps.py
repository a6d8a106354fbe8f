"""A step of an optimizer: what is measured of it, and what it was given to run the net with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from ._histograms import Histogram


@dataclass
class Step:
    """A step of an optimizer that has begun, and what was measured of it so far.

    Attributes:
        number: counted from 0.
        before: {parameter: its value before}, like all that follows for what is recorded of this step.
        gradients: {parameter: the norm of its gradient}.
        uses: {parameter: its gradient by use, see `Split.entry`}.
        histograms: {(name, "gradient"): histogram}.
        last: a hook that measures the gradient after the optimizer's own hooks.
    """

    number: int
    before: dict[Tensor, Tensor] = field(default_factory=dict)
    gradients: dict[Tensor, Tensor] = field(default_factory=dict)
    uses: dict[Tensor, tuple[tuple[str, ...], Tensor, Tensor]] = field(default_factory=dict)
    histograms: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    last: RemovableHandle | None = None

    def end(self) -> None:
        """Leave no hook behind."""
        if self.last:
            self.last.remove()


def given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether `optimizer.step(*args[1:], **kwargs)` runs the net itself.

    >>> given(("optimizer",), {}), given(("optimizer", print), {})
    (False, True)
    """
    return any(callable(value) for value in (*args[1:], *kwargs.values()))


def followed(
    args: tuple[Any, ...], kwargs: dict[str, Any], action: Callable[[], object]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of such a step, with an action that follows each call of a closure among them.

    >>> args, _ = followed(("optimizer", lambda: print("a loss")), {}, lambda: print("look at the gradients"))
    >>> args[1]()
    a loss
    look at the gradients
    """

    def follow(value: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            found = value(*args, **kwargs)
            action()
            return found

        return run if callable(value) else value

    return (*args[:1], *map(follow, args[1:])), {key: follow(value) for key, value in kwargs.items()}
