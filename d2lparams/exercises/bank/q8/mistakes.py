"""Answers to q8: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited

ALL: dict[str, Mistake] = {
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

OTHERS_OF_ALL: dict[str, str] = {
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


def mistakes(question: Question) -> dict[str, Mistake]:
    rule, answer = question.variant.rule, question.answer
    found = _told_from(question.solution_code)
    if rule == "all":
        return ALL | found
    listed = "were listed: an optimizer has both" if rule == "identity" else "no hidden tie"
    words = {  # what is refused with other words where another rule counts
        "one storage": ["ties", "two halves of one storage"],
        "an experiment with first names alone": ["ties"],
        "one address": ["ties", listed],
        "singles too": ["ties"],
        "values left changed": ["ties"],
        "identity alone": ["ties", listed],
        "first names alone": ["ties", "nothing was found"],
    }
    for name, mistake in ALL.items():
        if name != "identity alone" or rule == "hidden":  # for "identity" that one is right
            source = mistake.source.replace("tied_names", answer)
            found.setdefault(name, Mistake(words.get(name, mistake.words), source))
    by_experiment = edited(OTHERS_OF_ALL["by experiment, as tuples"], ("tied_names", answer))
    return found | {"every tie": Mistake(["ties", listed], by_experiment)}


def _told_from(solution: str) -> dict[str, Mistake]:
    """Return mistakes that are made from the solution, whatever the rule."""
    last = solution.splitlines()[-1].strip()
    condition, groups = last.partition(" if ")[2][:-1], last.partition(" in ")[2].partition(" if ")[0]
    kept = f"for group in {groups} if {condition}"

    def ends(words: list[str], line: str) -> Mistake:
        return Mistake(words, edited(solution, (last, line)))

    return {
        "one flat set": ends(["type of a group"], f"return {{n {kept} for n in group}}"),
        "all in one group": ends(["ties", "grouped otherwise"], f"return [{{n {kept} for n in group}}]"),
        "pairs alone": ends(["ties"], f"return [{{*sorted(group)[:2]}} {kept} and len(group) > 2]"),
        "once for each name": ends(["ties", "once for each of its names"], f"return [group {kept} for _ in group]"),
        "the first group alone": ends(["ties"], f"return [group {kept}][:1]"),
        "names of layers": ends(["ties"], f"return [{{n.split('.')[0] for n in group}} {kept}]"),
        "weights alone": ends(["ties"], f"return [{{n for n in group if 'bias' not in n}} {kept}]"),
        "how many": ends(["type of what was returned", "an int"], f"return len([group {kept}])"),
        "a net left scaled": ends(
            ["value of the net's output"], f"found = [group {kept}]\n    net[-1].bias.data.add_(2)\n    return found"
        ),
        "tensors": ends(["names alone"], "return [{p} for p in net.parameters()]"),
    }


def others(question: Question) -> dict[str, str]:
    rule, answer, solution = question.variant.rule, question.answer, question.solution_code
    last = solution.splitlines()[-1].strip()
    condition, groups = last.partition(" if ")[2][:-1], last.partition(" in ")[2].partition(" if ")[0]
    kept = f"for group in {groups} if {condition}"
    found = {
        "lists, sorted": edited(solution, (last, f"return tuple(sorted(sorted(group) {kept}))")),
        "a set of frozen sets": edited(solution, (last, f"return {{frozenset(group) {kept}}}")),
    }
    if rule == "all":
        return OTHERS_OF_ALL | found
    if rule == "identity":
        return found | {
            "pair by pair": f"""
def {answer}(net):
    named = list(net.named_parameters(remove_duplicate=False))
    groups = {{frozenset(m for m, q in named if q is p) for _, p in named}}
    return [set(group) for group in groups if len(group) > 1]
""",
            "from first names": f"""
def {answer}(net):
    groups = {{p: {{name}} for name, p in net.named_parameters()}}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups[p].add(name)
    return [names for names in groups.values() if len(names) != 1]
""",
            "module by module": f"""
from collections import defaultdict


def {answer}(net):
    names = defaultdict(set)
    for path, module in net.named_modules(remove_duplicate=False):
        for name, p in module._parameters.items():
            if p is not None:
                names[p].add(f"{{path}}.{{name}}")
    return [group for group in names.values() if group and len(group) > 1]
""",
            "sorted and grouped": f"""
from itertools import groupby


def {answer}(net):
    key = lambda pair: id(pair[1])
    named = sorted(net.named_parameters(remove_duplicate=False), key=key)
    groups = [[name for name, _ in group] for _, group in groupby(named, key)]
    return [group for group in groups if group[1:]]
""",
        }
    begin = f"\ndef {answer}(net):\n    named = dict(net.named_parameters(remove_duplicate=False))\n"
    end = "    return [set(group) for group in groups if len({id(named[n]) for n in group}) > 1]\n"
    bodies = {
        "by memory": """    cells = {}
    for name, p in named.items():
        memory, place = p.untyped_storage().data_ptr(), torch.arange(p.untyped_storage().nbytes() // 4)
        mine = place.as_strided(p.shape, p.stride(), p.storage_offset()).flatten().tolist()
        cells[name] = {(memory, i) for i in mine}
    groups = {frozenset(b for b in cells if cells[a] & cells[b]) for a in cells}
""",
        "by halving": """    groups = set()
    for p in named.values():
        before = {n: q.detach().clone() for n, q in named.items()}
        with torch.no_grad():
            p.div_(2)
            groups.add(tuple(n for n, q in named.items() if not torch.equal(q, before[n])))
            p.mul_(2)
""",
        "with NaN": """    groups = set()
    for p in named.values():
        before = p.detach().clone()
        p.data.fill_(math.nan)
        groups.add(frozenset(n for n, q in named.items() if q.isnan().any()))
        p.data.copy_(before)
""",
    }
    return found | {name: begin + body + end for name, body in bodies.items()}
