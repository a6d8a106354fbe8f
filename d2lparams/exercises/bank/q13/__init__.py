"""Train, and say what each layer did."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ... import pictures
from ...compare import Later
from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import filled, integer, normal, real
from .judge import judge
from .probe import probe


class Step(NamedTuple):
    """What one step did to one parameter: its values at the start, before and after, its gradient, its change."""

    start: Tensor
    before: Tensor
    after: Tensor
    gradient: Tensor
    update: Tensor


class Variant(NamedTuple):
    """Which numbers are reported.

    labels, told: what each is, for messages and in the task. numbers: works them out. lines: the solution's code for
    them, in the loop over parameters. keeps_start: whether it needs the first values.
    """

    labels: tuple[str, str, str]
    told: tuple[str, str, str]
    numbers: Callable[[Step], list[Tensor]]
    lines: tuple[str, ...]
    keeps_start: bool = False


def _rms(values: Tensor) -> Tensor:
    return values.square().mean().sqrt()


VARIANTS = (
    Variant(
        ("weight norm", "gradient norm", "update:data ratio"),
        (
            "the weight's norm after the step,",
            "the norm of the gradient that the step used,",
            "update:data, which is ‖after − before‖ / ‖after‖ for what the step did to the weight.",
        ),
        lambda step: [step.after.norm(), step.gradient.norm(), step.update.norm() / step.after.norm()],
        (
            "weight, update = p.detach().norm(), (p.detach() - before[name]).norm()",
            "report[name].append([weight, p.grad.norm(), update / weight])",
        ),
    ),
    Variant(
        ("distance from the start", "largest gradient", "update norm"),
        (
            "how far the weight has come: the norm of its value after the step minus that in `state`,",
            "the largest absolute value in the gradient that the step used,",
            "the norm of the update, ‖after − before‖ for what the step did to the weight.",
        ),
        lambda step: [(step.after - step.start).norm(), step.gradient.abs().max(), step.update.norm()],
        (
            "way, update = (p.detach() - start[name]).norm(), (p.detach() - before[name]).norm()",
            "report[name].append([way, p.grad.abs().max(), update])",
        ),
        keeps_start=True,
    ),
    Variant(
        ("root mean square of the weight", "root mean square of the gradient", "cosine of update and descent"),
        (
            "the weight's root mean square after the step, the root of the mean of its squares,",
            "the root mean square of the gradient that the step used,",
            "the cosine of the angle between what the step did to the weight, after − before, and minus that gradient.",
        ),
        lambda step: [
            _rms(step.after),
            _rms(step.gradient),
            F.cosine_similarity(step.update.flatten(), -step.gradient.flatten(), dim=0),
        ],
        (
            "weight, update = p.detach().square().mean().sqrt(), (p.detach() - before[name]).flatten()",
            "cosine = F.cosine_similarity(update, -p.grad.flatten(), dim=0)",
            "report[name].append([weight, p.grad.square().mean().sqrt(), cosine])",
        ),
    ),
)


def _mlp(state: dict[str, Tensor], untied: bool) -> nn.Sequential:
    layers = [nn.Linear(*state[f"{i}.weight"].shape[::-1]) for i in (0, 2, 4, 6)]
    if not untied:
        layers[2] = layers[1]
    first, *rest = layers
    net = nn.Sequential(first, *(module for layer in rest for module in (nn.ReLU(), layer)))
    net.load_state_dict(state)
    return net


def _watched(
    state: dict[str, Tensor],
    X: Tensor,
    y: Tensor,
    lr: float,
    momentum: float,
    steps: int,
    untied: bool = False,
    accumulate: bool = False,
    nesterov: bool = False,
    summed: bool = False,
) -> dict[str, list[Step]]:
    """Train by hand; return for each parameter what each step did."""
    net = _mlp(state, untied)
    named = dict(net.named_parameters())
    start = {name: p.detach().clone() for name, p in named.items()}
    sums = {name: torch.zeros_like(p) for name, p in named.items()}
    speed = {name: torch.zeros_like(p) for name, p in named.items()}
    watched: dict[str, list[Step]] = {name: [] for name in named}
    for _ in range(steps):
        loss = F.cross_entropy(net(X), y) * (len(y) if summed else 1)
        gradients = torch.autograd.grad(loss, list(named.values()))
        with torch.no_grad():
            for (name, p), gradient in zip(named.items(), gradients, strict=True):
                sums[name] = sums[name] + gradient if accumulate else gradient
                speed[name] = momentum * speed[name] + sums[name]
                update = -lr * (sums[name] + momentum * speed[name] if nesterov else speed[name])
                before = p.clone()
                p.add_(update)
                watched[name].append(Step(start[name], before, p.clone(), sums[name], update))
    return watched


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    cases = []
    for _ in range(2):
        inputs, hidden, classes = integer(rng, 3, 5), integer(rng, 6, 8), 3
        net = nn.Sequential(nn.Linear(inputs, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, classes))
        drawn = filled(net, rng).state_dict()
        places = {"0": "0", "2": "1", "4": "1", "6": "2"}
        state = {f"{i}.{kind}": drawn[f"{k}.{kind}"] for i, k in places.items() for kind in ("weight", "bias")}
        X, y = normal(rng, 20, inputs), torch.randint(classes, (20,), generator=rng)
        given: dict[str, Any] = {"state": state, "X": X, "y": y}
        given |= {"lr": real(rng, 0.1, 0.2), "momentum": real(rng, 0.8, 0.95)}
        given["steps"] = 5
        report = {name: _report(variant, steps) for name, steps in _watched(**given).items()}
        expected: dict[str, Any] = {"report": report, "labels": variant.labels}
        expected["mistakes"] = Later(partial(_mistakes, variant, given))
        cases.append(Case(f"{inputs} inputs, {hidden} hidden", given, expected))
    return cases


def _report(variant: Variant, steps: list[Step]) -> Tensor:
    return torch.tensor([variant.numbers(step) for step in steps], dtype=torch.float64)


def _mistakes(variant: Variant, given: dict[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Return what typical mistakes make of the report: a dictionary of tables for each parameter."""
    runs = {
        "layers 2 and 4 are two layers": _watched(**given, untied=True),
        "gradients were not set back to zero between steps": _watched(**given, accumulate=True),
        "momentum was left out": _watched(**given | {"momentum": 0.0}),
        "nesterov is on": _watched(**given, nesterov=True),
        "the loss was summed over the rows, not averaged": _watched(**given, summed=True),
    }
    changes: dict[str, Callable[[Step], Step]] = {
        "the weight is the one before the step": lambda step: step._replace(after=step.before),
        "lr × gradient was taken for the update": lambda step: step._replace(update=-given["lr"] * step.gradient),
        "the copy from before the step is no copy: without .clone() it changes along": lambda step: step._replace(
            update=0 * step.update
        ),
    }
    mistakes = {}
    for name, steps in _watched(**given).items():
        rows = _report(variant, steps)
        mistakes[name] = {mistake: _report(variant, run[name]) for mistake, run in runs.items()}
        for mistake, change in changes.items():
            mistakes[name][mistake] = _report(variant, [change(step) for step in steps])
        mistakes[name]["norms were left squared"] = rows**2
        mistakes[name]["the columns changed places"] = rows[:, [1, 0, 2]]
        mistakes[name]["these are percents"] = 100 * rows
    return mistakes


