"""Answers to q3: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited


def mistakes(question: Question) -> dict[str, Mistake]:
    trains, second = question.variant
    solution, head = question.solution_code, f"\ndef {question.answer}(net):\n"
    every = "net.named_parameters(remove_duplicate=False)"
    kept = "p.requires_grad" if trains else "not p.requires_grad"
    end = "" if second else " and name in first"
    keep = "in trained" if trains else "not in trained"

    def returned(words: list[str], what: str) -> Mistake:
        return Mistake(words, f"{head}    return {what}\n")

    def changed(words: list[str], *changes: tuple[str, str]) -> Mistake:
        return Mistake(words, edited(solution, *changes))

    found = {
        "last parts of names": changed(["names", "whole paths"], ("return [name", 'return [name.split(".")[-1]')),
        "without the first part": changed(["names", "whole paths"], ("return [name", 'return [name.split(".", 1)[-1]')),
        "twice": changed(["names", "one of them twice"], ("return [", "return 2 * [")),
        "the others": changed(["names", "all others"], (f"if name {keep}", f"if (name {keep}) is False")),
        "all names": changed(["names"], (f"if name {keep}{end}", "if True")),
        "weights alone": changed(["names"], (f"if name {keep}", f"if name {keep} and 'weight' in name")),
        "biases alone": changed(["names"], (f"if name {keep}", f"if name {keep} and 'bias' in name")),
        "the top level alone": changed(["names"], (f"if name {keep}", f"if name {keep} and name.count('.') < 2")),
        "the first found alone": changed(["names"], ("]\n", "][:1]\n")),
        "by whole layers": Mistake(
            ["names"],
            f"""{head}    free = {{n for n, m in net.named_modules() if all(p.requires_grad for p in m.parameters())}}
    return [n for n in net.state_dict() if (n.rpartition(".")[0] in free) is {trains}]
""",
        ),
        "by dimensions": returned(["names"], f"[n for n, p in {every} if p.dim() > 1]"),
        "tensors": returned(
            ["type of what was returned", "names alone"], f"[p for p in net.parameters() if {kept}] + [*net.buffers()]"
        ),
        "pairs": returned(
            ["type of what was returned", "names alone"], f"[(n, p.shape) for n, p in {every} if {kept}]"
        ),
        "a string": returned(["type of what was returned", "a str came"], '", ".join(net.state_dict())'),
        "how many": returned(["type of what was returned", "an int came"], "len(net.state_dict())"),
        "a generator": returned(["type of what was returned", "generator"], f"(n for n, p in {every} if {kept})"),
        "buffers that aren't saved": returned(
            ["names", "without being saved"], f"[n for n, p in {every} if {kept}] + [n for n, _ in net.named_buffers()]"
        ),
    }
    if second:
        found["second names"] = changed(
            ["names", "second name of a tied parameter"],
            ("named_parameters(remove_duplicate=False)", "named_parameters()"),
        )
    else:
        found["second names too"] = changed(["names", "listed, too"], (end, ""))
    if trains:
        found["frozen too"] = returned(
            ["names", "frozen parameters"], f"[n for n, p in {every if second else 'net.named_parameters()'}]"
        )
        found["buffers too"] = changed(
            ["names", "buffers"], ("if name in trained", "if (name in trained or name in dict(net.named_buffers()))")
        )
    else:
        found["frozen alone"] = returned(
            ["names", "buffers were left out"],
            f"[n for n, p in {every if second else 'net.named_parameters()'} if {kept}]",
        )
        found["buffers alone"] = changed(["names", "frozen parameters were left out"], (" if p.requires_grad}", "}"))
    if trains:
        return found
    if second:
        found["a frozen second name"] = Mistake(
            ["names", "frozen, tied"],
            f"""{head}    every = dict(net.named_parameters(remove_duplicate=False))
    first = dict(net.named_parameters())
    fixed = [n for n in net.state_dict() if n not in every or not every[n].requires_grad]
    return [n for n in fixed if n in first or n not in every]
""",
        )
    return found


def others(question: Question) -> dict[str, str]:
    trains, second = question.variant
    head, solution = f"\ndef {question.answer}(net):\n", question.solution_code
    same = "" if trains else "not "
    drop = "" if second else "\n    names = [n for n in names if n not in again]"
    again = """    every = [n for n, _ in net.named_parameters(remove_duplicate=False)]
    again = set(every) - {n for n, _ in net.named_parameters()}
"""
    return {
        "numpy's names": "\nimport numpy as np\n"
        + edited(solution, ("return [", "return list(np.array(["))[:-1]
        + "))\n",
        "by experiment": f"""{head}{again}    before = {{name: t.clone() for name, t in net.state_dict().items()}}
    for p in net.parameters():
        if p.requires_grad:
            p.grad = torch.ones_like(p)
    torch.optim.SGD(net.parameters(), lr=1.0).step()
    names = [n for n, v in net.state_dict().items() if {same}(v != before[n]).any()]{drop}
    return set(names)
""",
        "as the keys of a dict": edited(solution, ("return [name for", "return {name: None for"))[:-2] + "}.keys()\n",
        "a set": edited(solution, ("return [", "return set(["))[:-1] + ")\n",
        "a tuple, sorted": edited(solution, ("return [", "return tuple(sorted(["))[:-1] + "))\n",
        "module by module": f"""{head}{again}    names = []
    for path, module in net.named_modules(remove_duplicate=False):
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if name not in module._non_persistent_buffers_set and {same}tensor.requires_grad:
                names.append(f"{{path}}.{{name}}".lstrip(".")){drop}
    return names
""",
    }
