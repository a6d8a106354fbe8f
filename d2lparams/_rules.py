"""Which rule of `initialize` fills which Parameter: by name, by the type of its layer, or by both."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList

from ._calls import Scheme
from ._kinds import is_magnitude, kind_of, padding_row
from ._parametrized import ByList, ByMagnitude, Parametrized
from ._patterns import as_regex
from ._torch import own_parameters
from .access import select

Key = str | re.Pattern[str] | type[nn.Module] | tuple[Any, ...]
"""A pattern of names, a type of layers, or a tuple of such types, at whose end a pattern may stand."""


class Place(NamedTuple):
    """Where one Parameter stands, or, in a parametrized layer, the several that make up one tensor."""

    name: str  # of the tensor that the layer uses
    layer: nn.Module
    parameters: tuple[nn.Parameter, ...]
    made_by: Parametrized | None = None

    @property
    def own(self) -> str:
        """The name within the layer."""
        return self.name.rpartition(".")[2]


class Choice(NamedTuple):
    """What fills a Parameter: a rule, and the place where it met it."""

    key: Key
    scheme: Scheme | None
    place: Place
    padding: int | None  # the row of an embedding that stands for padding


def check(schemes: object) -> None:
    """Raise TypeError unless `schemes` is a dictionary of rules."""
    if not isinstance(schemes, Mapping) or not all(value is None or callable(value) for value in schemes.values()):
        raise TypeError(
            f"schemes must map patterns to functions that fill a tensor in place, such as "
            f"{{'*.weight': nn.init.xavier_uniform_}}, not {schemes!r}"
        )
    for key in schemes:
        types, pattern = _parts(key)
        if not (types or isinstance(pattern, (str, re.Pattern))) or not all(map(_is_layer_type, types)):
            raise TypeError(
                f"{key!r} is no rule's key: a name pattern is wanted, such as '*.weight', or a type of layers, such as "
                f"nn.Linear, or a tuple of such types, at whose end a pattern may stand: (nn.Linear, 'weight')"
            )


def _is_layer_type(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, nn.Module)


def _parts(key: Any) -> tuple[tuple[Any, ...], Any]:
    """Return (types of layers, pattern or None)."""
    if isinstance(key, (str, re.Pattern)):
        return (), key
    if not isinstance(key, tuple):
        return (key,), None
    if len(key) > 1 and isinstance(key[-1], (str, re.Pattern)):
        return key[:-1], key[-1]
    return key, None


def said(key: Key) -> str:
    """Return a key as a reader would write it: Linear, (Linear, 'weight'), '*.bias'."""
    if isinstance(key, tuple):
        return f"({', '.join(map(said, key))})"
    return key.__name__ if isinstance(key, type) else repr(key)


def _places(layers: Mapping[str, nn.Module]) -> tuple[list[Place], dict[str, Place]]:
    """Return the places for rules by type, and {name: the place for rules by name}; a place for each name."""
    places: list[Place] = []
    by_name: dict[str, Place] = {}
    for path, layer in layers.items():
        dot, owned = path and path + ".", own_parameters(layer)
        if isinstance(layer, ParametrizationList) and owned:
            above, _, own = path.rpartition(".")
            above = above.removesuffix("parametrizations")
            holder = layers.get(above.removesuffix("."), layer)
            places.append(Place(above + own, holder, tuple(owned.values()), ByList(layer)))
            by_name.update({dot + name: Place(dot + name, holder, (p,)) for name, p in owned.items()})
        else:
            here = {name: Place(dot + name, layer, (p,)) for name, p in owned.items()}
            by_name.update({place.name: place for place in here.values()})
            for name in [own.removesuffix("_g") for own in owned if is_magnitude(own, layer)]:
                pair = (here.pop(name + "_g").parameters[0], here.pop(name + "_v").parameters[0])
                places.append(Place(dot + name, layer, pair, ByMagnitude(*pair)))
            places += here.values()
    return places, by_name


def choose(net: nn.Module, schemes: Mapping[Any, Scheme | None]) -> dict[Tensor, Choice]:
    """Return {Parameter: what fills it}.

    The rules are asked in their order, and the first that matches wins. A type alone is asked for biases only when all
    rules have been asked, if it has a scheme: `{nn.Linear: ..., "*.bias": ...}` says what it seems to say.

    Raises:
        ValueError: For a rule that matches nothing, or nothing that others have left.
    """
    layers = dict(net.named_modules(remove_duplicate=False))
    places, by_name = _places(layers)
    padded = [(place, row) for place in places if (row := padding_row(place.layer, place.own)) is not None]
    rows = {p: row for place, row in padded for p in place.parameters}
    chosen: dict[Tensor, Choice] = {}
    met = {key: _met(net, key, layers, places, by_name) for key in schemes}
    for last in (False, True):
        for key, scheme in schemes.items():
            types, pattern = _parts(key)
            for place in met[key]:
                late = bool(types) and pattern is None and scheme is not None and _is_bias(place)
                if late is last and not any(p in chosen for p in place.parameters):
                    choice = Choice(key, scheme, place, rows.get(place.parameters[-1]))
                    chosen.update(dict.fromkeys(place.parameters, choice))
    used = {choice.key for choice in chosen.values()}
    for key in schemes:
        if key not in used:
            _raise_never_used(key, met[key][0], chosen, list(schemes))
    return chosen


def _raise_never_used(key: Key, place: Place, chosen: Mapping[Tensor, Choice], order: list[Key]) -> None:
    winner = next(chosen[p].key for p in place.parameters if p in chosen)
    earlier = order.index(winner) < order.index(key)
    raise ValueError(
        f"pattern {said(key)} is never used: {said(winner)}, which comes before it, already took {place.name!r} and "
        f"the first match wins; write the narrower pattern first"
        if earlier
        else f"pattern {said(key)} is never used: it matches biases only, such as {place.name!r}, which a type alone "
        f"leaves to {said(winner)}; leave it out, or write ({said(key)}, '**')"
    )


def _is_bias(place: Place) -> bool:
    p = place.parameters[0]
    return place.own == "bias" if is_lazy(p) else kind_of(p, place.own, place.layer) == "bias"


def _met(
    net: nn.Module, key: Any, layers: Mapping[str, nn.Module], places: list[Place], by_name: dict[str, Place]
) -> list[Place]:
    """Return the places that a rule matches, one or more."""
    types, pattern = _parts(key)
    if not types:
        return [by_name.get(name) or Place(name, net, (p,)) for name, p in select(net, pattern).items()]
    paths = {path for path, module in layers.items() if isinstance(module, types)}
    regex = as_regex(pattern or "**") if pattern is None or isinstance(pattern, str) else pattern
    fits = regex.search if regex is pattern else regex.fullmatch
    found = [place for place in places if any(fits(name) for name in _names_below(place.name, paths))]
    if not found:
        kinds = dict.fromkeys(type(module).__name__ for module in net.modules() if own_parameters(module))
        what = "holds one of this name" if pattern is not None and paths else "holds one"
        here = f"the types here: {', '.join(kinds)}" if kinds else "this net has no parameters"
        raise ValueError(f"no parameter matches {said(key)}: no layer of such a type {what}; {here}")
    return found


def _names_below(name: str, paths: set[str]) -> list[str]:
    """Return what a name is called within each of the modules around it that stand at one of `paths`."""
    parts = name.split(".")
    return [".".join(parts[i:]) for i in range(len(parts)) if ".".join(parts[:i]) in paths]
