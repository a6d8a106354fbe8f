"""Questions about access: reach a parameter, count them, tell what trains from what is merely kept."""

import copy

import torch
from torch import nn

from ..compare import Wrong, names, same_number, same_tensor
from ..inside.nets import Fancy, Parallel
from ..question import Case, Question
from .draws import filled, normal, real, whole


def _q1_cases(rng):
    cases = []
    for width in (3, 5):
        first = nn.Sequential(nn.Linear(width, 6), nn.ReLU(), nn.Linear(6, 4))
        net = filled(nn.Sequential(first, nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))), rng)
        X, factor = normal(rng, 2, width), real(rng, 1.5, 2.5)
        moved = copy.deepcopy(net)
        moved(X).square().sum().backward()
        weight = moved[1][0].weight
        with torch.no_grad():
            expected = {"weight": weight.clone(), "gradient": weight.grad}
            expected["looks"] = {
                "it is the first block's": net[0][0].weight.detach().clone(),
                "it is another layer's": net[0][2].weight.detach().clone(),
                "it is the last layer's": net[1][2].weight.detach().clone(),
                "it is the bias": net[1][0].bias.detach().clone(),
            }
            expected["before"] = net(X).detach()
            weight *= factor
            expected["after"] = moved(X)
        cases.append(Case(f"with {width} inputs", {"net": net, "X": X, "factor": factor}, expected))
    return cases


def _q1_judge(expected, facts):
    same_tensor(facts["weight"], expected["weight"], "the returned weight", expected["looks"])
    if facts["gradient"]["type"] == "NoneType":
        raise Wrong(
            "gradient of what was returned, after a backward pass",
            "None",
            "the weight's gradient",
            "you returned the weight's numbers (a copy, .data or an entry of state_dict), not the Parameter itself",
        )
    same_tensor(facts["gradient"], expected["gradient"], "the gradient of what was returned, after a backward pass")
    looks = {"a copy was returned: the net never noticed": expected["before"]}
    same_tensor(facts["output"], expected["after"], "the net's output after the returned weight was scaled", looks)


q1 = Question(
    name="q1",
    title="Reach into a nested net",
    points=3,
    task="""
`net` is a `Sequential` of two `Sequential`s. Return the weight of the *first* linear layer of the *second* one: not a
copy, but the Parameter itself, so that whoever scales what you return scales the net.
""",
    answer="second_block_weight",
    stub="""
def second_block_weight(net: nn.Sequential) -> nn.Parameter:
    # your turn
    return ...
""",
    solution_code="""
def second_block_weight(net: nn.Sequential) -> nn.Parameter:
    return net[1][0].weight
""",
    hints=(
        "A `Sequential` is indexed like a list, and so are the blocks in it.",
        "`net[1]` is the second block, `net[1][0]` its first layer. A layer's weight is an attribute of it.",
    ),
    cases=_q1_cases,
    judge=_q1_judge,
)


def _q2_cases(rng):
    a, b, c = whole(rng, 5, 9), whole(rng, 10, 14), whole(rng, 15, 19)
    plain = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))

    shared = nn.Linear(b, b)
    tied = nn.Sequential(nn.Linear(a, b), nn.ReLU(), shared, nn.ReLU(), shared, nn.Linear(b, c, bias=False))

    frozen = nn.Sequential(nn.Embedding(c, a), nn.Linear(a, b), nn.BatchNorm1d(b), nn.Linear(b, a), nn.Linear(a, c))
    frozen[1].requires_grad_(False)
    frozen[4].weight = frozen[0].weight
    cases = []
    for label, net in (("a plain net", plain), ("frozen, tied, normalized", frozen), ("a shared layer", tied)):
        every = list(net.named_parameters(remove_duplicate=False))
        trained = [p for _, p in every if p.requires_grad]
        looks = {
            "a tied parameter was counted at each of its names": sum(p.numel() for p in trained),
            "frozen parameters were counted": sum(p.numel() for p in net.parameters()),
            "frozen parameters were counted, and tied ones more than once": sum(p.numel() for _, p in every),
            "everything in state_dict was counted": sum(t.numel() for t in net.state_dict().values()),
            "tensors were counted, not the numbers in them": len(set(trained)),
            "every tensor was counted, not the numbers in them": len(list(net.parameters())),
        }
        cases.append(Case(label, {"net": net}, (sum(p.numel() for p in set(trained)), looks)))
    return cases


def _q2_judge(expected, facts):
    wanted, looks = expected
    same_number(facts["count"], wanted, "the count", looks)


