"""Answers to q2: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "tied twice": Mistake(
        ["value of the count", "tied parameter was counted at each"],
        """
def count_trainable(net):
    named = net.named_parameters(remove_duplicate=False)
    return sum(p.numel() for _, p in named if p.requires_grad)
""",
    ),
    "by layer": Mistake(
        ["value of the count"],
        """
def count_trainable(net):
    return sum(p.numel() for layer in net for p in layer.parameters() if p.requires_grad)
""",
    ),
    "frozen too": Mistake(
        ["value of the count", "frozen parameters"],
        """
def count_trainable(net):
    return sum(p.numel() for p in net.parameters())
""",
    ),
    "all of state_dict": Mistake(
        ["value of the count", "state_dict"],
        """
def count_trainable(net):
    return sum(value.numel() for value in net.state_dict().values())
""",
    ),
    "tensors": Mistake(
        ["value of the count", "not the numbers in them"],
        """
def count_trainable(net):
    return len([p for p in net.parameters() if p.requires_grad])
""",
    ),
    "a tensor": Mistake(
        ["type of the count", "Tensor"],
        """
def count_trainable(net):
    return torch.tensor(sum(p.numel() for p in net.parameters() if p.requires_grad))
""",
    ),
    "a float": Mistake(
        ["type of the count", "float"],
        """
def count_trainable(net):
    return float(sum(p.numel() for p in net.parameters() if p.requires_grad))
""",
    ),
    "True": Mistake(
        ["type of the count", "bool"],
        """
def count_trainable(net):
    return True
""",
    ),
}

OTHERS: dict[str, str] = {
    "a loop over what was seen": '''
def count_trainable(net):
    """Count by identity."""
    seen, count = set(), 0
    for _, p in net.named_parameters(remove_duplicate=False):
        if p.requires_grad and id(p) not in seen:
            seen.add(id(p))
            count += p.nelement()
    return count
''',
    "the package's": """
def count_trainable(net):
    return d2lparams.count_parameters(net, trainable=True)
""",
    "numpy's integers": """
def count_trainable(net):
    import numpy

    return numpy.int64(sum(p.numel() for p in net.parameters() if p.requires_grad))
""",
}
