"""The matrix of what survives what: computed again, and held against checks that do without its probe."""

import copy
import io
from collections import Counter
from pathlib import Path

import drawn
import kernels
import matplotlib
import nbformat
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from d2lparams import ties
from d2lparams.chapter import survival
from d2lparams.chapter.figures.survival import MARKS, survival_matrix
from d2lparams.chapter.survival import GROUPS, HAPPENINGS, OUTCOMES, survives, train, uses
from d2lparams.chapter.survival_ways import UNIT, WAYS

PARAMETER, STORAGE, VIEW = (
    "one Parameter in two layers",
    "one memory (b.data = a.data)",
    "one memory, a view (nn.Parameter(a.t()))",
)
NAMES = ["one layer, two names", "one layer in two containers"]
ONE_PLACE = list(WAYS)[:3]
CONTROL = list(WAYS)[-1]


NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "c-sharing-in-practice.ipynb"
matplotlib.use("agg")


@pytest.fixture(scope="module")
def matrix():
    return survival.matrix()


@pytest.fixture(scope="module")
def rows(matrix):
    return {happening: row for group in matrix.values() for happening, row in group.items()}


def test_the_stored_figure_is_the_matrix(matrix):
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (cell,) = [cell for cell in cells if "figures.survival_matrix(" in cell.source]
    (stored,) = kernels.figures(cell.outputs)
    figure = survival_matrix(matrix)
    found = drawn.differences(kernels.described(stored)["drawn"], drawn.describe(figure))
    plt.close(figure)
    assert found == []


def test_the_matrix_is_as_large_as_promised_and_knows_no_other_outcomes(rows):
    assert len(WAYS) - 1 >= 8
    assert len(HAPPENINGS) == len(rows) == sum(map(len, GROUPS.values())) >= 20
    found = Counter(outcome for row in rows.values() for outcome in row.values())
    assert set(found) == set(OUTCOMES) == set(MARKS)


@pytest.mark.parametrize("way", WAYS)
def test_before_anything_happens_both_uses_compute_alike_and_only_the_control_shares_no_memory(way):
    net = WAYS[way].build()
    one, other = uses(net)
    assert torch.equal(one, other)
    weights = [p for _, p in net.named_parameters(remove_duplicate=False)]
    places = {p.untyped_storage().data_ptr() for p in weights}
    assert len(places) == (2 if way == CONTROL else 1)


# ---- facts that are known from elsewhere


def test_a_deepcopy_keeps_ties_within_one_call_alone(rows):
    assert {rows["copy.deepcopy(net)"][way] for way in [PARAMETER, *NAMES]} == {"tied"}
    assert {rows["deepcopy, child by child"][way] for way in [PARAMETER, *NAMES]} == {"untied, equal"}


def test_double_and_deepcopy_part_what_shares_memory_alone(rows):
    for happening in ("net.double()", "copy.deepcopy(net)"):
        assert rows[happening][PARAMETER] == "tied"
        assert {rows[happening][way] for way in (STORAGE, VIEW)} == {"untied, equal"}


def test_meta_and_assign_break_ties_of_parameters_and_not_of_modules(rows):
    for happening in ('to("meta"), to_empty, load', "the same, from copies"):
        assert rows[happening][PARAMETER] == "untied, equal"
        assert {rows[happening][way] for way in NAMES} == {"tied"}


def test_shared_memory_is_a_tie_to_plain_sgd_and_not_to_adam_clipping_or_freezing(rows):
    assert rows["SGD with momentum"][STORAGE] == "shares memory"
    for happening in ("AdamW", "SGD, clip_grad_norm_", "SGD, one place frozen"):
        assert rows[happening][STORAGE] == "trains differently"


def test_safetensors_refuses_shared_tensors_in_one_call_and_not_in_the_other(rows):
    assert {rows["safetensors: save_file"][way] for way in [PARAMETER, STORAGE, *NAMES]} == {"raises"}
    assert {rows["safetensors: save_model"][way] for way in [PARAMETER, *NAMES]} == {"tied"}


def test_what_has_one_place_is_tied_whatever_happens(rows):
    assert {row[way] for row in rows.values() for way in ONE_PLACE} == {"tied"}


def test_the_control_is_never_tied(rows):
    assert {row[CONTROL] for row in rows.values()} == {"untied, equal", "drifts apart"}


# ---- and one by one, without the probe: identity, memory and written entries


def after(way, happening):
    torch.manual_seed(0)
    return HAPPENINGS[happening](WAYS[way].build(), WAYS[way].place)


