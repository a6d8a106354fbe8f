"""Take a tie's gradient apart."""

from typing import Any

import torch
from torch import Generator

from ...compare import Fact, Wrong, kind, same_tensor
from ...question import Case, Question
from ..case_parts import normal
from .probe import probe


def make_cases(rng: Generator) -> list[Case]:
    cases = []
    for width in (3, 4):
        W = normal(rng, width, width, dtype=torch.float64)
        X, Y = normal(rng, 2, 5, width, dtype=torch.float64)
        first, second = W.clone().requires_grad_(), W.clone().requires_grad_()  # the untied twin
        H = torch.tanh(X @ first.T)
        O = torch.tanh(H @ second.T)  # noqa: E741
        gradients = torch.autograd.grad(((O - Y) ** 2).sum() / 2, [first, second])
        with torch.no_grad():
            error, behind = O - Y, (O - Y) * (1 - O**2)
            own_mistakes = (
                {
                    "the derivative of the inner tanh was left out": (behind @ W).T @ X,
                    "the derivative of the outer tanh was left out": ((error @ W) * (1 - H**2)).T @ X,
                    "the error came back through the transpose of W": ((behind @ W.T) * (1 - H**2)).T @ X,
                },
                {
                    "the derivative of the outer tanh was left out": error.T @ H,
                    "X stands where the second use has H": behind.T @ X,
                },
            )
        mistakes_by_use = [
            {
                "the two uses changed places": other,
                "it is the sum of both uses": own + other,
                "it is the transpose": own.T,
                "the loss's factor 1/2 was left out": 2 * own,
                **mistakes,
            }
            for own, other, mistakes in zip(gradients, gradients[::-1], own_mistakes, strict=True)
        ]
        given = {"W": W, "X": X, "Y": Y}
        cases.append(Case(f"{width} wide", given, {"gradients": gradients, "mistakes": mistakes_by_use}))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    fact, (first, second) = facts["gradients"], expected["gradients"]
    if fact["type"] in ("Tensor", "Parameter"):
        one_matrix = fact["shape"] == list(first.shape)
        likely = "only their sum was returned, which is what W.grad holds"
        raise Wrong("type of what was returned", "one tensor", "two gradients", likely if one_matrix else "")
    if fact["type"] not in ("tuple", "list"):
        raise Wrong("type of what was returned", kind(fact), "two gradients")
    if len(fact["items"]) != 2:
        raise Wrong("type of what was returned", f"{kind(fact)} of {len(fact['items'])}", "two gradients")
    uses = zip(("first", "second"), fact["items"], (first, second), expected["mistakes"], strict=True)
    for name, item, wanted, mistakes in uses:
        same_tensor(item, wanted, f"the gradient of the {name} use", mistakes)


question = Question(
    name="q10",
    section="sharing",
    taught=("4-sharing",),
    title="Predict a shared gradient, use by use",
    points=9,
    task="""
One square matrix, used twice:

    H = torch.tanh(X @ W.T)  # first use
    O = torch.tanh(H @ W.T)  # second use
    loss = ((O - Y) ** 2).sum() / 2

After `loss.backward()` there is one `W.grad`, the sum of two terms. Work out the two by hand, with the chain rule: what
flows into `W` through its first use, and what through its second. Return both. Then verify that their sum is what
autograd says. (`tanh` has the derivative `1 - tanh**2`.)
""",
    answer="gradient_by_use",
    stub="""
def gradient_by_use(
    W: torch.Tensor, X: torch.Tensor, Y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    # your turn
    return ...
""",
    solution_code="""
def gradient_by_use(
    W: torch.Tensor, X: torch.Tensor, Y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)  # at the second use's own output
    error_1 = (error_2 @ W) * (1 - H**2)  # carried back through W, to the first's
    return error_1.T @ X, error_2.T @ H
""",
    hints=(
        "The gradient of one use is (error at its output, before the tanh).T @ (its input).",
        "At the second use the error is `(O - Y) * (1 - O**2)`, and the input is `H`.",
        "The first use's error is the second's carried back through `W`, `(error @ W) * (1 - H**2)`; its input is `X`.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
)
