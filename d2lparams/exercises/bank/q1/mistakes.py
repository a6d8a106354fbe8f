"""Answers to q1: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question


def mistakes(question: Question) -> dict[str, Mistake]:
    block, layer, kind = question.variant
    other_kind = {"weight": "bias", "bias": "weight"}[kind]
    head, it = f"\ndef {question.answer}(net):\n", f"net[{block}][{layer}].{kind}"
    blocks, layers = ("first", "second"), {0: "first", 2: "last"}
    own = ["gradient", "not the Parameter itself"]

    def returned(words: list[str], what: str) -> Mistake:
        return Mistake(words, f"{head}    return {what}\n")

    def prepared(words: list[str], line: str, what: str = it) -> Mistake:
        return Mistake(words, f"{head}    {line}\n    return {what}\n")

    return {
        "the layer": returned([f"type of the returned {kind}", "Linear"], f"net[{block}][{layer}]"),
        "the other block": returned(
            ["of the returned", f"{blocks[1 - block]} block"], f"net[{1 - block}][{layer}].{kind}"
        ),
        "the block's other layer": returned(
            ["of the returned", f"{layers[2 - layer]} layer"], f"net[{block}][{2 - layer}].{kind}"
        ),
        "its other parameter": returned(["of the returned", other_kind], f"net[{block}][{layer}].{other_kind}"),
        "a copy": returned(own, f"{it}.detach().clone()"),
        "a view": returned(own, f"{it}.view_as({it})"),
        "a slice of all": returned(own, f"{it}[:]"),
        "its .data": returned(own, f"{it}.data"),
        "a new Parameter": returned(own, f"nn.Parameter({it}.clone())"),
        "a new Parameter over its memory": returned(own, f"nn.Parameter({it}.data)"),
        "state_dict": returned(["gradient", "state_dict"], f'net.state_dict()["{block}.{layer}.{kind}"]'),
        "in a list": returned([f"type of the returned {kind}", "list"], f"[{it}]"),
        "its name": returned([f"type of the returned {kind}", "str"], f'"{block}.{layer}.{kind}"'),
        "in double precision": returned([f"dtype of the returned {kind}", "float64"], f"{it}.double()"),
        "another one in its place": prepared(
            ["took its place"], f"net[{block}][{layer}].{kind} = nn.Parameter({it}.detach().clone())"
        ),
        "frozen": prepared(["gradient", "it was frozen"], f"{it}.requires_grad_(False)"),
        "of a copy of the net": prepared(own, "net = copy.deepcopy(net)"),
        "scaled already": prepared([f"value of the returned {kind}"], f"{it}.data.mul_(2)"),
        "another layer touched": prepared(
            ["gradient of what was returned"], f"net[{1 - block}][{2 - layer}].weight.data.add_(0.1)"
        ),
        "noise added": prepared([f"value of the returned {kind}"], f"with torch.no_grad(): {it}.add_(0.1)"),
        "a wrong index": Mistake(
            ["IndexError", "line 2 of the cell"], f"def {question.answer}(net):\n    return net[2][0].{kind}\n"
        ),
    }


def others(question: Question) -> dict[str, str]:
    block, layer, kind = question.variant
    answer, path = question.answer, f"{block}.{layer}.{kind}"
    return {
        "by name, and noisy": f"""
def {answer}(net):
    import sys
    import warnings

    print("looking ...")
    print("still looking", file=sys.stderr)
    warnings.warn("found")
    return dict(net.named_parameters())["{path}"]
""",
        "by path": f"""
{answer} = lambda net: net.get_parameter("{path}")
""",
        "by attributes": f"""
import operator

{answer} = operator.attrgetter("{path}")
""",
        "by kind of layer": f"""
def {answer}(net):
    linear = [layer for layer in net[{block}].modules() if isinstance(layer, nn.Linear)]
    return linear[{layer // 2}].{kind}
""",
        "by counting": f"""
def {answer}(net):
    return list(net.parameters())[{4 * block + layer + (kind == "bias")}]
""",
        "from the end": f"""
def {answer}(net, /, *rest):
    block, = list(net.children())[{block - 2}:][:1]
    return getattr(block[{layer - 3}], "{kind}")
""",
    }
