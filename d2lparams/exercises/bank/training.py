"""Questions about training: what an optimizer is given, and what each layer did."""

import torch
from torch import nn
from torch.nn import functional as F

from .. import pictures
from ..compare import Wrong, kind, same_tensor, same_values, table
from ..question import Case, Question
from .draws import filled, normal, real, whole

QUANTITIES = ("weight norm", "gradient norm", "update:data ratio")


def _adamw(p, gradients, lr, decay=0.0, coupled=0.0):
    """Return what AdamW makes of a tensor, by Loshchilov and Hutter's formulas; coupled: Adam's own weight decay."""
    m = v = torch.zeros_like(p)
    for t, gradient in enumerate(gradients, start=1):
        gradient = gradient + coupled * p
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        p = p * (1 - lr * decay) - lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    return p


def _q12_cases(rng):
    a, b = whole(rng, 3, 5), whole(rng, 6, 8)
    shared, embed, head = nn.Linear(b, b), nn.Embedding(b, a), nn.Linear(a, b)
    head.weight = embed.weight
    nets = {
        "a shared layer": nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), shared, nn.Tanh(), shared),
        "a head tied to an embedding": nn.Sequential(embed, nn.Linear(a, a), nn.BatchNorm1d(a), head),
    }
    cases = []
    for label, net in nets.items():
        filled(net, rng, std=1.0)
        lr, decay = real(rng, 0.05, 0.1), real(rng, 0.5, 1)
        gradients = [{name: normal(rng, *p.shape) for name, p in net.named_parameters()} for _ in range(2)]
        values, looks = {}, {}
        for name, p in net.named_parameters():
            p, own = p.detach().clone(), [step[name] for step in gradients]
            with_, without = _adamw(p, own, lr, decay), _adamw(p, own, lr)
            values[name], other = (with_, without) if p.dim() > 1 else (without, with_)
            twice = [gradient for gradient in own for _ in range(2)]
            looks[name] = {
                "weight decay is missing" if p.dim() > 1 else "weight decay reached it": other,
                "the optimizer does not have it": p,
                "it took each step twice, once for each of its names": _adamw(p, twice, lr, decay * (p.dim() > 1)),
                "this is Adam, which adds the decay to the gradient": _adamw(p, own, lr, coupled=decay),
                "AdamW's own weight decay of 0.01 reached it": _adamw(p, own, lr, 0.01),
            }
        given = {"net": net, "lr": lr, "decay": decay, "gradients": gradients}
        cases.append(Case(label, given, {"values": values, "looks": looks}))
    return cases


def _q12_judge(expected, facts):
    if "values" not in facts:
        raise Wrong("type of what was returned", kind(facts["optimizer"]), "an optimizer")
    for name, value in expected["values"].items():
        same_tensor(facts["values"][name], value, f"{name} after two steps", expected["looks"][name], tolerance=1e-5)


q12 = Question(
    name="q12",
    title="Give the optimizer its groups",
    points=8,
    task="""
Return a `torch.optim.AdamW` over the parameters of `net`, with the learning rate `lr` and otherwise its defaults. The
weight decay `decay` goes to those with two dimensions or more; biases and the scales of normalizations, which have one,
get none. Each parameter is updated once per step, tied ones too. It is judged by the values after two steps with
gradients that you don't know.
""",
    answer="make_optimizer",
    stub="""
def make_optimizer(net: nn.Module, lr: float, decay: float) -> torch.optim.Optimizer:
    # your turn
    return ...
""",
    solution_code="""
def make_optimizer(net: nn.Module, lr: float, decay: float) -> torch.optim.Optimizer:
    parameters = list(net.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr)
""",
    hints=(
        "An optimizer takes a list of dictionaries, each with `params` and options of their own.",
        "AdamW has a weight decay even if you say nothing: 0.01. The second group has to say `weight_decay: 0.0`.",
        "`net.parameters()` has each parameter once. Sort by `p.dim()`, not by name: LayerNorm has a `weight`, too.",
    ),
    cases=_q12_cases,
    judge=_q12_judge,
)


def _mlp(state, untied=False):
    layers = [nn.Linear(*state[f"{i}.weight"].shape[::-1]) for i in (0, 2, 4, 6)]
    if not untied:
        layers[2] = layers[1]
    first, *rest = layers
    net = nn.Sequential(first, *(module for layer in rest for module in (nn.ReLU(), layer)))
    net.load_state_dict(state)
    return net


