"""Answers to q5: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited

DUMMY = """    for width in range(1, 100):
        try:
            net(torch.zeros(2, width))
            break
        except RuntimeError:
            pass
"""
TOUCH = """    for layer in net:
        if isinstance(layer, nn.LazyLinear):
            layer(torch.zeros(2, 1))
"""


def mistakes(question: Question) -> dict[str, Mistake]:
    what, head = question.variant.what, f"\ndef {question.answer}(net):\n"
    solution, body = question.solution_code, question.solution_code.partition(":\n")[2]
    later = ["first true batch", "its own width"]
    found = {
        "a dummy batch": Mistake(
            ["names", "a batch went through the net"] if what == "names" else [f"{what} of", "a batch went through"],
            head + DUMMY + body,
        ),
        "a dummy batch afterwards": Mistake(
            later, head + edited(body, ("return ", "answer = ")) + TOUCH + "    return answer\n"
        ),
        "layers replaced by their own kind": Mistake(
            ["first true batch"],
            head + edited(body, ("return ", "answer = ")) + "    net[4] = nn.BatchNorm1d(1)\n    return answer\n",
        ),
        "materialized": Mistake(
            ["first true batch"],
            f"""{head}{edited(body, ("return ", "answer = "))}    for layer in net:
        if isinstance(layer, nn.LazyLinear):
            layer.initialize_parameters(torch.zeros(2, 1))
    return answer
""",
        ),
        "the last layer taken off": Mistake(
            ["first true batch"],
            head + edited(body, ("return ", "answer = ")) + "    del net[5]\n    return answer\n",
        ),
        "of a net of one's own": Mistake(
            ["names"], edited(solution, (":\n", ":\n    net = nn.Sequential(nn.LazyLinear(3), nn.ReLU())\n"))
        ),
        "of the first two layers": Mistake(["names"], edited(solution, ("net.", "net[:2]."))),
    }
    if what == "names":
        every = "net.state_dict().items()"
        return found | {
            "those with a shape": Mistake(["names", "have a shape"], edited(solution, ("if nn", "if not nn"))),
            "parameters alone": Mistake(
                ["names", "buffers were left out"], edited(solution, (every, "net.named_parameters()"))
            ),
            "buffers alone": Mistake(["names", "buffers alone"], edited(solution, (every, "net.named_buffers()"))),
            "all names": Mistake(["names", "all names came"], f"{head}    return list(net.state_dict())\n"),
            "by class of the layer": Mistake(
                ["names"],
                f"""{head}    lazy = nn.modules.lazy.LazyModuleMixin
    return [f"{{i}}.{{n}}" for i, m in enumerate(net) if isinstance(m, lazy) for n in m.state_dict()]
