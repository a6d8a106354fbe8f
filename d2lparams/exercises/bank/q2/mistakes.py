"""Answers to q2: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question

VALUE, TYPE = "value of the count", "type of the count"


def mistakes(question: Question) -> dict[str, Mistake]:
    head, condition = f"\ndef {question.answer}(net):\n", question.variant.condition
    counted = f"sum(p.numel() for p in net.parameters() if {condition})"
    every = "net.named_parameters(remove_duplicate=False)"
    frozen, decayed = condition == "not p.requires_grad", "dim" in condition
    book = not frozen and not decayed

    def returned(words: list[str], what: str) -> Mistake:
        return Mistake(words, f"{head}    return {what}\n")

    found = {
        "tied twice": returned(
            [VALUE, "tied parameter was counted at each"], f"sum(p.numel() for _, p in {every} if {condition})"
        ),
        "by layer": returned([VALUE], f"sum(p.numel() for layer in net for p in layer.parameters() if {condition})"),
        "frozen too": returned([VALUE, "frozen parameters"], "sum(p.numel() for p in net.parameters())"),
        "all of state_dict": returned(
            [VALUE, "state_dict"] if book else [VALUE], "sum(value.numel() for value in net.state_dict().values())"
        ),
        "tensors": returned([VALUE, "not the numbers in them"], f"len([p for p in net.parameters() if {condition}])"),
        "rows": returned([VALUE, "rows were counted"], f"sum(len(p) for p in net.parameters() if {condition})"),
        "a set of sizes": returned(
            [VALUE, "equal size were taken for one"], f"sum({{p.numel() for p in net.parameters() if {condition}}})"
        ),
        "a set of values": returned(
            [VALUE] if frozen else [VALUE, "equal values were taken for one"],
            f"sum(map(len, {{tuple(p.flatten().tolist()) for p in net.parameters() if {condition}}}))",
        ),
        "the rest": returned(
            [VALUE], f"sum(p.numel() for p in net.parameters() if {'' if frozen else 'not '}p.requires_grad)"
        ),
        "buffers too": returned([VALUE, "buffers were counted"], f"{counted} + sum(b.numel() for b in net.buffers())"),
        "the first layer alone": returned([VALUE], counted.replace("net.", "net[0].")),
        "by layer, what is whole": returned(
            [VALUE],
            f"sum(p.numel() for m in set(net) if all({condition} for p in m.parameters()) for p in m.parameters())",
        ),
        "all dimensions but the first": returned(
            [VALUE], f"sum(math.prod(p.shape[1:]) for p in net.parameters() if {condition})"
        ),
        "bytes": returned([VALUE], counted.replace("p.numel()", "p.nbytes")),
        "one too many": returned([VALUE], f"{counted} + 1"),
        "a tensor": returned([TYPE, "Tensor"], f"torch.tensor({counted})"),
        "a float": returned([TYPE, "float"], f"float({counted})"),
        "a string": returned([TYPE, "str"], f"f'{{{counted}:,}}'"),
        "True": returned([TYPE, "bool"], "True"),
        "what has a gradient": returned([VALUE], "sum(p.numel() for p in net.parameters() if p.grad is not None)"),
    }
    if not frozen:
        named = f"n, p in net.named_parameters() if {condition}"
        found["biases left out"] = returned(
            [VALUE] if decayed else [VALUE, "biases were left out"],
            f"sum(p.numel() for {named} and p.shape[-1] != 1 and 'bias' not in n and p.dim() != {2 if decayed else 9})",
        )
    if frozen:
        del found["what has a gradient"]  # which is never counted, and neither is what is frozen in a plain net
        found["buffers alone"] = returned([VALUE], "sum(b.numel() for b in net.buffers())")
    return found


def others(question: Question) -> dict[str, str]:
    answer, condition = question.answer, question.variant.condition
    found = {
        "a loop over what was seen": f'''
def {answer}(net):
    """Count by identity."""
    seen, count = set(), 0
    for _, p in net.named_parameters(remove_duplicate=False):
        if {condition} and id(p) not in seen:
            seen.add(id(p))
            count += p.nelement()
    return count
''',
        "numpy's integers": f"""
def {answer}(net):
    import numpy

    return numpy.int64(sum(p.numel() for p in net.parameters() if {condition}))
""",
        "a set of parameters": f"""
def {answer}(net):
    every = {{p for module in net.modules() for p in module._parameters.values() if p is not None}}
    return sum(math.prod(p.shape) for p in every if {condition})
""",
        "filter and map": f"""
{answer} = lambda net: sum(map(torch.numel, filter(lambda p: {condition}, net.parameters())), start=0)
""",
        "as one long vector": f"""
def {answer}(net):
    flat = [p.detach().flatten() for p in net.parameters() if {condition}]
    return torch.cat(flat).shape[0] if flat else 0
""",
        "recursively": f"""
def {answer}(module, seen=None):
    seen = set() if seen is None else seen
    total = 0
    for p in module.parameters(recurse=False):
        if p not in seen and {condition}:
            seen.add(p)
            total += p.numel()
    return total + sum({answer}(child, seen) for child in module.children())
""",
    }
    if condition == "p.requires_grad":
        found["the package's"] = f"""
def {answer}(net):
    return d2lparams.count_parameters(net, trainable=True)
"""
    return found
