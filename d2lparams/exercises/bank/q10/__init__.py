"""Take a tie's gradient apart."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import normal
from .judge import judge
from .probe import probe

SLOPES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], str]] = {
    # the function, its derivative in terms of its value, and that as code
    "tanh": (torch.tanh, lambda out: 1 - out**2, "(1 - {0}**2)"),
    "sigmoid": (torch.sigmoid, lambda out: out * (1 - out), "{0} * (1 - {0})"),
    "": (lambda out: out, torch.ones_like, ""),
}


class Variant(NamedTuple):
    """The net: the functions after its first and second use of W ("" for none), and whether W is used transposed."""

    inner: str
    outer: str
    transposed: bool


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    inner, inner_slope, _ = SLOPES[variant.inner]
    outer, outer_slope, _ = SLOPES[variant.outer]

    def turned(A: Tensor) -> Tensor:
        return A.T if variant.transposed else A

    cases = []
    for width in (3, 4):
        W = normal(rng, width, width, dtype=torch.float64)
        X, Y = normal(rng, 2, 5, width, dtype=torch.float64)
        first, second = W.clone().requires_grad_(), W.clone().requires_grad_()  # the untied twin
        H = inner(X @ turned(first))
        O = outer(H @ turned(second))  # noqa: E741
        gradients = torch.autograd.grad(((O - Y) ** 2).sum() / 2, [first, second])
        with torch.no_grad():
            error, behind, slope = O - Y, (O - Y) * outer_slope(O), inner_slope(H)
            back = turned(W).T
            inputs, hidden = X.clone(), H.clone()
            own_mistakes = (
                {
                    f"the derivative of the inner {variant.inner} was left out": turned(inputs.T @ (behind @ back)),
                    f"the derivative of the outer {variant.outer} was left out": turned(
                        inputs.T @ ((error @ back) * slope)
                    ),
                    "the error came back through the transpose of W": turned(inputs.T @ ((behind @ back.T) * slope)),
                    "the derivative was taken at the input, not at the output": turned(
                        inputs.T @ ((behind @ back) * inner_slope(X))
                    ),
                    "H stands where the first use has X": turned(hidden.T @ ((behind @ back) * slope)),
                },
                {
                    f"the derivative of the outer {variant.outer} was left out": turned(hidden.T @ error),
                    "X stands where the second use has H": turned(inputs.T @ behind),
                },
            )
        mistakes_by_use = [
            {
                "the two uses changed places": other,
                "it is the sum of both uses": own + other,
                "it is the transpose": own.T,
                "the loss's factor 1/2 was left out": 2 * own,
                "it is half of the sum": (own + other) / 2,
                "its sign is wrong": -own,
                "the mean over the rows was taken, not the sum": own / 5,
                **mistakes,
            }
            for own, other, mistakes in zip(gradients, gradients[::-1], own_mistakes, strict=True)
        ]
        given = {"W": W, "X": X, "Y": Y}
        expected: dict[str, Any] = {"gradients": gradients, "mistakes": mistakes_by_use, "W": W.clone()}
        cases.append(Case(f"{width} wide", given, expected))
    return cases


def make(variant: Variant) -> Question:
    inner, outer, transposed = variant
    M, back = ("W.T", "W") if transposed else ("W", "W.T")
    second = f"torch.{outer}(H @ {M})" if outer else f"H @ {M}"
    slope_1, slope_2 = SLOPES[inner][2].format("H"), SLOPES[outer][2].format("O")
    error_2 = f"(O - Y) * {slope_2}" if outer else "O - Y"
    error_1 = f"(error_2 @ {back}) * {slope_1}"
    own = "error_1.T @ X, error_2.T @ H" if transposed else "X.T @ error_1, H.T @ error_2"
    known = {
        "tanh": "`tanh` has the derivative `1 - tanh**2`.",
        "sigmoid": "`s = sigmoid(z)` has the derivative `s * (1 - s)`.",
    }
    head = """
def gradient_by_use(
    W: torch.Tensor, X: torch.Tensor, Y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
"""
    before = ", before the " + inner if outer else ""
    of_one = f"(error at its output{before}).T @ (its input)"
    if not transposed:
        of_one = f"(its input).T @ (error at its output{before})"
    return Question(
        name="q10",
        section="sharing",
        taught=("4-sharing",),
        title="Predict a shared gradient, use by use",
        points=9,
        task=wrapped(f"""
One square matrix, used twice:

    H = torch.{inner}(X @ {M})  # first use
    O = {second}  # second use
    loss = ((O - Y) ** 2).sum() / 2

After `loss.backward()` there is one `W.grad`, the sum of two terms. Work out the two by hand, with the chain rule: what
flows into `W` through its first use, and what through its second. Return both. Then verify that their sum is what
autograd says. ({known[inner]})
"""),
        answer="gradient_by_use",
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"""{head}    H = torch.{inner}(X @ {M})
    O = {second}
    error_2 = {error_2}  # at the second use's own output
    error_1 = {error_1}  # carried back through W, to the first's
    return {own}
""",
        hints=(
            f"The gradient of one use is {of_one}.",
            f"At the second use the error is `{error_2}`, and the input is `H`.",
            f"The first use's error is the second's carried back through `W`, `(error @ {back}) * {slope_1}`; its "
            "input is `X`.",
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(
    make(Variant(*which)) for which in (("tanh", "tanh", True), ("sigmoid", "sigmoid", True), ("tanh", "", False))
)
question = variants[0]
