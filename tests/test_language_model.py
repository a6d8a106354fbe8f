"""The small language model and its text."""

import math
from itertools import pairwise
from pydoc_data.topics import topics

import pytest
import torch

from d2lparams import count_parameters, gradient_by_use, ties
from d2lparams.chapter import language_model
from d2lparams.chapter.language_model import OTHER, LanguageModel


@pytest.fixture(scope="module")
def text():
    return language_model.read_text()


def net(**options):
    torch.manual_seed(0)
    return LanguageModel(**options)


def pieces(words=1000):
    return torch.randint(words, (4, 33), generator=torch.Generator().manual_seed(0))


def test_the_text_is_the_manual_s(text):
    manual = "".join("".join(topics.values()).lower().split())
    tokens = [text.vocabulary[i] for i in text.train[:2000].tolist()]
    pairs = [pair for pair in pairwise(tokens) if OTHER not in pair]
    found = sum("".join(pair) in manual for pair in pairs)
    assert found > 0.95 * len(pairs) > 1000  # but for the joints between paragraphs


def test_the_vocabulary_holds_the_frequent_words(text):
    assert len(set(text.vocabulary)) == len(text.vocabulary) == 1000
    counts = torch.bincount(torch.cat([text.train, text.val]), minlength=1000)
    assert counts[:-1].diff().max() <= 0  # the most frequent first
    assert counts[:-1].min() > 0
    assert counts[-1] < 0.1 * counts.sum()  # rare words
    assert {"the", "of", "class"} <= set(text.vocabulary[:100])


def test_no_long_piece_is_held_out_and_learned(text):
    def runs(tokens, long=30):
        return {tuple(run) for run in tokens.unfold(0, long, 1).tolist()}

    held_out = runs(text.val)
    assert len(held_out & runs(text.train)) < 0.05 * len(held_out)
    assert 0.05 < len(text.val) / len(text.train) < 0.2


@pytest.mark.parametrize(("tied", "numbers"), [(True, 124_439_808), (False, 124_439_808 + 50257 * 768)])
def test_with_the_sizes_of_gpt_2_it_has_its_numbers(tied, numbers):
    with torch.device("meta"):
        assert count_parameters(LanguageModel(tied, 12, width=768, words=50257, context=1024)) == numbers


def test_a_score_depends_on_no_later_token():
    model, tokens = net(), pieces()
    changed = tokens.clone()
    changed[:, 20:] = 7
    change = (model(tokens) - model(changed)).abs().amax((0, 2))
    assert change[:20].max() < 1e-5
    assert change[20:].min() > 1e-3


def test_entrance_and_readout_are_factors():
    tokens = pieces()
    scores = net(std=0.5)(tokens)
    torch.testing.assert_close(net(std=0.5, readout=3.0)(tokens), 3 * scores)
    model = net(std=0.5, entrance=2.0)
    with torch.no_grad():
        model.positions.mul_(2)  # all that enters is doubled, and without blocks the norm takes that away
    model.blocks = plain_blocks = torch.nn.ModuleList()
    other = net(std=0.5)
    other.blocks = plain_blocks
    torch.testing.assert_close(model(tokens), other(tokens), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("one_block", [True, False])
def test_what_is_one_parameter(tied, one_block):
    model = net(tied=tied, blocks=3, one_block=one_block)
    names = {name for tie in ties(model).of("same Parameter") for name in tie.names}
    assert ({"embedding.weight", "head.weight"} <= names) == tied
    assert len(model.blocks) == 3
    assert ({f"blocks.{i}.linear1.weight" for i in range(3)} <= names) == one_block


def test_the_uses_of_the_table_add_up_to_its_gradient():
    model = net()
    uses = gradient_by_use(model, lambda: language_model.loss(model, pieces()))["embedding.weight"]
    language_model.loss(model, pieces()).backward()
    assert list(uses) == ["embedding", "head"]
    torch.testing.assert_close(sum(uses.values()), model.embedding.weight.grad)


def test_pieces_are_pieces_of_the_text():
    tokens = torch.arange(100)
    found = language_model.batch(tokens, size=500, context=9)
    assert found.shape == (500, 10)
    assert (found.diff() == 1).all()
    assert (found.min(), found.max()) == (0, 99)


def test_the_loss_asks_for_the_next_token():
    def counts_up(tokens):
        return 100.0 * torch.nn.functional.one_hot((tokens + 1) % 10, 10)

    assert language_model.loss(counts_up, torch.arange(10)[None]) < 1e-6
    assert language_model.loss(counts_up, torch.arange(9, -1, -1)[None]) > 99


def test_training_learns_and_repeats(text):
    held_out = language_model.batch(text.val, 8, 64, torch.Generator().manual_seed(1))
    ends = []
    for _ in range(2):
        model = net(blocks=1, std=0.125, entrance=8.0)
        language_model.train(model, text.train, steps=25)
        with torch.no_grad():
            ends.append(language_model.loss(model, held_out))
    assert ends[0] < math.log(1000) - 1
    assert abs(ends[0] - ends[1]) < 1e-3
