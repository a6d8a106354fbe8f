"""Find, prove, make and undo ties between the parameters of any `nn.Module`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ._computed import computed_weight, is_computed
from ._memory import Span, equal_values, grouped, memory_spans, overlapping, strides
from ._tables import Column, Table, plural, shortened
from ._torch import check_not_lazy, children, names_by_tensor, own_parameters
from ._untying import copied, separate, tensors_of, tied_tensors

KINDS = {  # from the tie that nothing but rebinding undoes to no tie at all
    "same module": "one module object at several paths, and all its parameters with it",
    "same Parameter": "one Parameter object under several names",
    "same buffer": "one buffer object under several names",
    "same storage": "several tensors that read the same memory in the same way: until .double() or deepcopy",
    "overlapping storage": "several tensors whose memory meets, but not entry by entry: a transpose, a slice",
    "equal values": "equal entries in memory of their own: no tie, the next update can part them",
}
"""What can be shared, and in which way, from the strictest tie to none at all."""

M = TypeVar("M", bound=nn.Module)
_PLACES = 8  # of one tie that a printed line has room for


@dataclass(frozen=True)
class Tie:
    """One group of places that share something, or look as if they did. Met in notebook 4.

    Attributes:
        kind: a key of `KINDS`.
        names: every name of its parameters and buffers, in the net's order.
        modules: every path of the modules that hold them ("" is the net itself), or of the module itself if that is
            what stands there twice.
        shapes: those that occur, each once.
        dtypes: those that occur, each once.
        note: what to know before relying on it; "" where there is nothing.

    Example:
        >>> shared = nn.Linear(2, 2, bias=False)
        >>> ties(nn.Sequential(shared, shared))[1]
        Tie(kind='same Parameter', names=('0.weight', '1.weight'), modules=('0', '1'), shapes=((2, 2),), \
dtypes=(torch.float32,), note='')
    """

    kind: str
    names: tuple[str, ...]
    modules: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...] = ()
    dtypes: tuple[torch.dtype, ...] = ()
    note: str = ""


class Ties(list[Tie]):
    """What `ties` found: a list of `Tie` that prints as text and, in Jupyter, as a table. Met in notebook 4.

    Args:
        net: the class of the net. It and the others are kept as attributes.
        names: how many names its parameters and buffers have.
        tensors: how many tensors they are.
        notes: what could not be looked at, and why.

    Example:
        >>> shared = nn.Linear(2, 2)
        >>> found = ties(nn.Sequential(shared, shared))
        >>> found.names, found.tensors, len(found)
        (4, 2, 3)
    """

    def __init__(self, net: str = "", names: int = 0, tensors: int = 0, notes: Iterable[str] = ()) -> None:
        super().__init__()
        self.net, self.names, self.tensors, self.notes = net, names, tensors, list(notes)

    def of(self, kind: str) -> list[Tie]:
        """Return the groups of one kind.

        Args:
            kind: a key of `KINDS`.

        Returns:
            A plain list, in the order of the net.

        Raises:
            ValueError: If no kind is called so.
        """
        if kind not in KINDS:
            raise ValueError(f"no kind of tie is called {kind!r}; the kinds are {', '.join(KINDS)}")
        return [tie for tie in self if tie.kind == kind]

    def __repr__(self) -> str:
        return self._table().text(header=False, indent="  ")

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        found = [f"{len(self.of(kind))} × {kind}" for kind in KINDS if self.of(kind)]
        count = f"{self.net}: {plural(self.names, 'name')} for {plural(self.tensors, 'tensor')}"
        columns = [
            Column("what is shared", width=max(map(len, KINDS))),
            Column("places", "names"),
            Column("shape and dtype"),
        ]
        if any(tie.note for tie in self):
            columns.append(Column("note"))
        return Table(
            columns,
            shortened(self, lambda tie: _cells(tie)[: len(columns)]),
            above=[f"{count}; {', '.join(found) or 'nothing shared'}"],
            below=[f"({note})" for note in self.notes],
        )


def _cells(tie: Tie) -> tuple[str, ...]:
    places = [module or "(the net)" for module in tie.modules] if tie.kind == "same module" else tie.names
    more = f", … ({len(places)} in all)" if len(places) > _PLACES else ""
    shapes = " and ".join(map(str, tie.shapes))
    dtypes = " and ".join(str(dtype).removeprefix("torch.") for dtype in tie.dtypes)
    return tie.kind, ", ".join(places[:_PLACES]) + more, f"{shapes} {dtypes}".strip(), tie.note


def ties(net: nn.Module) -> Ties:
    """Return every group of places in `net` that are one, share memory or merely hold equal values.

    Nothing is run or changed. Buffers are looked at too, but for equal values.
    "equal values" are Parameters of the same shape and dtype in memory of their own. Those whose entries are all one
    number are left out: biases of 0 and norm weights of 1 are equal in every net. NaN equals nothing.
    The time grows linearly with the number of tensors; entries are compared only where a few of them agree.

    Args:
        net: any module, also lazy, parametrized, compiled or on the meta device.

    Returns:
        A list of `Tie`, one for each group and kind (see `KINDS`), so a name can occur in several, from the strictest
        kind to the loosest.

    Source: none; PyTorch has no such function. Met in notebook 4.

    Example:
        >>> a, b, c = (nn.Linear(2, 2, bias=False) for _ in range(3))
        >>> b.weight = a.weight
        >>> _ = c.load_state_dict(a.state_dict())
        >>> ties(nn.Sequential(a, b, c))
        Sequential: 3 names for 2 tensors; 1 × same Parameter, 1 × equal values
          same Parameter       0.weight, 1.weight            (2, 2) float32
          equal values         0.weight, 1.weight, 2.weight  (2, 2) float32
    """
    names = names_by_tensor(
        chain(net.named_parameters(remove_duplicate=False), net.named_buffers(remove_duplicate=False))
    )
    order = {tensor: i for i, tensor in enumerate(names)}
    found = Ties(type(net).__name__, sum(len(known) for known in names.values()), len(names))

    def add(kind: str, tensors: Iterable[Tensor]) -> None:
        group = sorted(tensors, key=order.__getitem__)
        found.append(_describe(net, kind, group, [name for tensor in group for name in names[tensor]]))

    found.extend(_same_modules(net))
    several = [tensor for tensor, known in names.items() if len(known) > 1]
    for tensor in several:
        if isinstance(tensor, nn.Parameter):
            add("same Parameter", [tensor])
    for tensor in several:
        if not isinstance(tensor, nn.Parameter):
            add("same buffer", [tensor])

    spans = memory_spans(names)
    regions = overlapping(spans)
    readers = [grouped(region, lambda tensor: (spans[tensor], strides(tensor))) for region in regions]
    for alike in chain.from_iterable(readers):
        if len(alike) > 1:
            add("same storage", alike)
    for region, ways_to_read in zip(regions, readers, strict=True):
        if len(ways_to_read) > 1:
            add("overlapping storage", region)

    region_of = {tensor: i for i, region in enumerate(regions) for tensor in region}
    readable = [tensor for tensor in spans if isinstance(tensor, nn.Parameter) and not tensor.is_meta]
    copies = [group for group in equal_values(readable) if len({region_of[tensor] for tensor in group}) > 1]
    for group in sorted(copies, key=lambda group: min(order[tensor] for tensor in group)):
        add("equal values", group)
    found.notes += _notes(names, spans)
    return found


def _describe(net: nn.Module, kind: str, tensors: list[Tensor], names: list[str]) -> Tie:
    return Tie(
        kind,
        names=tuple(names),
        modules=tuple(dict.fromkeys(name.rpartition(".")[0] for name in names)),
        shapes=tuple(dict.fromkeys(tuple(tensor.shape) for tensor in tensors if not is_lazy(tensor))),
        dtypes=tuple(dict.fromkeys(tensor.dtype for tensor in tensors)),
        note="" if kind == "equal values" else _parametrization_note(net, names),
    )


def _same_modules(net: nn.Module) -> Iterator[Tie]:
    """Yield a Tie for each module with parameters or buffers that is itself registered twice, not only its parent."""
    places: dict[nn.Module, int] = {}
    paths: dict[nn.Module, list[str]] = {}
    for parent in net.modules():
        for child in children(parent).values():
            places[child] = places.get(child, 0) + 1
    for path, module in net.named_modules(remove_duplicate=False):
        paths.setdefault(module, []).append(path)
    for module, where in paths.items():
        if places.get(module, 0) > 1:
            inside = [name for name, _ in chain(module.named_parameters(), module.named_buffers())]
            if inside:
                yield Tie("same module", tuple(f"{path}.{name}" for path in where for name in inside), tuple(where))


def _parametrization_note(net: nn.Module, names: Sequence[str]) -> str:
    """Return a note if weights that can differ are computed from what has these names."""
    places = {net.get_submodule(name.rpartition(".")[0]): name for name in reversed(names)}  # each module once
    if len(places) < 2:
        return ""
    computed = [weight for name in names if name in places.values() and (weight := computed_weight(net, name))]
    if not computed:
        return ""
    if len(computed) == 1:
        return f"{computed[0]} is computed from it by a parametrization, so it can differ from the others"
    return f"{', '.join(computed)} are computed from it by parametrizations, so they can differ"


def _notes(tensors: Iterable[Tensor], spans: dict[Tensor, Span]) -> list[str]:
    lazy = meta = other = 0
    for tensor in tensors:
        if is_lazy(tensor):
            lazy += 1
        elif tensor.is_meta:
            meta += 1
        elif tensor not in spans and tensor.numel():
            other += 1
    return [
        f"{number:,} {what}"
        for number, what in [
            (lazy, "lazy: no shape, memory or values before the first forward pass, so only identity was looked at"),
            (meta, "on the meta device: no values to compare"),
            (other, "in a layout of their own, such as sparse: only identity was looked at"),
        ]
        if number
    ]


def tie(net: nn.Module, name: str, *others: str) -> nn.Parameter:
    """Make `others` the same Parameter as `name`, in place, and return that Parameter.

    Values, gradient and `requires_grad` of `name` stay; those of the others are dropped. A place that was tied to one
    of the others before comes along. Tie before you build the optimizer: one that exists goes on with the dropped
    Parameters.

    Args:
        net: any module; it is changed.
        name: the Parameter to keep, by a name as in `net.named_parameters()`.
        *others: names of one or more to replace by it, all of one shape, dtype and device.

    Returns:
        The Parameter that all these places now hold.

    Raises:
        ValueError: If a name is unknown, lazy or parametrized, if shapes, dtypes or devices differ, or if the two are
            one Parameter already. Nothing is changed then.

    Source: Press & Wolf (2017) for embeddings and classifiers. Met in notebook 4.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
        >>> shared = tie(net, "0.weight", "2.weight")
        >>> net[0].weight is net[2].weight is shared
        True
    """
    known = dict(net.named_parameters(remove_duplicate=False))
    if not others:
        raise ValueError(f"tie needs two names or more, but only {name!r} came")
    for each in (name, *others):
        _check_name(net, each, known)
    first = known[name]
    for other in others:
        _check_pair(name, first, other, known[other])
    dropped = {known[other] for other in others}
    for module in net.modules():
        for key, p in own_parameters(module).items():
            if p in dropped:
                setattr(module, key, first)  # and an RNN notes it in a list of its own
    return first


def _check_name(net: nn.Module, name: str, known: dict[str, nn.Parameter]) -> None:
    if computed_weight(net, name) or is_computed(net, name, known):
        raise ValueError(
            f"cannot tie {name!r}: a parametrization computes this weight, so equal originals would not make equal "
            "weights; remove it first (torch.nn.utils.parametrize.remove_parametrizations, remove_weight_norm, "
            "remove_spectral_norm or prune.remove), or use one module twice"
        )
    if name not in known:
        if name in dict(net.named_buffers(remove_duplicate=False)):
            raise ValueError(f"cannot tie {name!r}: it is a buffer, and only parameters can be tied")
        close = get_close_matches(name, known, 3, 0.5) or list(known)[:3]
        names = ", ".join(map(repr, close)) or "none, it has no parameters"
        raise ValueError(f"no parameter {name!r} in this {type(net).__name__}; close names: {names}")
    if is_lazy(known[name]):
        check_not_lazy([name])


def _check_pair(name: str, p: nn.Parameter, other: str, q: nn.Parameter) -> None:
    if p is q:
        raise ValueError(f"{name!r} and {other!r} are the same Parameter already: nothing to tie")
    for what, one, two, do in [
        ("shapes", tuple(p.shape), tuple(q.shape), "tie layers of equal shape"),
        ("dtypes", p.dtype, q.dtype, "convert the net first, such as net.float()"),
        ("devices", p.device, q.device, "move the net to one device first, net.to(device)"),
    ]:
        if one != two:
            raise ValueError(f"cannot tie {name!r} {one} to {other!r} {two}: {what} differ; {do}")


def untie(net: M, *names: str, inplace: bool = False) -> M:
    """Return a twin of `net` with equal values in which no two places share a Parameter, a buffer, memory or a module.

    The first place keeps the name that `net.named_parameters()` gives it; each further place gets a copy of its own. A
    module that holds neither parameters nor buffers, such as one nn.ReLU in two places, stays one.

    A module that `forward` itself calls twice has one place only: write it as two entries to untie it. A list of the
    net's own that holds what was shared, such as `self.order = [self.a, self.b]`, gets the copies in turn if it has as
    many entries as there are places; else a warning says that it still holds the first.

    Args:
        net: any module with a tie; it is left as it is, unless `inplace`.
        *names: what to untie: parameters or buffers, by any of their names, or modules by their path. All that is tied
            to these gets its own; other ties stay. By default everything.
        inplace: untie `net` itself and return it. The first places keep their Parameters and gradients, so an optimizer
            goes on with them; add the copies to it. Parameters that shared memory stay too, and get their own.

    Returns:
        The twin, whose `.grad` are empty; or `net`.

    Raises:
        ValueError: If no place shares anything, if a name is unknown or not tied, or if the net is scripted or traced.
            Nothing is changed then.

    Source: `copy.deepcopy`, which keeps ties, once for each place. Met in notebooks 4 and 5.

    Example:
        >>> import torch
        >>> shared = nn.Linear(2, 2)
        >>> twin = untie(nn.Sequential(shared, nn.ReLU(), shared))
        >>> twin[0].weight is twin[2].weight, torch.equal(twin[0].weight, twin[2].weight)
        (False, True)
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in net.modules()):
        raise ValueError("cannot untie a scripted or traced net, whose forward is fixed: untie the net, then script it")
    groups = tied_tensors(net)
    if not groups:
        raise ValueError("nothing to untie: no two places of this net share a Parameter, a buffer or memory")
    known = names_by_tensor(tensors_of(net))
    wanted = [group for group in groups if not names or any(_is_meant(known[t], names) for t in group)]
    _check_tied(net, names, groups, known)
    chosen = {known[tensor][0] for group in wanted for tensor in group}
    found = net if inplace else copied(net)
    if not inplace:
        for p in found.parameters():
            p.grad = None
    separate(found, {tensor for name, tensor in tensors_of(found) if name in chosen})
    return found


def _is_meant(known: Iterable[str], names: Sequence[str]) -> bool:
    return any(f"{each}.".startswith(f"{name}.") for each in known for name in names)


def _check_tied(
    net: nn.Module, names: Sequence[str], groups: list[list[Tensor]], known: dict[Tensor, list[str]]
) -> None:
    tied = [[name for tensor in group for name in known[tensor]] for group in groups]
    for name in names:
        if any(_is_meant(group, [name]) for group in tied):
            continue
        some = ", ".join(" = ".join(group[:3]) for group in tied[:3])
        if any(_is_meant(each, [name]) for each in known.values()):
            raise ValueError(f"{name!r} is not tied: nothing to untie; tied are {some}")
        close = get_close_matches(name, list(chain.from_iterable(tied))[:2000], 3, 0.4)
        raise ValueError(
            f"nothing in this {type(net).__name__} is called {name!r}; tied are {', '.join(close) or some}"
        )
