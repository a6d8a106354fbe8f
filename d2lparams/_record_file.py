"""A record's file: what stands where in it. The format around it is that of safetensors, see `_safetensors`."""

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from . import _safetensors
from ._files import write_whole
from ._histograms import HISTOGRAM_BINS
from ._record_numbers import Row, numbers

FORMAT, VERSION = "d2lparams.Record", 1
_OLD = b"PK\x03\x04"  # how a file of torch.save begins, which version 0.2 and older wrote

# Step, (name, kind) of each histogram, counts of shape (histograms, bins), and the scale of each.
Histograms = tuple[int, tuple[tuple[str, str], ...], Tensor, Tensor]
Uses = dict[tuple[str, tuple[str, ...]], list[tuple[int, Tensor, Tensor]]]  # see `Record.add_uses`


class Contents(NamedTuple):
    """What a record holds: the settings as JSON writes them, and the numbers."""

    settings: dict[str, Any]
    rows: list[Row]
    histograms: list[Histograms]
    uses: Uses
    first_bad: Tensor | None  # shape (2, names): see `Record.mark_nonfinite`


def save(path: str | os.PathLike[str], contents: Contents, quantities: Sequence[str]) -> None:
    """Write a record's file, whole or not at all; `quantities` are the names of what a row holds of a parameter."""
    names: list[str] = contents.settings["names"]
    found = numbers(contents.rows, len(names))
    kept = found.recorded.any(0).nonzero().flatten()
    tensors = {"step": torch.tensor(found.steps, dtype=torch.long), "recorded": found.recorded[:, kept]}
    tensors |= {name: _float(found.values[i][:, kept]) for i, name in enumerate(quantities)}
    about: dict[str, Any] = {"parameters": [names[i] for i in kept.tolist()]}
    about["histograms"] = _put_histograms(tensors, contents.histograms)
    for i, entries in enumerate(contents.uses.values()):
        steps, grams, errors = zip(*entries, strict=True)
        tensors[f"uses.{i}.step"] = torch.tensor(steps, dtype=torch.long)
        tensors[f"uses.{i}.gram"] = _float(torch.stack(grams).cpu())
        tensors[f"uses.{i}.error"] = _float(torch.stack(errors).cpu())
    about["uses"] = [[name, list(places)] for name, places in contents.uses]
    if contents.first_bad is not None:
        tensors["first_nonfinite"] = contents.first_bad.cpu()
    metadata = {"format": FORMAT, "version": str(VERSION), "record": json.dumps(contents.settings | about)}
    write_whole(path, lambda file: _safetensors.write(file, tensors, metadata))


def _float(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _put_histograms(tensors: dict[str, Tensor], blocks: Sequence[Histograms]) -> list[tuple[str, str]]:
    """Add the histograms to `tensors`, counts as small integers, and return (name, kind) of each."""
    keys = list(dict.fromkeys(key for _, own, _, _ in blocks for key in own))
    column = {key: i for i, key in enumerate(keys)}
    steps = sorted({block[0] for block in blocks})
    row = {step: i for i, step in enumerate(steps)}
    most = max((int(counts.max()) for _, _, counts, _ in blocks), default=0)
    fits = next(
        dtype for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64) if most <= torch.iinfo(dtype).max
    )
    every = torch.zeros(len(steps), len(keys), HISTOGRAM_BINS, dtype=fits)
    scales, recorded = torch.zeros(len(steps), len(keys)), torch.zeros(len(steps), len(keys), dtype=torch.bool)
    for step, own, counts, scale in blocks:
        at = row[step]
        if own == tuple(keys):
            every[at], scales[at], recorded[at] = counts, scale, True
        else:
            which = torch.tensor([column[key] for key in own])
            every[at, which], scales[at, which] = counts.to("cpu", fits), scale.to("cpu", torch.float32)
            recorded[at, which] = True
    tensors |= {"histogram.step": torch.tensor(steps, dtype=torch.long), "histogram.recorded": recorded}
    tensors |= {"histogram.counts": every, "histogram.scale": scales}
    return keys


