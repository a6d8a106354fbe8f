"""The file format of the safetensors library, written and read with torch alone.

A file is: 8 bytes, the header's length as a little-endian integer; the header, in JSON; the numbers of all tensors, one
tensor after the other, little-endian. The header names each tensor: {"grad_norm": {"dtype": "F32", "shape": [2, 3],
"data_offsets": [0, 24]}}, counted from the header's end, and holds texts under "__metadata__". Nothing in it is run.
"""

import json
import math
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

import torch
from torch import Tensor

_DTYPES = {
    "F64": torch.float64,
    "I64": torch.int64,
    "F32": torch.float32,
    "I32": torch.int32,
    "I16": torch.int16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def write(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors on the CPU, of the types in `_DTYPES`, and texts to a file."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    ordered = sorted(tensors, key=lambda name: -tensors[name].element_size())  # so that each starts at its own multiple
    end = 0
    for name in ordered:
        tensor, start = tensors[name], end
        end = start + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in ordered:
        flat, size = tensors[name].reshape(-1), tensors[name].element_size()
        for part in flat.split(2**20):  # so that no second copy of all is made
            if len(part):
                content = bytearray(len(part) * size)
                torch.frombuffer(content, dtype=part.dtype).copy_(part)
                file.write(_swapped(content, size))


def read(content: bytearray) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors, whose memory is that of `content`, and the texts. ValueError tells what is wrong with it.

    >>> read(bytearray(b"no tensors here"))
    Traceback (most recent call last):
    ValueError: it begins with no header
    """
    length = int.from_bytes(content[:8], "little")
    if content[8:9] != b"{":
        raise ValueError("it begins with no header")
    if 8 + length > len(content):
        raise ValueError(f"its header should end at byte {8 + length:,}, and the file at byte {len(content):,}")
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if end != len(content):
        raise ValueError(f"it should end at byte {end:,}, and ends at byte {len(content):,}")
    return {name: _tensor(content, 8 + length, entry) for name, entry in header.items()}, metadata


def _tensor(content: bytearray, data: int, entry: Mapping[str, Any]) -> Tensor:
    dtype, shape, (start, end) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    count = math.prod(shape)
    if min(shape, default=0) < 0 or start < 0 or end - start != count * dtype.itemsize:
        raise ValueError(f"a tensor of shape {shape} does not fill bytes {start:,} to {end:,}")
    if not count:
        return torch.empty(shape, dtype=dtype)
    if sys.byteorder == "big":
        return torch.frombuffer(_swapped(content[data + start : data + end], dtype.itemsize), dtype=dtype).view(shape)
    return torch.frombuffer(content, dtype=dtype, count=count, offset=data + start).view(shape)


def _swapped(content: bytearray, size: int) -> bytearray:
    """Return numbers of `size` bytes in the other order, where this machine's is not the file's."""
    if sys.byteorder == "big":
        turned = torch.frombuffer(content, dtype=torch.uint8).view(-1, size).flip(1).reshape(-1)
        torch.frombuffer(content, dtype=torch.uint8).copy_(turned)
    return content
