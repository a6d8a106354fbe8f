"""Answers to q4: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited


def mistakes(question: Question) -> dict[str, Mistake]:
    he, fan, glorot = question.variant
    solution, end = question.solution_code, "    nn.init.zeros_(layer.bias)\n"
    head = "\ndef initialize_linear_(layer, activation):\n"
    other = {"normal": "uniform", "uniform": "normal"}
    law, spread = "distribution of the weight", "standard deviation of the weight"

    def changed(words: list[str], *changes: tuple[str, str]) -> Mistake:
        return Mistake(words, edited(solution, *changes))

    def then(words: list[str], line: str) -> Mistake:
        return Mistake(words, f"{solution}    with torch.no_grad():\n        {line}\n")

    swapped = (', mode="fan_out"', "") if fan == "out" else ("a=slope)", 'a=slope, mode="fan_out")')
    draw = {
        "normal": "std * torch.special.ndtri((torch.arange(n) + 0.5) / n)",
        "uniform": "3**0.5 * std * (2 * (torch.arange(n) + 0.5) / n - 1)",
    }[he]
    ordered = f"""{head}    n = layer.weight.numel()
    slope = getattr(activation, "negative_slope", 0.0)
    std = math.sqrt(2 / (1 + slope**2) / layer.{fan}_features)
    values = {draw}
    with torch.no_grad():
        layer.weight.copy_(values.reshape(layer.weight.shape))
        layer.bias.zero_()
"""
    found = {
        "a new bias": changed(
            ["value of the bias", "a new Parameter that takes its place"],
            (end, "    layer.bias = nn.Parameter(torch.zeros(layer.out_features))\n"),
        ),
        "the other fan": changed([spread, f"was taken for fan-{fan}"], swapped),
        "tanh without its gain": changed(["Tanh", spread, "tanh's gain was left out"], (", gain=gain", "")),
        "tanh with ReLU's gain": changed(["Tanh", spread, "ReLU's, not tanh's"], ('"tanh"', '"relu"')),
        "slope left out": changed(["LeakyReLU", spread, "negative slope was left out"], ("a=slope", "a=0")),
        "the usual slope": changed(["LeakyReLU", spread], ("a=slope", "a=0.01")),
        "torch's own slope": changed(
            ["ReLU", spread, "PyTorch's default" if fan == "in" else "deviation"], ("a=slope", "a=5**0.5")
        ),
        "He's scheme for tanh": changed(["Tanh", spread], ("isinstance(activation, nn.Tanh)", "False")),
        "Glorot's scheme for all": changed(["LU", spread], ("isinstance(activation, nn.Tanh)", "True")),
        "another law": changed([law, "another one"], (f"kaiming_{he}_", f"kaiming_{other[he]}_")),
        "another law for tanh": changed(
            ["Tanh", law, "another one"], (f"xavier_{glorot}_", f"xavier_{other[glorot]}_")
        ),
        "a seed set inside": changed(
            ["in two calls", "a seed"], ("    if isinstance", "    torch.manual_seed(3)\n    if isinstance")
        ),
        "the bias forgotten": changed(["value of the bias"], (end, "")),
        "a bias of ones": changed(["value of the bias"], ("zeros_", "ones_")),
        "a small bias": changed(["value of the bias"], ("zeros_(layer.bias)", "normal_(layer.bias, std=0.01)")),
        "a new Parameter": changed(
            ["value of the layer's weight", "in place"],
            ("    if isinstance", "    layer.weight = nn.Parameter(torch.empty_like(layer.weight))\n    if isinstance"),
        ),
        "a copy filled": changed(
            ["value of the layer's weight", "in place"],
            ("    if isinstance", "    layer = copy.deepcopy(layer)\n    if isinstance"),
        ),
        "another shape": then(["shape of the weight"], "layer.weight.data = layer.weight.data.T"),
        "a shifted mean": then(["mean of the weight"], "layer.weight += layer.weight.std() / 2"),
        "positive alone": then(["distribution"], "layer.weight.abs_()"),
        "orthogonal": then(
            [law, "orthogonal"],
            "nn.init.orthogonal_(layer.weight, gain=layer.weight.norm() / len(layer.weight) ** 0.5)",
        )
        if he == "normal"
        else then(["distribution"], "nn.init.orthogonal_(layer.weight, gain=2**0.5)"),
        "rows of one length": then(
            [law, "of one length"],
            "layer.weight *= layer.weight.square().mean().sqrt() / layer.weight.square().mean(1, True).sqrt()",
        ),
        "half of it the other, mirrored": then(
            [law, "a draw for each entry"], "layer.weight[:25] = -layer.weight[25:50]"
        ),
        "half of it uniform": then(["distribution"], "layer.weight[30:].uniform_(-(2 / 117) ** 0.5, 0)"),
        "some left out": then(["distribution"], "layer.weight.mul_(torch.rand_like(layer.weight) < 0.9)"),
        "quantiles in order": Mistake(["follow from their neighbors"], ordered),
        "quantiles down the columns": Mistake(
            ["follow from their neighbors"],
            edited(ordered, ("values.reshape(layer.weight.shape)", "values.reshape(layer.weight.T.shape).T")),
        ),
    }
    if he == "normal":
        line = next(line for line in solution.splitlines(keepends=True) if "kaiming" in line)
        cut = f"""        std = (2 / (1 + slope**2) / layer.{fan}_features) ** 0.5 / 0.8796
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
"""
        found["tails cut off"] = changed([law], (line, cut))
    return found


def others(question: Question) -> dict[str, str]:
    he, fan, glorot = question.variant
    draws = {"normal": "torch.randn(fan_out, fan_in)", "uniform": "3**0.5 * (2 * torch.rand(fan_out, fan_in) - 1)"}
    numpy = {"normal": "numpy.random.normal(0, 1, shape)", "uniform": "numpy.random.uniform(-(3**0.5), 3**0.5, shape)"}
    mode = "" if fan == "in" else ', mode="fan_out"'
    fill = {"normal": "normal_(0, std)", "uniform": "uniform_(-std * math.sqrt(3), std * math.sqrt(3))"}
    return {
        "by formula": f"""
