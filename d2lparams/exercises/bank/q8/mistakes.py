"""Answers to q8: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "identity alone": Mistake(
        ["ties", "same memory were missed"],
        """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups.setdefault(id(p), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
    ),
    "equal values": Mistake(
        ["ties", "equal values were taken for a tie"],
        """
def tied_names(net):
    named = list(net.named_parameters(remove_duplicate=False))
    groups = [{m for m, q in named if q.shape == p.shape and (p == q).all()} for _, p in named]
    return [set(g) for g in {frozenset(g) for g in groups} if len(g) > 1]
""",
    ),
    "one storage": Mistake(
        ["ties", "two halves of one storage"],
        """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups.setdefault(p.untyped_storage().data_ptr(), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
    ),
    "an experiment with first names alone": Mistake(
        ["ties", "remove_duplicate=False, and gives each"],
        """
def tied_names(net):
    named = dict(net.named_parameters())
    groups = set()
    for name, p in named.items():
        before = {n: q.detach().clone() for n, q in named.items()}
        with torch.no_grad():
            p += 1
            groups.add(frozenset(n for n, q in named.items() if not torch.equal(q, before[n])))
            p.copy_(before[name])
    return [group for group in groups if len(group) > 1]
""",
    ),
    "names, not in groups": Mistake(
        ["type of a group", "a set of names"],
        """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    return [a for a in named for b in named if a != b and named[a] is named[b]]
""",
    ),
    "one address": Mistake(
        ["a row of a weight", "ties", "same memory were missed"],
        """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups.setdefault(p.data_ptr(), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
    ),
    "first names alone": Mistake(
        ["ties", "remove_duplicate=False"],
        """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters():
        groups.setdefault(id(p), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
    ),
    "singles too": Mistake(
        ["ties", "stand alone"],
        """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = set()
    for p in named.values():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p += 1
            groups.add(frozenset(n for n, q in named.items() if not torch.equal(q, before[n])))
            p -= 1
    return groups
""",
    ),
    "values left changed": Mistake(
        ["value of the net's output"],
        """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = set()
    for p in named.values():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p += 1
        groups.add(frozenset(n for n, q in named.items() if not torch.equal(q, before[n])))
    return [group for group in groups if len(group) > 1]
""",
    ),
    "a dict": Mistake(
        ["type of what was returned", "dict"],
        """
def tied_names(net):
    return {}
""",
    ),
    "nothing found": Mistake(
        ["ties", "groups without them"],
        """
def tied_names(net):
    return []
""",
    ),
}

OTHERS: dict[str, str] = {
    "values of a dict": """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = {}
    for name, p in named.items():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p += 1
            found = frozenset(n for n, q in named.items() if not torch.equal(q, before[n]))
            p.copy_(before[name])
        if len(found) > 1:
            groups[found] = set(found)
    return groups.values()
""",
    "by memory": """
def tied_names(net):
    cells = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        memory, place = p.untyped_storage().data_ptr(), torch.arange(p.untyped_storage().nbytes() // 4)
        mine = place.as_strided(p.shape, p.stride(), p.storage_offset()).flatten().tolist()
        cells[name] = {(memory, i) for i in mine}
    groups = {frozenset(b for b in cells if cells[a] & cells[b]) for a in cells}
    return [set(group) for group in groups if len(group) > 1]
""",
    "by experiment, as tuples": """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = set()
    for p in named.values():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p.mul_(2)
            groups.add(tuple(n for n, q in named.items() if not torch.equal(q, before[n])))
            p.div_(2)
    return [group for group in groups if len(group) > 1]
""",
    "the package's": """
def tied_names(net):
    weights = {name for name, _ in net.named_parameters(remove_duplicate=False)}
    found = [set(tie.names) & weights for tie in d2lparams.ties(net) if tie.kind != "equal values"]
    groups = []
    for names in found:
        for name in names:  # a shared module is one tie with all its parameters
            p = net.get_parameter(name)
            groups.append({n for n in names if _meet(net.get_parameter(n), p)})
    return {frozenset(a) for a in groups if len(a) > 1 and not any(a < b for b in groups)}


def _meet(p, q):
    before = q.detach().clone()
    with torch.no_grad():
        p += 1
        moved = not torch.equal(q, before)
        p -= 1
    return moved
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
