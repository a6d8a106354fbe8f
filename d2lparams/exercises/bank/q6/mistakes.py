"""Answers to q6: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake, Question
from ..answer_parts import edited

KEPT = "kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)"
END = "return tensor.copy_(kept * sign * size)"
DRAW = "torch.empty_like(tensor).uniform_(low, high, generator=generator)"
SIZES = {
    "uniform": f"size = {DRAW}",
    "log-uniform": f"size = low * (high / low) ** (({DRAW} - low) / (high - low))",
    "rising": f"size = low + (high - low) * (({DRAW} - low) / (high - low)) ** 0.5",
}
SHARE = {
    "uniform": "(size - low) / (high - low)",
    "log-uniform": "(size / low).log() / math.log(high / low)",
    "rising": "((size - low) / (high - low)) ** 2",
}
GROWN = {
    "uniform": "low + (high - low) * {}",
    "log-uniform": "low * (high / low) ** {}",
    "rising": "low + (high - low) * {} ** 0.5",
}
WARPS = {
    "squares": "share**2",
    "a power near 1": "share**1.12",
    "a power below 1": "share**0.88",
    "a triangle": "(share + torch.rand(share.shape, generator=generator)) / 2",
    "shifted by a hundredth": "0.01 + 0.99 * share",
    "short at the top": "0.99 * share",
    "a normal, clamped": "(0.5 + 0.3 * torch.randn(share.shape, generator=generator)).clamp(0, 1)",
    "a cosine": "(1 - torch.cos(math.pi * share)) / 2",
    "a hundred steps": "(100 * share).floor() / 100",
    "two sizes": "share.round()",
}
NAMED = {"uniform": "sizes are uniform", "log-uniform": "logarithms", "rising": "larger one of two"}


def mistakes(question: Question) -> dict[str, Mistake]:
    solution, (_, _, _, kind, positive, lines, _) = question.solution_code, question.variant
    begin = f"        {lines[0]}\n"
    sign = f"sign = torch.empty_like(tensor).bernoulli_({positive}, generator=generator) * 2 - 1"
    law = "distribution"

    def changed(words: list[str], *changes: tuple[str, str]) -> Mistake:
        return Mistake(words, edited(solution, *changes))

    def also(words: list[str], line: str) -> Mistake:
        return changed(words, (END, f"{line}\n        {END}"))

    share = SHARE[kind]
    found = {
        "one draw for zeros and sizes": also(
            ["size of the non-zero entries", "one draw serves two purposes"], f"kept = {share} > zero"
        ),
        "zeros in the place of the largest": also(
            ["size of the non-zero entries", "one draw serves two purposes"], f"kept = {share} < 1 - zero"
        ),
        "no sign": changed(["share of positive"], (sign, "sign = 1")),
        "signs of a normal's, shifted": also(
            ["share of positive"], "sign = (torch.empty_like(tensor).normal_(-0.3, generator=generator)).sign()"
        ),
        "zero and non-zero changed": changed(["share of zeros", "changed places"], ("1 - zero", "zero")),
        "a half for zero": changed(["share of zeros", "probability 1/2"], ("1 - zero", "0.5")),
        "the book's recipe": also(
            ["share of zeros", "the book's recipe"],
            "kept = torch.empty_like(tensor).uniform_(0, high, generator=generator) >= low",
        ),
        "no gap": also(["size of the non-zero entries"], "size = size - low"),
        "too wide": also(["size of the non-zero entries"], "size = low + 1.2 * (size - low)"),
        "a fixed count of zeros": also(
            ["share of zeros", "each entry has to be drawn"],
            "order = torch.rand(tensor.numel(), generator=generator).argsort().reshape(tensor.shape)\n"
            "        kept = order >= round(zero * tensor.numel())",
        ),
        "a fixed count of signs": also(
            ["positive", "each entry has to be drawn"],
            "values = (kept * size).flatten()\n"
            "        there = values.nonzero().flatten()\n"
            "        there = there[torch.rand(len(there), generator=generator).argsort()]\n"
            f"        values[there[: round((1 - {positive}) * len(there))]] *= -1\n"
            "        return tensor.copy_(values.reshape(tensor.shape))",
        ),
        "signs in balance before the zeros": also(
            ["positive", "each entry has to be drawn"],
            "order = torch.rand(tensor.numel(), generator=generator).argsort().reshape(tensor.shape)\n"
            f"        sign = torch.where(order < {positive} * tensor.numel(), 1.0, -1.0)",
        ),
        "sizes spread evenly": also(
            [law],
            "order = torch.rand(tensor.numel(), generator=generator).argsort().reshape(tensor.shape)\n"
            "        share = (order + torch.rand(tensor.shape, generator=generator)) / tensor.numel()\n"
            f"        size = {GROWN[kind].format('share')}",
        ),
        "signs that alternate": also(
            [law],
            "sign = 1 - 2.0 * (torch.arange(tensor.numel()).reshape(tensor.shape) % 2)",
        ),
        "sign and size from one draw": also(
            [law], f"sign = (size > size.quantile(1 - {positive}, interpolation='lower')) * 2.0 - 1"
        ),
        "rows repeated": also([law], "size = size[:1].expand_as(size) if size.dim() else size"),
        "half of it mirrored": also(
            [law],
            "size = torch.cat((half := size.flatten()[: (size.numel() + 1) // 2], half))[: size.numel()]"
            ".reshape(tensor.shape)",
        ),
        "sorted": also([law], "size = size.flatten().sort().values.reshape(size.shape)"),
        "zeros in front": also(
            [law],
            "kept = (torch.arange(tensor.numel()) >= round(zero * tensor.numel())).reshape(tensor.shape)",
        ),
        "a new tensor": changed(
            ["value of the tensor afterwards", "a new tensor was made"], (END, "return kept * sign * size")
        ),
        "no no_grad": Mistake(
            ["RuntimeError", "leaf", "line 3 of the cell"],
            f"""def {question.answer}(tensor, zero, low, high, generator=None):
    size = torch.empty_like(tensor)
    tensor.uniform_(low, high, generator=generator)
    return tensor
