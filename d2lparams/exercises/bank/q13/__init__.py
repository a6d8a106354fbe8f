"""Train, and say what each layer did."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ... import pictures
from ...compare import Fact, Wrong, kind, same_values, table
from ...question import Case, Question
from ..case_parts import filled, integer, normal, real
from .probe import probe

QUANTITIES = ("weight norm", "gradient norm", "update:data ratio")


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
) -> dict[str, Tensor]:
    """Train by hand; return for each parameter the norms of weight before and after, gradient and update."""
    net = _mlp(state, untied)
    named = dict(net.named_parameters())
    sums = {name: torch.zeros_like(p) for name, p in named.items()}
    speed = {name: torch.zeros_like(p) for name, p in named.items()}
    norms: dict[str, list[list[Tensor]]] = {name: [] for name in named}
    for _ in range(steps):
        gradients = torch.autograd.grad(F.cross_entropy(net(X), y), list(named.values()))
        with torch.no_grad():
            for (name, p), gradient in zip(named.items(), gradients, strict=True):
                sums[name] = sums[name] + gradient if accumulate else gradient
                speed[name] = momentum * speed[name] + sums[name]
                before = p.norm()
                p.sub_(lr * speed[name])
                norms[name].append([before, p.norm(), sums[name].norm(), lr * speed[name].norm()])
    return {name: torch.tensor(rows, dtype=torch.float64).T for name, rows in norms.items()}


def make_cases(rng: Generator) -> list[Case]:
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
        report = {name: _report(norms) for name, norms in _watched(**given).items()}
        cases.append(Case(f"{inputs} inputs, {hidden} hidden", given, {"report": report, "given": given}))
    return cases


def _report(norms: Tensor) -> Tensor:
    _, after, gradient, update = norms
    return torch.stack([after, gradient, update / after], 1)


def _mistakes(given: dict[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Return what typical mistakes make of the report: a dictionary of tables for each parameter."""
    runs = {
        "layers 2 and 4 are two layers": _watched(**given, untied=True),
        "gradients were not set back to zero between steps": _watched(**given, accumulate=True),
        "momentum was left out": _watched(**given | {"momentum": 0.0}),
    }
    mistakes = {}
    for name, (before, after, gradient, update) in _watched(**given).items():
        mistakes[name] = {mistake: _report(run[name]) for mistake, run in runs.items()} | {
            "the weight's norm is the one before the step": torch.stack([before, gradient, update / before], 1),
            "lr × gradient was taken for the update": torch.stack([after, gradient, given["lr"] * gradient / after], 1),
            "the copy from before the step is no copy: without .clone() it changes along": torch.stack(
                [after, gradient, 0 * update], 1
            ),
            "norms were left squared": torch.stack([after**2, gradient**2, (update / after) ** 2], 1),
        }
    return mistakes


def judge(expected: Any, facts: Fact) -> None:
    try:
        _compare(expected["report"], facts["report"], {})
    except Wrong:  # only now is it worth the time to work out what it looks like
        _compare(expected["report"], facts["report"], _mistakes(expected["given"]))


def _compare(wanted: dict[str, Tensor], fact: Fact, mistakes: Mapping[str, dict[str, Tensor]]) -> None:
    if fact["type"] != "dict":
        raise Wrong("type of what was returned", kind(fact), "a dict from names to tables")
    if sorted(fact["keys"]) != sorted(wanted):
        likely = ""
        if set(fact["keys"]) - set(wanted) == {"4.weight", "4.bias"}:
            tables = dict(zip(fact["keys"], fact["items"], strict=True))
            one = all(tables[f"4.{kind}"] == tables.get(f"2.{kind}") for kind in ("weight", "bias"))
            twice, two = "the shared layer was listed under both its names", "layers 2 and 4 are two layers, not one"
            likely = twice if one else two
        raise Wrong("names in the report", sorted(fact["keys"]), sorted(wanted), likely)
    actual = {name: table(item, f"the table of {name}") for name, item in zip(fact["keys"], fact["items"], strict=True)}
    for column in (1, 0, 2):  # a wrong gradient makes all three wrong
        for name, rows in wanted.items():
            if actual[name].shape != rows.shape:
                raise Wrong(f"shape of the table of {name}", tuple(actual[name].shape), tuple(rows.shape))
            likely_columns = {mistake: other[:, column] for mistake, other in mistakes.get(name, {}).items()}
            what = f"the {QUANTITIES[column]} of {name}, step by step"
            same_values(actual[name][:, column], rows[:, column], what, likely_columns, tolerance=2e-4)


question = Question(
    name="q13",
    section="training",
    taught=("5-shared-mlp",),
    title="Train with a shared layer, and say what each one did",
    points=10,
    task="""
Build D2L's MLP with a shared layer, a `Sequential` of linear layers at 0, 2, 4 and 6 with `nn.ReLU()` between them,
where 2 and 4 are *one* layer. Its sizes and first values are those of `state` (a `state_dict()`). Take `steps` steps of
`torch.optim.SGD` with `lr` and `momentum`, each on all of `X`, `y`, with `F.cross_entropy`.

Return a report, a dictionary with a table for each of `net.named_parameters()`: a tensor, one row per step, and in it

1. the weight's norm after the step,
2. the norm of the gradient that the step used,
3. update:data, which is ‖after − before‖ / ‖after‖ for what the step did to the weight.
""",
    answer="train_and_report",
    stub="""
def train_and_report(
    state: dict[str, torch.Tensor],
    X: torch.Tensor,
    y: torch.Tensor,
    lr: float,
    momentum: float,
    steps: int,
) -> dict[str, torch.Tensor]:
    # your turn
    return ...
""",
    solution_code="""
def train_and_report(
    state: dict[str, torch.Tensor],
    X: torch.Tensor,
    y: torch.Tensor,
    lr: float,
    momentum: float,
    steps: int,
) -> dict[str, torch.Tensor]:
    hidden, inputs = state["0.weight"].shape
    shared, last = nn.Linear(hidden, hidden), nn.Linear(hidden, len(state["6.bias"]))
    layers = [nn.Linear(inputs, hidden), nn.ReLU(), shared, nn.ReLU(), shared]
    net = nn.Sequential(*layers, nn.ReLU(), last)
    net.load_state_dict(state)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    report = {name: [] for name, _ in net.named_parameters()}
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        optimizer.step()
        for name, p in net.named_parameters():
            weight, update = p.detach().norm(), (p.detach() - before[name]).norm()
            report[name].append([weight, p.grad.norm(), update / weight])
    return {name: torch.tensor(rows) for name, rows in report.items()}
""",
    hints=(
        "Make the shared layer once and put that object into the `Sequential` twice; then `load_state_dict(state)`.",
        "With momentum the update is not lr × gradient. Keep a copy of each parameter before the step, and subtract.",
        "Per step: `zero_grad()`, `backward()`, copy the parameters, `step()`, and only then take the norms.",
    ),
    cases=make_cases,
    probe=probe,
    judge=judge,
    picture=pictures.report,
)
