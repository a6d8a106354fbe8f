"""Say what an optimizer is given."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from ...compare import Later
from ...question import Case, Question
from ..answer_parts import wrapped
from ..case_parts import filled, integer, normal, real
from .judge import judge
from .probe import probe

SCALES = (1.0, 0.5, 0.0, 0.0, 0.0, 0.0)  # of the gradients, step by step: amsgrad shows only where they shrink
STEPS = "six"

Options = dict[str, Any]


class Variant(NamedTuple):
    """The optimizer ("AdamW" or "SGD"), and what the learning rate of parameters with one dimension is divided by."""

    optimizer: str
    slower: int


def adamw(
    p: Tensor,
    gradients: Sequence[Tensor],
    lr: float,
    decay: float = 0.0,
    coupled: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    amsgrad: bool = False,
) -> Tensor:
    """Return what AdamW makes of a tensor, by Loshchilov and Hutter's formulas; coupled: Adam's own weight decay."""
    m = v = most = torch.zeros_like(p)
    for t, gradient in enumerate(gradients, start=1):
        gradient = gradient + coupled * p
        m, v = betas[0] * m + (1 - betas[0]) * gradient, betas[1] * v + (1 - betas[1]) * gradient**2
        most = torch.maximum(most, v) if amsgrad else v
        size = (most / (1 - betas[1] ** t)).sqrt() + eps
        p = p * (1 - lr * decay) - lr * (m / (1 - betas[0] ** t)) / size
    return p


def sgd(
    p: Tensor,
    gradients: Sequence[Tensor],
    lr: float,
    decay: float = 0.0,
    momentum: float = 0.9,
    nesterov: bool = False,
    decoupled: float = 0.0,
    dampening: float = 0.0,
) -> Tensor:
    """Return what SGD with momentum makes of a tensor; decoupled: AdamW's way of decay."""
    speed = None
    for gradient in gradients:
        gradient = gradient + decay * p
        speed = gradient if speed is None else momentum * speed + (1 - dampening) * gradient
        p = p * (1 - lr * decoupled) - lr * (gradient + momentum * speed if nesterov else speed)
    return p


def _with(decay: float, options: Options) -> Options:
    return {"decay": decay} | options


def _after(variant: Variant, p: Tensor, gradients: list[Tensor], lr: float, decay: float) -> Tensor:
    step = adamw if variant.optimizer == "AdamW" else sgd
    if p.dim() > 1:
        return step(p, gradients, lr, decay)
    return step(p, gradients, lr / variant.slower)


def _mistakes(variant: Variant, p: Tensor, own: list[Tensor], lr: float, decay: float) -> dict[str, Tensor]:
    """Return what typical mistakes make of a parameter with these gradients."""
    matrix = p.dim() > 1
    twice = [gradient for gradient in own for _ in range(2)]
    rate, kept = (lr, decay) if matrix else (lr / variant.slower, 0.0)
    found = {
        "the optimizer does not have it": p,
        "it took each step twice, once for each of its names": _after(variant, p, twice, lr, decay),
        "maximize is on": _after(variant, p, [-gradient for gradient in own], lr, decay),
    }
    missing = "weight decay is missing" if matrix else "weight decay reached it"
    other = 0.0 if matrix else decay
    if variant.optimizer == "AdamW":
        options: dict[str, Options] = {
            missing: {"decay": other},
            "this is Adam, which adds the decay to the gradient": {"decay": 0.0, "coupled": decay},
            "AdamW's own weight decay of 0.01 reached it": {"decay": 0.01},
            "amsgrad is on": {"amsgrad": True},
        }
        for betas in ((0.9, 0.99), (0.9, 0.95), (0.95, 0.999), (0.8, 0.999), (0.0, 0.999), (0.9, 0.9)):
            options[f"betas are {betas}, not the defaults"] = {"betas": betas}
        for eps in (1e-6, 1e-5, 1e-4, 1e-3):
            options[f"eps is {eps:g}, not the default"] = {"eps": eps}
        made = {what: adamw(p, own, rate, **_with(kept, changed)) for what, changed in options.items()}
        rates = {lr: "the whole learning rate reached it", lr / 10: "its learning rate is a tenth"}
        made |= {what: adamw(p, own, wrong, kept) for wrong, what in rates.items() if wrong != rate}
        made["this is SGD with momentum"] = sgd(p, own, rate, kept)
    else:
        options = {
            missing: {"decay": other},
            "momentum is missing": {"momentum": 0.0},
            "nesterov is on": {"nesterov": True},
            "dampening is on": {"dampening": 0.9},
            "the decay is AdamW's, apart from the gradient": {"decay": 0.0, "decoupled": decay},
        }
        made = {what: sgd(p, own, rate, **_with(kept, changed)) for what, changed in options.items()}
        made |= {f"momentum is {momentum}": sgd(p, own, rate, kept, momentum) for momentum in (0.5, 0.95, 0.99)}
        made["this is AdamW"] = adamw(p, own, rate, kept)
    return found | made


