"""Weights that are no Parameters, because something computes them: parametrize, weight_norm, spectral_norm, pruning."""

from collections.abc import Container

from torch import Tensor, nn

_SUFFIXES = ("_orig", "_g", "_v")  # of what torch.nn.utils' older functions register in a weight's place


def computed_weight(net: nn.Module, name: str) -> str:
    """Return the name of the weight that is computed from the Parameter `name`; "" if none is."""
    path, _, key = name.rpartition(".")
    above, _, list_of_them = path.rpartition(".")
    if (above.rpartition(".")[2] or above) == "parametrizations":
        return f"{above.rpartition('.')[0]}.{list_of_them}".removeprefix(".")
    attributes = _attributes(net, path)
    for suffix in _SUFFIXES:
        weight = key.removesuffix(suffix)
        if weight != key and isinstance(attributes.get(weight), Tensor):
            return f"{path}.{weight}".removeprefix(".")
    return ""


def is_computed(net: nn.Module, name: str, known: Container[str]) -> bool:
    """Whether `name` is a weight that is no Parameter, but computed from some of the Parameters `known`."""
    path, _, key = name.rpartition(".")
    start = f"{path}.".removeprefix(".")
    names = [f"{start}parametrizations.{key}.original", f"{start}parametrizations.{key}.original0"]
    names += [f"{start}{key}{suffix}" for suffix in _SUFFIXES]
    return any(each in known and computed_weight(net, each) == name for each in names)


def _attributes(net: nn.Module, path: str) -> dict[str, object]:
    try:
        return vars(net.get_submodule(path))
    except AttributeError:  # no such path
        return {}