def make(variant: Variant) -> Question:
    head = """
def train_and_report(
    state: dict[str, torch.Tensor],
    X: torch.Tensor,
    y: torch.Tensor,
    lr: float,
    momentum: float,
    steps: int,
) -> dict[str, torch.Tensor]:
"""
    first, second, third = variant.told
    start = (
        "    start = {name: p.detach().clone() for name, p in net.named_parameters()}\n" if variant.keeps_start else ""
    )
    lines = "".join(f"            {line}\n" for line in variant.lines)
    return Question(
        name="q13",
        section="training",
        taught=("5-shared-mlp",),
        title="Train with a shared layer, and say what each one did",
        points=10,
        task=wrapped(f"""
Build D2L's MLP with a shared layer, a `Sequential` of linear layers at 0, 2, 4 and 6 with `nn.ReLU()` between them,
where 2 and 4 are *one* layer. Its sizes and first values are those of `state` (a `state_dict()`). Take `steps` steps of
`torch.optim.SGD` with `lr` and `momentum`, each on all of `X`, `y`, with `F.cross_entropy`.

Return a report, a dictionary with a table for each of `net.named_parameters()`: a tensor, one row per step, and in it

1. {first}
2. {second}
3. {third}
"""),
        answer="train_and_report",
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"""{head}    hidden, inputs = state["0.weight"].shape
    shared, last = nn.Linear(hidden, hidden), nn.Linear(hidden, len(state["6.bias"]))
    layers = [nn.Linear(inputs, hidden), nn.ReLU(), shared, nn.ReLU(), shared]
    net = nn.Sequential(*layers, nn.ReLU(), last)
    net.load_state_dict(state)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    report = {{name: [] for name, _ in net.named_parameters()}}
{start}    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        before = {{name: p.detach().clone() for name, p in net.named_parameters()}}
        optimizer.step()
        for name, p in net.named_parameters():
{lines}    return {{name: torch.tensor(rows) for name, rows in report.items()}}
""",
        hints=(
            "Make the shared layer once and put that object into the `Sequential` twice; then "
            "`load_state_dict(state)`.",
            "With momentum the update is not lr × gradient. Keep a copy of each parameter before the step, and "
            "subtract.",
            "Per step: `zero_grad()`, `backward()`, copy the parameters, `step()`, and only then take the "
            f"{'norms' if 'norm' in variant.labels[2] + variant.labels[0] else 'numbers'}.",
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        picture=pictures.report,
        variant=variant,
    )


variants = tuple(make(variant) for variant in VARIANTS)
question = variants[0]
