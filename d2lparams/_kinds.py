"""What a Parameter is to its layer: a weight, a bias, a scale or something else, and what torch gives that."""

import re
from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._torch import is_bias

Kind = Literal["weight", "bias", "scale", "other"]
_NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d),
    *(nn.InstanceNorm3d, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm),
)
_NO_WEIGHTS = re.compile(  # words in the names of what has the shape of a weight and is none
    r"(^|_)(alpha|bias(es)?|embed|embeddings?|gamma|latents?|log|original0|pos|position|positional|prompts?|"
    r"quer(y|ies)|rel|relative|scale|table|tokens?)(_|$)"
)


def kind_of(tensor: Tensor, name: str, layer: nn.Module | None) -> Kind:
    """Return what a Parameter is to the layer that holds it; by name and shape alone where no layer is given.

    Args:
        tensor: the Parameter, or a tensor of its shape.
        name: its name; the last part counts.
        layer: the module that holds it.

    Returns:
        "weight" for what joins inputs to outputs, "bias", "scale" for what normalization layers multiply by, "other"
        for the rest: the slope of a PReLU, tokens, tables of positions, magnitudes, factors of whole layers.
    """
    own = name.rpartition(".")[2]
    if layer is None:
        return "bias" if is_bias(own) else "weight" if tensor.dim() >= 2 else "scale"
    if isinstance(layer, nn.PReLU) or is_magnitude(own, layer):
        return "other"
    if is_bias(own):
        of_torch = type(layer).__module__.startswith("torch.nn.")
        return "bias" if own == "bias" or (of_torch and tensor.dim() < 2) else "other"
    if own == "b" and tensor.dim() < 2:
        return "bias"
    if isinstance(layer, nn.Embedding) and "bias" in name.rpartition(".")[0].rpartition(".")[2]:
        return "other"  # the relative positions of T5
    if "weight" in own and tensor.dim() >= 2:
        return "weight"
    if "Norm" in type(layer).__name__:
        is_scale = own in ("weight", "scale", "gamma") and not _adds_one(tensor, layer)
        return "scale" if is_scale and tensor.dim() < 2 else "other"
    joins = tensor.dim() == 2 or sum(size > 1 for size in tensor.shape) >= 2
    return "weight" if joins and not _NO_WEIGHTS.search(own) else "other"


def _adds_one(tensor: Tensor, layer: nn.Module) -> bool:
    """Whether a scale starts at 0, as in norms of others that multiply by 1 + scale: those of Gemma, for example."""
    return not isinstance(layer, _NORMS) and not tensor.is_meta and not tensor.any()


def is_magnitude(own: str, layer: nn.Module) -> bool:
    """Whether a Parameter is the factor that the old `torch.nn.utils.weight_norm` keeps apart from the direction."""
    if not own.endswith("_g"):
        return False
    name = own.removesuffix("_g")
    factor, direction = getattr(layer, own, None), getattr(layer, name + "_v", None)
    if not (isinstance(factor, nn.Parameter) and isinstance(direction, nn.Parameter)):
        return False
    if is_lazy(factor) or is_lazy(direction) or not hasattr(layer, name):
        return False
    sizes = zip(factor.shape, direction.shape, strict=False)
    return factor.dim() in (0, direction.dim()) and all(size in (1, wanted) for size, wanted in sizes)


def padding_row(layer: nn.Module | None, own: str) -> int | None:
    """Return the row of an embedding that stands for padding; None if there is none."""
    if own == "weight" and isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        return layer.padding_idx
    return None


def torch_rule(own: str, layer: nn.Module | None) -> Callable[..., Tensor] | None:
    """Return the scheme that torch has for a Parameter that is neither weight, bias nor scale; None if it has none.

    The slope of a PReLU gets its layer's first value, by default 0.25; `bias_k` and `bias_v` of an attention are drawn
    by Xavier's normal scheme; a table of relative positions, as Swin transformers have it, gets a std of 0.02.
    """
    if isinstance(layer, nn.PReLU):
        slope = layer.init
        return lambda tensor, generator=None: nn.init.constant_(tensor, slope)
    if isinstance(layer, nn.MultiheadAttention) and own in ("bias_k", "bias_v"):
        return nn.init.xavier_normal_
    if own == "relative_position_bias_table":
        return partial(nn.init.trunc_normal_, std=0.02)
    return None
