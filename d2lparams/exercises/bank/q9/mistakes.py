"""Answers to q9: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from . import BODIES, KEPT

MEAN = "(net.embed.weight + net.head.weight) / 2"
STARTS = {  # code of the shared weight's first values
    "embedding": "net.embed.weight.detach().clone()",
    "head": "net.head.weight.detach().clone()",
    "mean": f"({MEAN}).detach()",
}


def mistakes(question: Question) -> dict[str, Mistake]:
    head, values = "\ndef tie_head_(net):\n", question.variant
    own, copied = {"embedding": ("embed", "head"), "head": ("head", "embed")}.get(values, ("embed", "head"))
    start = STARTS[values]
    once = ["gradient of the shared weight", "one use only"]

    def after(words: list[str], *lines: str) -> Mistake:
        return Mistake(words, head + BODIES[values] + "".join(f"    {line}\n" for line in lines))

    def instead(words: list[str], *lines: str) -> Mistake:
        return Mistake(words, head + "".join(f"    {line}\n" for line in lines))

    found = {
        "a copy of the values": instead(
            once,
            f"start = {start}",
            "net.embed.weight.data.copy_(start)",
            "net.head.weight.data.copy_(start)",
        ),
        ".data": instead(once, f"net.embed.weight.data = net.head.weight.data = {start}"),
        "two Parameters, equal": instead(
            once, f"start = {start}", "net.head.weight = nn.Parameter(start)", "net.embed.weight = nn.Parameter(start)"
        ),
        "tied, then copied": instead(
            once,
            f"net.embed.weight = net.head.weight = nn.Parameter({start})",
            "net.head = copy.deepcopy(net.head)",
        ),
        "nothing done": instead(
            ["value of the output", "nothing was tied"], "return net.embed.weight is net.head.weight"
        ),
        "a copy of the net tied": instead(
            ["value of the output", "nothing was tied"],
            "net = copy.deepcopy(net)",
            "net.head.weight = net.embed.weight",
        ),
        "the sum": instead(
            ["value of the output", "the sum of the two"],
            "net.head.weight = net.embed.weight = nn.Parameter((net.embed.weight + net.head.weight).detach())",
        ),
        "fresh values": instead(
            ["value of the output"],
            "nn.init.normal_(net.embed.weight)",
            "net.head.weight = net.embed.weight",
        ),
        "a detached weight": Mistake(
            ["TypeError", "line 2 of the cell"],
            f"def tie_head_(net):\n    net.{copied}.weight = net.{own}.weight.detach()\n",
        ),
        "a third place keeps the old weight": instead(
            ["count of the net's numbers", "weight of its own"],
            f"net.old = nn.Parameter(net.{copied}.weight.detach())",
            f"net.head.weight = net.embed.weight = nn.Parameter({start})",
        ),
        "the bias lost on the way": after(["value of the output"], "nn.init.zeros_(net.head.bias)"),
        "no bias any more": after(["value of the output"], "net.head.bias = None"),
        "another layer changed": after(
            ["value of the output"], "net.body.weight = nn.Parameter(net.body.weight.detach() + 1)"
        ),
        "frozen body": after(["requires_grad", "something was frozen"], "net.body.requires_grad_(False)"),
        "frozen bias": after(["requires_grad", "something was frozen"], "net.head.bias.requires_grad_(False)"),
        "frozen tie": instead(
            ["gradient of the shared weight"],
            f"net.head.weight = net.embed.weight = nn.Parameter({start}, requires_grad=False)",
        ),
        "a second name": after(["names of the net's parameters"], "net.tied = net.embed.weight"),
        "a new body of equal values": after(
            ["the net's other parameters", "took the place"], "net.body = copy.deepcopy(net.body)"
        ),
        "a head without gradients": after(
            ["gradient of the shared weight"],
            "net.head.register_forward_pre_hook(lambda m, args: None)",
            "F_linear = F.linear",
            "net.head.forward = lambda X: F_linear(X, net.head.weight.detach(), net.head.bias)",
        ),
    }
    for whose, told in KEPT.items():
        if whose != values:
            found[told] = Mistake(["value of the output", told], head + BODIES[whose])
    return found


def others(question: Question) -> dict[str, str]:
    values, start = question.variant, STARTS[question.variant]
    package = {
        "embedding": 'd2lparams.tie(net, "embed.weight", "head.weight")',
        "head": 'd2lparams.tie(net, "head.weight", "embed.weight")',
        "mean": f'net.embed.weight.data = {start}\n    d2lparams.tie(net, "embed.weight", "head.weight")',
    }[values]
    begin = "\ndef tie_head_(net):\n"
    return {
        "the package's": f"{begin}    {package}\n",
        "a new head": f"""{begin}    shared = nn.Parameter({start})
    head = nn.Linear(net.head.in_features, net.head.out_features)
    head.bias = net.head.bias
    head.register_parameter("weight", shared)
    net.head = head
    net.embed.weight = shared
    return net
""",
        "one new Parameter in both": f"{begin}    net.head.weight = net.embed.weight = nn.Parameter({start})\n",
        "with setattr": f"""{begin}    shared = nn.Parameter({start})
    for path in ("embed", "head"):
        setattr(net.get_submodule(path), "weight", shared)
""",
        "in the dictionaries of the modules": f"""{begin}    p = net.embed.weight
    p.data = {start}
    net.head._parameters["weight"] = p
""",
        "a new embedding": f"""{begin}    net.embed = nn.Embedding.from_pretrained({start}, freeze=False)
    del net.head.weight
    net.head.weight = net.embed.weight
""",
    }
