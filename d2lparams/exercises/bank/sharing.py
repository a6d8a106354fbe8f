"""Questions about sharing: find ties, make one, take one's gradient apart, undo one."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from ..compare import Wrong, kind, names, same_number, same_tensor
from ..inside.nets import Speller
from ..question import Case, Question
from .draws import descend, filled, normal, real, shuffled, whole


def _q8_cases(rng):
    cases = []
    for with_row in (False, True):
        width = whole(rng, 3, 5)
        linear = [filled(nn.Linear(width, width), rng) for _ in range(11 + with_row)]
        linear[0].weight = linear[1].weight  # one Parameter
        linear[2].weight.data = linear[3].weight.data  # two Parameters, one memory
        linear[4].weight = nn.Parameter(linear[5].weight.detach().t())
        linear[6].weight.data = linear[7].weight.detach().clone()  # equal, not tied
        linear[8].weight.data, linear[9].weight.data = normal(rng, 2, width, width)  # one storage, two halves
        if with_row:
            linear[11].bias = nn.Parameter(linear[10].weight.detach()[1])
        order = shuffled(rng, [*range(len(linear)), 10])
        net = nn.Sequential(*(linear[i] for i in order))
        place = {i: str(order.index(i)) for i in range(len(linear))}
        both = [str(k) for k, i in enumerate(order) if i == 10]
        pair = lambda a, b, place=place: (f"{place[a]}.weight", f"{place[b]}.weight")  # noqa: E731
        ties = {"identity": [pair(0, 1)], "memory": [pair(2, 3), pair(4, 5)]}
        shared = [f"{k}.weight" for k in both]
        if with_row:
            ties["memory"].append((*shared, f"{place[11]}.bias"))
        else:
            ties["identity"].append(tuple(shared))
        ties["identity"].append(tuple(f"{k}.bias" for k in both))
        ties = {kind: {frozenset(group) for group in groups} for kind, groups in ties.items()}
        X = normal(rng, 2, width)
        expected = {"ties": ties, "equal": set(pair(6, 7)), "halves": set(pair(8, 9)), "output": net(X).detach()}
        label = "a net in which a bias is a row of a weight" if with_row else "a net"
        cases.append(Case(label, {"net": net, "X": X}, expected))
    return cases


def _q8_judge(expected, facts):
    if facts["groups"]["type"] not in ("list", "tuple", "set"):
        raise Wrong("type of what was returned", kind(facts["groups"]), "a list of sets of names")
    came = {frozenset(names(group, "a group", ("set", "list", "tuple"))) for group in facts["groups"]["items"]}
    ties = expected["ties"]
    wanted = ties["identity"] | ties["memory"]
    if came != wanted:
        looks = ""
        if {group for group in came if len(group) > 1} == wanted:
            looks = "names that stand alone were listed, too"
        elif any(group >= expected["equal"] for group in came):
            looks = "equal values were taken for a tie: change one of the two, and look at the other"
        elif any(group >= expected["halves"] for group in came):
            looks = "two halves of one storage were taken for a tie: they are neighbours, and don't overlap"
        elif ties["identity"] <= came:
            looks = "two Parameters over the same memory were missed: neither `is` nor equal addresses tell of all"
        elif not came:
            looks = "nothing was found: without remove_duplicate=False named_parameters() gives one name each"
        elif came & ties["memory"] and not came & ties["identity"]:
            looks = "named_parameters() was asked without remove_duplicate=False, and gives each Parameter one name"
        missing, extra = wanted - came, came - wanted
        if missing:
            came = "groups without " + ("it" if len(missing) == 1 else "them")
            raise Wrong("ties", came + f", but with {_groups(extra)}," * bool(extra), _groups(missing), looks)
        raise Wrong("ties", f"also {_groups(extra)}", "none but the true ones", looks)
    same_tensor(facts["output"], expected["output"], "the net's output afterwards, which was to stay")


def _groups(groups):
    return "; ".join(sorted(" = ".join(sorted(group)) for group in groups))


q8 = Question(
    name="q8",
    title="Find hidden ties",
    points=9,
    task="""
Which parameters of `net` are tied? Two names are tied if changing a number of one changes the other. Return the groups
of tied names, each as a set, in any order; names that stand alone are left out. Leave the net's values as they were.

Mind what is *not* a tie: equal values in two places, and two halves of one storage, which are neighbours and don't
overlap. And mind what is one, though `is` says no: two Parameters that read the same memory, all of it or a part.
""",
    answer="tied_names",
    stub="""
