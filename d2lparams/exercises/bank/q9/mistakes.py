"""Answers to q9: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "a copy of the values": Mistake(
        ["gradient of the shared weight", "one use only", "the embedding's"],
        """
def tie_head_(net):
    with torch.no_grad():
        net.head.weight.copy_(net.embed.weight)
""",
    ),
    ".data": Mistake(
        ["gradient of the shared weight", "one use only"],
        """
def tie_head_(net):
    net.head.weight.data = net.embed.weight.data
""",
    ),
    "the head's values": Mistake(
        ["value of the output", "the head's values were kept"],
        """
def tie_head_(net):
    net.embed.weight = net.head.weight
""",
    ),
    "nothing done": Mistake(
        ["value of the output", "nothing was tied"],
        """
def tie_head_(net):
    return net.embed.weight is net.head.weight
""",
    ),
    "a detached weight": Mistake(
        ["TypeError", "line 2 of the cell"],
        """def tie_head_(net):
    net.head.weight = net.embed.weight.detach()
""",
    ),
    "a third place keeps the old weight": Mistake(
        ["count of the net's numbers", "weight of its own"],
        """
def tie_head_(net):
    net.old = net.head.weight
    net.head.weight = net.embed.weight
""",
    ),
    "the body lost on the way": Mistake(
        ["value of the output"],
        """
def tie_head_(net):
    net.head.weight = net.embed.weight
    nn.init.zeros_(net.head.bias)
""",
    ),
    "frozen body": Mistake(
        ["output after one step"],
        """
def tie_head_(net):
    net.head.weight = net.embed.weight
    net.body.requires_grad_(False)
""",
    ),
}

OTHERS: dict[str, str] = {
    "the package's": """
def tie_head_(net):
    d2lparams.tie(net, "embed.weight", "head.weight")
""",
    "a new head": """
def tie_head_(net):
    head = nn.Linear(net.head.in_features, net.head.out_features)
    head.bias = net.head.bias
    head.register_parameter("weight", net.embed.weight)
    net.head = head
    return net
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
