"""Turn what an answer returned into plain data, which passes through JSON and is judged elsewhere."""

import numbers
from collections.abc import Iterable, KeysView, ValuesView
from typing import Any

import torch
from torch import nn

LARGEST = 100_000  # entries of a tensor or a collection that are worth describing: every exercise needs far fewer


class NotAttempted(Exception):
    """The answer is still the stub: it returns `...`."""


def describe(value: object) -> dict[str, Any]:
    """Return a value as plain data: its type, and for a tensor its dtype, shape and values, flat and in order.

    Raises NotAttempted if it is `...`, or holds it.
    """
    if value is ...:
        raise NotAttempted
    if isinstance(value, torch.Tensor):
        kind = "Parameter" if isinstance(value, nn.Parameter) else "Tensor"
        fact: dict[str, Any] = {"type": kind, "dtype": str(value.dtype), "shape": list(value.shape), "values": None}
        if value.numel() <= LARGEST and not value.is_complex():
            dense = torch.Tensor.detach(value).to_dense()
            fact["values"] = torch.Tensor.tolist(dense.reshape(-1))
        return fact
    if isinstance(value, str):  # numpy's strings, too
        return {"type": "str", "value": str(value)}
    if value is None or isinstance(value, bool):
        return {"type": type(value).__name__, "value": value}
    if isinstance(value, numbers.Integral):  # numpy's integers, too
        return {"type": "int", "value": int(value)}
    if isinstance(value, numbers.Real):
        return {"type": "float", "value": float(value)}
    if isinstance(value, dict):
        return {"type": "dict", "keys": [str(k) for k in value], "items": [describe(v) for v in value.values()]}
    if isinstance(value, (list, tuple, set, frozenset, KeysView, ValuesView)):
        items = list(value)[:LARGEST]
        return {"type": _collection(value), "items": [describe(item) for item in items]}
    return {"type": type(value).__name__}


def _collection(value: Iterable[object]) -> str:
    kinds = {list: "list", tuple: "tuple", set: "set", frozenset: "set", KeysView: "list", ValuesView: "list"}
    return next(name for kind, name in kinds.items() if isinstance(value, kind))
