"""Find, prove, make and undo ties between the parameters of any `nn.Module`."""

import copy
import math
from dataclasses import dataclass
from difflib import get_close_matches
from html import escape
from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import is_lazy

KINDS = {  # from the tie that nothing but rebinding undoes to no tie at all
    "same module": "one module object at several paths, and all its parameters with it",
    "same Parameter": "one Parameter object under several names",
    "same buffer": "one buffer object under several names",
    "same storage": "several tensors that read the same memory in the same way: until .double() or deepcopy",
    "overlapping storage": "several tensors whose memory meets, but not entry by entry: a transpose, a slice",
    "equal values": "equal entries in memory of their own: no tie, the next update can part them",
}
SHOWN = 30  # groups in a repr; the list itself has them all


@dataclass(frozen=True)
class Tie:
    """One group of places that share something, or look as if they did.

    kind: a key of `KINDS`. names: every name of its parameters and buffers, in the net's order; modules: every path of
    the modules that hold them ("" is the net itself), or of the module itself if that is what stands there twice.
    shapes, dtypes: those that occur, each once. note: "", or what to beware of.
    Met in notebook 4.

    >>> shared = nn.Linear(2, 2, bias=False)
    >>> ties(nn.Sequential(shared, shared))[1]
    Tie(kind='same Parameter', names=('0.weight', '1.weight'), modules=('0', '1'), shapes=((2, 2),), \
dtypes=(torch.float32,), note='')
    """

    kind: str
    names: tuple
    modules: tuple
    shapes: tuple = ()
    dtypes: tuple = ()
    note: str = ""

    def cells(self):
        """Return what a table shows of it: kind, places, shapes, dtypes and note, five strings."""
        places = [module or "(the net)" for module in self.modules] if self.kind == "same module" else self.names
        more = f", … ({len(places)} in all)" if len(places) > 8 else ""
        shapes = " and ".join(map(str, self.shapes))
        dtypes = " and ".join(str(dtype).removeprefix("torch.") for dtype in self.dtypes)
        return self.kind, ", ".join(places[:8]) + more, shapes, dtypes, self.note


class Ties(list):
    """What `ties` found: a list of `Tie` that prints as text and, in a notebook, as a table.

    net: the class of the net. names, tensors: how many names its parameters and buffers have, and how many tensors
    they are. notes: what could not be looked at, and why.
    """

    def __init__(self, net="", names=0, tensors=0, notes=()):
        super().__init__()
        self.net, self.names, self.tensors, self.notes = net, names, tensors, list(notes)

    def of(self, kind):
        """Return the groups of one kind, as a plain list. Raises ValueError for a kind that is not in `KINDS`."""
        if kind not in KINDS:
            raise ValueError(f"no kind of tie is called {kind!r}; the kinds are {', '.join(KINDS)}")
        return [tie for tie in self if tie.kind == kind]

    def _head(self):
        found = [f"{len(self.of(kind))} × {kind}" for kind in KINDS if self.of(kind)]
        names, tensors = (
            f"{n:,} {word}" + "s" * (n != 1) for n, word in [(self.names, "name"), (self.tensors, "tensor")]
        )
        return f"{self.net}: {names} for {tensors}; " + (", ".join(found) or "nothing shared")

    def _tail(self):
        more = [f"and {len(self) - SHOWN:,} more groups in this list"] if len(self) > SHOWN else []
        return more + self.notes

    def __repr__(self):
        rows = [tie.cells() for tie in self[:SHOWN]]
        wide = max((len(row[1]) for row in rows), default=0)
        lines = [f"  {row[0]:<19}  {row[1]:<{wide}}  {row[2]} {row[3]}  {row[4]}".rstrip() for row in rows]
        return "\n".join([self._head(), *lines, *(f"  ({line})" for line in self._tail())])

    def _repr_html_(self):
        def row(tag, cells):
            return "<tr>" + "".join(f'<{tag} style="text-align: left">{escape(c)}</{tag}>' for c in cells) + "</tr>"

        rows = [row("td", tie.cells()) for tie in self[:SHOWN]]
        table = row("th", ["what is shared", "places", "shape", "dtype", ""]) + "".join(rows) if rows else ""
        return f"<p>{escape(self._head())}</p><table>{table}</table>" + "".join(
            f"<p>({escape(line)})</p>" for line in self._tail()
        )


