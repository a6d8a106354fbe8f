"""Answers to q13: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake
from . import question

HELPERS = """
def _tied(state):
    hidden, inputs = state["0.weight"].shape
    shared = nn.Linear(hidden, hidden)
    last = nn.Linear(hidden, len(state["6.bias"]))
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), last)
    net.load_state_dict(state)
    return net


def _train(net, X, y, lr, momentum, steps, zero=True, early=False):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    report = {name: [] for name, _ in net.named_parameters()}
    for _ in range(steps):
        if zero:
            optimizer.zero_grad()
        F.cross_entropy(net(X), y).backward()
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        optimizer.step()
        for name, p in net.named_parameters():
            weight = before[name].norm() if early else p.detach().norm()
            report[name].append([weight, p.grad.norm(), (p.detach() - before[name]).norm() / weight])
    return {name: torch.tensor(rows) for name, rows in report.items()}
"""

MISTAKES: dict[str, Mistake] = {
    "the copy before the step is none": Mistake(
        ["update:data ratio", "without .clone()"],
        question.solution_code.replace(".detach().clone()", ".detach()"),
    ),
    "under both names": Mistake(
        ["names in the report", "listed under both its names"],
        question.solution_code.replace("for name, rows in report.items()}", "for name, rows in twice(report).items()}")
        + """

def twice(report):
    return report | {"4" + name[1:]: rows for name, rows in report.items() if name[0] == "2"}
""",
    ),
    "the loss, too": Mistake(
        ["names in the report", "loss"],
        question.solution_code.replace("report.items()}", "report.items()} | {'loss': torch.ones(2, 3)}"),
    ),
    "two layers": Mistake(
        ["names in the report", "two layers, not one"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    sizes = [state[f"{i}.weight"].shape[::-1] for i in (0, 2, 4, 6)]
    a, b, c, d = (nn.Linear(*size) for size in sizes)
    net = nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c, nn.ReLU(), d)
    net.load_state_dict(state)
    return _train(net, X, y, lr, momentum, steps)
""",
    ),
    "two layers, one left out": Mistake(
        ["gradient norm", "two layers"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    sizes = [state[f"{i}.weight"].shape[::-1] for i in (0, 2, 4, 6)]
    a, b, c, d = (nn.Linear(*size) for size in sizes)
    net = nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c, nn.ReLU(), d)
    net.load_state_dict(state)
    report = _train(net, X, y, lr, momentum, steps)
    return {name: rows for name, rows in report.items() if name[0] != "4"}
""",
    ),
    "no zero_grad": Mistake(
        ["gradient norm", "not set back to zero"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, momentum, steps, zero=False)
""",
    ),
    "no momentum": Mistake(
        ["gradient norm", "momentum was left out"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, 0.0, steps)
""",
    ),
    "the weight before the step": Mistake(
        ["weight norm", "before the step"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, momentum, steps, early=True)
""",
    ),
    "lr times gradient": Mistake(
        ["update:data ratio", "lr × gradient"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: torch.stack([r[:, 0], r[:, 1], lr * r[:, 1] / r[:, 0]], 1) for name, r in report.items()}
""",
    ),
    "squared": Mistake(
        ["gradient norm", "left squared"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: rows**2 for name, rows in report.items()}
""",
    ),
    "one step only": Mistake(
        ["shape of the table"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    return _train(_tied(state), X, y, lr, momentum, 1)
""",
    ),
    "rows and columns changed": Mistake(
        ["shape of the table"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: rows.T for name, rows in report.items()}
""",
    ),
    "rows of different lengths": Mistake(
        ["shape of the table"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: [*rows.tolist()[:-1], [1.0]] for name, rows in report.items()}
""",
    ),
    "a list": Mistake(
        ["type of what was returned", "a dict"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    return list(_train(_tied(state), X, y, lr, momentum, steps).values())
""",
    ),
    "words": Mistake(
        ["type of the table", "numbers"],
        """
def train_and_report(state, X, y, lr, momentum, steps):
    report = _train(_tied(state), X, y, lr, momentum, steps)
    return {name: "a table" for name in report}
""",
    ),
}
MISTAKES = {name: Mistake(words, source + HELPERS) for name, (words, source) in MISTAKES.items()}

OTHERS: dict[str, str] = {
    "with track": """
def train_and_report(state, X, y, lr, momentum, steps):
    hidden, inputs = state["0.weight"].shape
    shared, last = nn.Linear(hidden, hidden), nn.Linear(hidden, len(state["6.bias"]))
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), last)
    net.load_state_dict(state)
    optimizer = torch.optim.SGD(net.parameters(), lr, momentum)
    with d2lparams.track(net, every=1) as record:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(net(X), y).backward()
            optimizer.step()
    frame = record.frame()
    columns = ["weight_norm", "grad_norm", "update_ratio"]
    return {name: rows[columns].values.tolist() for name, rows in frame.groupby("parameter")}
""",
    "by hand, as tuples": """
def train_and_report(state, X, y, lr, momentum, steps):
    values = {name: value.clone() for name, value in state.items() if name[0] != "4"}
    speed = {name: torch.zeros_like(value) for name, value in values.items()}
    report = {name: [] for name in values}
    for _ in range(steps):
        leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
        H = X
        for i in "0226":
            H = F.linear(H.relu() if H is not X else H, leaves[f"{i}.weight"], leaves[f"{i}.bias"])
        F.cross_entropy(H, y).backward()
        for name, leaf in leaves.items():
            speed[name] = momentum * speed[name] + leaf.grad
            values[name] = values[name] - lr * speed[name]
            size = values[name].norm().item()
            report[name].append((size, leaf.grad.norm(), (lr * speed[name]).norm().item() / size))
    return report
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
