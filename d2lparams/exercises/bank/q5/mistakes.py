"""Answers to q5: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "shapes in tuples": Mistake(
        ["type of the shape of", "in it"],
        """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: None if lazy(p) else tuple([p.shape]) for n, p in net.named_parameters()}
""",
    ),
    "asked for a shape": Mistake(
        ["uninitialized parameter", "line 2 of the cell"],
        """def shapes_so_far(net):
    return {name: tuple(p.shape) for name, p in net.named_parameters()}
""",
    ),
    "a dummy batch": Mistake(
        ["shape of", "a batch went through the net"],
        """
def shapes_so_far(net):
    for width in range(1, 100):
        try:
            net(torch.zeros(2, width))
            break
        except RuntimeError:
            pass
    return {name: tuple(p.shape) for name, p in net.named_parameters()}
""",
    ),
    "a dummy batch, and None all the same": Mistake(
        ["first true batch", "its own width"],
        """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    shapes = {n: None if lazy(p) else tuple(p.shape) for n, p in net.named_parameters()}
    for layer in net:
        if isinstance(layer, nn.LazyLinear):
            layer(torch.zeros(2, 1))
    return shapes
""",
    ),
    "lazy ones left out": Mistake(
        ["names", "lazy parameters were left out"],
        """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: tuple(p.shape) for n, p in net.named_parameters() if not lazy(p)}
""",
    ),
    "a size of 0": Mistake(
        ["shape of", "a size of 0"],
        """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: (0,) if lazy(p) else tuple(p.shape) for n, p in net.named_parameters()}
""",
    ),
    "numbers for shapes": Mistake(
        ["type of the shape of", "int"],
        """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: None if lazy(p) else p.numel() for n, p in net.named_parameters()}
""",
    ),
    "a list": Mistake(
        ["type of what was returned", "a dict"],
        """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return [None if lazy(p) else tuple(p.shape) for p in net.parameters()]
""",
    ),
    "transposed": Mistake(
        ["shape of"],
        """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: None if lazy(p) else tuple(p.shape)[::-1] for n, p in net.named_parameters()}
""",
    ),
}

OTHERS: dict[str, str] = {
    "by class": """
def shapes_so_far(net):
    shapes = {}
    for name, p in net.named_parameters():
        shapes[name] = None if isinstance(p, nn.UninitializedParameter) else p.shape
    return shapes
""",
    "by trying": """
from collections import OrderedDict


def shapes_so_far(net):
    shapes = OrderedDict()
    for name, p in net.named_parameters():
        try:
            shapes[name] = list(p.shape)
        except RuntimeError:
            shapes[name] = None
    return shapes
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
