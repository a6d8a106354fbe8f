"""Answers to the exercises: typical mistakes, with what the message has to say about them, and other good ways.

MISTAKES: question -> {what it is: (words of the message, source)}. OTHERS: question -> {what it is: source}.
"""

from d2lparams.exercises import q13

SOLUTION13 = q13.solution_code

MISTAKES = {
    "q1": {
        "the layer": (
            ["type of the returned weight", "Linear"],
            """
def second_block_weight(net):
    return net[1][0]
""",
        ),
        "the first block": (
            ["shape of the returned weight", "first block"],
            """
def second_block_weight(net):
    return net[0][0].weight
""",
        ),
        "the last layer": (
            ["shape of the returned weight", "last layer"],
            """
def second_block_weight(net):
    return net[-1][-1].weight
""",
        ),
        "a copy": (
            ["gradient", "not the Parameter itself"],
            """
def second_block_weight(net):
    return net[1][0].weight.detach().clone()
""",
        ),
        "a new Parameter": (
            ["gradient", "not the Parameter itself"],
            """
def second_block_weight(net):
    return nn.Parameter(net[1][0].weight.clone())
""",
        ),
        "state_dict": (
            ["gradient", "state_dict"],
            """
def second_block_weight(net):
    return net.state_dict()["1.0.weight"]
""",
        ),
        "in double precision": (
            ["dtype of the returned weight", "float64"],
            """
def second_block_weight(net):
    return net[1][0].weight.double()
""",
        ),
        "noise added": (
            ["value of the returned weight"],
            """
def second_block_weight(net):
    with torch.no_grad():
        net[1][0].weight += 0.1
    return net[1][0].weight
""",
        ),
        "a wrong index": (
            ["IndexError", "line 2 of the cell"],
            """def second_block_weight(net):
    return net[2][0].weight
""",
        ),
    },
    "q2": {
        "tied twice": (
            ["value of the count", "tied parameter was counted at each"],
            """
def count_trainable(net):
    named = net.named_parameters(remove_duplicate=False)
    return sum(p.numel() for _, p in named if p.requires_grad)
""",
        ),
        "by layer": (
            ["value of the count"],
            """
def count_trainable(net):
    return sum(p.numel() for layer in net for p in layer.parameters() if p.requires_grad)
""",
        ),
        "frozen too": (
            ["value of the count", "frozen parameters"],
            """
def count_trainable(net):
    return sum(p.numel() for p in net.parameters())
""",
        ),
        "all of state_dict": (
            ["value of the count", "state_dict"],
            """
def count_trainable(net):
    return sum(value.numel() for value in net.state_dict().values())
""",
        ),
        "tensors": (
            ["value of the count", "not the numbers in them"],
            """
def count_trainable(net):
    return len([p for p in net.parameters() if p.requires_grad])
""",
        ),
        "a tensor": (
            ["type of the count", "Tensor"],
            """
def count_trainable(net):
    return torch.tensor(sum(p.numel() for p in net.parameters() if p.requires_grad))
""",
        ),
        "a float": (
            ["type of the count", "float"],
            """
def count_trainable(net):
    return float(sum(p.numel() for p in net.parameters() if p.requires_grad))
""",
        ),
        "True": (
            ["type of the count", "bool"],
            """
def count_trainable(net):
    return True
""",
        ),
    },
    "q3": {
        "last parts of names": (
            ["names", "whole paths"],
            """
def fixed_names(net):
    train = {n for n, p in net.named_parameters(remove_duplicate=False) if p.requires_grad}
    return [name.split(".")[-1] for name in net.state_dict() if name not in train]
""",
        ),
        "frozen alone": (
            ["names", "buffers were left out"],
            """
def fixed_names(net):
    named = net.named_parameters(remove_duplicate=False)
    return [name for name, p in named if not p.requires_grad]
""",
        ),
        "buffers alone": (
            ["names", "frozen parameters were left out"],
            """
def fixed_names(net):
    names = {name for name, _ in net.named_parameters(remove_duplicate=False)}
    return [name for name in net.state_dict() if name not in names]
""",
        ),
        "second names": (
            ["names", "second name of a tied parameter"],
            """
def fixed_names(net):
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    return [name for name in net.state_dict() if name not in trained]
""",
        ),
        "buffers that aren't saved": (
            ["names", "without being saved"],
            """
def fixed_names(net):
    named = net.named_parameters(remove_duplicate=False)
    return [n for n, p in named if not p.requires_grad] + [n for n, _ in net.named_buffers()]
""",
        ),
        "a frozen second name": (
            ["names", "frozen, tied"],
            """
def fixed_names(net):
    every = dict(net.named_parameters(remove_duplicate=False))
    first = dict(net.named_parameters())
    fixed = [n for n in net.state_dict() if n not in every or not every[n].requires_grad]
    return [n for n in fixed if n in first or n not in every]
""",
        ),
        "twice": (
            ["names", "one of them twice"],
            """
def fixed_names(net):
    trained = {n for n, p in net.named_parameters(remove_duplicate=False) if p.requires_grad}
    return 2 * [name for name in net.state_dict() if name not in trained]
""",
        ),
        "tensors": (
            ["type of what was returned", "names alone"],
            """
def fixed_names(net):
    return [p for p in net.parameters() if not p.requires_grad] + list(net.buffers())
""",
        ),
        "a string": (
            ["type of what was returned", "a str came"],
            """
def fixed_names(net):
    return ", ".join(net.state_dict())
""",
        ),
    },
    "q4": {
        "a new bias": (
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
        "fan-out": (
            ["standard deviation", "fan-out"],
            """
def initialize_linear_(layer, activation):
    slope = getattr(activation, "negative_slope", 0.0)
    nn.init.kaiming_normal_(layer.weight, a=slope, mode="fan_out")
    nn.init.zeros_(layer.bias)
""",
        ),
        "tanh without its gain": (
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
        "slope left out": (
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
        "uniform for normal": (
            ["distribution of the weight", "mean size", "another one"],
            """
def initialize_linear_(layer, activation):
    nn.init.kaiming_uniform_(layer.weight, a=getattr(activation, "negative_slope", 0.0))
    nn.init.zeros_(layer.bias)
""",
        ),
        "the bias forgotten": (
            ["value of the bias"],
            """
def initialize_linear_(layer, activation):
    if isinstance(activation, nn.Tanh):
        nn.init.xavier_uniform_(layer.weight, gain=5 / 3)
    else:
        nn.init.kaiming_normal_(layer.weight, a=getattr(activation, "negative_slope", 0.0))
""",
        ),
        "a new Parameter": (
            ["value of the layer's weight", "in place"],
            """
def initialize_linear_(layer, activation):
    layer.weight = nn.Parameter(nn.init.kaiming_normal_(torch.empty_like(layer.weight)))
    nn.init.zeros_(layer.bias)
""",
        ),
        "another shape": (
            ["shape of the weight"],
            """
def initialize_linear_(layer, activation):
    layer.weight.data = nn.init.kaiming_normal_(torch.empty(layer.weight.shape[::-1]))
    nn.init.zeros_(layer.bias)
""",
        ),
        "a shifted mean": (
            ["mean of the weight"],
            """
def initialize_linear_(layer, activation):
    nn.init.kaiming_normal_(layer.weight, a=getattr(activation, "negative_slope", 0.0))
    with torch.no_grad():
        layer.weight += layer.weight.std() / 2
        layer.bias.zero_()
""",
        ),
        "quantiles in order": (
            ["follow from their neighbours"],
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
        "quantiles down the columns": (
            ["follow from their neighbours"],
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
    },
    "q5": {
        "shapes in tuples": (
            ["type of the shape of", "in it"],
            """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: None if lazy(p) else tuple([p.shape]) for n, p in net.named_parameters()}
""",
        ),
        "asked for a shape": (
            ["uninitialized parameter", "line 2 of the cell"],
            """def shapes_so_far(net):
    return {name: tuple(p.shape) for name, p in net.named_parameters()}
""",
        ),
        "a dummy batch": (
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
        "a dummy batch, and None all the same": (
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
        "lazy ones left out": (
            ["names", "lazy parameters were left out"],
            """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: tuple(p.shape) for n, p in net.named_parameters() if not lazy(p)}
""",
        ),
        "a size of 0": (
            ["shape of", "a size of 0"],
            """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: (0,) if lazy(p) else tuple(p.shape) for n, p in net.named_parameters()}
""",
        ),
        "numbers for shapes": (
            ["type of the shape of", "int"],
            """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: None if lazy(p) else p.numel() for n, p in net.named_parameters()}
""",
        ),
        "a list": (
            ["type of what was returned", "a dict"],
            """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return [None if lazy(p) else tuple(p.shape) for p in net.parameters()]
""",
        ),
        "transposed": (
            ["shape of"],
            """
def shapes_so_far(net):
    lazy = nn.parameter.is_lazy
    return {n: None if lazy(p) else tuple(p.shape)[::-1] for n, p in net.named_parameters()}
""",
        ),
    },
    "q6": {
        "one draw for zeros and sizes": (
            ["size of the non-zero entries", "one draw serves two purposes"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        u = torch.rand(tensor.shape, generator=generator)
        sign = torch.randint(0, 2, tensor.shape, generator=generator) * 2 - 1
        size = low + (high - low) * u
        return tensor.copy_(torch.where(u < zero, 0.0, sign * size))
""",
        ),
        "zeros in the place of the largest": (
            ["size of the non-zero entries", "one draw serves two purposes"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        u = torch.rand(tensor.shape, generator=generator)
        sign = torch.randint(0, 2, tensor.shape, generator=generator) * 2 - 1
        size = low + (high - low) * u
        return tensor.copy_(torch.where(u > 1 - zero, 0.0, sign * size))
""",
        ),
        "no sign": (
            ["share of positive"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        return tensor.copy_(size * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
        ),
        "zero and non-zero changed": (
            ["share of zeros", "changed places"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(zero, generator=generator))
""",
        ),
        "the book's recipe": (
            ["share of zeros", "the book's recipe"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        tensor.uniform_(-high, high, generator=generator)
        return tensor.mul_(tensor.abs() >= low)
""",
        ),
        "no gap": (
            ["size of the non-zero entries"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        tensor.uniform_(-high, high, generator=generator)
        return tensor.mul_(torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
        ),
        "too wide": (
            ["size of the non-zero entries"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, 1.2 * high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
        ),
        "two sizes": (
            ["distribution", "non-zero"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = low + (high - low) * torch.empty_like(tensor).bernoulli_(0.5, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
        ),
        "a new tensor": (
            ["value of the tensor afterwards", "a new tensor was made"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    size = torch.empty_like(tensor).detach().uniform_(low, high, generator=generator)
    sign = torch.empty_like(tensor).detach().bernoulli_(0.5, generator=generator) * 2 - 1
    kept = torch.empty_like(tensor).detach().bernoulli_(1 - zero, generator=generator)
    return kept * sign * size
""",
        ),
        "no no_grad": (
            ["RuntimeError", "leaf", "line 3 of the cell"],
            """def gapped_uniform_(tensor, zero, low, high, generator=None):
    size = torch.empty_like(tensor)
    tensor.uniform_(low, high, generator=generator)
    return tensor
""",
        ),
        "nothing returned": (
            ["type of what was returned", "None"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
        ),
        "a copy returned": (
            ["value of what was returned"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(size * sign * kept).clone()
""",
        ),
        "the generator ignored": (
            ["value with the same seed", "don't all come from"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high)
        sign = torch.empty_like(tensor).bernoulli_(0.5) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero))
""",
        ),
        "a seed set inside": (
            ["value with another seed", "a seed is set inside"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    torch.manual_seed(0)
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high)
        sign = torch.empty_like(tensor).bernoulli_(0.5) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero))
""",
        ),
        "a generator of its own": (
            ["value without a generator", "stands in for the global one"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    generator = generator or torch.Generator().manual_seed(0)
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(size * sign * kept)
""",
        ),
        "flattened": (
            ["shape of the tensor"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty(tensor.numel()).uniform_(low, high, generator=generator)
        sign = torch.empty_like(size).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(size).bernoulli_(1 - zero, generator=generator)
        tensor.data = size * sign * kept
    return tensor
""",
        ),
        "the global generator drawn from": (
            ["next draw of the global generator"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    torch.rand(3)
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(size * sign * kept)
""",
        ),
        "zeros in rows": (
            ["the zeros", "neighbours"],
            """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        tensor.copy_(size * sign)
        tensor.reshape(-1)[: round(zero * tensor.numel())] = 0
        return tensor
""",
        ),
    },
    "q7": {
        "zeros to start with": (
            ["bias, scale, weight after three steps from its own start", "no gradient flows"],
            """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, X):
        return torch.relu(X @ self.weight + self.bias) * self.scale
""",
        ),
        "weight alone": (
            ["names in state_dict", "plain tensor"],
            """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = torch.zeros(outputs, requires_grad=True)
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X):
        return torch.relu(X @ self.weight + self.bias) * self.scale
""",
        ),
        "the bias a buffer": (
            ["value of bias", "buffers"],
            """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.register_buffer("bias", torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X):
        return torch.relu(X @ self.weight + self.bias) * self.scale
""",
        ),
        ".data left": (
            ["value of weight", ".data"],
            """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X):
        return torch.relu(X @ self.weight.data + self.bias) * self.scale
""",
        ),
        "detach left": (
            ["value of scale", ".detach()"],
            """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X):
        return torch.relu(X @ self.weight + self.bias) * self.scale.detach()
""",
        ),
        "relu lost": (
            ["value of the output", "relu was lost"],
            """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X):
        return (X @ self.weight + self.bias) * self.scale
""",
        ),
        "nn.Linear's layout": (
            ["shapes in state_dict"],
            """
class ScaledLinear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X):
        return torch.relu(super().forward(X)) * self.scale
""",
        ),
        "half of the output's gradient": (
            ["value of", "after three steps"],
            """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, X):
        Y = torch.relu(X @ self.weight + self.bias) * self.scale
        return Y / 2 + Y.detach() / 2
""",
        ),
        "a function": (
            ["a class was wanted"],
            """
def ScaledLinear(inputs, outputs):
    return nn.Linear(inputs, outputs)
""",
        ),
        "no module": (
            ["AttributeError", "state_dict"],
            """
class ScaledLinear:
    def __init__(self, inputs, outputs):
        self.weight = torch.randn(inputs, outputs)
""",
        ),
    },
    "q8": {
        "identity alone": (
            ["ties", "same memory were missed"],
            """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups.setdefault(id(p), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
        ),
        "equal values": (
            ["ties", "equal values were taken for a tie"],
            """
def tied_names(net):
    named = list(net.named_parameters(remove_duplicate=False))
    groups = [{m for m, q in named if q.shape == p.shape and (p == q).all()} for _, p in named]
    return [set(g) for g in {frozenset(g) for g in groups} if len(g) > 1]
""",
        ),
        "one storage": (
            ["ties", "two halves of one storage"],
            """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups.setdefault(p.untyped_storage().data_ptr(), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
        ),
        "an experiment with first names alone": (
            ["ties", "remove_duplicate=False, and gives each"],
            """
def tied_names(net):
    named = dict(net.named_parameters())
    groups = set()
    for name, p in named.items():
        before = {n: q.detach().clone() for n, q in named.items()}
        with torch.no_grad():
            p += 1
            groups.add(frozenset(n for n, q in named.items() if not torch.equal(q, before[n])))
            p.copy_(before[name])
    return [group for group in groups if len(group) > 1]
""",
        ),
        "names, not in groups": (
            ["type of a group", "a set of names"],
            """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    return [a for a in named for b in named if a != b and named[a] is named[b]]
""",
        ),
        "one address": (
            ["a row of a weight", "ties", "same memory were missed"],
            """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        groups.setdefault(p.data_ptr(), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
        ),
        "first names alone": (
            ["ties", "remove_duplicate=False"],
            """
def tied_names(net):
    groups = {}
    for name, p in net.named_parameters():
        groups.setdefault(id(p), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]
""",
        ),
        "singles too": (
            ["ties", "stand alone"],
            """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = set()
    for p in named.values():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p += 1
            groups.add(frozenset(n for n, q in named.items() if not torch.equal(q, before[n])))
            p -= 1
    return groups
""",
        ),
        "values left changed": (
            ["value of the net's output"],
            """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = set()
    for p in named.values():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p += 1
        groups.add(frozenset(n for n, q in named.items() if not torch.equal(q, before[n])))
    return [group for group in groups if len(group) > 1]
""",
        ),
        "a dict": (
            ["type of what was returned", "dict"],
            """
def tied_names(net):
    return {}
""",
        ),
        "nothing found": (
            ["ties", "groups without them"],
            """
def tied_names(net):
    return []
""",
        ),
    },
    "q9": {
        "a copy of the values": (
            ["gradient of the shared weight", "one use only", "the embedding's"],
            """
def tie_head_(net):
    with torch.no_grad():
        net.head.weight.copy_(net.embed.weight)
""",
        ),
        ".data": (
            ["gradient of the shared weight", "one use only"],
            """
def tie_head_(net):
    net.head.weight.data = net.embed.weight.data
""",
        ),
        "the head's values": (
            ["value of the output", "the head's values were kept"],
            """
def tie_head_(net):
    net.embed.weight = net.head.weight
""",
        ),
        "nothing done": (
            ["value of the output", "nothing was tied"],
            """
def tie_head_(net):
    return net.embed.weight is net.head.weight
""",
        ),
        "a detached weight": (
            ["TypeError", "line 2 of the cell"],
            """def tie_head_(net):
    net.head.weight = net.embed.weight.detach()
""",
        ),
        "a third place keeps the old weight": (
            ["count of the net's numbers", "weight of its own"],
            """
def tie_head_(net):
    net.old = net.head.weight
    net.head.weight = net.embed.weight
""",
        ),
        "the body lost on the way": (
            ["value of the output"],
            """
def tie_head_(net):
    net.head.weight = net.embed.weight
    nn.init.zeros_(net.head.bias)
""",
        ),
        "frozen body": (
            ["output after one step"],
            """
def tie_head_(net):
    net.head.weight = net.embed.weight
    net.body.requires_grad_(False)
""",
        ),
    },
    "q10": {
        "their sum": (
            ["two gradients", "only their sum"],
            """
def gradient_by_use(W, X, Y):
    W = W.clone().requires_grad_()
    O = torch.tanh(torch.tanh(X @ W.T) @ W.T)
    (((O - Y) ** 2).sum() / 2).backward()
    return W.grad
""",
        ),
        "places changed": (
            ["gradient of the first use", "changed places"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_2.T @ H, error_1.T @ X
""",
        ),
        "no outer derivative": (
            ["gradient of the first use", "outer tanh was left out"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = O - Y
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_1.T @ X, error_2.T @ H
""",
        ),
        "no inner derivative": (
            ["gradient of the first use", "inner tanh was left out"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    return (error_2 @ W).T @ X, error_2.T @ H
""",
        ),
        "back through the transpose": (
            ["gradient of the first use", "transpose of W"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W.T) * (1 - H**2)
    return error_1.T @ X, error_2.T @ H
""",
        ),
        "transposed": (
            ["gradient of the first use", "it is the transpose"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return X.T @ error_1, H.T @ error_2
""",
        ),
        "the sum twice": (
            ["gradient of the first use", "sum of both"],
            """
def gradient_by_use(W, X, Y):
    W = W.clone().requires_grad_()
    O = torch.tanh(torch.tanh(X @ W.T) @ W.T)
    (((O - Y) ** 2).sum() / 2).backward()
    return W.grad, W.grad
""",
        ),
        "X for H": (
            ["gradient of the second use", "X stands where"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_1.T @ X, error_2.T @ X
""",
        ),
        "without the half": (
            ["gradient of the first use", "1/2"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = 2 * (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_1.T @ X, error_2.T @ H
""",
        ),
        "a row that would broadcast": (
            ["shape of the gradient"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return (error_1.T @ X)[None], (error_2.T @ H)[None]
""",
        ),
        "single precision": (
            ["dtype of the gradient", "float32"],
            """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return (error_1.T @ X).float(), (error_2.T @ H).float()
""",
        ),
        "a dict": (
            ["type of what was returned", "two gradients", "dict"],
            """
def gradient_by_use(W, X, Y):
    return {"first": W, "second": W}
""",
        ),
        "far too large": (
            ["shape of the gradient", "far smaller"],
            """
def gradient_by_use(W, X, Y):
    return torch.zeros(10**6, dtype=W.dtype), torch.zeros(10**6, dtype=W.dtype)
""",
        ),
        "three": (
            ["two gradients"],
            """
def gradient_by_use(W, X, Y):
    return W, W, W
""",
        ),
    },
    "q11": {
        "one deepcopy": (
            ["count of the twin's numbers", "as tied as the net"],
            """
def untied_twin(net):
    return copy.deepcopy(net)
""",
        ),
        "the net itself": (
            ["count of the twin's numbers", "as tied as the net"],
            """
def untied_twin(net):
    return net
""",
        ),
        "untied in place": (
            ["the net's output after a step of the twin", "the net itself"],
            """
def untied_twin(net):
    for i in range(len(net)):
        net[i] = copy.deepcopy(net[i])
    return net
""",
        ),
        "the net untied too": (
            ["the net's output after its own first step", "itself was untied"],
            """
def untied_twin(net):
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    for i in range(len(net)):
        net[i] = copy.deepcopy(net[i])
    return twin
""",
        ),
        "fresh values": (
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
        "the first layer shared with the net": (
            ["the net's output after a step of the twin"],
            """
def untied_twin(net):
    return nn.Sequential(net[0], *(copy.deepcopy(layer) for layer in net[1:]))
""",
        ),
        "new Parameters at old modules": (
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
        "memory shared with the net": (
            ["the net's output after a step of the twin"],
            """
def untied_twin(net):
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    twin[0].weight.data, twin[0].bias.data = net[0].weight.data, net[0].bias.data
    return twin
""",
        ),
        "a tie by memory in the twin": (
            ["the twin's output after its first step"],
            """
def untied_twin(net):
    twin = nn.Sequential(*(copy.deepcopy(layer) for layer in net))
    twin[4].weight.data = twin[2].weight.data
    return twin
""",
        ),
        "a list": (
            ["an nn.Module", "list"],
            """
def untied_twin(net):
    return [copy.deepcopy(layer) for layer in net]
""",
        ),
        "bound to the net": (
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
    },
    "q12": {
        "other betas": (
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
        "AdamW's own decay": (
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
        "decay everywhere": (
            ["after two steps", "weight decay reached it"],
            """
def make_optimizer(net, lr, decay):
    return torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=decay)
""",
        ),
        "no decay": (
            ["after two steps", "weight decay is missing"],
            """
def make_optimizer(net, lr, decay):
    return torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.0)
""",
        ),
        "biases by name": (
            ["1.weight after two steps", "weight decay reached it"],
            """
def make_optimizer(net, lr, decay):
    weights = [p for name, p in net.named_parameters() if not name.endswith("bias")]
    biases = [p for name, p in net.named_parameters() if name.endswith("bias")]
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)
""",
        ),
        "tied twice in a group": (
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
        "a group for each layer": (
            ["ValueError", "more than one parameter group", "line 3 of the cell"],
            """def make_optimizer(net, lr, decay):
    groups = [{"params": list(layer.parameters())} for layer in net]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, weight_decay=decay)
""",
        ),
        "weights alone": (
            ["after two steps", "does not have it"],
            """
def make_optimizer(net, lr, decay):
    weights = [p for p in net.parameters() if p.dim() > 1]
    return torch.optim.AdamW(weights, lr=lr, weight_decay=decay)
""",
        ),
        "Adam": (
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
        "groups without an optimizer": (
            ["wanted an optimizer", "list"],
            """
def make_optimizer(net, lr, decay):
    return [{"params": list(net.parameters()), "lr": lr}]
""",
        ),
    },
    "q13": {
        "the copy before the step is none": (
            ["update:data ratio", "without .clone()"],
            SOLUTION13.replace(".detach().clone()", ".detach()"),
        ),
        "under both names": (
            ["names in the report", "listed under both its names"],
            SOLUTION13.replace("for name, rows in report.items()}", "for name, rows in twice(report).items()}")
            + """

def twice(report):
    return report | {"4" + name[1:]: rows for name, rows in report.items() if name[0] == "2"}
""",
        ),
        "the loss, too": (
            ["names in the report", "loss"],
            SOLUTION13.replace("report.items()}", "report.items()} | {'loss': torch.ones(2, 3)}"),
        ),
        "two layers": (
            ["names in the report", "two layers, not one"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    sizes = [state[f"{i}.weight"].shape[::-1] for i in (0, 2, 4, 6)]
    a, b, c, d = (nn.Linear(*size) for size in sizes)
    net = nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c, nn.ReLU(), d)
    net.load_state_dict(state)
    return _train(net, X, y, lr, momentum, steps)
""",
        ),
        "two layers, one left out": (
            ["gradient norm", "two layers"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    sizes = [state[f"{i}.weight"].shape[::-1] for i in (0, 2, 4, 6)]
    a, b, c, d = (nn.Linear(*size) for size in sizes)
    net = nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c, nn.ReLU(), d)
    net.load_state_dict(state)
    report = _train(net, X, y, lr, momentum, steps)
    return {name: rows for name, rows in report.items() if name[0] != "4"}
""",
        ),
        "no zero_grad": (
            ["gradient norm", "not set back to zero"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, momentum, steps, zero=False)
""",
        ),
        "no momentum": (
            ["gradient norm", "momentum was left out"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, 0.0, steps)
""",
        ),
        "the weight before the step": (
            ["weight norm", "before the step"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, momentum, steps, early=True)
""",
        ),
        "lr times gradient": (
            ["update:data ratio", "lr × gradient"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: torch.stack([r[:, 0], r[:, 1], lr * r[:, 1] / r[:, 0]], 1) for name, r in report.items()}
""",
        ),
        "squared": (
            ["gradient norm", "left squared"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: rows**2 for name, rows in report.items()}
""",
        ),
        "one step only": (
            ["shape of the table"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, momentum, 1)
""",
        ),
        "rows and columns changed": (
            ["shape of the table"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: rows.T for name, rows in report.items()}
""",
        ),
        "rows of different lengths": (
            ["shape of the table"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: [*rows.tolist()[:-1], [1.0]] for name, rows in report.items()}
""",
        ),
        "a list": (
            ["type of what was returned", "a dict"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    return list(_train(_tied(state), X, y, lr, momentum, steps).values())
""",
        ),
        "words": (
            ["type of the table", "numbers"],
            """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: "a table" for name in report}
""",
        ),
    },
}

_TRAINING = """
def _tied(state):
    hidden, inputs = state["0.weight"].shape
    shared = nn.Linear(hidden, hidden)
    last = nn.Linear(hidden, len(state["6.bias"]))
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), last)
    net.load_state_dict(state)
    return net


def _train(net, X, y, lr, momentum, steps, zero=True, early=False):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    report = {name: [] for name, _ in net.named_parameters()}
    for _ in range(steps):
        if zero:
            optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        optimizer.step()
        for name, p in net.named_parameters():
            weight = before[name].norm() if early else p.detach().norm()
            report[name].append([weight, p.grad.norm(), (p.detach() - before[name]).norm() / weight])
    return {name: torch.tensor(rows) for name, rows in report.items()}
"""
MISTAKES["q13"] = {name: (words, source + _TRAINING) for name, (words, source) in MISTAKES["q13"].items()}

OTHERS = {
    "q1": {
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
    },
    "q2": {
        "a loop over what was seen": '''
def count_trainable(net):
    """Count by identity."""
    seen, count = set(), 0
    for _, p in net.named_parameters(remove_duplicate=False):
        if p.requires_grad and id(p) not in seen:
            seen.add(id(p))
            count += p.nelement()
    return count
''',
        "the package's": """
def count_trainable(net):
    return d2lparams.count_parameters(net, trainable=True)
""",
        "numpy's integers": """
def count_trainable(net):
    import numpy

    return numpy.int64(sum(p.numel() for p in net.parameters() if p.requires_grad))
""",
    },
    "q3": {
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
    },
    "q4": {
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
    },
    "q5": {
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
    },
    "q6": {
        "from one draw": """
@torch.no_grad()
def gapped_uniform_(tensor, zero, low, high, generator=None):
    u = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)  # zero, minus, plus
    t = (u - zero) / (1 - zero)
    minus, plus = high - (high - low) * 2 * t, low + (high - low) * (2 * t - 1)
    values = torch.where(t < 0.5, -minus, plus)
    return tensor.copy_(torch.where(u < zero, 0.0, values))
""",
        "entry by entry, slowly": """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    def random():
        return torch.rand((), generator=generator).item()

    with torch.no_grad():
        flat = tensor.view(-1)
        for i in range(len(flat)):
            if random() < zero:
                flat[i] = 0
            else:
                flat[i] = (1 if random() < 0.5 else -1) * (low + (high - low) * random())
    return tensor
""",
    },
    "q7": {
        "a scale of zeros": """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.ones(outputs))
        self.scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, X):
        return F.relu(X @ self.weight + self.bias) * self.scale
""",
        "with F.linear": """
class ScaledLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        for name, shape in {"scale": (outputs,), "bias": (outputs,), "weight": (inputs, outputs)}.items():
            self.register_parameter(name, nn.Parameter(torch.ones(shape)))

    def forward(self, X):
        return F.linear(X, self.weight.t(), self.bias).clamp_min(0).mul(self.scale)
""",
    },
    "q8": {
        "values of a dict": """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = {}
    for name, p in named.items():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p += 1
            found = frozenset(n for n, q in named.items() if not torch.equal(q, before[n]))
            p.copy_(before[name])
        if len(found) > 1:
            groups[found] = set(found)
    return groups.values()
""",
        "by memory": """
def tied_names(net):
    cells = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        memory, place = p.untyped_storage().data_ptr(), torch.arange(p.untyped_storage().nbytes() // 4)
        mine = place.as_strided(p.shape, p.stride(), p.storage_offset()).flatten().tolist()
        cells[name] = {(memory, i) for i in mine}
    groups = {frozenset(b for b in cells if cells[a] & cells[b]) for a in cells}
    return [set(group) for group in groups if len(group) > 1]
""",
        "by experiment, as tuples": """
def tied_names(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = set()
    for p in named.values():
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p.mul_(2)
            groups.add(tuple(n for n, q in named.items() if not torch.equal(q, before[n])))
            p.div_(2)
    return [group for group in groups if len(group) > 1]
""",
        "the package's": """
def tied_names(net):
    weights = {name for name, _ in net.named_parameters(remove_duplicate=False)}
    found = [set(tie.names) & weights for tie in d2lparams.ties(net) if tie.kind != "equal values"]
    groups = []
    for names in found:
        for name in names:  # a shared module is one tie with all its parameters
            p = net.get_parameter(name)
            groups.append({n for n in names if _meet(net.get_parameter(n), p)})
    return {frozenset(a) for a in groups if len(a) > 1 and not any(a < b for b in groups)}


def _meet(p, q):
    before = q.detach().clone()
    with torch.no_grad():
        p += 1
        moved = not torch.equal(q, before)
        p -= 1
    return moved
""",
    },
    "q9": {
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
    },
    "q10": {
        "a twin's autograd": """
def gradient_by_use(W, X, Y):
    first, second = W.clone().requires_grad_(), W.clone().requires_grad_()
    O = torch.tanh(torch.tanh(X @ first.T) @ second.T)
    return torch.autograd.grad(((O - Y) ** 2).sum() / 2, (first, second))
""",
        "row by row": """
def gradient_by_use(W, X, Y):
    first, second = torch.zeros_like(W), torch.zeros_like(W)
    for x, y in zip(X, Y):
        h = torch.tanh(W @ x)
        o = torch.tanh(W @ h)
        behind = (o - y) * (1 - o * o)
        second += torch.outer(behind, h)
        first += torch.outer((W.T @ behind) * (1 - h * h), x)
    return [first, second]
""",
    },
    "q11": {
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
    },
    "q12": {
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
    },
    "q13": {
        "with track": """
def train_and_report(state, X, y, lr, momentum, steps):
    hidden, inputs = state["0.weight"].shape
    shared, last = nn.Linear(hidden, hidden), nn.Linear(hidden, len(state["6.bias"]))
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), last)
    net.load_state_dict(state)
    optimizer = torch.optim.SGD(net.parameters(), lr, momentum)
    with d2lparams.track(net, every=1) as record:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(net(X), y).backward()
            optimizer.step()
    frame = record.frame()
    columns = ["weight_norm", "grad_norm", "update_ratio"]
    return {name: rows[columns].values.tolist() for name, rows in frame.groupby("parameter")}
""",
        "by hand, as tuples": """
def train_and_report(state, X, y, lr, momentum, steps):
    values = {name: value.clone() for name, value in state.items() if name[0] != "4"}
    speed = {name: torch.zeros_like(value) for name, value in values.items()}
    report = {name: [] for name in values}
    for _ in range(steps):
        leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
        H = X
        for i in "0226":
            H = F.linear(H.relu() if H is not X else H, leaves[f"{i}.weight"], leaves[f"{i}.bias"])
        F.cross_entropy(H, y).backward()
        for name, leaf in leaves.items():
            speed[name] = momentum * speed[name] + leaf.grad
            values[name] = values[name] - lr * speed[name]
            size = values[name].norm().item()
            report[name].append((size, leaf.grad.norm(), (lr * speed[name]).norm().item() / size))
    return report
""",
    },
}