def ties(net: nn.Module) -> Ties:
    """Return every group of places in `net` that are one, share memory or merely hold equal values.

    net: any module, also lazy, parametrized, compiled or on the meta device; nothing is run or changed. Buffers are
    looked at too, but for equal values. The result is a list of `Tie`, one for each group and kind (see `KINDS`), so
    a name can occur in several, from the strictest kind to the loosest.
    "equal values" are Parameters of the same shape and dtype in memory of their own. Those whose entries are all one
    number are left out: biases of 0 and norm weights of 1 are equal in every net. NaN equals nothing.
    The time grows linearly with the number of tensors; entries are compared only where a few of them agree.
    Source: none; PyTorch has no such function. Met in notebook 4.

    >>> a, b, c = (nn.Linear(2, 2, bias=False) for _ in range(3))
    >>> b.weight = a.weight
    >>> _ = c.load_state_dict(a.state_dict())
    >>> ties(nn.Sequential(a, b, c))
    Sequential: 3 names for 2 tensors; 1 × same Parameter, 1 × equal values
      same Parameter       0.weight, 1.weight            (2, 2) float32
      equal values         0.weight, 1.weight, 2.weight  (2, 2) float32
    """
    names = {}  # tensor -> its names; a tensor is hashed by identity
    for name, t in chain(net.named_parameters(remove_duplicate=False), net.named_buffers(remove_duplicate=False)):
        names.setdefault(t, []).append(name)
    found = Ties(type(net).__name__, sum(map(len, names.values())), len(names))
    order = {t: i for i, t in enumerate(names)}

    def add(kind, tensors):
        tensors = sorted(tensors, key=order.get)
        group = [name for t in tensors for name in names[t]]
        plain = [t for t in tensors if not is_lazy(t)]
        shapes = dict.fromkeys(tuple(t.shape) for t in plain)
        paths = dict.fromkeys(name.rpartition(".")[0] for name in group)
        dtypes = dict.fromkeys(t.dtype for t in tensors)
        found.append(Tie(kind, tuple(group), tuple(paths), tuple(shapes), tuple(dtypes), _beware(kind, group)))

    found.extend(_same_modules(net))
    for kind in ("same Parameter", "same buffer"):
        for t, group in names.items():
            if len(group) > 1 and isinstance(t, nn.Parameter) == (kind == "same Parameter"):
                add(kind, [t])
    memory = {t: span for t in names if (span := _memory(t))}
    pieces = _pieces(memory)
    layouts = [_groups(piece, lambda t: (memory[t], _layout(t))) for piece in pieces]
    for same in chain(*layouts):
        if len(same) > 1:
            add("same storage", same)
    for piece, same in zip(pieces, layouts, strict=True):
        if len(same) > 1:
            add("overlapping storage", piece)
    home = {t: i for i, piece in enumerate(pieces) for t in piece}
    readable = [t for t in memory if isinstance(t, nn.Parameter) and not t.is_meta]
    equals = [group for group in _equal_values(readable) if len({home[t] for t in group}) > 1]
    for equal in sorted(equals, key=lambda group: min(map(order.get, group))):
        add("equal values", equal)
    found.notes += _notes(names, memory)
    return found


def _same_modules(net):
    """Yield a Tie for each module with parameters or buffers that is itself registered twice, not only its parent."""
    slots, paths = {}, {}
    for parent in net.modules():
        for key, child in parent._modules.items():
            slots.setdefault(child, []).append((parent, key))
    for path, module in net.named_modules(remove_duplicate=False):
        paths.setdefault(module, []).append(path)
    for module, where in paths.items():
        if len(slots.get(module, ())) > 1:
            inside = [name for name, _ in chain(module.named_parameters(), module.named_buffers())]
            if inside:
                group = tuple(f"{path}.{name}" for path in where for name in inside)
                yield Tie("same module", group, tuple(where))