""",
        ),
        "nothing returned": changed(["type of what was returned", "None"], ("return tensor.copy_", "tensor.copy_")),
        "a copy returned": changed(["value of what was returned"], (END, f"{END}.clone()")),
        "the generator ignored": changed(
            ["value with the same seed", "don't all come from"], ("generator=generator", "generator=None")
        ),
        "the generator ignored for signs": changed(
            ["value with the same seed", "don't all come from"],
            (f"bernoulli_({positive}, generator=generator)", f"bernoulli_({positive})"),
        ),
        "a seed set inside": changed(
            ["value in two calls", "a seed of its own"],
            (
                "    with torch.no_grad():\n",
                "    torch.manual_seed(0)\n    generator = None\n    with torch.no_grad():\n",
            ),
        ),
        "the generator cloned": changed(
            ["value in two calls with one generator", "a copy"],
            (
                "    with torch.no_grad():\n",
                "    if generator:\n"
                "        clone = torch.Generator()\n"
                "        clone.set_state(generator.get_state())\n"
                "        generator = clone\n"
                "    with torch.no_grad():\n",
            ),
        ),
        "the generator set back": changed(
            ["value in two calls with one generator"],
            (
                "    with torch.no_grad():\n",
                "    generator and generator.manual_seed(generator.initial_seed())\n    with torch.no_grad():\n",
            ),
        ),
        "a generator of its own": changed(
            ["value without a generator", "stands in for the global one"],
            (
                "    with torch.no_grad():\n",
                "    generator = generator or torch.Generator().manual_seed(0)\n    with torch.no_grad():\n",
            ),
        ),
        "flattened": changed(
            ["shape of the tensor"], (END, "tensor.data = (kept * sign * size).flatten()\n        return tensor")
        ),
        "for matrices alone": changed(["Error"], (begin, f"        rows, columns, *_ = tensor.shape\n{begin}")),
        "the global generator drawn from": changed(
            ["next draw of the global generator"],
            ("    with torch.no_grad():\n", "    torch.rand(3)\n    with torch.no_grad():\n"),
        ),
    }
    for other, words in NAMED.items():
        if other != kind:
            found[f"{other} sizes"] = also([law, "sizes", words], SIZES[other])
    for name, warp in WARPS.items():
        line = f"share = {share}\n        size = {GROWN[kind].format(f'({warp})')}"
        found[name] = also([law], line)
    if positive != "0.5":
        found["signs in balance"] = changed(["share of positive"], (positive, "0.5"))
    return found


def others(question: Question) -> dict[str, str]:
    answer, kind, positive = question.answer, question.variant.kind, question.variant.positive
    grow = GROWN[kind]
    naive = {
        "uniform": "low + (high - low) * random()",
        "log-uniform": "math.exp(math.log(low) + math.log(high / low) * random())",
        "rising": "low + (high - low) * max(random(), random())",
    }[kind]
    return {
        "from one draw": f"""
