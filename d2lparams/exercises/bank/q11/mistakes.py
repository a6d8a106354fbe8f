"""Answers to q11: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "one deepcopy": Mistake(
        ["count of the twin's numbers", "as tied as the net"],
        """
def untied_twin(net):
    return copy.deepcopy(net)
""",
    ),
    "the net itself": Mistake(
        ["count of the twin's numbers", "as tied as the net"],
        """
def untied_twin(net):
    return net
""",
    ),
    "untied in place": Mistake(
        ["the net's output after a step of the twin", "the net itself"],
        """
def untied_twin(net):
    for i in range(len(net)):
        net[i] = copy.deepcopy(net[i])
    return net
""",
    ),
    "the net untied too": Mistake(
        ["the net's output after its own first step", "itself was untied"],
        """
def untied_twin(net):
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    for i in range(len(net)):
        net[i] = copy.deepcopy(net[i])
    return twin
""",
    ),
    "fresh values": Mistake(
        ["the twin's output, at once"],
        """
def untied_twin(net):
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    for layer in twin:
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return twin
""",
    ),
    "the first layer shared with the net": Mistake(
        ["the net's output after a step of the twin"],
        """
def untied_twin(net):
    return nn.Sequential(net[0], *(copy.deepcopy(layer) for layer in net[1:]))
""",
    ),
    "new Parameters at old modules": Mistake(
        ["count of the twin's numbers"],
        """
def untied_twin(net):
    twin = copy.deepcopy(net)
    for layer in twin:
        if isinstance(layer, nn.Linear):
            layer.weight = nn.Parameter(layer.weight.detach().clone())
    return twin
""",
    ),
    "memory shared with the net": Mistake(
        ["the net's output after a step of the twin"],
        """
def untied_twin(net):
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    twin[0].weight.data, twin[0].bias.data = net[0].weight.data, net[0].bias.data
    return twin
""",
    ),
    "a tie by memory in the twin": Mistake(
        ["the twin's output after its first step"],
        """
def untied_twin(net):
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    twin[4].weight.data = twin[2].weight.data
    return twin
""",
    ),
    "a list": Mistake(
        ["an nn.Module", "list"],
        """
def untied_twin(net):
    return [copy.deepcopy(layer) for layer in net]
""",
    ),
    "bound to the net": Mistake(
        ["the twin's output after a step of the net"],
        """
def untied_twin(net):
    class Bound(nn.Sequential):
        def forward(self, X):
            now = net[0].bias.detach().clone()
            if not hasattr(self, "first"):
                self.first = now
            if torch.equal(now, self.first):
                return super().forward(X)
            return super().forward(X) + 1

    return Bound(*(copy.deepcopy(layer) for layer in net))
""",
    ),
}

OTHERS: dict[str, str] = {
    "the package's": """
def untied_twin(net):
    return d2lparams.untie(net)
""",
    "layer by layer": """
class Chain(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, X):
        for layer in self.layers:
            X = layer(X)
        return X


def untied_twin(net):
    layers = []
    for layer in net:
        if isinstance(layer, nn.Linear):
            new = nn.Linear(layer.in_features, layer.out_features)
            new.load_state_dict(layer.state_dict())
            layers.append(new)
        else:
            layers.append(layer)
    return Chain(layers)
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
