"""Answers to q13: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited

LOSS = "F.cross_entropy(net(X), y).backward()"
BEFORE = "before = {name: p.detach().clone()"
SGD = "torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)"
END = "return {name: torch.tensor(rows) for name, rows in report.items()}"


def mistakes(question: Question) -> dict[str, Mistake]:
    solution, variant = question.solution_code, question.variant
    of_weight, of_gradient, of_update = variant.labels

    def changed(words: list[str], *changes: tuple[str, str]) -> Mistake:
        return Mistake(words, edited(solution, *changes))

    def ends(words: list[str], end: str) -> Mistake:
        return changed(words, (END, f"report = {END.removeprefix('return ')}\n    {end}"))

    weight = variant.lines[0].partition(" = ")[2].partition(",")[0].strip()
    update = "(p.detach() - before[name])"
    found = {
        "the copy before the step is none": changed([of_update, "without .clone()"], (BEFORE, BEFORE[:-8])),
        "a copy after the step": changed(
            [of_update],
            (
                "optimizer.step()\n",
                "optimizer.step()\n        before = {n: p.detach().clone() for n, p in net.named_parameters()}\n",
            ),
        ),
        "under both names": ends(
            ["names in the report", "listed under both its names"],
            "return report | {'4' + name[1:]: rows for name, rows in report.items() if name[0] == '2'}",
        ),
        "the loss, too": ends(["names in the report", "loss"], "return report | {'loss': torch.ones(2, 3)}"),
        "two layers": changed(
            ["names in the report", "two layers, not one"],
            ("nn.ReLU(), shared]", "nn.ReLU(), nn.Linear(hidden, hidden)]"),
        ),
        "two layers, one left out": changed(
            [of_gradient, "two layers"],
            ("nn.ReLU(), shared]", "nn.ReLU(), nn.Linear(hidden, hidden)]"),
            ("in report.items()}", "in report.items() if name[0] != '4'}"),
        ),
        "no zero_grad": changed([of_gradient, "not set back to zero"], ("        optimizer.zero_grad()\n", "")),
        "no momentum": changed(["momentum was left out"], ("momentum=momentum", "momentum=0.0")),
        "nesterov": changed(["nesterov is on"], (SGD, f"{SGD[:-1]}, nesterov=True)")),
        "dampening": changed(["value of"], (SGD, f"{SGD[:-1]}, dampening=0.5)")),
        "weight decay": changed(["value of"], (SGD, f"{SGD[:-1]}, weight_decay=0.01)")),
        "Adam": changed(["value of"], (SGD, "torch.optim.Adam(net.parameters(), lr=lr)")),
        "half the learning rate": changed(["value of"], ("lr=lr,", "lr=lr / 2,")),
        "a sum for the loss": changed(
            [of_gradient, "summed over the rows"], (LOSS, "F.cross_entropy(net(X), y, reduction='sum').backward()")
        ),
        "half of the rows": changed([of_gradient], (LOSS, "F.cross_entropy(net(X[:10]), y[:10]).backward()")),
        "no ReLU at the end": changed(
            [of_gradient],
            ("*layers, nn.ReLU(), last", "*layers, last"),
            ("net.load_state_dict(state)", 'net.load_state_dict({k.replace("6.", "5."): v for k, v in state.items()})'),
            (END, "return {name.replace('5.', '6.'): torch.tensor(rows) for name, rows in report.items()}"),
        ),
        "values of its own": changed([of_gradient], ("    net.load_state_dict(state)\n", "")),
        "the gradient of the next step": changed(
            [of_gradient], ("optimizer.step()\n", f"optimizer.step()\n        optimizer.zero_grad()\n        {LOSS}\n")
        ),
        "the weight before the step": changed(
            [of_weight, "before the step"], (weight, weight.replace("p.detach()", "before[name]"))
        ),
        "lr times gradient": changed(
            [of_update] if "cosine" in of_update else [of_update, "lr × gradient"], (update, "(-lr * p.grad)")
        ),
        "squared": ends(["left squared"], "return {name: rows**2 for name, rows in report.items()}"),
        "in percents": ends(["percents"], "return {name: 100 * rows for name, rows in report.items()}"),
        "columns changed": ends(
            ["columns changed places"], "return {name: rows[:, [1, 0, 2]] for name, rows in report.items()}"
        ),
        "one step only": changed(["shape of the table"], ("range(steps)", "range(1)")),
        "one step more": changed(["shape of the table"], ("range(steps)", "range(steps + 1)")),
        "the means over steps": ends(
            ["shape of the table"], "return {name: rows.mean(0) for name, rows in report.items()}"
        ),
        "rows and columns changed": ends(
            ["shape of the table"], "return {name: rows.T for name, rows in report.items()}"
        ),
        "rows of different lengths": ends(
            ["shape of the table"], "return {name: [*rows.tolist()[:-1], [1.0]] for name, rows in report.items()}"
        ),
        "a list": ends(["type of what was returned", "a dict"], "return list(report.values())"),
        "words": ends(["type of the table", "numbers"], "return {name: 'a table' for name in report}"),
    }
    return found


def others(question: Question) -> dict[str, str]:
    solution, variant = question.solution_code, question.variant
    numbers = {
        "weight norm": "after.norm(), gradient.norm(), (after - before).norm() / after.norm()",
        "distance from the start": "(after - start).norm(), gradient.abs().max(), (after - before).norm()",
        "root mean square of the weight": "after.square().mean() ** 0.5, gradient.square().mean() ** 0.5, "
        "-((after - before) * gradient).sum() / (after - before).norm() / gradient.norm()",
    }[variant.labels[0]]
    head = "\ndef train_and_report(state, X, y, lr, momentum, steps):\n"
    found = {
        "by hand, as tuples": f"""
