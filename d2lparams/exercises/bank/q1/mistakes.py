"""Answers to q1: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "the layer": Mistake(
        ["type of the returned weight", "Linear"],
        """
def second_block_weight(net):
    return net[1][0]
""",
    ),
    "the first block": Mistake(
        ["shape of the returned weight", "first block"],
        """
def second_block_weight(net):
    return net[0][0].weight
""",
    ),
    "the last layer": Mistake(
        ["shape of the returned weight", "last layer"],
        """
def second_block_weight(net):
    return net[-1][-1].weight
""",
    ),
    "a copy": Mistake(
        ["gradient", "not the Parameter itself"],
        """
def second_block_weight(net):
    return net[1][0].weight.detach().clone()
""",
    ),
    "a new Parameter": Mistake(
        ["gradient", "not the Parameter itself"],
        """
def second_block_weight(net):
    return nn.Parameter(net[1][0].weight.clone())
""",
    ),
    "state_dict": Mistake(
        ["gradient", "state_dict"],
        """
def second_block_weight(net):
    return net.state_dict()["1.0.weight"]
""",
    ),
    "in double precision": Mistake(
        ["dtype of the returned weight", "float64"],
        """
def second_block_weight(net):
    return net[1][0].weight.double()
""",
    ),
    "noise added": Mistake(
        ["value of the returned weight"],
        """
def second_block_weight(net):
    with torch.no_grad():
        net[1][0].weight += 0.1
    return net[1][0].weight
""",
    ),
    "a wrong index": Mistake(
        ["IndexError", "line 2 of the cell"],
        """def second_block_weight(net):
    return net[2][0].weight
""",
    ),
}

OTHERS: dict[str, str] = {
    "by name, and noisy": """
def second_block_weight(net):
    import sys
    import warnings

    print("looking ...")
    print("still looking", file=sys.stderr)
    warnings.warn("found")
    return dict(net.named_parameters())["1.0.weight"]
""",
    "by path": """
second_block_weight = lambda net: net.get_parameter("1.0.weight")
""",
}