def _memory(t):
    """Return (space, first byte, one past the last) of what `t` reads, or None if that cannot be told."""
    if is_lazy(t) or t.layout != torch.strided or not t.numel():
        return None
    try:
        space, start = t.device, t.data_ptr()
        if t.is_meta:  # no memory, but storages that are shared or not
            space, start = t.untyped_storage()._cdata, t.storage_offset() * t.itemsize
        elif not start:
            return None
    except (RuntimeError, NotImplementedError):  # a subclass that keeps its data elsewhere
        return None
    extent = 1 + sum((n - 1) * stride for n, stride in _layout(t))
    return space, start, start + extent * t.itemsize


def _layout(t):
    """Return (size, stride) of each dimension that has more than one entry."""
    return tuple((n, stride) for n, stride in zip(t.shape, t.stride(), strict=True) if n > 1)


def _pieces(memory):
    """Group the tensors of `memory` by whether their memory meets; a tensor that meets none is alone."""
    piece = {t: [t] for t in memory}
    for spans in _groups(memory, lambda t: memory[t][0]):
        near = []  # those that start no later and do not end before the next one starts
        for t in sorted(spans, key=lambda t: memory[t][1:]):
            near = [other for other in near if memory[other][2] > memory[t][1]]
            for other in near:
                if piece[other] is not piece[t] and _meet(other, t, memory):
                    piece[other] += piece[t]
                    piece.update(dict.fromkeys(piece[t], piece[other]))
            near.append(t)
    return list({id(group): group for group in piece.values()}.values())


