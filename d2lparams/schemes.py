"""Schemes of one's own, and the fans that they need."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._calls import Scheme, accepted, described
from ._kinds import kind_of, torch_rule
from ._torch import check_not_lazy, own_parameters


def fan_in_out(weight: Tensor | nn.Module, layer: nn.Module | None = None) -> tuple[int, int]:
    """Return how many inputs feed one output of a layer, and how many outputs one input feeds.

    A weight alone is taken as `nn.init` takes it, by its shape: with groups fan-out is too large by that factor, and a
    transposed convolution, stored as `(in, out / groups, *kernel)`, gets the two swapped. A layer knows both. The
    stride is left out, as everywhere: all positions of the kernel count.

    Args:
        weight: shape (out_features, in_features), as `nn.Linear` stores it, or `(out, in / groups, *kernel)` for a
            convolution, where both count the kernel's positions; or a layer, whose `weight` is meant then.
        layer: the layer that a weight belongs to, as `initialize` gives it to a scheme.

    Returns:
        (fan-in, fan-out).

    Raises:
        ValueError: If the weight is lazy, or has fewer than two dimensions.
        TypeError: If it is no tensor and no layer.

    Source: Glorot & Bengio (2010); `nn.init._calculate_fan_in_and_fan_out`. Met in notebook 2.

    Example:
        >>> fan_in_out(nn.Linear(400, 100))
        (400, 100)
        >>> conv = nn.Conv2d(8, 16, kernel_size=3, groups=2)
        >>> fan_in_out(conv.weight), fan_in_out(conv)  # an output reads 4 channels, an input feeds 8
        ((36, 144), (36, 72))
        >>> up = nn.ConvTranspose2d(8, 32, kernel_size=4)
        >>> fan_in_out(up.weight), fan_in_out(up.weight, up)
        ((512, 128), (128, 512))
    """
    if isinstance(weight, nn.Module):
        return fan_in_out(_weight_of(weight), weight)
    if not isinstance(weight, Tensor):
        raise TypeError(f"a layer or a weight is wanted, not a {type(weight).__name__}: pass layer or layer.weight")
    if is_lazy(weight):
        check_not_lazy(["this weight"])
    if weight.dim() < 2:
        raise ValueError(
            f"a weight of shape {tuple(weight.shape)} joins no inputs to outputs: "
            f"fan-in and fan-out need 2 dimensions or more, (out, in, ...); set biases by another scheme"
        )
    positions = math.prod(weight.shape[2:])
    first, second = weight.shape[0] * positions // _groups(layer), weight.shape[1] * positions
    return (first, second) if _is_turned(layer) else (second, first)


_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)


def _groups(layer: nn.Module | None) -> int:
    return layer.groups if isinstance(layer, _CONVOLUTIONS) else 1


def _is_turned(layer: nn.Module | None) -> bool:
    """Whether a layer stores (in, out, ...): a transposed convolution, and GPT-2's linear layer in transformers."""
    return isinstance(layer, _TRANSPOSED) or (type(layer).__name__ == "Conv1D" and hasattr(layer, "nf"))


def _weight_of(layer: nn.Module) -> Tensor:
    found = getattr(layer, "weight", None)
    if isinstance(found, Tensor):
        return found
    names = [name for name, p in own_parameters(layer).items() if is_lazy(p) or p.dim() >= 2]
    held = f"pass one of {', '.join(names)}" if names else "pass one of the layers in it"
    raise ValueError(f"a {type(layer).__name__} has no tensor called weight: {held}")


