"""Say what an optimizer is given."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ...compare import Fact, Wrong, kind, same_tensor
from ...question import Case, Question
from ..case_parts import filled, integer, normal, real
from .probe import probe


def _adamw(p: Tensor, gradients: Sequence[Tensor], lr: float, decay: float = 0.0, coupled: float = 0.0) -> Tensor:
    """Return what AdamW makes of a tensor, by Loshchilov and Hutter's formulas; coupled: Adam's own weight decay."""
    m = v = torch.zeros_like(p)
    for t, gradient in enumerate(gradients, start=1):
        gradient = gradient + coupled * p
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        p = p * (1 - lr * decay) - lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    return p


def make_cases(rng: Generator) -> list[Case]:
    a, b = integer(rng, 3, 5), integer(rng, 6, 8)
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
        values, mistakes = {}, {}
        for name, parameter in net.named_parameters():
            p, own = parameter.detach().clone(), [step[name] for step in gradients]
            wanted_decay = decay if p.dim() > 1 else 0.0
            decayed, plain = _adamw(p, own, lr, decay), _adamw(p, own, lr)
            values[name], other = (decayed, plain) if p.dim() > 1 else (plain, decayed)
            twice = [gradient for gradient in own for _ in range(2)]
            mistakes[name] = {
                "weight decay is missing" if p.dim() > 1 else "weight decay reached it": other,
                "the optimizer does not have it": p,
                "it took each step twice, once for each of its names": _adamw(p, twice, lr, wanted_decay),
                "this is Adam, which adds the decay to the gradient": _adamw(p, own, lr, coupled=decay),
                "AdamW's own weight decay of 0.01 reached it": _adamw(p, own, lr, 0.01),
            }
        given = {"net": net, "lr": lr, "decay": decay, "gradients": gradients}
        cases.append(Case(label, given, {"values": values, "mistakes": mistakes}))
    return cases


def judge(expected: Any, facts: Fact) -> None:
    if "values" not in facts:
        raise Wrong("type of what was returned", kind(facts["optimizer"]), "an optimizer")
    for name, value in expected["values"].items():
        same_tensor(facts["values"][name], value, f"{name} after two steps", expected["mistakes"][name], tolerance=1e-5)


question = Question(
    name="q12",
    section="training",
    taught=("5-shared-mlp",),
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
    cases=make_cases,
    probe=probe,
    judge=judge,
)
