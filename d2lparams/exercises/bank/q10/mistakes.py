"""Answers to q10: typical mistakes, with words that the verdict's message must hold, and other right ones."""

from ...question import Mistake

MISTAKES: dict[str, Mistake] = {
    "their sum": Mistake(
        ["two gradients", "only their sum"],
        """
def gradient_by_use(W, X, Y):
    W = W.clone().requires_grad_()
    O = torch.tanh(torch.tanh(X @ W.T) @ W.T)
    (((O - Y) ** 2).sum() / 2).backward()
    return W.grad
""",
    ),
    "places changed": Mistake(
        ["gradient of the first use", "changed places"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_2.T @ H, error_1.T @ X
""",
    ),
    "no outer derivative": Mistake(
        ["gradient of the first use", "outer tanh was left out"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = O - Y
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_1.T @ X, error_2.T @ H
""",
    ),
    "no inner derivative": Mistake(
        ["gradient of the first use", "inner tanh was left out"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    return (error_2 @ W).T @ X, error_2.T @ H
""",
    ),
    "back through the transpose": Mistake(
        ["gradient of the first use", "transpose of W"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W.T) * (1 - H**2)
    return error_1.T @ X, error_2.T @ H
""",
    ),
    "transposed": Mistake(
        ["gradient of the first use", "it is the transpose"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return X.T @ error_1, H.T @ error_2
""",
    ),
    "the sum twice": Mistake(
        ["gradient of the first use", "sum of both"],
        """
def gradient_by_use(W, X, Y):
    W = W.clone().requires_grad_()
    O = torch.tanh(torch.tanh(X @ W.T) @ W.T)
    (((O - Y) ** 2).sum() / 2).backward()
    return W.grad, W.grad
""",
    ),
    "X for H": Mistake(
        ["gradient of the second use", "X stands where"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_1.T @ X, error_2.T @ X
""",
    ),
    "without the half": Mistake(
        ["gradient of the first use", "1/2"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = 2 * (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return error_1.T @ X, error_2.T @ H
""",
    ),
    "a row that would broadcast": Mistake(
        ["shape of the gradient"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return (error_1.T @ X)[None], (error_2.T @ H)[None]
""",
    ),
    "single precision": Mistake(
        ["dtype of the gradient", "float32"],
        """
def gradient_by_use(W, X, Y):
    H = torch.tanh(X @ W.T)
    O = torch.tanh(H @ W.T)
    error_2 = (O - Y) * (1 - O**2)
    error_1 = (error_2 @ W) * (1 - H**2)
    return (error_1.T @ X).float(), (error_2.T @ H).float()
""",
    ),
    "a dict": Mistake(
        ["type of what was returned", "two gradients", "dict"],
        """
def gradient_by_use(W, X, Y):
    return {"first": W, "second": W}
""",
    ),
    "far too large": Mistake(
        ["shape of the gradient", "far smaller"],
        """
def gradient_by_use(W, X, Y):
    return torch.zeros(10**6, dtype=W.dtype), torch.zeros(10**6, dtype=W.dtype)
""",
    ),
    "three": Mistake(
        ["two gradients"],
        """
def gradient_by_use(W, X, Y):
    return W, W, W
""",
    ),
}

OTHERS: dict[str, str] = {
    "a twin's autograd": """
def gradient_by_use(W, X, Y):
    first, second = W.clone().requires_grad_(), W.clone().requires_grad_()
    O = torch.tanh(torch.tanh(X @ first.T) @ second.T)
    return torch.autograd.grad(((O - Y) ** 2).sum() / 2, (first, second))
""",
    "row by row": """
def gradient_by_use(W, X, Y):
    first, second = torch.zeros_like(W), torch.zeros_like(W)
    for x, y in zip(X, Y):
        h = torch.tanh(W @ x)
        o = torch.tanh(W @ h)
        behind = (o - y) * (1 - o * o)
        second += torch.outer(behind, h)
        first += torch.outer((W.T @ behind) * (1 - h * h), x)
    return [first, second]
""",
}


def mistakes(question):
    return MISTAKES


def others(question):
    return OTHERS