def make_cases(variant: Variant, rng: Generator) -> list[Case]:
    a, b = integer(rng, 3, 5), integer(rng, 6, 8)
    shared, embed, head = nn.Linear(b, b), nn.Embedding(b, a), nn.Linear(a, b)
    head.weight = embed.weight
    nets = {
        "a shared layer": nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), shared, nn.Tanh(), shared, nn.Linear(b, 1)),
        "a head tied to an embedding": nn.Sequential(embed, nn.Linear(a, a), nn.BatchNorm1d(a), head),
    }
    cases = []
    for label, net in nets.items():
        filled(net, rng, std=1.0)
        lr, decay = real(rng, 0.05, 0.1), real(rng, 0.5, 1)
        steps = [{name: scale * normal(rng, *p.shape) for name, p in net.named_parameters()} for scale in SCALES]
        for step in steps:
            for gradient in step.values():
                gradient[0] *= 1e-5  # so small that eps shows
        start = {name: p.detach().clone() for name, p in net.named_parameters()}
        gradients = {name: [step[name] for step in steps] for name in start}
        values = {name: _after(variant, p, gradients[name], lr, decay) for name, p in start.items()}
        later = {name: Later(partial(_mistakes, variant, p, gradients[name], lr, decay)) for name, p in start.items()}
        given = {"net": net, "lr": lr, "decay": decay, "gradients": steps}
        cases.append(Case(label, given, {"values": values, "mistakes": later, "steps": STEPS}))
    return cases


def make(variant: Variant) -> Question:
    optimizer, slower = variant
    head = "\ndef make_optimizer(net: nn.Module, lr: float, decay: float) -> torch.optim.Optimizer:\n"
    given = "the learning rate `lr` and otherwise its defaults"
    if optimizer == "SGD":
        given = "the learning rate `lr`, a momentum of 0.9 and otherwise its defaults"
    rest = "get\nnone"
    if slower > 1:
        rest = "get none, and a tenth of the learning rate"
    own_rate = f', "lr": lr / {slower}' if slower > 1 else ""
    second = "AdamW has a weight decay even if you say nothing: 0.01. The second group has to say `weight_decay: 0.0`."
    if optimizer == "SGD":
        second = "What a group doesn't say it takes from the call: `torch.optim.SGD(groups, lr=lr, momentum=0.9)`."
    elif slower > 1:
        second += " It can say `lr`, too."
    return Question(
        name="q12",
        section="training",
        taught=("5-shared-mlp",),
        title="Give the optimizer its groups",
        points=8,
        task=wrapped(f"""
Return a `torch.optim.{optimizer}` over the parameters of `net`, with {given}. The
weight decay `decay` goes to those with two dimensions or more; biases and the scales of normalizations, which have one,
{rest}. Each parameter is updated once per step, tied ones too. It is judged by the values after some steps with
gradients that you don't know.
"""),
        answer="make_optimizer",
        stub=f"{head}    # your turn\n    return ...\n",
        solution_code=f"""{head}    parameters = list(net.parameters())
    groups = [
        {{"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay}},
        {{"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0{own_rate}}},
    ]
    return torch.optim.{optimizer}(groups, lr=lr{", momentum=0.9" if optimizer == "SGD" else ""})
""",
        hints=(
            "An optimizer takes a list of dictionaries, each with `params` and options of their own.",
            second,
            "`net.parameters()` has each parameter once. Sort by `p.dim()`, not by name: LayerNorm has a "
            "`weight`, too.",
        ),
        cases=partial(make_cases, variant),
        probe=probe,
        judge=judge,
        variant=variant,
    )


variants = tuple(make(Variant(*which)) for which in (("AdamW", 1), ("AdamW", 10), ("SGD", 1)))
question = variants[0]
