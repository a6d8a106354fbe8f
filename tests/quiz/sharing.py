"""Quiz questions on notebook 4 and the appendix on keeping ties."""

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from d2lparams import count_parameters

from . import Quiz


def _tied_pair() -> nn.Sequential:
    """Two layers of 64 weights and 8 biases that share the weight."""
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    net[1].weight = net[0].weight
    return net


class _Loop(nn.Module):
    """A layer that is called as often as it is told."""

    def __init__(self, layer: nn.Module, times: int) -> None:
        super().__init__()
        self.layer, self.times = layer, times

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        for _ in range(self.times):
            X = self.layer(X)
        return X


def _numbers() -> int:
    shared = nn.Linear(10, 10)
    return count_parameters(nn.Sequential(nn.Linear(5, 10), shared, shared, shared, nn.Linear(10, 2)))


def _written_twice() -> str:
    first = nn.Linear(3, 3)
    second = copy.deepcopy(first)
    with torch.no_grad():
        first.weight[0, 0] += 1
    return "it stays" if second.weight[0, 0] != first.weight[0, 0] else "it changes, too"


def _decayed() -> float:
    a, b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.ones_(a.weight)
    b.weight.data = a.weight.data
    for layer in (a, b):
        layer.weight.grad = torch.zeros(1, 1)
    torch.optim.SGD([a.weight, b.weight], lr=0.5, weight_decay=1).step()
    return a.weight.item()


def _cube() -> float:
    w = nn.Parameter(torch.tensor(2.0))
    (w * w * w).backward()
    return w.grad.item()


def _cosine() -> str:
    """Ask about a plain net of width 512 and the same with a skip connection, each as an untied net of equal values."""
    found = []
    for skip in (False, True):
        torch.manual_seed(1)
        start, one, end = nn.Linear(100, 512), nn.Linear(512, 512), nn.Linear(512, 10)
        layers = one, copy.deepcopy(one)
        H = torch.relu(start(torch.rand(128, 100)))
        for layer in layers:
            H = torch.relu(layer(H)) + (H if skip else 0)
        F.cross_entropy(end(H), torch.randint(10, (128,))).backward()
        first, second = (layer.weight.grad.flatten() for layer in layers)
        found.append(F.cosine_similarity(first, second, dim=0).item())
    plain, with_skip = found
    return (
        "the one with the skip connection" if with_skip > plain + 0.3 else "the plain one" if plain > 0.3 else "neither"
    )


def _words() -> int:
    embedding, head = nn.Embedding(500, 32), nn.Linear(32, 500)
    head.weight = embedding.weight
    return count_parameters(nn.Sequential(embedding, head))


def _filter() -> int:
    layer = nn.Conv1d(1, 1, kernel_size=3)
    return count_parameters(layer)


def _normed() -> int:
    return count_parameters(nn.utils.parametrizations.weight_norm(nn.Linear(6, 4, bias=False)))


def _operations() -> float:
    shared = nn.Linear(16, 16)
    four = nn.Sequential(*[nn.Linear(16, 16) for _ in range(4)])
    counts = []
    for net in (_Loop(shared, 4), four):
        with FlopCounterMode(display=False) as counter:
            net(torch.ones(2, 16))
        counts.append(counter.get_total_flops())
    return counts[0] / counts[1]


def _kept_through_assign() -> int:
    net = _tied_pair()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    return count_parameters(net)


def _clipped() -> float:
    p = nn.Parameter(torch.zeros(1))
    p.grad = torch.tensor([5.0])
    return nn.utils.clip_grad_norm_([p, p], max_norm=100).item()


def _applied() -> float:
    net = _tied_pair()
    nn.init.ones_(net[0].weight)
    net.apply(lambda module: module.weight.data.mul_(3) if isinstance(module, nn.Linear) else None)
    return net[0].weight[0, 0].item()


QUIZ: list[Quiz] = [
    Quiz(
        asks="A net has nn.Linear(5, 10), then one nn.Linear(10, 10) in three places, then nn.Linear(10, 2). How "
        "many numbers does an optimizer over its parameters() train?",
        answer=192,
        computed=_numbers,
        taught="4-sharing: Use one layer twice",
    ),
    Quiz(
        asks="second = copy.deepcopy(first), so all their values are equal. One entry of first.weight is changed. "
        "Does that entry of second.weight change, too, or does it stay?",
        answer="it stays",
        computed=_written_twice,
        taught="4-sharing: Prove a tie",
    ),
    Quiz(
        asks="Two Parameters read one memory, which holds a 1. Their gradients are 0. What is left of the 1 after a "
        "step of SGD over both, with learning rate 0.5 and weight decay 1?",
        answer=0.25,
        computed=_decayed,
        taught="4-sharing: Tell one Parameter from one memory",
        within=1e-4,
    ),
    Quiz(
        asks="A weight w = 2 is used three times: the output is w · w · w. What is the gradient of w?",
        answer=12,
        computed=_cube,
        taught="4-sharing: Add up the gradients",
        within=1e-4,
    ),
    Quiz(
        asks="A layer of width 512 is used twice, in a plain chain and in a net with a skip connection. In which of "
        "the two nets do the gradients of the two uses agree at the start: the plain one, the one with the skip"
        " connection, or neither?",
        answer="the one with the skip connection",
        computed=_cosine,
        taught="4-sharing: Ask whether the uses agree",
    ),
    Quiz(
        asks="An nn.Embedding(500, 32) and an nn.Linear(32, 500) with a bias share their weight. How many numbers do"
        " both train together?",
        answer=16500,
        computed=_words,
        taught="4-sharing: Tie and untie by name",
    ),
    Quiz(
        asks="An nn.Conv1d(1, 1, kernel_size=3) with a bias reads a row of 1,000 numbers. How many numbers does it "
        "train?",
        answer=4,
        computed=_filter,
        taught="4-sharing: Share in other ways",
    ),
    Quiz(
        asks="parametrizations.weight_norm is put on nn.Linear(6, 4, bias=False). How many numbers does the layer "
        "train then?",
        answer=28,
        computed=_normed,
        taught="4-sharing: See what shares nothing",
    ),
    Quiz(
        asks="One layer is used four times; a second net has four such layers, each used once. How many times as "
        "many operations does the first net need for a pass?",
        answer=1,
        computed=_operations,
        taught="4-sharing: Ask what sharing buys",
        within=1e-4,
    ),
    Quiz(
        asks="Two layers nn.Linear(8, 8) share their weight, not their biases. A state dict of separate tensors is "
        "loaded with assign=True. How many numbers do the parameters() hold then?",
        answer=144,
        computed=_kept_through_assign,
        taught="b-keeping-ties: Load a state dict",
    ),
    Quiz(
        asks="A gradient of 5 is handed to clip_grad_norm_ in a list that names its Parameter twice. Which norm is "
        "returned?",
        answer=7.071,
        computed=_clipped,
        taught="b-keeping-ties: Hand each Parameter over once",
        within=0.001,
    ),
    Quiz(
        asks="Two linear layers share one weight of ones. net.apply multiplies the weight of each linear layer by 3."
        " What does the weight hold then?",
        answer=9,
        computed=_applied,
        taught="b-keeping-ties: Visit each Parameter once",
        within=1e-4,
    ),
]
