"""A small language model, and the English text it learns from, which every Python brings along."""

import re
from collections import Counter
from pydoc_data.topics import topics
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OTHER = "<rare>"  # stands for every rare word


class Text(NamedTuple):
    """A text as numbers.

    Attributes:
        vocabulary: the frequent words and signs, the most frequent first, then `OTHER`.
        train: shape (tokens,), positions in the vocabulary.
        val: the same, of every tenth paragraph, which is not in `train`.

    Met in the appendix on sharing in practice.
    """

    vocabulary: list[str]
    train: Tensor
    val: Tensor


def read_text(words: int = 1000) -> Text:
    """Read the help texts of Python's language reference, which differ from one Python to the next.

    A token is a word in small letters, a number, or a sign. A paragraph that stands in several texts is read once.

    Args:
        words: the size of the vocabulary.

    Returns:
        The text, about 90,000 tokens.

    Met in the appendix on sharing in practice.

    Example:
        >>> text = read_text(100)
        >>> len(text.vocabulary), text.vocabulary[-1], int(max(text.train.max(), text.val.max()))
        (100, '<rare>', 99)
    """
    paragraphs = {paragraph.strip().lower() for text in topics.values() for paragraph in re.split(r"\n\s*\n", text)}
    lines = re.compile(r"([^\w\s])\1{3,}")  # under headings
    split = [re.findall(r"[a-z_]+|\d+|[^\w\s]", lines.sub(" ", paragraph)) for paragraph in sorted(paragraphs)]
    counts = Counter(token for tokens in split for token in tokens)
    vocabulary = [token for token, _ in counts.most_common(words - 1)] + [OTHER]
    numbers = {token: i for i, token in enumerate(vocabulary)}
    encoded = [torch.tensor([numbers.get(token, words - 1) for token in tokens]) for tokens in split if tokens]
    val = encoded[::10]
    del encoded[::10]
    return Text(vocabulary, torch.cat(encoded), torch.cat(val))


class LanguageModel(nn.Module):
    """A transformer that gives each next token a score.

    Args:
        tied: whether the head's weight is the embedding's.
        blocks: how many transformer blocks a token goes through.
        one_block: whether they are one and the same, as in ALBERT.
        width: features of a token, a multiple of 16.
        words: the size of the vocabulary.
        context: the most tokens that it looks at.
        std: of the embedding's, the positions' and the head's first numbers.
        entrance: a factor on the embedding's output.
        readout: a factor on the scores.

    Source: Vaswani and others (2017), with the norms in front as in GPT-2. Met in the appendix on sharing in practice.

    Example:
        >>> net = LanguageModel(blocks=2, words=100)
        >>> net(torch.zeros(3, 5, dtype=torch.long)).shape, net.head.weight is net.embedding.weight
        (torch.Size([3, 5, 100]), True)
    """

    def __init__(
        self,
        tied: bool = True,
        blocks: int = 2,
        one_block: bool = False,
        width: int = 64,
        words: int = 1000,
        context: int = 64,
        std: float = 0.02,
        entrance: float = 1.0,
        readout: float = 1.0,
    ) -> None:
        super().__init__()
        self.entrance, self.readout = entrance, readout
        self.embedding = nn.Embedding(words, width)
        self.positions = nn.Parameter(torch.empty(context, width))
        made = [_block(width) for _ in range(1 if one_block else blocks)]
        self.blocks = nn.ModuleList(made * blocks if one_block else made)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        for weight in (self.embedding.weight, self.positions, self.head.weight):
            nn.init.normal_(weight, std=std)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores of each token's successor.

        Args:
            tokens: shape (examples, time), `context` long at most.

        Returns:
            Shape (examples, time, words).
        """
        time = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(time, device=tokens.device)
        X = self.entrance * self.embedding(tokens) + self.positions[:time]
        for block in self.blocks:
            X = block(X, src_mask=mask, is_causal=True)
        return self.readout * self.head(self.norm(X))


def _block(width: int) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        width, width // 16, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )


def batch(tokens: Tensor, size: int = 16, context: int = 64, generator: torch.Generator | None = None) -> Tensor:
    """Cut pieces out of a text, at random.

    Args:
        tokens: shape (tokens,).
        size: how many pieces.
        context: how many tokens each has, and one more, the last successor.
        generator: of the random places.

    Returns:
        Shape (size, context + 1).

    Example:
        >>> batch(torch.arange(9), size=2, context=8).tolist()
        [[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8]]
    """
    starts = torch.randint(len(tokens) - context, (size, 1), generator=generator)
    return tokens[starts + torch.arange(context + 1)]


def loss(net: nn.Module, pieces: Tensor) -> Tensor:
    """Return the mean cross-entropy of each token's successor.

    Args:
        net: maps (examples, time) tokens to (examples, time, words) scores.
        pieces: shape (examples, time + 1).

    Returns:
        A scalar; guessing costs ln(words).

    Example:
        >>> round(loss(lambda tokens: torch.zeros(*tokens.shape, 1000), torch.zeros(2, 9, dtype=torch.long)).item(), 2)
        6.91
    """
    return F.cross_entropy(net(pieces[:, :-1]).flatten(0, 1), pieces[:, 1:].flatten())


def train(net: nn.Module, tokens: Tensor, steps: int, lr: float = 3e-3, seed: int = 0) -> None:
    """Train with AdamW on pieces of a text.

    Args:
        net: is trained in place.
        tokens: shape (tokens,).
        steps: of the optimizer.
        lr: the rate, reached over the first 20 steps.
        seed: of the pieces; the same seed gives the same ones.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.05, total_iters=20)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net, batch(tokens, generator=generator)).backward()
        optimizer.step()
        warmup.step()
