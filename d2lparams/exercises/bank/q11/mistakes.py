"""Answers to q11: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from . import KINDS

AGAIN = """    first = {{}}
    for mine, its in zip(twin, net):
        if isinstance(its, nn.Linear):
            mine.{0} = first.setdefault(its.{0}, mine.{0})
"""


def _right(question: Question) -> tuple[str, str]:
    """Return the head of an answer, and lines that make the right twin."""
    twin = "    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))\n"
    tied = [kind for kind in KINDS if kind not in question.variant]
    return f"\ndef {question.answer}(net):\n", twin + "".join(AGAIN.format(kind) for kind in tied)


def mistakes(question: Question) -> dict[str, Mistake]:
    free, (head, right) = question.variant, _right(question)
    counted = "count of the twin's numbers"

    def after(words: list[str], lines: str, what: str = "twin") -> Mistake:
        return Mistake(words, f"{head}{right}{lines}    return {what}\n")

    def instead(words: list[str], lines: str) -> Mistake:
        return Mistake(words, head + lines)

    every = "    for layer in twin:\n        if isinstance(layer, nn.Linear):\n            "
    found = {
        "one deepcopy": instead([counted, "as tied as the net"], "    return copy.deepcopy(net)\n"),
        "the net itself": instead([counted, "as tied as the net"], "    return net\n"),
        "the net's layers": instead([counted, "as tied as the net"], "    return nn.Sequential(*net)\n"),
        "two deepcopies, glued": instead(
            [counted],
            "    return nn.Sequential(*copy.deepcopy(net)[:4], *copy.deepcopy(net)[4:])\n",
        ),
        "the net untied too": after(
            ["the net's output after its own first step", "itself was untied"],
            "    for i in range(len(net)):\n        net[i] = copy.deepcopy(net[i])\n",
        ),
        "fresh values": after(["the twin's output, at once"], f"{every}layer.reset_parameters()\n"),
        "a little noise": after(["the twin's output, at once"], "    twin[0].bias.data += 0.01\n"),
        "the first layer shared with the net": after(
            ["the net's output after a step of the twin"], "    twin[0] = net[0]\n"
        ),
        "the last layer shared with the net": after(
            ["the net's output after a step of the twin"], "    twin[-1] = net[-1]\n"
        ),
        "memory shared with the net": after(
            ["the net's output after a step of the twin"],
            "    twin[0].weight.data, twin[0].bias.data = net[0].weight.data, net[0].bias.data\n",
        ),
        "the net moved": after(["the net's own output"], "    net[0].bias.data.add_(1)\n"),
        "the tanh lost": after(
            ["the twin's output, at once"], "    twin = nn.Sequential(*(m for m in twin if isinstance(m, nn.Linear)))\n"
        ),
        "frozen": after(["requires_grad", "something was frozen"], "    twin.requires_grad_(False)\n"),
        "a frozen bias": after(["requires_grad", "something was frozen"], "    twin[2].bias.requires_grad_(False)\n"),
        "another layer more": after(
            [counted], "    twin.extra = nn.Linear(1, 1)\n    twin.extra.forward = lambda X: X\n"
        ),
        "in double precision": after(["Error"], "    twin.double()\n"),
        "a list": after(["an nn.Module", "list"], "", "[*twin]"),
        "a pair": after(["an nn.Module", "tuple"], "", "net, twin"),
        "bound to the net": after(
            ["the twin's output after a step of the net"],
            """    def forward(X, call=twin.forward, first=net[0].bias.detach().clone()):
        return call(X) + (0 if torch.equal(net[0].bias, first) else 1)

    twin.forward = forward
""",
        ),
    }
    if free == KINDS:
        in_place = "    for i in range(len(net)):\n        net[i] = copy.deepcopy(net[i])\n    return net\n"
        found["untied in place"] = instead(["the net's output after a step of the twin", "the net itself"], in_place)
        found["a tie by memory in the twin"] = after(
            ["the twin's output after its first step"], "    twin[4].weight.data = twin[2].weight.data\n"
        )
        for kind, other in (("weight", "biases"), ("bias", "weights")):
            found[f"the {other} alone"] = after([counted, f"{other} were untied"], AGAIN.format(kind))
    else:
        own, (tied,) = free[0], set(KINDS) - set(free)
        plural = {"weight": "weights", "bias": "biases"}
        found["untied altogether"] = instead(
            [counted, "weights and biases were untied"],
            "    return nn.Sequential(*(copy.deepcopy(layer) for layer in net))\n",
        )
        found["the other kind"] = instead(
            [counted, f"{plural[tied]} were untied"],
            f"    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))\n{AGAIN.format(own)}    return twin\n",
        )
        found["equal values, not tied"] = instead(
            [counted, "were untied"],
            "    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))\n"
            f"    twin[4].{tied}.data.copy_(twin[2].{tied})\n    return twin\n",
        )
        found["tied by memory, not as one Parameter"] = instead(
            [counted],
            "    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))\n"
            f"    twin[4].{tied}.data = twin[2].{tied}.data\n    return twin\n",
        )
    return found


def others(question: Question) -> dict[str, str]:
    free, (head, right) = question.variant, _right(question)
    kinds = ", ".join(f'"{kind}"' for kind in free)
    found = {
        "new Parameters in one deepcopy": f"""{head}    twin = copy.deepcopy(net)
    twin = nn.Sequential(*map(copy.copy, twin))
    for layer in twin:
        layer._parameters = dict(layer._parameters)
        for kind in ({kinds},):
            if kind in layer._parameters:
                layer._parameters[kind] = nn.Parameter(layer._parameters[kind].detach().clone())
    return twin
""",
        "layer by layer": f"""
class Chain(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, X):
        for layer in self.layers:
            X = layer(X)
        return X

{head}    layers, seen = [], {{}}
    for layer in net:
        if isinstance(layer, nn.Linear):
            new = nn.Linear(layer.in_features, layer.out_features)
            new.load_state_dict(layer.state_dict())
            for kind in {{"weight", "bias"}} - {{{kinds}}}:
                setattr(new, kind, seen.setdefault(getattr(layer, kind), getattr(new, kind)))
            layers.append(new)
        else:
            layers.append(layer)
    return Chain(layers)
""",
        "through a file": f"""{head}    import io

    layers = []
    for layer in net:
        torch.save(layer, file := io.BytesIO())
        file.seek(0)
        layers.append(torch.load(file, weights_only=False))
    twin = nn.Sequential(*layers)
{right.partition(chr(10))[2]}    return twin
""",
        "with pickle, and appended": f"""{head}    import pickle

    twin = nn.Sequential()
    for i, layer in enumerate(net):
        twin.add_module(str(i), pickle.loads(pickle.dumps(layer)))
{right.partition(chr(10))[2]}    return twin
""",
        "a class that builds itself": f"""
class Twin(nn.Sequential):
    def __init__(self, net):
        super().__init__(*[copy.deepcopy(layer, {{}}) for layer in net.children()], *[])
        if len(self) != len(net):  # children() has a shared layer once
            super().__init__(*[copy.deepcopy(net[i]) for i in range(len(net))])

{head}    twin = Twin(net)
{right.partition(chr(10))[2]}    return twin
""",
    }
    if free == KINDS:
        found["the package's"] = f"{head}    return d2lparams.untie(net)\n"
    return found
