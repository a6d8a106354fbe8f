"""Answers to q12: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "other betas": Mistake(
        ["value of", "after two steps"],
        """
def make_optimizer(net, lr, decay):
    parameters = list(net.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99))
""",
    ),
    "AdamW's own decay": Mistake(
        ["bias after two steps", "AdamW's own weight decay of 0.01"],
        """
def make_optimizer(net, lr, decay):
    parameters = list(net.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1]},
    ]
    return torch.optim.AdamW(groups, lr=lr)
""",
    ),
    "decay everywhere": Mistake(
        ["after two steps", "weight decay reached it"],
        """
def make_optimizer(net, lr, decay):
    return torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=decay)
""",
    ),
    "no decay": Mistake(
        ["after two steps", "weight decay is missing"],
        """
def make_optimizer(net, lr, decay):
    return torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.0)
""",
    ),
    "biases by name": Mistake(
        ["1.weight after two steps", "weight decay reached it"],
        """
def make_optimizer(net, lr, decay):
    weights = [p for name, p in net.named_parameters() if not name.endswith("bias")]
    biases = [p for name, p in net.named_parameters() if name.endswith("bias")]
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)
""",
    ),
    "tied twice in a group": Mistake(
        ["after two steps", "each step twice"],
        """
def make_optimizer(net, lr, decay):
    parameters = [p for _, p in net.named_parameters(remove_duplicate=False)]
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr)
""",
    ),
    "a group for each layer": Mistake(
        ["ValueError", "more than one parameter group", "line 3 of the cell"],
        """def make_optimizer(net, lr, decay):
    groups = [{"params": list(layer.parameters())} for layer in net]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, weight_decay=decay)
""",
    ),
    "weights alone": Mistake(
        ["after two steps", "does not have it"],
        """
def make_optimizer(net, lr, decay):
    weights = [p for p in net.parameters() if p.dim() > 1]
    return torch.optim.AdamW(weights, lr=lr, weight_decay=decay)
""",
    ),
    "Adam": Mistake(
        ["after two steps", "this is Adam"],
        """
def make_optimizer(net, lr, decay):
    parameters = list(net.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.Adam(groups, lr=lr)
""",
    ),
    "groups without an optimizer": Mistake(
        ["wanted an optimizer", "list"],
        """
def make_optimizer(net, lr, decay):
    return [{"params": list(net.parameters()), "lr": lr}]
""",
    ),
}

OTHERS: dict[str, str] = {
    "a group for each parameter": """
def make_optimizer(net, lr, decay):
    groups = [
        {"params": [p], "weight_decay": decay * (p.dim() >= 2)} for _, p in net.named_parameters()
    ]
    return torch.optim.AdamW(groups[::-1], lr)
""",
    "by kind of layer": """
def make_optimizer(net, lr, decay):
    weights, rest, seen = [], [], set()
    for module in net.modules():
        for name, p in module.named_parameters(recurse=False):
            if p not in seen:
                seen.add(p)
                plain = name == "bias" or isinstance(module, (nn.LayerNorm, nn.BatchNorm1d))
                (rest if plain else weights).append(p)
    optimizer = torch.optim.AdamW(weights, lr=lr, weight_decay=decay)
    optimizer.add_param_group({"params": rest, "weight_decay": 0})
    return optimizer
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
