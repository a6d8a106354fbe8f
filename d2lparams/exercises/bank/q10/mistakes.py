"""Answers to q10: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited

HEAD = "\ndef gradient_by_use(W, X, Y):\n"


def _parts(question: Question) -> dict[str, str]:
    """Return the lines of the solution by the name that they define, and what it returns."""
    lines = [line.strip().split("  #")[0] for line in question.solution_code.splitlines() if line.startswith("    ")]
    found = {line.partition(" = ")[0]: line.partition(" = ")[2] for line in lines if " = " in line}
    return found | {"return": lines[-1].removeprefix("return ")}


def _autograd(question: Question, first: str = "W", second: str = "W") -> str:
    """Return code for the loss, with these matrices in the places of the first and the second use."""
    inner, outer, transposed = question.variant
    turn = ".T" if transposed else ""
    output = f"torch.{inner}(X @ {first}{turn}) @ {second}{turn}"
    return f"(({f'torch.{outer}({output})' if outer else output} - Y) ** 2).sum() / 2"


def mistakes(question: Question) -> dict[str, Mistake]:
    inner, outer, transposed = question.variant
    solution, parts = question.solution_code, _parts(question)
    first, second = parts["return"].split(", ")
    of_first, of_second = ["gradient of the first use"], ["gradient of the second use"]
    own, back = parts["return"], "@ W)" if transposed else "@ W.T)"

    def returned(words: list[str], what: str) -> Mistake:
        return Mistake(words, edited(solution, (f"return {own}", f"return {what}")))

    def changed(words: list[str], *changes: tuple[str, str]) -> Mistake:
        return Mistake(words, edited(solution, *changes))

    grad = f"{HEAD}    W = W.clone().requires_grad_()\n    ({_autograd(question)}).backward()\n"
    turned = ", ".join(f"({part}).T" for part in (first, second))
    found = {
        "their sum": Mistake(["two gradients", "only their sum"], f"{grad}    return W.grad\n"),
        "the sum twice": Mistake([*of_first, "sum of both"], f"{grad}    return W.grad, W.grad\n"),
        "half the sum twice": Mistake([*of_first, "half of the sum"], f"{grad}    return W.grad / 2, W.grad / 2\n"),
        "places changed": returned([*of_first, "changed places"], f"{second}, {first}"),
        "no inner derivative": changed(
            [*of_first, f"inner {inner} was left out"], (parts["error_1"], parts["error_1"].partition(" * ")[0])
        ),
        "back through the transpose": changed(
            [*of_first, "transpose of W"], (f"error_2 {back}", f"error_2 {'@ W.T)' if transposed else '@ W)'}")
        ),
        "transposed": returned([*of_first, "it is the transpose"], turned),
        "X for H": returned([*of_second, "X stands where"], f"{first}, {second.replace('H', 'X')}"),
        "H for X": returned([*of_first, "H stands where"], f"{first.replace('X', 'H')}, {second}"),
        "without the half": returned([*of_first, "1/2"], f"2 * ({first}), 2 * ({second})"),
        "the wrong sign": changed(
            [*of_first, "its sign"], ("(O - Y)" if outer else "= O - Y", "(Y - O)" if outer else "= Y - O")
        ),
        "the mean over rows": returned([*of_first, "mean over the rows"], f"({first}) / len(X), ({second}) / len(X)"),
        "the derivative at X": changed(
            [*of_first, "at the input"], (parts["error_1"], parts["error_1"].replace("H", "X"))
        ),
        "the second use alone": returned(of_first, f"torch.zeros_like(W), {second}"),
        "the rest of the sum wrong": returned(of_second, f"{first}, {second} + 1e-3"),
        "a row that would broadcast": returned(["shape of the gradient"], f"({first})[None], ({second})[None]"),
        "single precision": returned(["dtype of the gradient", "float32"], f"({first}).float(), ({second}).float()"),
        "a dict": returned(["type of what was returned", "two gradients", "dict"], "{'first': W, 'second': W}"),
        "stacked": returned(["two gradients", "one tensor"], f"torch.stack([{first}, {second}])"),
        "far too large": returned(["shape of the gradient", "far smaller"], "(torch.zeros(10**6, dtype=W.dtype),) * 2"),
        "three": returned(["two gradients"], f"{own}, {first} + {second}"),
        "W moved": changed(["value of W afterwards"], ("    return", "    W -= 0.1\n    return")),
    }
    if outer:
        found["no outer derivative"] = changed([*of_first, "outer"], (parts["error_2"], "O - Y"))
        found["the inner derivative twice"] = changed(
            of_first, (parts["error_2"], parts["error_2"].replace("O*", "H*").replace("* O", "* H"))
        )
    return found


def others(question: Question) -> dict[str, str]:
    inner, outer, transposed = question.variant
    parts, solution = _parts(question), question.solution_code
    M, back = ("W", "W.T") if transposed else ("W.T", "W")
    slope = {"tanh": "(1 - {0} * {0})", "sigmoid": "{0} * (1 - {0})"}
    outer_slope = f" * {slope[outer].format('o')}" if outer else ""
    output = f"torch.{outer}({M} @ h)" if outer else f"{M} @ h"

    def outer_of(error: str, given: str) -> str:
        return f"torch.outer({error}, {given})" if transposed else f"torch.outer({given}, {error})"

    return {
        "a twin's autograd": f"""{HEAD}    first, second = W.clone().requires_grad_(), W.clone().requires_grad_()
    return torch.autograd.grad({_autograd(question, "first", "second")}, (first, second))
""",
        "row by row": f"""{HEAD}    first, second = torch.zeros_like(W), torch.zeros_like(W)
    for x, y in zip(X, Y):
        h = torch.{inner}({M} @ x)
        o = {output}
        behind = (o - y){outer_slope}
        second += {outer_of("behind", "h")}
        first += {outer_of(f"({back} @ behind) * {slope[inner].format('h')}", "x")}
    return [first, second]
""",
        "with einsum": edited(
            solution,
            (
                f"return {parts['return']}",
                "return torch.einsum('no,ni->oi', error_1, X), torch.einsum('no,ni->oi', error_2, H)",
            ),
        )
        + (
            ""
            if transposed
            else "\n\n_plain = gradient_by_use\ngradient_by_use = lambda W, X, Y: [g.T for g in _plain(W, X, Y)]\n"
        ),
        "one of the two by difference": f"""{HEAD}    whole = W.clone().requires_grad_()
    ({_autograd(question, "whole", "whole")}).backward()
    second = W.clone().requires_grad_()
    ({_autograd(question, "W", "second")}).backward()
    return whole.grad - second.grad, second.grad
""",
        "with functional derivatives": f"""{HEAD}
    loss = lambda first, second: {_autograd(question, "first", "second")}
    return torch.func.grad(loss, argnums=(0, 1))(W, W)
""",
        "in place": edited(solution, ("    return ", "    error_1.mul_(1.0)\n    return ")),
    }
