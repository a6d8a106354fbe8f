"""Figures of notebook 5."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from ...plots.style import panels


def images(batch: Tensor, titles: Sequence[str], source: str) -> Figure:
    """Draw a row of images.

    Args:
        batch: shape (n, 1, height, width).
        titles: n texts, one above each image.
        source: where the images come from.

    Returns:
        A figure with a panel for each image. Met in notebook 5.

    Example:
        >>> import torch
        >>> images(torch.rand(2, 1, 28, 28), ["Coat", "Bag"], "drawn").get_suptitle()
        'drawn'
    """
    figure, axes = panels(len(batch), width=0.95, height=1.5)
    for axis, image, title in zip(axes, batch, titles, strict=True):
        axis.imshow(image[0].cpu().numpy(), cmap="gray_r")
        axis.set_title(title, fontsize=8)
        axis.set_axis_off()
    figure.suptitle(source, fontsize=9)
    return figure
