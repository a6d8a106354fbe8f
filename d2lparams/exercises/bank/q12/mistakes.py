"""Answers to q12: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited

HEAD = "\ndef make_optimizer(net, lr, decay):\n"


def mistakes(question: Question) -> dict[str, Mistake]:
    solution, (optimizer, slower) = question.solution_code, question.variant
    call = solution.partition("return ")[2].strip()
    after, named = ["after six steps"], "net.named_parameters()"

    def changed(words: list[str], *changes: tuple[str, str]) -> Mistake:
        return Mistake([*after, *words], edited(solution, *changes))

    def with_option(words: list[str], option: str) -> Mistake:
        return changed(words, (call, f"{call[:-1]}, {option})"))

    rest = '"weight_decay": 0.0' + (f', "lr": lr / {slower}' if slower > 1 else "")
    found = {
        "decay everywhere": changed(["weight decay reached it"], ('"weight_decay": 0.0', '"weight_decay": decay')),
        "no decay": changed(["weight decay is missing"], ('"weight_decay": decay', '"weight_decay": 0.0')),
        "decay changed places": changed([], ("dim() > 1", "dim() == 1"), ("dim() <= 1", "dim() != 1")),
        "biases by name": Mistake(
            ["1.weight after six steps"],
            edited(
                solution,
                ("parameters = list(net.parameters())", f"parameters = list({named})"),
                ("p for p in parameters if p.dim() > 1", "p for n, p in parameters if 'bias' not in n"),
                ("p for p in parameters if p.dim() <= 1", "p for n, p in parameters if 'bias' in n"),
            ),
        ),
        "tied twice in a group": changed(
            ["each step twice"] if optimizer == "AdamW" else [],
            ("list(net.parameters())", "[p for _, p in net.named_parameters(remove_duplicate=False)]"),
        ),
        "a group for each layer": Mistake(
            ["ValueError", "more than one parameter group", "line 3 of the cell"],
            f"""{HEAD.strip()}
    groups = [{{"params": list(layer.parameters())}} for layer in net]
    return torch.optim.{optimizer}([g for g in groups if g["params"]], lr=lr, weight_decay=decay)
