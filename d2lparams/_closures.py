"""What a step of an optimizer was given to run the net with."""

from collections.abc import Callable
from typing import Any


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
