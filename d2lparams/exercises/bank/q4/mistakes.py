"""Answers to q4: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "a new bias": Mistake(
        ["value of the bias", "a new Parameter that takes its place"],
        """
def initialize_linear_(layer, activation):
    if isinstance(activation, nn.Tanh):
        nn.init.xavier_uniform_(layer.weight, gain=5 / 3)
    else:
        nn.init.kaiming_normal_(layer.weight, a=getattr(activation, "negative_slope", 0))
    layer.bias = nn.Parameter(torch.zeros(layer.out_features))
""",
    ),
    "fan-out": Mistake(
        ["standard deviation", "fan-out"],
        """
def initialize_linear_(layer, activation):
    slope = getattr(activation, "negative_slope", 0.0)
    nn.init.kaiming_normal_(layer.weight, a=slope, mode="fan_out")
    nn.init.zeros_(layer.bias)
""",
    ),
    "tanh without its gain": Mistake(
        ["Tanh", "standard deviation", "tanh's gain was left out"],
        """
def initialize_linear_(layer, activation):
    if isinstance(activation, nn.Tanh):
        nn.init.xavier_uniform_(layer.weight)
    else:
        nn.init.kaiming_normal_(layer.weight, a=getattr(activation, "negative_slope", 0.0))
    nn.init.zeros_(layer.bias)
""",
    ),
    "slope left out": Mistake(
        ["LeakyReLU", "standard deviation", "negative slope was left out"],
        """
def initialize_linear_(layer, activation):
    if isinstance(activation, nn.Tanh):
        nn.init.xavier_uniform_(layer.weight, gain=5 / 3)
    else:
        nn.init.kaiming_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
""",
    ),
    "uniform for normal": Mistake(
        ["distribution of the weight", "mean size", "another one"],
        """
def initialize_linear_(layer, activation):
    nn.init.kaiming_uniform_(layer.weight, a=getattr(activation, "negative_slope", 0.0))
    nn.init.zeros_(layer.bias)
""",
    ),
    "the bias forgotten": Mistake(
        ["value of the bias"],
        """
def initialize_linear_(layer, activation):
    if isinstance(activation, nn.Tanh):
        nn.init.xavier_uniform_(layer.weight, gain=5 / 3)
    else:
        nn.init.kaiming_normal_(layer.weight, a=getattr(activation, "negative_slope", 0.0))
""",
    ),
    "a new Parameter": Mistake(
        ["value of the layer's weight", "in place"],
        """
def initialize_linear_(layer, activation):
    layer.weight = nn.Parameter(nn.init.kaiming_normal_(torch.empty_like(layer.weight)))
    nn.init.zeros_(layer.bias)
""",
    ),
    "another shape": Mistake(
        ["shape of the weight"],
        """
def initialize_linear_(layer, activation):
    layer.weight.data = nn.init.kaiming_normal_(torch.empty(layer.weight.shape[::-1]))
    nn.init.zeros_(layer.bias)
""",
    ),
    "a shifted mean": Mistake(
        ["mean of the weight"],
        """
def initialize_linear_(layer, activation):
    nn.init.kaiming_normal_(layer.weight, a=getattr(activation, "negative_slope", 0.0))
    with torch.no_grad():
        layer.weight += layer.weight.std() / 2
        layer.bias.zero_()
""",
    ),
    "quantiles in order": Mistake(
        ["follow from their neighbors"],
        """
def initialize_linear_(layer, activation):
    n = layer.weight.numel()
    std = math.sqrt(2 / (1 + getattr(activation, "negative_slope", 0.0) ** 2) / layer.in_features)
    values = std * torch.special.ndtri((torch.arange(n) + 0.5) / n)
    with torch.no_grad():
        layer.weight.copy_(values.reshape(layer.weight.shape))
        layer.bias.zero_()
""",
    ),
    "quantiles down the columns": Mistake(
        ["follow from their neighbors"],
        """
def initialize_linear_(layer, activation):
    n = layer.weight.numel()
    std = math.sqrt(2 / (1 + getattr(activation, "negative_slope", 0.0) ** 2) / layer.in_features)
    values = std * torch.special.ndtri((torch.arange(n) + 0.5) / n)
    with torch.no_grad():
        layer.weight.copy_(values.reshape(layer.weight.T.shape).T)
        layer.bias.zero_()
""",
    ),
}

OTHERS: dict[str, str] = {
    "by formula": """
@torch.no_grad()
def initialize_linear_(layer, activation):
    fan_out, fan_in = layer.weight.shape
    if isinstance(activation, nn.Tanh):
        bound = 5 / 3 * math.sqrt(6 / (fan_in + fan_out))
        layer.weight.copy_((2 * torch.rand(fan_out, fan_in) - 1) * bound)
    else:
        slope = activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0
        layer.weight.copy_(torch.randn(fan_out, fan_in) * (2 / (1 + slope**2) / fan_in) ** 0.5)
    layer.bias.fill_(0)
    return layer
""",
    "with numpy's draws": """
def initialize_linear_(layer, activation):
    import numpy

    fan_out, fan_in = layer.weight.shape
    gain2 = 2 / (1 + getattr(activation, "negative_slope", 0) ** 2)
    draw = numpy.random.normal(0, (gain2 / fan_in) ** 0.5, (fan_out, fan_in))
    if isinstance(activation, nn.Tanh):
        draw = 5 / 3 * (6 / (fan_in + fan_out)) ** 0.5 * numpy.random.uniform(-1, 1, (fan_out, fan_in))
    layer.weight.data.copy_(torch.from_numpy(draw))
    layer.bias.data.zero_()
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