def _meet(a, b, memory):
    """Whether two tensors with overlapping spans have a byte in common: columns 0 and 1 of a matrix have none."""
    if all(_dense(t, memory[t]) for t in (a, b)) or memory[a][1] == memory[b][1]:
        return True
    unit = math.gcd(a.itemsize, b.itemsize, memory[a][1] - memory[b][1])
    low, high = min(memory[a][1], memory[b][1]), max(memory[a][2], memory[b][2])
    places = torch.arange((high - low) // unit)

    def occupied(t):
        shape, strides = zip(*_layout(t), (t.itemsize // unit, 1), strict=True)
        strides = [stride * t.itemsize // unit for stride in strides[:-1]] + [1]
        return places.as_strided(shape, strides, (memory[t][1] - low) // unit).flatten()

    taken = torch.zeros(len(places), dtype=torch.bool)
    taken[occupied(a)] = True
    return bool(taken[occupied(b)].any())


def _dense(t, span):
    return t.numel() * t.itemsize == span[2] - span[1]


def _equal_values(tensors):
    """Return the groups of two or more of `tensors` with equal entries, less those of a single repeated number."""
    groups = []
    for alike in _groups(tensors, lambda t: (t.shape, t.dtype)):
        if len(alike) > 1:
            for bucket in _groups([(_bits(t), t) for t in alike], lambda pair: _sample(pair[0])):
                classes = []
                for values, t in bucket if len(bucket) > 1 else ():
                    if bool((values == values.flatten()[0]).all()):
                        continue
                    for members in classes:
                        if torch.equal(members[0][0], values.to(members[0][0].device)):
                            members.append((values, t))
                            break
                    else:
                        classes.append([(values, t)])
                groups += [[t for _, t in members] for members in classes if len(members) > 1]
    return groups


def _bits(t):
    tiny = t.is_floating_point() and t.itemsize == 1  # float8 and float4, for which torch lacks operations
    return t.detach().view(torch.uint8) if tiny else t.detach()


def _sample(values, size=16):
    flat = values.flatten()
    return tuple(flat[:: -(-len(flat) // size)].tolist())


def _groups(items, key):
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _beware(kind, names):
    """Return a note if only some of `names` are the originals of a parametrization."""
    computed = [".".join(name.split(".")[:-3] + name.split(".")[-2:-1]) for name in names if _parametrized(name)]
    if kind == "equal values" or not 0 < len(computed) < len(names):
        return ""
    return f"{', '.join(computed)} is computed from it by a parametrization, so it can differ from the others"


def _parametrized(name):
    return "parametrizations" in name.split(".")[-3:-2]


def _notes(names, memory):
    lazy = sum(map(is_lazy, names))
    meta = sum(t.is_meta and not is_lazy(t) for t in names)
    other = sum(t not in memory and not is_lazy(t) and t.numel() > 0 for t in names)
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

    name, others: names of parameters as in `net.named_parameters()`, all of one shape, dtype and device. Values,
    gradient and `requires_grad` of `name` stay; those of the others are dropped. A place that was tied to one of the
    others before comes along. Tie before you build the optimizer: one that exists goes on with the dropped Parameters.
    Raises ValueError, and changes nothing, if a name is unknown, lazy or parametrized, if shapes, dtypes or devices
    differ, or if the two are one Parameter already.
    Source: Press & Wolf (2017) for embeddings and classifiers. Met in notebook 4.

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
        for key, p in list(module._parameters.items()):
            if p in dropped:
                setattr(module, key, first)  # not module._parameters[key]: an RNN keeps a second list of its own
    return first


def _check_name(net, name, known):
    if _parametrized(name) or f"{_under(name)}.original" in known or f"{_under(name)}.original0" in known:
        raise ValueError(
            f"cannot tie {name!r}: a parametrization computes this weight, so equal originals would not make equal "
            "weights; remove it first, torch.nn.utils.parametrize.remove_parametrizations, or use one module twice"
        )
    if name not in known:
        if name in dict(net.named_buffers(remove_duplicate=False)):
            raise ValueError(f"cannot tie {name!r}: it is a buffer, and only parameters can be tied")
        close = get_close_matches(name, known, 3, 0.5) or list(known)[:3]
        names = ", ".join(map(repr, close)) or "none, it has no parameters"
        raise ValueError(f"no parameter {name!r} in this {type(net).__name__}; close names: {names}")
    if is_lazy(known[name]):
        raise ValueError(f"cannot tie {name!r}: it is lazy; run one batch through the net first, net(X)")


def _under(name):
    path, _, key = name.rpartition(".")
    return f"{path}.parametrizations.{key}".removeprefix(".")


def _check_pair(name, p, other, q):
    if p is q:
        raise ValueError(f"{name!r} and {other!r} are the same Parameter already: nothing to tie")
    for what, one, two, do in [
        ("shapes", tuple(p.shape), tuple(q.shape), "tie layers of equal shape"),
        ("dtypes", p.dtype, q.dtype, "convert the net first, such as net.float()"),
        ("devices", p.device, q.device, "move the net to one device first, net.to(device)"),
    ]:
        if one != two:
            raise ValueError(f"cannot tie {name!r} {one} to {other!r} {two}: {what} differ; {do}")


def untie(net: nn.Module) -> nn.Module:
    """Return a twin of `net` with equal values in which no two places share a Parameter or a module.

    The first place keeps the name that `net.named_parameters()` gives it; each further place gets a copy of its own.
    `net` is left as it is. In the twin `.grad` is empty.
    Raises ValueError if no place shares anything. A module that `forward` itself calls twice has one place only:
    write it as two entries to untie it.
    Met in notebooks 4 and 5.

    >>> import torch
    >>> shared = nn.Linear(2, 2)
    >>> twin = untie(nn.Sequential(shared, nn.ReLU(), shared))
    >>> twin[0].weight is twin[2].weight, torch.equal(twin[0].weight, twin[2].weight)
    (False, True)
    """
    twin = copy.deepcopy(net)
    for p in twin.parameters():
        p.grad = None
    seen = {id(twin)}
    if not _separate(twin, seen):
        raise ValueError("nothing to untie: no two places of this net share a Parameter or a module")
    return twin


def _separate(module, seen):
    """Give every place below `module` that meets something in `seen` (ids) a copy of it; return how many did."""
    copies = 0
    for name, p in list(module._parameters.items()):
        if p is not None and id(p) in seen:
            setattr(module, name, nn.Parameter(p.detach().clone(), p.requires_grad))
            copies += 1
        elif p is not None:
            seen.add(id(p))
    for name, child in module._modules.items():
        if child is not None and id(child) in seen:
            module._modules[name] = child = copy.deepcopy(child)
            copies += 1
        if child is not None:
            seen.add(id(child))
            copies += _separate(child, seen)
    return copies
