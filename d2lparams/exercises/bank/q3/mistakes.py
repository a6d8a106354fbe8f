"""Answers to q3: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "last parts of names": Mistake(
        ["names", "whole paths"],
        """
def fixed_names(net):
    train = {n for n, p in net.named_parameters(remove_duplicate=False) if p.requires_grad}
    return [name.split(".")[-1] for name in net.state_dict() if name not in train]
""",
    ),
    "frozen alone": Mistake(
        ["names", "buffers were left out"],
        """
def fixed_names(net):
    named = net.named_parameters(remove_duplicate=False)
    return [name for name, p in named if not p.requires_grad]
""",
    ),
    "buffers alone": Mistake(
        ["names", "frozen parameters were left out"],
        """
def fixed_names(net):
    names = {name for name, _ in net.named_parameters(remove_duplicate=False)}
    return [name for name in net.state_dict() if name not in names]
""",
    ),
    "second names": Mistake(
        ["names", "second name of a tied parameter"],
        """
def fixed_names(net):
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    return [name for name in net.state_dict() if name not in trained]
""",
    ),
    "buffers that aren't saved": Mistake(
        ["names", "without being saved"],
        """
def fixed_names(net):
    named = net.named_parameters(remove_duplicate=False)
    return [n for n, p in named if not p.requires_grad] + [n for n, _ in net.named_buffers()]
""",
    ),
    "a frozen second name": Mistake(
        ["names", "frozen, tied"],
        """
def fixed_names(net):
    every = dict(net.named_parameters(remove_duplicate=False))
    first = dict(net.named_parameters())
    fixed = [n for n in net.state_dict() if n not in every or not every[n].requires_grad]
    return [n for n in fixed if n in first or n not in every]
""",
    ),
    "twice": Mistake(
        ["names", "one of them twice"],
        """
def fixed_names(net):
    trained = {n for n, p in net.named_parameters(remove_duplicate=False) if p.requires_grad}
    return 2 * [name for name in net.state_dict() if name not in trained]
""",
    ),
    "tensors": Mistake(
        ["type of what was returned", "names alone"],
        """
def fixed_names(net):
    return [p for p in net.parameters() if not p.requires_grad] + list(net.buffers())
""",
    ),
    "a string": Mistake(
        ["type of what was returned", "a str came"],
        """
def fixed_names(net):
    return ", ".join(net.state_dict())
""",
    ),
}

OTHERS: dict[str, str] = {
    "numpy's names": """
import numpy as np

def fixed_names(net):
    train = [n for n, p in net.named_parameters(remove_duplicate=False) if p.requires_grad]
    return list(np.setdiff1d(list(net.state_dict()), train))
""",
    "by experiment": """
def fixed_names(net):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for p in net.parameters():
        if p.requires_grad:
            p.grad = torch.ones_like(p)
    torch.optim.SGD(net.parameters(), lr=1.0).step()
    return {name for name, value in net.state_dict().items() if torch.equal(value, before[name])}
""",
    "as the keys of a dict": """
def fixed_names(net):
    trained = {n: None for n, p in net.named_parameters(remove_duplicate=False) if p.requires_grad}
    return {name: None for name in net.state_dict() if name not in trained}.keys()
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