def tied_names(net: nn.Module) -> list[set[str]]:
    # your turn
    return ...
""",
    solution_code="""
def tied_names(net: nn.Module) -> list[set[str]]:
    named = dict(net.named_parameters(remove_duplicate=False))
    groups = []
    for name, p in named.items():
        if any(name in group for group in groups):
            continue
        before = {other: q.detach().clone() for other, q in named.items()}
        with torch.no_grad():
            p.add_(1)
            groups.append({n for n, q in named.items() if not torch.equal(q, before[n])})
            p.copy_(before[name])
    return [group for group in groups if len(group) > 1]
""",
    hints=(
        "`named_parameters()` leaves out second names. With `remove_duplicate=False` it gives them all.",
        "The definition is an experiment: add 1 to one parameter, and see which names now hold other values.",
        "Keep a copy of all values before each experiment, and copy the parameter's back after it, under `no_grad`.",
    ),
    cases=_q8_cases,
    judge=_q8_judge,
)


def _q9_cases(rng):
    cases = []
    for _ in range(2):
        letters, width, n = whole(rng, 7, 11), whole(rng, 3, 6), 9
        net, lr = filled(Speller(letters, width), rng), real(rng, 0.5, 1)
        ids, following = torch.randint(letters, (2, n), generator=rng)
        swapped, tied = copy.deepcopy(net), copy.deepcopy(net)
        swapped.embed.weight = swapped.head.weight
        looks = {"nothing was tied": net(ids), "the head's values were kept, not the embedding's": swapped(ids)}
        tied.head.weight = nn.Parameter(tied.embed.weight.detach().clone())  # two Parameters, so two gradients
        output = tied(ids)
        loss = F.cross_entropy(output, following)
        entrance, exit_ = torch.autograd.grad(loss, [tied.embed.weight, tied.head.weight], retain_graph=True)
        expected = {"output": output.detach(), "looks": looks, "entrance": entrance, "exit": exit_}
        tied.head.weight = tied.embed.weight
        expected["counts"] = [sum(p.numel() for p in n.parameters()) for n in (tied, net)]
        descend(tied, F.cross_entropy(tied(ids), following), lr)
        expected["later"] = tied(ids).detach()
        given = {"net": net, "ids": ids, "following": following, "lr": lr}
        cases.append(Case(f"{letters} letters, {width} wide", given, expected))
    return cases


def _q9_judge(expected, facts):
    same_tensor(facts["output"], expected["output"], "the output", expected["looks"])
    once = "it holds one use only: two Parameters, equal or over one memory, have a gradient each"
    looks = {f"{once}; this is the embedding's": expected["entrance"], f"{once}; this is the head's": expected["exit"]}
    total = expected["entrance"] + expected["exit"]
    same_tensor(facts["gradient"], total, "the gradient of the shared weight", looks)
    one, two = expected["counts"]
    same_number(facts["count"], one, "the count of the net's numbers", {"the head has a weight of its own": two})
    same_tensor(facts["later"], expected["later"], "the output after one step of gradient descent")


q9 = Question(
    name="q9",
    title="Tie an embedding to the head",
    points=8,
    task="""
`net` guesses the letter that follows: `net.embed` (an `nn.Embedding`) turns a letter into a vector, `net.body` works on
it, and `net.head` (an `nn.Linear`) scores every letter. Both `net.embed.weight` and `net.head.weight` hold one row per
letter. Tie them, in place: one Parameter in both places, with the *embedding's* values. Return nothing.
""",
    answer="tie_head_",
    stub="""
def tie_head_(net: nn.Module) -> None:
    # your turn
    ...
""",
    solution_code="""
def tie_head_(net: nn.Module) -> None:
    net.head.weight = net.embed.weight