def with_true_fans(scheme: Scheme) -> Scheme:
    """Return a scheme for `initialize` that goes by the true fans of convolutions with groups and of transposed ones.

    Functions of `nn.init` read the fans off the shape, which does not tell them; see `fan_in_out`. Here each group is
    filled as the layer of its own that it is, and a transposed one is handed over as (out, in), a view of its memory.
    All other weights are handed over as they are.

    Args:
        scheme: what fills a tensor in place, such as a function of `nn.init`.

    Returns:
        The scheme, which takes `layer`. Without one it does the same as before.

    Source: `nn.init`, whose `dirac_` alone takes groups. Met in appendix A.

    Example:
        >>> from d2lparams import initialize
        >>> net = nn.Sequential(nn.ConvTranspose2d(256, 4, kernel_size=3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4))
        >>> rules = {(nn.Module, "*weight"): with_true_fans(nn.init.kaiming_normal_), "*.bias": nn.init.zeros_}
        >>> report = initialize(net, rules, torch.Generator().manual_seed(0))
        >>> round(report.touched[0].std, 2), round(math.sqrt(2 / (256 * 9)), 2)
        (0.03, 0.03)
    """
    taken = accepted(scheme, "name", "generator", "layer")

    def filled(
        tensor: Tensor, name: str = "", layer: nn.Module | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        offers = {"name": name, "generator": generator, "layer": layer}
        for group in tensor.chunk(_groups(layer)):
            scheme(group.transpose(0, 1) if _is_turned(layer) else group, **{key: offers[key] for key in taken})
        return tensor

    filled.__name__ = f"with_true_fans({described(scheme)})"
    return filled


@torch.no_grad()
def half_zero_uniform_(
    tensor: Tensor, low: float = 5.0, high: float = 10.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill `tensor` in place with zeros (probability 1/2) and else numbers uniform on ±(low, high); return it.

    Mean 0, variance (low² + low·high + high²) / 6: with the defaults the standard deviation is 5.40, far too much for
    a layer of any width. It is drawn on the generator's device, by default on the CPU, and moved: the same numbers on
    CPU and GPU.

    Args:
        tensor: any shape, of a floating type.
        low: the least size of what is not zero.
        high: the greatest size of what is not zero.
        generator: where it draws from; None for torch's global one.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: Unless 0 <= low < high.
        TypeError: If `tensor` holds no floating numbers.

    Source: the custom scheme of Dive into Deep Learning, section "Parameter Initialization". Met in notebook 3.

    Example:
        >>> weight = half_zero_uniform_(torch.empty(1000), generator=torch.Generator().manual_seed(0))
        >>> size = weight[weight != 0].abs()
        >>> bool(size.min() >= 5), bool(size.max() <= 10), 450 < len(size) < 550
        (True, True, True)
    """
    if not 0 <= low < high:
        raise ValueError(f"low={low}, high={high}: 0 <= low < high is wanted")
    if not tensor.is_floating_point():
        raise TypeError(f"a tensor of floating numbers is wanted, not of {tensor.dtype}")
    if tensor.is_meta:
        return tensor
    dtype = torch.promote_types(tensor.dtype, torch.float32)
    device = "cpu" if generator is None else generator.device
    u = torch.empty(tensor.shape, dtype=dtype, device=device).uniform_(-1, 1, generator=generator)
    size = low + (2 * u.abs() - 1) * (high - low)  # |u| is uniform on (1/2, 1) where it is kept
    return tensor.copy_(torch.where(u.abs() < 0.5, 0, size.copysign(u)))


class Initializer:
    """A scheme with a rule for each kind of parameter, which says aloud what it touches; a scheme for `initialize`.

    Write a subclass with `init_weight_`, for what joins inputs to outputs, in whatever layer. Biases become 0 and the
    scales of normalization layers 1: override `init_bias_` and `init_scale_` to change that. What is none of these gets
    what torch gives it: the slope of a PReLU 0.25, the bias of an attention's keys Xavier's normal scheme, a table of
    relative positions a std of 0.02. Other things, such as class tokens and the factors of LayerScale, stay as they
    are; `init_other_` is asked for them. Where no layer is known, each tensor of 2 dimensions or more is a weight.

    A rule is given `layer`, the module that holds the tensor, and the tensor's `name`, if it has such parameters.

    Args:
        say: where the report goes, a line for each parameter; None for silence. Kept as an attribute.

    Source: Gluon's `mxnet.init.Initializer`. Met in notebook 3.

    Example:
        >>> from d2lparams import initialize
        >>> class HalfZero(Initializer):
        ...     def init_weight_(self, tensor, generator=None):
        ...         return half_zero_uniform_(tensor, generator=generator)
        >>> net = nn.Sequential(nn.Linear(20, 256), nn.PReLU(), nn.Linear(256, 10))
        >>> report = initialize(net, {nn.Module: HalfZero()})
        init 0.weight (256, 20)
        init 0.bias (256,)
        init 1.weight (1,), as torch does
        init 2.weight (10, 256)
        init 2.bias (10,)

        He's scheme by the true fan-in, also of transposed convolutions:

        >>> class He(Initializer):
        ...     def init_weight_(self, tensor, generator=None, layer=None):
        ...         fan_in, _ = fan_in_out(tensor, layer)
        ...         return nn.init.normal_(tensor, std=math.sqrt(2 / fan_in), generator=generator)
    """

    def __init__(self, say: Callable[[str], object] | None = print) -> None:
        self.say = say

    def init_weight_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Fill a weight in place: the rule that a subclass must write.

        Args:
            tensor: what to fill, of 2 dimensions or more.
            generator: where to draw from; None for torch's global one.

        Returns:
            `tensor` itself.

        Raises:
            NotImplementedError: If there is no such rule.
        """
        raise NotImplementedError(f"{type(self).__name__} has no init_weight_(tensor, generator): write one")

    def init_bias_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Fill a bias in place, with 0.

        Args:
            tensor: what to fill: a parameter that a layer adds, whose name's last part says "bias".
            generator: where to draw from; None for torch's global one.

        Returns:
            `tensor` itself.
        """
        return nn.init.zeros_(tensor)

    def init_scale_(self, tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Fill the scale of a normalization layer in place, with 1.

        Args:
            tensor: what to fill; where no layer is known, any tensor of fewer than 2 dimensions that is no bias.
            generator: where to draw from; None for torch's global one.

        Returns:
            `tensor` itself.
        """
        return nn.init.ones_(tensor)

    def init_other_(
        self,
        tensor: Tensor,
        generator: torch.Generator | None = None,
        name: str = "",
        layer: nn.Module | None = None,
    ) -> Tensor:
        """Fill in place what is neither weight nor bias nor scale, as torch does; leave it where torch has no rule.

        Args:
            tensor: what to fill.
            generator: where to draw from; None for torch's global one.
            name: the Parameter's name.
            layer: the module that holds it.

        Returns:
            `tensor` itself.
        """
        rule = torch_rule(name.rpartition(".")[2], layer)
        return tensor if rule is None else rule(tensor, generator=generator)

    @torch.no_grad()
    def __call__(
        self,
        tensor: Tensor,
        name: str = "",
        generator: torch.Generator | None = None,
        layer: nn.Module | None = None,
    ) -> Tensor:
        """Fill a tensor by the rule for its kind, and say so.

        Args:
            tensor: what to fill.
            name: the Parameter's name.
            generator: where to draw from; None for torch's global one.
            layer: the module that holds it; None if that is not known.

        Returns:
            What the rule returns: `tensor` itself.
        """
        kind = kind_of(tensor, name, layer)
        if self.say:
            self.say(f"init {name} {tuple(tensor.shape)}{self._how(kind, name, layer)}".replace("  ", " "))
        rules: dict[str, Callable[..., Tensor]] = {
            "weight": self.init_weight_,
            "bias": self.init_bias_,
            "scale": self.init_scale_,
            "other": self.init_other_,
        }
        offers = {"name": name, "layer": layer}
        taken = accepted(rules[kind], *offers)
        return rules[kind](tensor, generator, **{key: offers[key] for key in taken})

    def _how(self, kind: str, name: str, layer: nn.Module | None) -> str:
        if kind != "other" or type(self).init_other_ is not Initializer.init_other_:
            return ""
        return ", as torch does" if torch_rule(name.rpartition(".")[2], layer) else ", left as it is"