def load(path: str | os.PathLike[str], quantities: Sequence[str]) -> Contents:
    """Read a record's file onto the CPU; no code in it is run. ValueError tells what is wrong with it."""
    with open(path, "rb") as file:
        content = bytearray(os.fstat(file.fileno()).st_size)
        del content[file.readinto(content) :]
    try:
        if content.startswith(_OLD):
            return _load_old(path)
        tensors, metadata = _safetensors.read(content)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"its format is {metadata.get('format')!r}, wanted {FORMAT!r}")
        version = int(metadata["version"])
        if version <= VERSION:
            return _read(tensors, json.loads(metadata["record"]), quantities)
    except Exception as error:
        why = f"{type(error).__name__}: {error}" if isinstance(error, (LookupError, TypeError)) else error
        raise ValueError(f"{path} is not a record that Record.save wrote, or it is cut short: {why}") from error
    raise ValueError(
        f"{path} was written by a newer d2lparams, in version {version} of its format, and this one reads {VERSION}: "
        "update d2lparams"
    )


def _read(tensors: dict[str, Tensor], settings: dict[str, Any], quantities: Sequence[str]) -> Contents:
    place = {name: i for i, name in enumerate(settings["names"])}
    if lacking := {"aliases", "every", "histogram_every"} - settings.keys():
        raise ValueError(f"it does not say {', '.join(sorted(lacking))}")
    which = torch.tensor([place[name] for name in settings.pop("parameters")], dtype=torch.long)
    steps, recorded = tensors["step"].tolist(), tensors["recorded"]
    values = torch.stack([tensors[name] for name in quantities])
    _check_shape(values, (len(quantities), len(steps), len(which)))
    _check_shape(recorded, (len(steps), len(which)))
    rows: list[Row] = []
    for i, step in enumerate(steps):
        own = slice(None) if recorded[i].all() else recorded[i]
        rows.append((step, which[own], values[:, i, own]))
    histograms = _read_histograms(tensors, [(name, kind) for name, kind in settings.pop("histograms")])
    uses: Uses = {}
    for i, (name, places) in enumerate(settings.pop("uses")):
        at, grams, errors = (tensors[f"uses.{i}.{what}"] for what in ("step", "gram", "error"))
        _check_shape(grams, (len(at), len(places), len(places)))
        uses[name, tuple(places)] = list(zip(at.tolist(), grams, errors, strict=True))
    first_bad = tensors.get("first_nonfinite")
    if first_bad is not None:
        first_bad = first_bad[:, : len(place)]
    return Contents(settings, rows, histograms, uses, first_bad)


def _read_histograms(tensors: dict[str, Tensor], keys: list[tuple[str, str]]) -> list[Histograms]:
    steps, recorded = tensors["histogram.step"].tolist(), tensors["histogram.recorded"]
    counts, scales = tensors["histogram.counts"], tensors["histogram.scale"]
    _check_shape(counts, (len(steps), len(keys), HISTOGRAM_BINS))
    _check_shape(scales, (len(steps), len(keys)))
    _check_shape(recorded, (len(steps), len(keys)))
    every = tuple(keys)
    found: list[Histograms] = []
    for i, step in enumerate(steps):
        if recorded[i].all():
            found.append((step, every, counts[i], scales[i]))
        else:
            which = recorded[i].nonzero().flatten()
            found.append((step, tuple(keys[k] for k in which.tolist()), counts[i, which], scales[i, which]))
    return found


def _check_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise ValueError(f"it holds a tensor of shape {tuple(tensor.shape)}, wanted {shape}")


def _load_old(path: str | os.PathLike[str]) -> Contents:
    """Read what version 0.2 and older wrote, by torch.save."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    rows = [(step, torch.tensor(which, dtype=torch.long), norms) for step, which, norms in state["_rows"]]
    histograms: list[Histograms] = []
    for step, entries in state["_histograms"]:
        if entries:
            counts, scales = zip(*entries.values(), strict=True)
            histograms.append((step, tuple(entries), torch.stack(counts), torch.stack(scales)))
    uses: Uses = {(name, tuple(places)): entries for name, places, entries in state["_uses"]}
    settings = {key: value for key, value in state.items() if not key.startswith("_")}
    return Contents(settings, rows, histograms, uses, None)
