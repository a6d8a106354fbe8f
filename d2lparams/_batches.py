"""What models take and give: calling a net with any batch, and the tensors in any output."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


def call(net: nn.Module, X: Any) -> Any:
    """Return `net(**X)` for a mapping with text as keys, `net(*X)` for a tuple or a list, and else `net(X)`."""
    X = copied(X)  # a first layer that works in place shall not change what the caller holds
    if isinstance(X, Mapping) and all(isinstance(key, str) for key in X):
        return net(**X)
    if isinstance(X, (tuple, list)) and not isinstance(X, PackedSequence):
        return net(*X)
    return net(X)


def copied(value: Any) -> Any:
    """Return nested tuples, lists and mappings with their tensors copied; other objects as they are."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, PackedSequence):
        return value._replace(data=value.data.clone())
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [copied(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def tensors(value: object) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists, mappings and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, PackedSequence):
        yield value.data
    else:
        for item in _items(value):
            yield from tensors(item)


def first_tensor(value: object) -> Tensor | None:
    """Return the first tensor in nested tuples, lists, mappings and dataclasses, or None."""
    return next(tensors(value), None)


def answer(output: object) -> Tensor | None:
    """Return what a net answers: the logits of an output that has some, and else its first tensor."""
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    return first_tensor(output if named is None else named)


def _items(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (tuple, list)):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return []