def row(start, before, after, gradient):
    return tuple(number.item() for number in ({numbers}))

{head}    values = {{name: value.clone() for name, value in state.items() if name[0] != "4"}}
    speed = {{name: torch.zeros_like(value) for name, value in values.items()}}
    report = {{name: [] for name in values}}
    for _ in range(steps):
        leaves = {{name: value.clone().requires_grad_() for name, value in values.items()}}
        H = X
        for i in "0226":
            H = F.linear(H.relu() if H is not X else H, leaves[f"{{i}}.weight"], leaves[f"{{i}}.bias"])
        F.cross_entropy(H, y).backward()
        for name, leaf in leaves.items():
            speed[name] = momentum * speed[name] + leaf.grad
            values[name] = values[name] - lr * speed[name]
            report[name].append(row(state[name], leaf.detach(), values[name], leaf.grad))
    return report
""",
        "with hooks of the optimizer": f"""
def row(start, before, after, gradient):
    return [{numbers}]

{head}    hidden, inputs = state["0.weight"].shape
    shared = nn.Linear(hidden, hidden)
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU())
    net.append(nn.Linear(hidden, len(state["6.bias"])))
    net.load_state_dict(state)
    report, before = {{}}, {{}}
    optimizer = torch.optim.SGD(net.parameters(), lr, momentum)

    def keep(*_):
        before.update((name, p.detach().clone()) for name, p in net.named_parameters())

    def note(*_):
        for name, p in net.named_parameters():
            report.setdefault(name, []).append(row(state[name], before[name], p.detach(), p.grad))

    optimizer.register_step_pre_hook(keep)
    optimizer.register_step_post_hook(note)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(net(X), y).backward()
        optimizer.step()
    return {{name: torch.stack([torch.stack(r) for r in rows]) for name, rows in report.items()}}
""",
        "a tensor made before": edited(
            solution,
            (
                END,
                "table = {name: torch.zeros(steps, 3, dtype=torch.float64) for name in report}\n"
                "    for name, rows in report.items():\n        for i, row in enumerate(rows):\n"
                "            table[name][i] = torch.stack(row)\n    return table",
            ),
        ),
        "as numpy's lists": edited(solution, ("torch.tensor(rows)", "torch.tensor(rows).numpy().tolist()")),
        "written otherwise": edited(
            solution,
            ("optimizer.zero_grad()", "net.zero_grad(set_to_none=False)"),
            (LOSS, "(-F.log_softmax(net(X), 1)[torch.arange(len(y)), y]).mean().backward()"),
        ),
    }
    if variant.labels[0] == "weight norm":
        found["with track"] = f"""{head}    hidden, inputs = state["0.weight"].shape
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
    return {{name: rows[columns].values.tolist() for name, rows in frame.groupby("parameter")}}
"""
    return found
