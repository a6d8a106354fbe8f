"""Fashion-MNIST in memory, as a d2l DataModule: the real images, or a labeled stand-in."""

import gzip
import hashlib
import math
import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from .. import compat as compat  # before torchvision and d2l
from . import standin

from d2l import torch as d2l  # isort: skip
from torchvision.datasets import FashionMNIST as _Torchvision  # isort: skip  # its file names, sums, mirrors and classes

ROOT_VARIABLE = "D2LPARAMS_DATA"
REAL, STAND_IN = "Fashion-MNIST", "stand-in data (drawn, not Fashion-MNIST)"
ANSWER_WITHIN = 8.0  # seconds for the first and smallest file; a name that does not resolve can take minutes
_UNPACKED = {  # MD5 of what the official archives unpack to
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
_ARCHIVES = dict(reversed(_Torchvision.resources))  # name -> MD5, the smallest file first
_DataModule: Any = getattr(d2l, "DataModule", object)  # d2l 0.17 has none: `iters` serves it


class FashionMNIST(_DataModule):
    """60,000 + 10,000 images of ten garments in memory, in shuffled batches for d2l's Trainer or `train_ch3`.

    What is missing in the folder is downloaded, with a progress bar; no answer, or no leave to write, and a stand-in of
    the same shapes is drawn, with a warning. Batches are float32 of shape (batch, 1, 28, 28) in [0, 1], and labels.
    Nothing of yours is ever overwritten.

    Args:
        batch_size: images a batch; the last one may be smaller.
        root: the folder with the archives or unpacked files, as torchvision lays them out or flat; by default the
            environment variable D2LPARAMS_DATA, else `../data` as in d2l.
        device: where the uint8 tensors lie, by default the GPU if there is one.
        seed: of the shuffling, so that two nets can be trained on the same batches; None for another order every time.

    Attributes:
        classes: the names of the ten garments.
        source: `REAL` or `STAND_IN`, for titles.
        train: 60,000 images (uint8, shape (n, 1, 28, 28)) and labels (int64), as a TensorDataset.
        val: 10,000 more.

    Raises:
        ValueError: For a file that is cut short or altered.
        NotADirectoryError: For a root that is a file.

    Source: Xiao, Rasul and Vollgraf (2017). Met in notebook 5.

    Example:
        >>> FashionMNIST.classes[:3]
        ('T-shirt/top', 'Trouser', 'Pullover')
    """

    classes: tuple[str, ...] = tuple(_Torchvision.classes)
    source: str
    train: TensorDataset
    val: TensorDataset

    def __init__(
        self,
        batch_size: int = 64,
        root: str | os.PathLike[str] | None = None,
        device: torch.device | str | None = None,
        seed: int | None = 0,
    ) -> None:
        super().__init__()
        self.batch_size, self.seed = batch_size, seed
        self.root = Path(root or os.environ.get(ROOT_VARIABLE) or "../data")
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        tensors = _real(self.root)
        self.source = REAL if tensors else STAND_IN
        if not tensors:
            tensors = [*standin.draw(60_000, seed=0), *standin.draw(10_000, seed=1)]
        train_images, train_labels, val_images, val_labels = (tensor.to(self.device) for tensor in tensors)
        self.train, self.val = TensorDataset(train_images, train_labels), TensorDataset(val_images, val_labels)

    def __repr__(self) -> str:
        return f"{self.source}: {len(self.train):,} training and {len(self.val):,} test images, on {self.device.type}"

    def train_dataloader(self) -> "_Batches":
        """Return the training images in batches, shuffled anew each time they are gone through."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> "_Batches":
        """Return the test images in batches, in their order."""
        return self.get_dataloader(train=False)

    def get_dataloader(self, train: bool) -> "_Batches":
        """Return the one or the other."""
        return _Batches(self.train if train else self.val, self.batch_size, shuffle=train, seed=self.seed)

    def iters(self) -> tuple["_Batches", "_Batches"]:
        """Return `(train_iter, test_iter)`, as `d2l.load_data_fashion_mnist` does for `train_ch3`."""
        return self.train_dataloader(), self.val_dataloader()

    def text_labels(self, indices: Iterable[int | Tensor]) -> list[str]:
        """Return the class names of some labels."""
        return [self.classes[int(i)] for i in indices]


class _Batches:
    """Batches by index: what a DataLoader yields, without its workers and without collating images one by one."""

    def __init__(self, dataset: TensorDataset, batch_size: int, shuffle: bool, seed: int | None) -> None:
        self.tensors, self.batch_size, self.shuffle = dataset.tensors, batch_size, shuffle
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)  # on the CPU: one order anywhere

    def __len__(self) -> int:
        return math.ceil(len(self.tensors[0]) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self.tensors
        order = None
        if self.shuffle:
            order = torch.randperm(len(images), generator=self.generator).to(images.device)
        for start in range(0, len(images), self.batch_size):
            batch = slice(start, start + self.batch_size)
            if order is None:
                yield images[batch] / 255, labels[batch]
            else:
                yield images[order[batch]] / 255, labels[order[batch]]


def _real(root: Path) -> list[Tensor] | None:
    """Return the four tensors of the real data set, or None, with a warning, if they cannot be had."""
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(
            f"root={str(root)!r} is a file; give the folder that holds the archives, or set {ROOT_VARIABLE} to it"
        )
    contents = {name: _find(root, name) for name in _ARCHIVES}
    missing = [name for name, content in contents.items() if content is None]
    try:
        for first, name in enumerate(missing):
            _download(root, name, ANSWER_WITHIN if first == 0 else None)
            contents[name] = _find(root, name)
    except Exception as error:  # of many libraries' making: no network, no leave to write, a half-finished download
        warnings.warn(
            f"Fashion-MNIST could not be had, so a stand-in is drawn in its place: {', '.join(missing)} not in "
            f"{str(root)!r}, and not downloaded ({error}). For the real images put the four archives there, "
            f"or set {ROOT_VARIABLE} to their folder.",
            stacklevel=3,
        )
        return None
    found = {name: content for name, content in contents.items() if content is not None}
    tensors = [_tensor(found[name]) for name, _ in _Torchvision.resources]
    return [tensor[:, None] if tensor.dim() == 3 else tensor.long() for tensor in tensors]


def _find(root: Path, name: str) -> bytes | None:
    """Return the unpacked bytes of the archive `name` under `root`, or None; ValueError if all that is there is bad."""
    problems = []
    for folder in (root / "FashionMNIST" / "raw", root):
        for file in (folder / name.removesuffix(".gz"), folder / name):
            if not file.is_file():
                continue
            content = file.read_bytes()
            wanted = _ARCHIVES[name] if file.suffix == ".gz" else _UNPACKED[file.name]
            found = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if found == wanted:
                return gzip.decompress(content) if file.suffix == ".gz" else content
            problems.append(f"{file} has {len(content):,} bytes and MD5 {found}, but MD5 {wanted} was wanted")
    if problems:
        raise ValueError(
            "; ".join(problems) + ": it is cut short or altered. Delete it, and it will be downloaded again."
        )
    return None


def _download(root: Path, name: str, seconds: float | None) -> None:
    """Fetch one archive into torchvision's folder, whole or not at all; give up after `seconds`, if given."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # the progress bar says it all

    failed: list[Exception] = []

    def fetch() -> None:
        try:
            pooch.retrieve(
                _Torchvision.mirrors[0] + name,
                known_hash=f"md5:{_ARCHIVES[name]}",
                fname=name,
                path=root / "FashionMNIST" / "raw",
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=5),
            )
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=fetch, daemon=True)  # looking a host up has no time limit of its own
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if failed:
        raise failed[0]


def _tensor(content: bytes) -> Tensor:
    """Return the tensor in an IDX file of bytes. Source: the format's description beside the MNIST data set."""
    dimensions = content[3]
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    return torch.frombuffer(bytearray(content[4 + 4 * dimensions :]), dtype=torch.uint8).view(shape)