""",
            ),
            "by a number of 0": Mistake(
                ["uninitialized", "line 2 of the cell"],
                f"def {question.answer}(net):\n    return [n for n, t in {every} if t.numel() == 0]\n",
            ),
            "last parts of names": Mistake(["names"], edited(solution, ("[name for", "[name[2:] for"))),
            "in a dict of shapes": Mistake(
                ["type of what was returned", "dict"], f"{head}    return {{n: None for n in net.state_dict()}}\n"
            ),
            "a string": Mistake(
                ["type of what was returned", "a str"], f"{head}    return ' '.join(net.state_dict())\n"
            ),
            "tensors": Mistake(["uninitialized parameter"], edited(solution, ("[name for", "[t for"))),
            "twice": Mistake(["names"], edited(solution, ("return [", "return 2 * ["))),
        }
    measured = {"shape": "tuple(p.shape)", "number": "p.numel()"}[what]
    wrong_type = [f"type of the {what} of"]
    return (
        found
        | {
            "asked for it": Mistake(
                ["uninitialized parameter", "line 2 of the cell"],
                f"def {question.answer}(net):\n    return {{name: {measured} for name, p in net.named_parameters()}}\n",
            ),
            "lazy ones left out": Mistake(
                ["names", "lazy parameters were left out"],
                edited(
                    solution, ("None if lazy(p) else ", ""), ("named_parameters()", "named_parameters() if not lazy(p)")
                ),
            ),
            "a size of 0": Mistake(
                [f"{what} of", "a size of 0"], edited(solution, ("None if", "(0,) if" if what == "shape" else "0 if"))
            ),
            "the other one": Mistake(
                wrong_type, edited(solution, (measured, "p.numel()" if what == "shape" else "tuple(p.shape)"))
            ),
            "in a string": Mistake(wrong_type, edited(solution, (measured, f"str({measured})"))),
            "in floats": Mistake(
                wrong_type,
                edited(solution, (measured, "tuple(map(float, p.shape))" if what == "shape" else "float(p.numel())")),
            ),
            "False for None": Mistake(wrong_type, edited(solution, ("None if", "False if"))),
            "buffers too": Mistake(
                ["names", "buffers were listed, too"],
                edited(solution, ("net.named_parameters()", "net.state_dict().items()")),
            ),
            "a list": Mistake(
                ["type of what was returned", "a dict"], f"{head}    return [None for p in net.parameters()]\n"
            ),
            "turned around": Mistake(
                [f"{what} of"],
                edited(solution, (measured, "tuple(p.shape)[::-1]" if what == "shape" else "p.shape[0]")),
            ),
            "last parts of names": Mistake(["names"], edited(solution, ("name: None", "name[2:]: None"))),
            "None for biases too": Mistake(
                [f"{what} of"], edited(solution, ("if lazy(p)", "if lazy(p) or 'bias' in name"))
            ),
        }
        | (
            {"shapes in tuples": Mistake([*wrong_type, "in it"], edited(solution, (measured, "tuple([p.shape])")))}
            if what == "shape"
            else {"bytes": Mistake(["number of"], edited(solution, (measured, "p.nbytes")))}
        )
    )


def others(question: Question) -> dict[str, str]:
    what, answer = question.variant.what, question.answer
    solution, head = question.solution_code, f"\ndef {question.answer}(net):\n"
    if what == "names":
        lazy = "isinstance(t, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))"
        return {
            "by class": edited(solution, ("nn.parameter.is_lazy(t)", lazy)),
            "by trying": f"""{head}    waiting = set()
    for name, value in net.state_dict().items():
        try:
            value.shape
        except RuntimeError:
            waiting.add(name)
    return waiting
""",
            "layer by layer": f"""{head}    for_each = []
    for i, layer in enumerate(net):
        tensors = dict(layer.named_parameters()) | dict(layer.named_buffers())
        for_each += [f"{{i}}.{{n}}" for n in tensors if torch.nn.parameter.is_lazy(tensors[n])]
    return tuple(for_each)
""",
            "by what it prints": edited(solution, ("nn.parameter.is_lazy(t)", "'ninitialized' in type(t).__name__")),
            "as keys": edited(solution, ("[name for", "{name: t for"))[:-2] + "}.keys()\n",
        }
    measured = {"shape": "tuple(p.shape)", "number": "p.numel()"}[what]
    loose = {"shape": "p.shape", "number": "math.prod(p.shape)"}[what]
    return {
        "by class": f"""{head}    found = {{}}
    for name, p in net.named_parameters():
        found[name] = None if isinstance(p, nn.UninitializedParameter) else {loose}
    return found
""",
        "by trying": f"""
from collections import OrderedDict

{head}    found = OrderedDict()
    for name, p in net.named_parameters():
        try:
            found[name] = {"list(p.shape)" if what == "shape" else "p.nelement()"}
        except (RuntimeError, ValueError):
            found[name] = None
    return found
""",
        "layer by layer": f"""{head}    found = {{}}
    for i, layer in enumerate(net):
        waits = isinstance(layer, nn.modules.lazy.LazyModuleMixin) and layer.has_uninitialized_params()
        for name, p in layer.named_parameters():
            found[f"{{i}}.{{name}}"] = None if waits and nn.parameter.is_lazy(p) else {measured}
    return found
""",
        "all None, then filled": f"""{head}    found = dict.fromkeys(dict(net.named_parameters()))
    known = [(n, p) for n, p in net.named_parameters() if not nn.parameter.is_lazy(p)]
    found.update((n, {measured}) for n, p in known)
    return found
""",
        "a lambda": f"""
see = lambda p: None if nn.parameter.is_lazy(p) else {measured}
{answer} = lambda net: dict(zip((n for n, _ in net.named_parameters()), map(see, net.parameters())))
""",
    }