@torch.no_grad()
def {answer}(tensor, zero, low, high, generator=None):
    u = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)  # zero, minus, plus
    t, p = (u - zero) / (1 - zero), {positive}
    minus = {grow.format("(t / (1 - p)).clamp(0, 1)")}
    plus = {grow.format("((t - 1 + p) / p).clamp(0, 1)")}
    values = torch.where(t < 1 - p, -minus, plus)
    return tensor.copy_(torch.where(u < zero, 0.0, values))
""",
        "entry by entry, slowly": f"""
def {answer}(tensor, zero, low, high, generator=None):
    def random():
        return torch.rand((), generator=generator).item()

    with torch.no_grad():
        flat = tensor.view(-1)
        for i in range(len(flat)):
            if random() < zero:
                flat[i] = 0
            else:
                flat[i] = (-1 if random() < 1 - {positive} else 1) * ({naive})
    return tensor
""",
        "a seed drawn from the generator": f"""
def {answer}(tensor, zero, low, high, generator=None):
    seed = torch.randint(2**62, (), generator=generator).item()
    own = torch.Generator().manual_seed(seed)
    signs, sizes, stay = torch.rand(3, *tensor.shape, generator=own, dtype=torch.float64)
    values = ({grow.format("sizes")}) * torch.where(signs < {positive}, 1, -1)
    tensor.data[...] = torch.where(stay < zero, 0, values)
    return tensor
""",
        "numpy, seeded by the generator": f"""
import numpy as np


def {answer}(tensor, zero, low, high, generator=None):
    rng = np.random.default_rng(torch.randint(2**62, (4,), generator=generator).tolist())
    shape = tuple(tensor.shape)
    share = rng.random(shape)
    size = {grow.format("share")}
    values = size * rng.choice([-1, 1], shape, p=[1 - {positive}, {positive}]) * (rng.random(shape) >= zero)
    with torch.no_grad():
        return tensor.copy_(torch.as_tensor(values))
""",
        "in place by masks": f"""
@torch.no_grad()
def {answer}(tensor, zero, low, high, generator=None):
    share = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
    tensor.copy_({grow.format("share")})
    chance = torch.rand(tensor.shape, generator=generator)
    tensor[chance < (1 - zero) * (1 - {positive})] *= -1
    tensor[chance >= 1 - zero] = 0
    return tensor
""",
        "with multinomial": f"""
def {answer}(tensor, zero, low, high, generator=None):
    chances = torch.tensor([(1 - zero) * (1 - {positive}), zero, (1 - zero) * {positive}])
    kinds = torch.multinomial(chances, tensor.numel(), replacement=True, generator=generator) - 1
    share = torch.rand(tensor.numel(), generator=generator, dtype=torch.float64)
    values = kinds * ({grow.format("share")})
    with torch.no_grad():
        tensor.view(-1).copy_(values)
    return tensor
""",
    }