def _watched(state, X, y, lr, momentum, steps, untied=False, accumulate=False):
    """Train by hand; return for each parameter the norms of weight before and after, gradient and update."""
    net = _mlp(state, untied)
    named = dict(net.named_parameters())
    sums, speed = dict.fromkeys(named, 0), dict.fromkeys(named, 0)
    norms = {name: [] for name in named}
    for _ in range(steps):
        gradients = torch.autograd.grad(F.cross_entropy(net(X), y), list(named.values()))
        with torch.no_grad():
            for (name, p), gradient in zip(named.items(), gradients, strict=True):
                sums[name] = sums[name] * accumulate + gradient
                speed[name] = momentum * speed[name] + sums[name]
                before = p.norm()
                p -= lr * speed[name]
                norms[name].append([before, p.norm(), sums[name].norm(), lr * speed[name].norm()])
    return {name: torch.tensor(rows, dtype=torch.float64).T for name, rows in norms.items()}


def _q13_cases(rng):
    cases = []
    for _ in range(2):
        inputs, hidden, classes = whole(rng, 3, 5), whole(rng, 6, 8), 3
        net = nn.Sequential(nn.Linear(inputs, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, classes))
        drawn = filled(net, rng).state_dict()
        places = {"0": "0", "2": "1", "4": "1", "6": "2"}
        state = {f"{i}.{kind}": drawn[f"{k}.{kind}"] for i, k in places.items() for kind in ("weight", "bias")}
        X, y = normal(rng, 20, inputs), torch.randint(classes, (20,), generator=rng)
        given = {"state": state, "X": X, "y": y, "lr": real(rng, 0.1, 0.2), "momentum": real(rng, 0.8, 0.95)}
        given["steps"] = 5
        report = {name: _report(norms) for name, norms in _watched(**given).items()}
        cases.append(Case(f"{inputs} inputs, {hidden} hidden", given, {"report": report, "given": given}))
    return cases


def _report(norms):
    _, after, gradient, update = norms
    return torch.stack([after, gradient, update / after], 1)


def _slips(given):
    """Return what typical mistakes make of the report: a dictionary of tables for each parameter."""
    runs = {
        "layers 2 and 4 are two layers": _watched(**given, untied=True),
        "gradients were not set back to zero between steps": _watched(**given, accumulate=True),
        "momentum was left out": _watched(**given | {"momentum": 0.0}),
    }
    looks = {}
    for name, (before, after, gradient, update) in _watched(**given).items():
        looks[name] = {slip: _report(run[name]) for slip, run in runs.items()} | {
            "the weight's norm is the one before the step": torch.stack([before, gradient, update / before], 1),
            "lr × gradient was taken for the update": torch.stack([after, gradient, given["lr"] * gradient / after], 1),
            "the copy from before the step is no copy: without .clone() it changes along": torch.stack(
                [after, gradient, 0 * update], 1
            ),
            "norms were left squared": torch.stack([after**2, gradient**2, (update / after) ** 2], 1),
        }
    return looks


def _q13_judge(expected, facts):
    try:
        _compare(expected["report"], facts["report"], {})
    except Wrong:  # only now is it worth the time to work out what it looks like
        _compare(expected["report"], facts["report"], _slips(expected["given"]))


def _compare(wanted, fact, looks):
    if fact["type"] != "dict":
        raise Wrong("type of what was returned", kind(fact), "a dict from names to tables")
    if sorted(fact["keys"]) != sorted(wanted):
        likely = ""
        if set(fact["keys"]) - set(wanted) == {"4.weight", "4.bias"}:
            tables = dict(zip(fact["keys"], fact["items"], strict=True))
            one = all(tables[f"4.{kind}"] == tables.get(f"2.{kind}") for kind in ("weight", "bias"))
            likely = (
                "the shared layer was listed under both its names" if one else "layers 2 and 4 are two layers, not one"
            )
        raise Wrong("names in the report", sorted(fact["keys"]), sorted(wanted), likely)
    came = {name: table(item, f"the table of {name}") for name, item in zip(fact["keys"], fact["items"], strict=True)}
    for column in (1, 0, 2):  # a wrong gradient makes all three wrong
        for name, rows in wanted.items():
            if came[name].shape != rows.shape:
                raise Wrong(f"shape of the table of {name}", tuple(came[name].shape), tuple(rows.shape))
            likely = {slip: other[:, column] for slip, other in looks.get(name, {}).items()}
            what = f"the {QUANTITIES[column]} of {name}, step by step"
            same_values(came[name][:, column], rows[:, column], what, likely, tolerance=2e-4)


q13 = Question(
    name="q13",
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
    cases=_q13_cases,
    judge=_q13_judge,
    picture=pictures.report,
)
