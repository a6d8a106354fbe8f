"""Answers to q7: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited


def mistakes(question: Question) -> dict[str, Mistake]:
    solution, (function, third, sign, _, answer) = question.solution_code, question.variant
    names, after = ("weight", "bias", third), "after three steps"
    first = "ones" if sign == "*" else "zeros"
    begins = {"weight": "randn(inputs, outputs)", "bias": "zeros(outputs)", third: f"{first}(outputs)"}
    last = f"return Y {sign} self.{third}"

    def changed(words: list[str], *changes: tuple[str, str]) -> Mistake:
        return Mistake(words, edited(solution, *changes))

    found: dict[str, Mistake] = {}
    for name in names:
        own, made = f"self.{name}", f"nn.Parameter(torch.{begins[name]})"
        plain = f"torch.{begins[name][:-1]}, requires_grad=True)"
        found |= {
            f"{name} left a plain tensor": changed(["names in state_dict", "plain tensor"], (made, plain)),
            f"{name} a buffer": changed(
                [f"value of {name}", "buffers"],
                (f"{own} = {made}", f'self.register_buffer("{name}", torch.{begins[name]})'),
            ),
            f"{name} frozen": changed(["value of", after], (made, f"{made[:-1]}, requires_grad=False)")),
        }
    found |= {
        ".data left": changed(["value of weight", ".data"], ("@ self.weight", "@ self.weight.data")),
        "detach left": changed([f"value of {third}", ".detach()"], (last, f"{last}.detach()")),
        "detach left at the bias": changed(["value of bias", ".detach()"], ("+ self.bias", "+ self.bias.detach()")),
        f"{function} lost": changed(["value of the output", f"{function} was lost"], (f"torch.{function}", "")),
        "bias lost": changed(["value of the output", "the bias was lost"], (" + self.bias)", ")")),
        f"{third} lost": changed(["value of the output", f"{third} was lost"], (last, "return Y")),
        "another function": changed(
            ["value of the output", "was taken for"],
            (f"torch.{function}", "torch.sigmoid" if function != "sigmoid" else "torch.tanh"),
        ),
        f"{third} too early": changed(
            ["value of the output"],
            (
                f"torch.{function}(X @ self.weight + self.bias)",
                f"torch.{function}((X @ self.weight + self.bias) {sign} self.{third})",
            ),
            (last, "return Y"),
        ),
        "under no_grad": changed(
            ["after three steps"],
            ("        Y =", "        with torch.no_grad():\n            Y ="),
        ),
        "nn.Linear's layout": changed(
            ["shapes in state_dict"],
            ("randn(inputs, outputs)", "randn(outputs, inputs)"),
            ("@ self.weight", "@ self.weight.T"),
        ),
        "in a ParameterList": changed(
            ["names in state_dict"],
            ("self.bias = nn.Parameter(torch.zeros(outputs))", "self.rest = nn.ParameterList([torch.zeros(outputs)])"),
            ("self.bias)", "self.rest[0])"),
        ),
        "another name": changed(["names in state_dict"], (f"self.{third}", "self.third")),
        "a parameter too many": changed(
            ["names in state_dict"],
            (
                "        super().__init__()\n",
                "        super().__init__()\n        self.extra = nn.Parameter(torch.zeros(outputs))\n",
            ),
        ),
        "half of the output's gradient": changed(
            ["value of", after], (last, f"Y = Y {sign} self.{third}\n        return Y / 2 + Y.detach() / 2")
        ),
        "twice the gradient": changed(
            ["value of", after], (last, f"Y = Y {sign} self.{third}\n        return 2 * Y - Y.detach()")
        ),
        "made anew in each pass": changed(
            ["value of", after],
            ("        Y =", "        self.weight = nn.Parameter(self.weight.detach().clone())\n        Y ="),
        ),
        "a function": Mistake(
            ["a class was wanted"], f"\ndef {answer}(inputs, outputs):\n    return nn.Linear(inputs, outputs)\n"
        ),
        "no module": Mistake(
            ["AttributeError", "state_dict"],
            f"""
class {answer}:
    def __init__(self, inputs, outputs):
        self.weight = torch.randn(inputs, outputs)
""",
        ),
    }
    if function == "relu":
        found["zeros to start with"] = changed(
            [f"bias, {third}, weight after three steps from its own start", "no gradient flows"],
            ("randn(inputs", "zeros(inputs"),
            ("ones(", "zeros("),
        )
    return found


def others(question: Question) -> dict[str, str]:
    solution, (function, third, sign, _, answer) = question.solution_code, question.variant
    begin = f"\nclass {answer}(nn.Module):\n    def __init__(self, inputs, outputs):\n        super().__init__()\n"
    last = f"torch.{function}(X @ self.weight + self.bias) {sign} self.{third}"
    method = {"*": "mul", "+": "add"}[sign]
    module = {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid"}[function]
    return {
        "zeros in the third": edited(solution, ("ones(", "zeros("), ("zeros(outputs)", "ones(outputs)"))
        if sign == "*"
        else edited(solution, ("zeros(outputs)", "rand(outputs)")),
        "with F.linear": f"""{begin}
        shapes = {{"{third}": (outputs,), "bias": (outputs,), "weight": (inputs, outputs)}}
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.rand(shape)))

    def forward(self, X):
        return getattr(F.linear(X, self.weight.t(), self.bias), "{function}")().{method}(self.{third})
""",
        "from tensors that require gradients": f"""{begin}
        self.weight = nn.Parameter(torch.randn(inputs, outputs, requires_grad=True))
        self.bias = nn.Parameter(torch.randn(outputs))
        self.{third} = nn.Parameter(torch.randn(outputs))

    def forward(self, X: torch.Tensor):
        return {last}
""",
        "with einsum": f"""{begin}        self.weight, self.bias, self.{third} = (
            nn.Parameter(torch.empty(*shape).normal_()) for shape in ((inputs, outputs), (outputs,), (outputs,))
        )

    def forward(self, X):
        Z = torch.einsum("ni,io->no", X, self.weight).add(self.bias)
        return torch.{method}(torch.{function}(Z), self.{third})
""",
        "through a base class": f"""
class Base(nn.Module):
    def __init__(self, **shapes):
        super().__init__()
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(0.1 + torch.rand(shape)))


class {answer}(Base):
    def __init__(self, inputs, outputs):
        super().__init__(weight=(inputs, outputs), bias=outputs, {third}=outputs)

    def forward(self, X):
        return {last}
""",
        "with addmm": f"""{begin}
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(inputs, outputs)))
        self.bias = nn.Parameter(torch.full((outputs,), 0.1))
        self.{third} = nn.Parameter(torch.full((outputs,), 0.5))
        self.function = nn.{module}()

    def forward(self, X):
        return self.function(torch.addmm(self.bias, X, self.weight)) {sign} self.{third}
""",
    }
