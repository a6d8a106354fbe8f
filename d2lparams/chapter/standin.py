"""Ten garments, drawn: what the chapter trains on where Fashion-MNIST cannot be had.

Same shapes, dtypes, sizes and class names as Fashion-MNIST, and honest about being drawn: see `FashionMNIST.source`.
Cuts, sleeves, positions, grays and textures vary from image to image, and shirts, coats and pullovers overlap, so
that a linear model misses some and an MLP misses fewer.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

SIZE = 28
_Random = Callable[[float, float], Tensor]  # (low, high) -> one number for each image, shape (n, 1, 1)
_Number = float | Tensor
_Garment = Callable[[Tensor, Tensor, _Random], Tensor]


def draw(number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw images of garments, and their labels.

    Args:
        number: how many; classes come in equal numbers, shuffled.
        seed: the same images and labels for the same seed.

    Returns:
        Images, uint8 of shape (number, 1, 28, 28), and labels, int64 of shape (number,).

    Example:
        >>> images, labels = draw(20, seed=0)
        >>> images.shape, images.dtype, labels.bincount().tolist()
        (torch.Size([20, 1, 28, 28]), torch.uint8, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(number) % len(_GARMENTS)
    images = torch.empty(number, 1, SIZE, SIZE, dtype=torch.uint8)
    for label, garment in enumerate(_GARMENTS):
        places = (labels == label).nonzero()[:, 0]
        for chunk in places.split(1000):  # small enough to stay in the processor's cache
            images[chunk, 0] = _render(garment, len(chunk), generator)
    order = torch.randperm(number, generator=generator)
    return images[order], labels[order]


def _render(garment: _Garment, n: int, generator: torch.Generator) -> Tensor:
    def random(low: float, high: float) -> Tensor:
        return torch.rand(n, 1, 1, generator=generator) * (high - low) + low

    line = torch.linspace(-1.1, 1.1, SIZE)
    angle, stretch = random(-0.2, 0.2), random(0.85, 1.15)
    x, y = line - random(-0.15, 0.15), line[:, None] - random(-0.15, 0.15)
    x, y = (angle.cos() * x + angle.sin() * y) * stretch, (angle.cos() * y - angle.sin() * x) / stretch
    shape = garment(x, y, random)
    wave = (random(3, 14) * (x * random(-1, 1) + y) + random(0, 2 * math.pi)).sin()
    gray = random(0.35, 1) * (1 + random(0, 0.25) * wave)
    noise = torch.randn(n, SIZE, SIZE, generator=generator) * random(0.02, 0.12)
    return (shape * (gray + noise)).clamp(0, 1).mul(255).round().to(torch.uint8)


# A garment maps coordinates in about [-1, 1] (y down) to how much of each pixel it covers. `random(low, high)` draws
# one number per image.


def _soft(distance: Tensor) -> Tensor:
    return (distance * 16).sigmoid()  # an edge about a pixel wide


def _box(x: Tensor, y: Tensor, left: _Number, right: _Number, top: _Number, bottom: _Number) -> Tensor:
    return _soft(torch.minimum(torch.minimum(x - left, right - x), torch.minimum(y - top, bottom - y)))


def _ring(x: Tensor, y: Tensor, radius: Tensor, width: Tensor) -> Tensor:
    return _soft(width - ((x * x + y * y).sqrt() - radius).abs())


def _upper(x: Tensor, y: Tensor, random: _Random, sleeve: Tensor, length: Tensor) -> Tensor:
    """A torso with sleeves that reach down to `sleeve` and a neck that is cut out."""
    width, side = random(0.32, 0.48), x.abs()
    torso = _box(x, y, -width, width, -0.8, length)
    arms = _soft(torch.minimum(torch.minimum(width + 0.3 - side, y + 0.85 - side * 0.3), sleeve - y))
    gap = _soft(torch.minimum(side - width, y + 0.35)) * _soft(width + 0.07 - side)  # between arm and torso
    neck = _soft(random(0.1, 0.28) - (x * x + (y + 0.8) ** 2).sqrt())
    return torch.maximum(torso, arms) * (1 - gap) * (1 - neck)


def _t_shirt(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    return _upper(x, y, random, random(-0.45, 0.0), random(0.5, 0.9))


def _trouser(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    width, gap = random(0.25, 0.45), random(0.02, 0.15)
    return _box(x.abs(), y, gap * _soft(y + random(0.2, 0.5)), width, -0.9, random(0.6, 0.95))


def _pullover(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    return _upper(x, y, random, random(0.1, 0.8), random(0.5, 0.85))


def _dress(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    width = random(0.12, 0.3) + random(0.05, 0.3) * (y + 0.9)
    dress = _soft(torch.minimum(width - x.abs(), 0.9 - y.abs()))
    sleeves = _box(x.abs(), y, 0, random(0.1, 0.6), -0.85, random(-0.6, 0))
    return torch.maximum(dress, sleeves * (random(0, 1) > 0.5))


def _coat(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    coat = _upper(x, y, random, random(0.2, 0.9), random(0.65, 0.95))
    opening = _soft(random(0.01, 0.05) - (x - random(-0.05, 0.05)).abs())
    return coat * (1 - opening * random(0.3, 1))


def _shoe(x: Tensor, y: Tensor, random: _Random, top: Tensor) -> Tensor:
    """A shoe seen from the side, its toe to the left; `top` is where the heel's side ends."""
    sole = _box(x, y, -0.85, 0.85, random(0.25, 0.35), 0.5)
    upper = torch.minimum(torch.minimum(y - top - (0.35 - x).clamp(0) * random(0.3, 0.8), 0.4 - y), 0.8 - x.abs())
    return torch.maximum(sole, _soft(upper))


def _sandal(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    shoe = _shoe(x, y, random, random(-0.5, 0))
    straps = ((x * random(5, 12) + y * random(-6, 6) + random(0, 6)).sin() > random(-0.2, 0.4)).float()
    return shoe * torch.maximum(straps, _soft(y - random(0.2, 0.35)))


def _shirt(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    shirt = _upper(x, y, random, random(-0.4, 0.8), random(0.5, 0.9))
    buttons = _soft(random(0.02, 0.05) - x.abs()) * ((y * random(12, 25)).sin() > 0)
    return shirt * (1 - buttons * random(0.1, 0.8))


def _sneaker(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    return _shoe(x, y, random, random(-0.35, 0.05))


def _bag(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    width, top = random(0.5, 0.9), random(-0.4, 0.1)
    bag = _box(x, y, -width, width, top, random(0.5, 0.85))
    handle = _ring(x, (y - top) * random(0.7, 1.3), random(0.2, 0.5), random(0.03, 0.08))
    return torch.maximum(bag, handle * _soft(top - y))


def _ankle_boot(x: Tensor, y: Tensor, random: _Random) -> Tensor:
    shaft = _box(x, y, random(-0.25, 0.05), 0.8, random(-0.9, -0.35), 0.4)
    return torch.maximum(_shoe(x, y, random, random(-0.3, 0.0)), shaft)


_GARMENTS = [_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot]