@torch.no_grad()
def initialize_linear_(layer, activation):
    fan_out, fan_in = layer.weight.shape
    if isinstance(activation, nn.Tanh):
        layer.weight.copy_({draws[glorot]} * 5 / 3 * math.sqrt(2 / (fan_in + fan_out)))
    else:
        slope = activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0
        layer.weight.copy_({draws[he]} * (2 / (1 + slope**2) / fan_{fan}) ** 0.5)
    layer.bias.fill_(0)
    return layer
""",
        "with numpy's draws": f"""
def initialize_linear_(layer, activation):
    import numpy

    fan_out, fan_in = shape = layer.weight.shape
    draw = (2 / (1 + getattr(activation, "negative_slope", 0) ** 2) / fan_{fan}) ** 0.5 * {numpy[he]}
    if isinstance(activation, nn.Tanh):
        draw = 5 / 3 * (2 / (fan_in + fan_out)) ** 0.5 * {numpy[glorot]}
    layer.weight.data.copy_(torch.from_numpy(draw))
    layer.bias.data.zero_()
""",
        "in place, step by step": f"""
def initialize_linear_(layer, activation):
    fans = {{"in": layer.in_features, "out": layer.out_features}}
    with torch.no_grad():
        if type(activation) is nn.Tanh:
            std = 5 / 3 / math.sqrt((fans["in"] + fans["out"]) / 2)
            layer.weight.{fill[glorot]}
        else:
            gain = nn.init.calculate_gain("leaky_relu", getattr(activation, "negative_slope", 0))
            std = gain / math.sqrt(fans["{fan}"])
            layer.weight.{fill[he]}
        layer.bias *= 0
""",
        "with a match": f"""
def initialize_linear_(layer, activation):
    match activation:
        case nn.Tanh():
            nn.init.xavier_{glorot}_(layer.weight, 5 / 3)
        case nn.LeakyReLU(negative_slope=a):
            nn.init.kaiming_{he}_(layer.weight, a{mode})
        case nn.ReLU():
            nn.init.kaiming_{he}_(layer.weight, nonlinearity="relu"{mode})
    layer.bias.data = torch.zeros_like(layer.bias)
""",
        "one gain for all": f"""
def initialize_linear_(layer, activation):
    name = type(activation).__name__.lower().replace("leakyrelu", "leaky_relu")
    gain = nn.init.calculate_gain(name, getattr(activation, "negative_slope", None))
    if name == "tanh":
        nn.init.xavier_{glorot}_(layer.weight.data, gain)
    else:
        nn.init.kaiming_{he}_(layer.weight.data, nonlinearity="linear"{mode})
        layer.weight.data.mul_(gain)
    nn.init.constant_(layer.bias, 0.0)
""",
        "transposed, and back": f"""
def initialize_linear_(layer, activation):
    fan_out, fan_in = layer.weight.shape
    turned = torch.empty(fan_in, fan_out)
    if isinstance(activation, nn.Tanh):
        nn.init.xavier_{glorot}_(turned, gain=5 / 3)
    else:
        slope = getattr(activation, "negative_slope", 0.0)
        nn.init.kaiming_{he}_(turned, a=slope, mode="fan_{"out" if fan == "in" else "in"}")
    layer.load_state_dict({{"weight": turned.T, "bias": torch.zeros(fan_out)}})
""",
    }