""",
        ),
        "weights alone": Mistake(
            [*after, "does not have it"],
            edited(solution, ('        {"params": [p for p in parameters if p.dim() <= 1], ' + rest + "},\n", "")),
        ),
        "what is large": changed([], ("p.dim() > 1", "p.numel() > 8"), ("p.dim() <= 1", "p.numel() <= 8")),
        "biases alone": changed(["does not have it"], ("p.dim() > 1", "p.dim() > 9")),
        "the first layer alone": changed([], ("net.parameters()", "net[:1].parameters()")),
        "of a copy of the net": changed(
            ["does not have it"], ("list(net.parameters())", "list(copy.deepcopy(net).parameters())")
        ),
        "maximized": with_option(["maximize is on"], "maximize=True"),
        "half the learning rate": changed([], ("lr=lr", "lr=lr / 2")),
        "half the decay": changed([], ('"weight_decay": decay', '"weight_decay": decay / 2')),
        "the decay times the learning rate": changed([], ('"weight_decay": decay', '"weight_decay": decay * lr')),
        "groups without an optimizer": Mistake(
            ["wanted an optimizer", "list"], f"{HEAD}    return [{{'params': list(net.parameters()), 'lr': lr}}]\n"
        ),
        "a scheduler": Mistake(
            ["wanted an optimizer", "StepLR"],
            edited(solution, (call, f"torch.optim.lr_scheduler.StepLR({call}, 1)")),
        ),
        "one that slows down": Mistake(
            after,
            edited(
                solution,
                (
                    f"return {call}",
                    f"optimizer = {call}\n    optimizer.register_step_post_hook("
                    "lambda o, *_: [g.update(lr=g['lr'] * 0.9) for g in o.param_groups])\n    return optimizer",
                ),
            ),
        ),
    }
    if slower > 1:
        found["one learning rate"] = changed(["whole learning rate reached it"], (f', "lr": lr / {slower}', ""))
        found["a tenth for all"] = changed(["its learning rate is a tenth"], ("lr=lr)", "lr=lr / 10)"))
        found["ten times"] = changed([], ("lr / 10", "lr * 10"))
    if optimizer == "AdamW":
        found |= {
            "AdamW's own decay": changed(
                ["weight decay of 0.01"], (rest, rest.removeprefix('"weight_decay": 0.0').removeprefix(", "))
            ),
            "Adam": changed(["this is Adam"], ("AdamW", "Adam")),
            "SGD": changed(["this is SGD"], ("AdamW(groups, lr=lr", "SGD(groups, lr=lr, momentum=0.9")),
            "RAdam": changed([], ("AdamW", "RAdam")),
            "Adamax": changed([], ("AdamW", "Adamax")),
            "amsgrad": with_option(["amsgrad is on"], "amsgrad=True"),
            "other betas": with_option(["betas are (0.9, 0.99)"], "betas=(0.9, 0.99)"),
            "betas of language models": with_option(["betas are (0.9, 0.95)"], "betas=(0.9, 0.95)"),
            "a longer memory": with_option(["betas are (0.95, 0.999)"], "betas=(0.95, 0.999)"),
            "a larger eps": with_option(["eps is 1e-06"], "eps=1e-6"),
        }
    else:
        found |= {
            "no momentum": changed(["momentum is missing"], (", momentum=0.9", "")),
            "another momentum": changed(["momentum is 0.99"], ("momentum=0.9", "momentum=0.99")),
            "nesterov": with_option(["nesterov is on"], "nesterov=True"),
            "dampening": with_option(["dampening is on"], "dampening=0.9"),
            "AdamW": changed(["this is AdamW"], ("SGD(groups, lr=lr, momentum=0.9)", "AdamW(groups, lr=lr)")),
            "RMSprop": changed([], ("SGD", "RMSprop")),
        }
    return found


def others(question: Question) -> dict[str, str]:
    solution, (optimizer, slower) = question.solution_code, question.variant
    momentum = ", momentum=0.9" if optimizer == "SGD" else ""
    rate = f", 'lr': lr / {slower}" if slower > 1 else ""
    first = f"torch.optim.{optimizer}(weights, lr=lr, weight_decay=decay{momentum})"
    added = f"optimizer.add_param_group({{'params': rest, 'weight_decay': 0{rate}}})"
    one_rate = f", 'lr': lr if p.dim() > 1 else lr / {slower}" if slower > 1 else ""
    return {
        "a group for each parameter": f"""{HEAD}    groups = [
        {{"params": [p], "weight_decay": decay * (p.dim() >= 2){one_rate}}} for _, p in net.named_parameters()
    ]
    return torch.optim.{optimizer}(groups[::-1], lr{momentum})
""",
        "by kind of layer": f"""{HEAD}    weights, rest, seen = [], [], set()
    for module in net.modules():
        for name, p in module.named_parameters(recurse=False):
            if p not in seen:
                seen.add(p)
                plain = name == "bias" or isinstance(module, (nn.LayerNorm, nn.BatchNorm1d))
                (rest if plain else weights).append(p)
    optimizer = {first}
    {added}
    return optimizer
""",
        "options set afterwards": f"""{HEAD}    weights = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim < 2]
    optimizer = torch.optim.{optimizer}([{{"params": weights}}, {{"params": rest}}], lr=lr{momentum})
    optimizer.param_groups[0]["weight_decay"] = decay
    optimizer.param_groups[1]["weight_decay"] = 0.0
    optimizer.param_groups[1]["lr"] /= {slower}
    return optimizer
""",
        "in a class of its own": edited(solution, (f"return torch.optim.{optimizer}", "return Mine")).replace(
            HEAD.strip().split("(")[0], f"class Mine(torch.optim.{optimizer}):\n    pass\n\n\ndef make_optimizer", 1
        ),
        "with sets": f"""{HEAD}    every = set(net.parameters())
    rest = {{p for p in every if len(p.shape) == 1}}
    optimizer = torch.optim.{optimizer}(list(every - rest), lr=lr, weight_decay=decay{momentum})
    optimizer.add_param_group(dict(params=list(rest), weight_decay=0.0, lr=lr / {slower}))
    return optimizer
""",
        "one tensor at a time": edited(solution, ("groups, lr=lr", "groups, lr=lr, foreach=False")),
    }
