"""Answers to q7: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "zeros to start with": Mistake(
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
    "weight alone": Mistake(
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
    "the bias a buffer": Mistake(
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
    ".data left": Mistake(
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
    "detach left": Mistake(
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
    "relu lost": Mistake(
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
    "nn.Linear's layout": Mistake(
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
    "half of the output's gradient": Mistake(
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
    "a function": Mistake(
        ["a class was wanted"],
        """
def ScaledLinear(inputs, outputs):
    return nn.Linear(inputs, outputs)
""",
    ),
    "no module": Mistake(
        ["AttributeError", "state_dict"],
        """
class ScaledLinear:
    def __init__(self, inputs, outputs):
        self.weight = torch.randn(inputs, outputs)
""",
    ),
}

OTHERS: dict[str, str] = {
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
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
