"""Places that share a module, a Parameter, a buffer or memory get their own, and what points at them follows."""

import copy
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._memory import memory_spans, overlapping
from ._torch import children, names_by_tensor, own_attributes, own_buffers, own_parameters

M = TypeVar("M", bound=nn.Module)


def tensors_of(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, tensor) for all parameters, then all buffers, under each of their names."""
    return chain(net.named_parameters(remove_duplicate=False), net.named_buffers(remove_duplicate=False))


def tied_tensors(net: nn.Module) -> list[list[Tensor]]:
    """Return groups of tensors that have several names or memory in common."""
    names = names_by_tensor(tensors_of(net))
    groups = overlapping(memory_spans(names))
    elsewhere = set(names).difference(*groups)
    every = [*groups, *([tensor] for tensor in elsewhere)]
    return [group for group in every if len(group) > 1 or len(names[group[0]]) > 1]


def copied(net: M, memo: dict[int, object] | None = None) -> M:
    """Return a deep copy, also of a module with tensors that autograd made: weight_norm and pruning keep such."""
    memo = {} if memo is None else memo
    for module in net.modules():
        for value in own_attributes(module).values():
            for leaf in _leaves(value):
                if isinstance(leaf, Tensor) and not leaf.is_leaf:
                    memo[id(leaf)] = leaf.detach().clone()
    twin = copy.deepcopy(net, memo)
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        vars(q).update(vars(p))  # what forward may read of a Parameter, which copying leaves out
    return twin


def separate(net: nn.Module, chosen: set[Tensor]) -> None:
    """Give each place of the chosen tensors its own, in place; the first keeps what is there."""
    places = _Places(chosen)
    places.part(net, "")
    named = names_by_tensor(tensors_of(net))
    for group in overlapping(memory_spans(named)):
        for tensor in group[1:]:
            if places.origin(tensor) in chosen:
                tensor.data = tensor.detach().clone()
    for path, module in net.named_modules():
        for key, value in own_attributes(module).items():
            if places.shared.intersection(map(places.origin, _leaves(value))):
                vars(module)[key] = places.followed(value, path, f"{type(module).__name__}.{key}")


class _Places:
    """Where the objects stand that stood in several places, before and after."""

    def __init__(self, chosen: set[Tensor]) -> None:
        self.chosen = chosen
        self.shared: set[object] = set()  # what got copies
        self._seen: set[object] = set()
        self._origin: dict[object, object] = {}  # copy -> what it is a copy of
        self._now: dict[object, list[tuple[str, object]]] = {}  # object -> (path of its holder, what stands there now)

    def origin(self, thing: object) -> object:
        return self._origin.get(thing, thing) if isinstance(thing, (nn.Module, Tensor)) else None

    def part(self, module: nn.Module, path: str) -> None:
        """Walk through the tree, and set a copy wherever something stands for the second time."""
        for name, tensor in [*own_parameters(module).items(), *own_buffers(module).items()]:
            if tensor is None:
                continue
            mine: Tensor = tensor
            if tensor in self._seen and self.origin(tensor) in self.chosen:
                mine = _copy_of(tensor)
                self._note(tensor, mine)
                setattr(module, name, mine)  # and an RNN notes it in a list of its own
            self._stand(path, mine)
        for name, child in children(module).items():
            if child in self._seen:
                inside = [*child.parameters(), *child.buffers()]
                if any(self.origin(tensor) in self.chosen for tensor in inside):
                    child = self._copy_of_module(child, inside)
                    setattr(module, name, child)
            self._stand(path, child)
            self.part(child, f"{path}.{name}".removeprefix("."))

    def _copy_of_module(self, module: nn.Module, inside: list[Tensor]) -> nn.Module:
        kept: dict[int, object] = {id(tensor): tensor for tensor in inside if self.origin(tensor) not in self.chosen}
        twin = copied(module, kept)
        before = [*module.modules(), *module.parameters(), *module.buffers()]
        after = [*twin.modules(), *twin.parameters(), *twin.buffers()]
        for old, new in zip(before, after, strict=True):
            if old is not new:
                self._note(old, new)
        return twin

    def _note(self, old: object, new: object) -> None:
        self._origin[new] = self.origin(old)
        self.shared.add(self.origin(old))

    def _stand(self, path: str, thing: object) -> None:
        self._seen.add(thing)
        self._now.setdefault(self.origin(thing), []).append((path, thing))

    def followed(self, value: object, path: str, attribute: str) -> object:
        """Return an attribute that holds shared objects with those that stand in their places now.

        A list that holds an object as often as it has places, below its owner or in the whole net, gets them in turn.
        """
        new: dict[object, Iterator[object]] = {}
        for old in self.shared.intersection(map(self.origin, _leaves(value))):
            held = [leaf for leaf in _leaves(value) if self.origin(leaf) is old]
            everywhere = [thing for _, thing in self._now[old]]
            here = [thing for where, thing in self._now[old] if not path or f"{where}.".startswith(f"{path}.")]
            if set(held) != set(here) and (len(held) > 1 or held[0] not in here):
                new[old] = iter(self._in_turn(held, here, everywhere, attribute))
        return _replaced(value, lambda leaf: next(new[self.origin(leaf)]) if self.origin(leaf) in new else leaf)

    def _in_turn(self, held: list[object], here: list[object], everywhere: list[object], owner: str) -> list[object]:
        for things in (here, everywhere):
            if len(things) == len(held):
                return things
        warnings.warn(
            f"{owner} holds {len(held)} times what stood in {len(everywhere)} places: which entry is which place "
            "cannot be told, so they stay as they are; if forward goes by them, set them anew",
            RuntimeWarning,
            stacklevel=6,
        )
        return held


def _copy_of(tensor: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter) or is_lazy(tensor):
        twin: Tensor = copy.deepcopy(tensor)
        vars(twin).update(vars(tensor))
        return twin
    return tensor.detach().clone()


def _leaves(value: object) -> Iterator[object]:
    """Yield what a value holds that is no list, tuple or dict itself."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _replaced(value: object, new: Callable[[object], object]) -> object:
    """Return `value` with new leaves; lists and dicts change in place, since others may hold them."""
    if isinstance(value, dict):
        value.update({key: _replaced(item, new) for key, item in value.items()})
    elif isinstance(value, list):
        value[:] = [_replaced(item, new) for item in value]
    elif isinstance(value, tuple):
        items: list[Any] = [_replaced(item, new) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    else:
        return new(value)
    return value
