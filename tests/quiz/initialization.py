"""Quiz questions on notebook 2."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lparams import initialize

from . import Quiz


def _largest_default() -> float:
    torch.manual_seed(0)
    return nn.Linear(100, 5000).weight.abs().max().item()


def _terms() -> int:
    return nn.Conv2d(3, 64, kernel_size=7).weight[0].numel()


def _std_of_sum() -> float:
    torch.manual_seed(0)
    return (torch.randn(20_000, 100) * 0.2 * torch.randn(20_000, 100)).sum(dim=1).std().item()


def _drawn(scheme: str, rows: int, columns: int) -> float:
    torch.manual_seed(0)
    return getattr(nn.init, scheme)(torch.empty(rows, columns)).std().item()


def _factor_of_default() -> float:
    """Measure how much smaller the mean size is after each of twelve wide ReLU layers."""
    torch.manual_seed(0)
    X = torch.randn(128, 512)
    sizes = []
    for _ in range(12):
        X = F.relu(F.linear(X, nn.Linear(512, 512).weight))
        sizes.append(X.square().mean().sqrt().item())
    return (sizes[0] / sizes[-1]) ** (1 / 11)


def _grows() -> str:
    torch.manual_seed(0)
    signals = [torch.randn(128, 128, requires_grad=True)]
    for _ in range(25):
        weight = nn.init.xavier_normal_(torch.empty(128, 128), gain=nn.init.calculate_gain("tanh"))
        signals.append(torch.tanh(signals[-1] @ weight.T))
        signals[-1].retain_grad()
    signals[-1].backward(torch.randn(128, 128))
    after, back = (signals[-1].std() / signals[1].std()).item(), _size(signals[1]) / _size(signals[-1])
    return " and ".join(name for name, times in (("the signal", after), ("the gradient", back)) if times > 3)


def _size(signal: Tensor) -> float:
    assert signal.grad is not None
    return signal.grad.std().item()


def _loss_of_guessing() -> float:
    return F.cross_entropy(torch.zeros(8, 1000), torch.arange(8)).item()


def _with_gradient() -> int:
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    for p in net.parameters():
        nn.init.zeros_(p)
    F.cross_entropy(net(torch.rand(6, 5)), torch.tensor([0, 0, 0, 1, 1, 2])).backward()
    return sum(bool(p.grad.any()) for p in net.parameters() if p.grad is not None)


def _first_wins() -> float:
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    initialize(net, {"*.weight": nn.init.zeros_, "*": nn.init.ones_})
    return net[0].weight.mean().item()


def _different_units() -> int:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 3)).double()
    for p in net.parameters():
        nn.init.constant_(p, 0.5)
    X, y = torch.rand(32, 8).double(), torch.randint(3, (32,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        optimizer.step()
    return len(net[0].weight.detach().mul(1e6).round().unique(dim=0))


QUIZ: list[Quiz] = [
    Quiz(
        asks="You make `nn.Linear(100, 50)` and do nothing else. Which size can its weights not exceed?",
        answer=0.1,
        computed=_largest_default,
        taught="2-initialization: Find out what PyTorch draws",
        within=0.01,
    ),
    Quiz(
        asks="The first layer of a ResNet is `nn.Conv2d(3, 64, kernel_size=7)`. What is its fan-in?",
        answer=147,
        computed=_terms,
        taught="2-initialization: Derive the right size",
    ),
    Quiz(
        asks="A unit adds 100 products. The inputs have a standard deviation of 1, the weights of 0.2, and both "
        "a mean of 0. What is the standard deviation of the sum?",
        answer=2.0,
        computed=_std_of_sum,
        taught="2-initialization: Derive the right size",
        within=0.03,
    ),
    Quiz(
        asks="A layer has 800 inputs and 10 outputs, and ReLU follows it. Which standard deviation do its weights "
        "get from He's scheme?",
        answer=0.05,
        computed=lambda: _drawn("kaiming_normal_", 10, 800),
        taught="2-initialization: Derive the right size",
        within=0.03,
    ),
    Quiz(
        asks="A layer has 300 inputs and 200 outputs. Which variance does Xavier's scheme give its weights?",
        answer=0.004,
        computed=lambda: _drawn("xavier_normal_", 200, 300) ** 2,
        taught="2-initialization: Derive the right size",
        within=0.03,
    ),
    Quiz(
        asks="A deep net of wide ReLU layers has PyTorch's default weights and no biases. By which factor does the "
        "size of the signal shrink in each layer?",
        answer=2.45,
        computed=_factor_of_default,
        taught="2-initialization: Follow signal and gradient through thirty layers",
        within=0.05,
    ),
    Quiz(
        asks="Twenty-five tanh layers start from Xavier's scheme with the gain 5/3. What grows from layer to "
        "layer: the signal, the gradient, or both?",
        answer="the gradient",
        computed=_grows,
        taught="2-initialization: Choose the gain, also for tanh",
    ),
    Quiz(
        asks="A net tells 1,000 classes apart. Which first cross-entropy do you expect of a sound start?",
        answer=6.9,
        computed=_loss_of_guessing,
        taught="2-initialization: Read the first loss",
        within=0.01,
    ),
    Quiz(
        asks="A net of three linear layers with ReLU between them starts with every weight and bias at 0. How many of "
        "its six parameters get a gradient that is not 0?",
        answer=1,
        computed=_with_gradient,
        taught="2-initialization: Read the first loss",
    ),
    Quiz(
        asks='`initialize(net, {"*.weight": nn.init.zeros_, "*": nn.init.ones_})`: which value has `0.weight` then?',
        answer=0.0,
        computed=_first_wins,
        taught="2-initialization: Hand out schemes by block and by name",
    ),
    Quiz(
        asks="Every parameter of a net with 64 hidden tanh units starts at 0.5. How many different hidden units does "
        "it have after 100 steps?",
        answer=1,
        computed=_different_units,
        taught="2-initialization: Read the first loss",
    ),
]
