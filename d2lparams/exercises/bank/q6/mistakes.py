"""Answers to q6: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "one draw for zeros and sizes": Mistake(
        ["size of the non-zero entries", "one draw serves two purposes"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        u = torch.rand(tensor.shape, generator=generator)
        sign = torch.randint(0, 2, tensor.shape, generator=generator) * 2 - 1
        size = low + (high - low) * u
        return tensor.copy_(torch.where(u < zero, 0.0, sign * size))
""",
    ),
    "zeros in the place of the largest": Mistake(
        ["size of the non-zero entries", "one draw serves two purposes"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        u = torch.rand(tensor.shape, generator=generator)
        sign = torch.randint(0, 2, tensor.shape, generator=generator) * 2 - 1
        size = low + (high - low) * u
        return tensor.copy_(torch.where(u > 1 - zero, 0.0, sign * size))
""",
    ),
    "no sign": Mistake(
        ["share of positive"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        return tensor.copy_(size * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
    ),
    "zero and non-zero changed": Mistake(
        ["share of zeros", "changed places"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(zero, generator=generator))
""",
    ),
    "the book's recipe": Mistake(
        ["share of zeros", "the book's recipe"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        tensor.uniform_(-high, high, generator=generator)
        return tensor.mul_(tensor.abs() >= low)
""",
    ),
    "no gap": Mistake(
        ["size of the non-zero entries"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        tensor.uniform_(-high, high, generator=generator)
        return tensor.mul_(torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
    ),
    "too wide": Mistake(
        ["size of the non-zero entries"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, 1.2 * high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
    ),
    "two sizes": Mistake(
        ["distribution", "non-zero"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = low + (high - low) * torch.empty_like(tensor).bernoulli_(0.5, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
    ),
    "a new tensor": Mistake(
        ["value of the tensor afterwards", "a new tensor was made"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    size = torch.empty_like(tensor).detach().uniform_(low, high, generator=generator)
    sign = torch.empty_like(tensor).detach().bernoulli_(0.5, generator=generator) * 2 - 1
    kept = torch.empty_like(tensor).detach().bernoulli_(1 - zero, generator=generator)
    return kept * sign * size
""",
    ),
    "no no_grad": Mistake(
        ["RuntimeError", "leaf", "line 3 of the cell"],
        """def gapped_uniform_(tensor, zero, low, high, generator=None):
    size = torch.empty_like(tensor)
    tensor.uniform_(low, high, generator=generator)
    return tensor
""",
    ),
    "nothing returned": Mistake(
        ["type of what was returned", "None"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator))
""",
    ),
    "a copy returned": Mistake(
        ["value of what was returned"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(size * sign * kept).clone()
""",
    ),
    "the generator ignored": Mistake(
        ["value with the same seed", "don't all come from"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high)
        sign = torch.empty_like(tensor).bernoulli_(0.5) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero))
""",
    ),
    "a seed set inside": Mistake(
        ["value with another seed", "a seed is set inside"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    torch.manual_seed(0)
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high)
        sign = torch.empty_like(tensor).bernoulli_(0.5) * 2 - 1
        return tensor.copy_(size * sign * torch.empty_like(tensor).bernoulli_(1 - zero))
""",
    ),
    "a generator of its own": Mistake(
        ["value without a generator", "stands in for the global one"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    generator = generator or torch.Generator().manual_seed(0)
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(size * sign * kept)
""",
    ),
    "flattened": Mistake(
        ["shape of the tensor"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty(tensor.numel()).uniform_(low, high, generator=generator)
        sign = torch.empty_like(size).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(size).bernoulli_(1 - zero, generator=generator)
        tensor.data = size * sign * kept
    return tensor
""",
    ),
    "the global generator drawn from": Mistake(
        ["next draw of the global generator"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    torch.rand(3)
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        kept = torch.empty_like(tensor).bernoulli_(1 - zero, generator=generator)
        return tensor.copy_(size * sign * kept)
""",
    ),
    "zeros in rows": Mistake(
        ["the zeros", "neighbors"],
        """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    with torch.no_grad():
        size = torch.empty_like(tensor).uniform_(low, high, generator=generator)
        sign = torch.empty_like(tensor).bernoulli_(0.5, generator=generator) * 2 - 1
        tensor.copy_(size * sign)
        tensor.reshape(-1)[: round(zero * tensor.numel())] = 0
        return tensor
""",
    ),
}

OTHERS: dict[str, str] = {
    "from one draw": """
@torch.no_grad()
def gapped_uniform_(tensor, zero, low, high, generator=None):
    u = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)  # zero, minus, plus
    t = (u - zero) / (1 - zero)
    minus, plus = high - (high - low) * 2 * t, low + (high - low) * (2 * t - 1)
    values = torch.where(t < 0.5, -minus, plus)
    return tensor.copy_(torch.where(u < zero, 0.0, values))
""",
    "entry by entry, slowly": """
def gapped_uniform_(tensor, zero, low, high, generator=None):
    def random():
        return torch.rand((), generator=generator).item()

    with torch.no_grad():
        flat = tensor.view(-1)
        for i in range(len(flat)):
            if random() < zero:
                flat[i] = 0
            else:
                flat[i] = (1 if random() < 0.5 else -1) * (low + (high - low) * random())
    return tensor
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