""",
    hints=(
        "No copying: two places of the net are to hold the same Parameter *object*.",
        "Assign a Parameter to an attribute of a module, and it takes the place of the one that was there.",
    ),
    cases=_q9_cases,
    judge=_q9_judge,
)


def _q10_cases(rng):
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
            slips = (
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
        looks = [
            {
                "the two uses changed places": other,
                "it is the sum of both uses": own + other,
                "it is the transpose": own.T,
                "the loss's factor 1/2 was left out": 2 * own,
                **slip,
            }
            for own, other, slip in zip(gradients, gradients[::-1], slips, strict=True)
        ]
        given = {"W": W, "X": X, "Y": Y}
        cases.append(Case(f"{width} wide", given, {"gradients": gradients, "looks": looks}))
    return cases


def _q10_judge(expected, facts):
    fact, (first, second) = facts["gradients"], expected["gradients"]
    if fact["type"] in ("Tensor", "Parameter"):
        looks = "only their sum was returned, which is what W.grad holds" * (fact["shape"] == list(first.shape))
        raise Wrong("type of what was returned", "one tensor", "two gradients", looks)
    if fact["type"] not in ("tuple", "list"):
        raise Wrong("type of what was returned", kind(fact), "two gradients")
    if len(fact["items"]) != 2:
        raise Wrong("type of what was returned", f"{kind(fact)} of {len(fact['items'])}", "two gradients")
    for name, item, wanted, looks in zip(
        ("first", "second"), fact["items"], (first, second), expected["looks"], strict=True
    ):
        same_tensor(item, wanted, f"the gradient of the {name} use", looks)


q10 = Question(
    name="q10",
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
    cases=_q10_cases,
    judge=_q10_judge,
)


def _q11_cases(rng):
    cases = []
    for with_tail in (False, True):
        width, hidden = whole(rng, 2, 4), whole(rng, 5, 7)
        shared, tail = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        layers = [nn.Linear(width, hidden), nn.Tanh(), shared, nn.Tanh(), shared, nn.Tanh()]
        if with_tail:
            tail.weight = shared.weight
            layers += [tail, nn.Tanh()]
        net = filled(nn.Sequential(*layers, nn.Linear(hidden, 2)), rng)
        X, Y, lr = normal(rng, 6, width), normal(rng, 6, 2), real(rng, 0.5, 1)
        tied, twin = copy.deepcopy(net), nn.Sequential(*(copy.deepcopy(layer) for layer in net))
        output = net(X).detach()
        descend(tied, F.mse_loss(tied(X), Y), lr)
        descend(twin, F.mse_loss(twin(X), Y), lr)
        expected = {"output": output, "tied": tied(X).detach(), "twin": twin(X).detach()}
        expected["counts"] = [sum(p.numel() for p in n.parameters()) for n in (twin, net)]
        label = "a shared layer" + ", and a weight tied to it" * with_tail
        cases.append(Case(label, {"net": net, "X": X, "Y": Y, "lr": lr}, expected))
    return cases


def _q11_judge(expected, facts):
    if "at once" not in facts:
        raise Wrong("type of what was returned", kind(facts["twin"]), "an nn.Module")
    output, tied, twin = expected["output"], expected["tied"], expected["twin"]
    same_tensor(facts["at once"]["twin"], output, "the twin's output, at once")
    same_tensor(facts["at once"]["net"], output, "the net's own output, at once")
    free, fewer = expected["counts"]
    same_number(facts["count"], free, "the count of the twin's numbers", {"the twin is as tied as the net": fewer})
    step = facts["after a step of the twin"]
    same_tensor(step["twin"], twin, "the twin's output after its first step", {"a tie is left in the twin": tied})
    looks = {"the twin is the net itself, or works in its memory": twin}
    same_tensor(step["net"], output, "the net's output after a step of the twin", looks)
    step = facts["after a step of the net"]
    looks = {"the net itself was untied": twin}
    same_tensor(step["net"], tied, "the net's output after its own first step", looks)
    same_tensor(step["twin"], twin, "the twin's output after a step of the net")


q11 = Question(
    name="q11",
    title="Untie into a twin",
    points=8,
    task="""
`net` is a flat `Sequential` in which a layer stands twice; in one of the nets another layer has its weight Parameter,
too. Return an untied twin: the same output now, but every layer with parameters of its own. The twin shares nothing
with the net, and the net stays as it is, tied. Both then take a step of gradient descent, and that tells them apart.
""",
    answer="untied_twin",
    stub="""
def untied_twin(net: nn.Sequential) -> nn.Sequential:
    # your turn
    return ...
""",
    solution_code="""
def untied_twin(net: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*(copy.deepcopy(layer) for layer in net))
""",
    hints=(
        "`copy.deepcopy(net)` shares nothing with the net, but it keeps the ties: it remembers what it has copied.",
        "It remembers only within one call. So call it more than once.",
    ),
    cases=_q11_cases,
    judge=_q11_judge,
)