PLAIN = [PARAMETER, STORAGE, CONTROL, NAMES[0]]  # their layers stand at `one` and `other`
SAME_NAMES = [
    name for group in GROUPS if group != "run" for name in GROUPS[group] if name not in GROUPS["change one place"]
]


@pytest.mark.parametrize("way", PLAIN)
@pytest.mark.parametrize("happening", [*SAME_NAMES, "a new nn.Parameter", "LoRA, merged", "DistributedDataParallel"])
def test_identity_and_a_written_entry_say_the_same_as_the_matrix(rows, way, happening):
    outcome = rows[happening][way]
    if outcome == "raises":
        with pytest.raises((RuntimeError, ValueError)):
            after(way, happening)
        return
    net = after(way, happening)
    a, b = net.one.weight, net.other.weight
    equal = torch.equal(a, b)
    with torch.no_grad():
        a[1, 1] = 100
    seen = b[1, 1].item() == 100
    if a is b:
        expected = {"tied"}
    elif seen:
        expected = {"shares memory", "trains differently"}
    else:
        expected = {"untied, equal" if equal else "drifts apart"}
    assert outcome in expected
    assert bool(ties(after(way, happening)).of("same Parameter")) == (outcome == "tied")


@pytest.mark.parametrize("happening", ["SGD with momentum", "AdamW", "SGD, clip_grad_norm_"])
def test_trains_differently_means_numbers_that_a_tie_would_not_reach(rows, happening):
    tied, memory = (after(way, happening).one.weight for way in (PARAMETER, STORAGE))
    assert torch.allclose(tied, memory, atol=1e-5) == (rows[happening][STORAGE] == "shares memory")


NEUTRAL = [*GROUPS["copy"], *GROUPS["save and load"], *GROUPS["convert"], "weight_norm", "a new nn.Parameter"]
NEUTRAL += ["functional_call", "torch.export", "torch.export, save and load"]


@pytest.mark.parametrize("happening", NEUTRAL)
def test_copies_files_and_conversions_change_nothing_that_the_net_computes(rows, happening):
    for way in WAYS:
        if rows[happening][way] != "raises":
            now, then = uses(after(way, happening)), uses(WAYS[way].build())
            assert all(torch.allclose(a.float(), b, atol=1e-6) for a, b in zip(now, then, strict=True)), way


@pytest.mark.parametrize("happening", ["checkpoint", 'torch.compile("eager")', "DistributedDataParallel"])
def test_what_runs_a_net_trains_it_as_it_is(happening):
    for way in WAYS:
        assert torch.allclose(uses(after(way, happening))[0], uses(train(WAYS[way].build()))[0], atol=1e-6), way


def test_a_pruned_place_shares_the_raw_weight_and_keeps_its_own_mask(rows):
    net = after(PARAMETER, "pruned")
    assert net.other.weight_orig is net.one.weight
    assert "mask" not in "".join(name for name, _ in net.one.named_buffers())
    assert rows["pruned"][PARAMETER] == "partly tied"


def test_merging_an_adapter_into_one_place_changes_both():
    net = after(PARAMETER, "LoRA, merged")
    assert torch.allclose(net.one.weight, WAYS[PARAMETER].build().one.weight + 1)
    assert net.one.weight is net.other.weight


def test_an_exported_program_forgets_the_tie_in_its_file_and_not_before():
    program = torch.export.export(WAYS[PARAMETER].build(), (UNIT,))
    file = io.BytesIO()
    torch.export.save(program, file)
    loaded = torch.export.load(io.BytesIO(file.getvalue()))
    counts = [len(list(copy.module().parameters())) for copy in (program, loaded)]
    assert counts == [1, 2]


# ---- the probe can see each outcome, and is not fooled


def test_the_probe_finds_a_tie_that_is_broken_on_purpose(monkeypatch):
    def breaks(net, place):
        net = copy.deepcopy(net)
        net.get_submodule(place).weight = nn.Parameter(net.one.weight.detach().clone())
        return net

    monkeypatch.setitem(HAPPENINGS, "copy.deepcopy(net)", breaks)
    assert survives(PARAMETER, "copy.deepcopy(net)") == "untied, equal"


def test_a_warning_is_no_outcome(monkeypatch):
    def warns(net, place):
        raise DeprecationWarning("this call will go")

    monkeypatch.setitem(HAPPENINGS, "AdamW", warns)
    with pytest.raises(DeprecationWarning):
        survives(PARAMETER, "AdamW")