q2 = Question(
    name="q2",
    title="Count what trains",
    points=4,
    task="""
How many numbers of `net` may an optimizer change? Return that count. A tied parameter counts once, a frozen one
(`requires_grad` is False) not at all, and neither do buffers such as BatchNorm's running mean.
""",
    answer="count_trainable",
    stub="""
def count_trainable(net: nn.Module) -> int:
    # your turn
    return ...
""",
    solution_code="""
def count_trainable(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters() if p.requires_grad)
""",
    hints=(
        "Which of `parameters()`, `named_parameters(remove_duplicate=False)` and `state_dict()` has each tensor once?",
        "`net.parameters()` has. `p.numel()` says how many numbers `p` holds, `p.requires_grad` whether it trains.",
    ),
    cases=_q2_cases,
    judge=_q2_judge,
)


def _q3_cases(rng):
    cases = []
    for shared_trains in (True, False):
        width = whole(rng, 2, 4)
        blocks = [nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(2)]
        blocks[1].append(nn.BatchNorm1d(width))
        shared, fancy = nn.Linear(2 * width, 2 * width), Fancy(2 * width, normal(rng, 2 * width, 2 * width))
        net = nn.Sequential(Parallel(*blocks), shared, fancy, shared)
        layers = [blocks[0][0], blocks[1][0], fancy.linear]
        for layer in layers:
            layer.weight.requires_grad_(bool(whole(rng, 0, 1)))
            layer.bias.requires_grad_(bool(whole(rng, 0, 1)))
        shared.requires_grad_(shared_trains)
        every = list(net.state_dict())
        train = {name for name, p in net.named_parameters(remove_duplicate=False) if p.requires_grad}
        label = f"a shared layer that {'trains' if shared_trains else 'is frozen'}"
        expected = {"names": sorted(set(every) - train), "every": every, "second": [n for n in every if n[:2] == "3."]}
        buffers = [name for name, _ in net.named_buffers()]
        expected |= {"buffers": [name for name in buffers if name in every]}
        expected |= {"unsaved": [name for name in buffers if name not in every]}
        cases.append(Case(label, {"net": net}, expected))
    return cases


def _q3_judge(expected, facts):
    came = names(facts["names"], "what was returned")
    wanted = expected["names"]
    if came == wanted:
        return
    extra, missing = sorted(set(came) - set(wanted)), sorted(set(wanted) - set(came))
    looks = ""
    if set(extra) & set(expected["unsaved"]):
        looks = "a name came that state_dict does not hold: a buffer may be kept without being saved"
    elif any(name not in expected["every"] for name in extra):
        looks = "these are not the names of state_dict, which are whole paths"
    elif extra and set(extra) <= set(expected["second"]):
        looks = "the second name of a tied parameter, which named_parameters() leaves out, was taken for fixed"
    elif set(missing) & set(expected["buffers"]):
        looks = "buffers were left out"
    elif missing and set(missing) <= set(expected["second"]):
        looks = "the second name of a frozen, tied parameter was left out"
    elif missing:
        looks = "frozen parameters were left out"
    if missing:
        raise Wrong("names", "a list without them" + f", but with {extra}," * bool(extra), f"also {missing}", looks)
    if not extra:
        raise Wrong("names", "one of them twice", "each one once")
    raise Wrong("names", f"also {extra}", "none but those that never train", looks)


q3 = Question(
    name="q3",
    title="Name what never trains",
    points=5,
    task="""
`state_dict()` holds more than an optimizer changes. Return the names in it, in any order, whose values no step of any
optimizer over `net.parameters()` can change. In naive code: the names that are left over after

    for p in net.parameters():
        if p.requires_grad:
            p.grad = torch.ones_like(p)
    torch.optim.SGD(net.parameters(), lr=1.0).step()

has changed all it can. The nets have a `Parallel` block, a `Fancy` one with fixed weights, some frozen parameters, and
one layer in two places.
""",
    answer="fixed_names",
    stub="""
def fixed_names(net: nn.Module) -> list[str]:
    # your turn
    return ...
""",
    solution_code="""
def fixed_names(net: nn.Module) -> list[str]:
    named = net.named_parameters(remove_duplicate=False)
    trained = {name for name, p in named if p.requires_grad}
    return [name for name in net.state_dict() if name not in trained]
""",
    hints=(
        "Start from all the names in `state_dict()`, and take away those that train.",
        "A layer in two places has two names in `state_dict()`, but `named_parameters()` gives only the first.",
        "`named_parameters(remove_duplicate=False)` gives them all; keep those with `requires_grad`.",
    ),
    cases=_q3_cases,
    judge=_q3_judge,
)
