"""A record: its readers, its bounds, its file."""

import doctest

import numpy as np
import pytest
import torch
from loops import fit, shared_mlp
from torch import nn

from d2lparams import Record, _filling, _safetensors, track
from d2lparams import record as records


def test_intervals_and_the_memory_bound(monkeypatch):
    monkeypatch.setattr(_filling, "MOST_ROWS", 10)
    monkeypatch.setattr(_filling, "MOST_HISTOGRAMS", 4)
    net = shared_mlp()
    with track(net, every=2, histograms=4) as record:
        fit(net, 200)
    steps = record.table("weight_norm").index
    assert len(steps) <= 10
    assert record.every == 32
    assert steps.tolist() == list(range(0, 200, 32))
    assert record.uses("2.weight").index.tolist() == steps.tolist()
    assert len(record.histograms("2.weight")[0]) <= 4
    assert "7 rows of 200 steps, 32 apart" in repr(record)


def test_histograms_are_numpys():
    net = shared_mlp()
    with track(net, every=1, histograms=2) as record:
        fit(net, 3)
    steps, edges, counts = record.histograms("0.weight")
    assert steps.tolist() == [0, 2]
    values = net[0].weight.detach().numpy().ravel()
    expected, _ = np.histogram(values, edges[-1])
    assert edges[-1, -1] == np.abs(values).max()
    assert abs(counts[-1] - expected).sum() <= 2  # a value may sit on an edge
    assert counts.sum(1).tolist() == [24, 24]
    assert record.histograms("0.weight", "gradient")[2].sum() == 48
    with pytest.raises(KeyError, match=r"no parameter '9.weight' in this record; the nearest names of 8: .*2.weight"):
        record.histograms("9.weight")


@pytest.mark.parametrize(
    ("values", "counted", "largest"),
    [([0.0, 0.0, 0.0], 3, 0.0), ([1.0, float("nan"), float("inf"), -2.0], 2, 2.0), ([float("nan")] * 2, 0, 0.0)],
)
def test_a_histogram_counts_what_is_finite(values, counted, largest):
    net = nn.Linear(len(values), 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([values]))
    with track(net, every=1, histograms=1) as record:
        net(torch.ones(1, len(values))).sum().backward()
        torch.optim.SGD(net.parameters(), lr=0.0).step()
    _, edges, counts = record.histograms("weight")
    assert (counts.sum(), edges[0, -1]) == (counted, largest)


def test_nan_and_inf_are_recorded():
    net = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    with track(net, every=1, histograms=1) as record:
        for scale in (1.0, float("inf"), 1.0):
            optimizer.zero_grad()
            (net(torch.ones(1, 2)).sum() * scale).backward()
            optimizer.step()
    gradient = record.table("grad_norm")["weight"]
    assert np.isfinite(gradient[0])
    assert np.isinf(gradient[1])
    assert np.isnan(record.table("distance")["weight"][2]) or np.isinf(record.table("distance")["weight"][2])
    assert record.first_nonfinite() == (1, "bias", "grad_norm")
    assert record.histograms("weight")[2].sum(1).tolist() == [4, 0, 0]


def test_save_and_load(tmp_path):
    net = shared_mlp()
    with track(net, every=1, source="some data") as record:
        fit(net, 3)
    record.save(tmp_path / "record.pt")
    again = Record.load(tmp_path / "record.pt")
    assert repr(again) == repr(record)
    assert again.source == "some data"
    assert again.frame().equals(record.frame())
    assert again.uses("2.weight").equals(record.uses("2.weight"))
    assert [file.name for file in tmp_path.iterdir()] == ["record.pt"]


def test_what_cannot_be_loaded_says_so_and_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "text.pt").write_text("no record")
    with pytest.raises(ValueError, match=r"text.pt is not a record that Record.save wrote"):
        Record.load(tmp_path / "text.pt")
    with pytest.raises(FileNotFoundError):
        Record.load(tmp_path / "nothing.pt")
    monkeypatch.setattr(_safetensors, "write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Record([], {}, 1, 1).save(tmp_path / "half.pt")
    assert [file.name for file in tmp_path.iterdir()] == ["text.pt"]


def test_asking_for_what_was_not_recorded():
    net = shared_mlp()
    with track(net, every=1) as record:
        fit(net, 1)
    with pytest.raises(KeyError, match=r"it was not used more than once; split by use: \['2.weight', '2.bias'\]"):
        record.uses("0.weight")
    with pytest.raises(ValueError, match="'speed' is not recorded: choose one of weight_norm"):
        record.table("speed")


def test_uses_that_were_thinned_away_are_not_listed(monkeypatch):
    monkeypatch.setattr(_filling, "MOST_ROWS", 4)

    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls, self.layer = 0, nn.Linear(4, 4)

        def forward(self, X):
            self.calls += 1
            return self.layer(self.layer(X)) if self.calls % 2 == 0 else self.layer(X)

    net = Sometimes()
    with track(net, every=1) as record:
        fit(net, 5)
    assert record.shared == []
    assert "gradient by use" not in repr(record)


def test_a_file_of_version_0_2_can_be_read(tmp_path):
    state = {"names": ["weight"], "aliases": {"weight": ["weight", "twice"]}, "every": 2, "histogram_every": 4}
    state |= {"total_steps": 3, "source": "data", "note": ""}
    state["_rows"] = [(0, [0], torch.tensor([[2.0], [1.0], [0.5], [1.0]]))]
    state["_histograms"] = [(0, {("weight", "weight"): (torch.ones(64, dtype=torch.long), torch.tensor(2.0))})]
    state["_uses"] = [["weight", ["0", "1"], [(0, torch.tensor([[9.0, 0.0], [0.0, 16.0]]), torch.zeros(()))]]]
    torch.save(state, tmp_path / "old.pt")
    record = Record.load(tmp_path / "old.pt")
    assert repr(record) == "Record of 1 parameter: 1 row of 3 steps, 2 apart; 1 histogram; gradient by use of weight"
    assert record.frame().iloc[0].tolist() == [0, "weight", 2.0, 1.0, 0.5, 1.0]
    assert record.uses("weight")["norm"].iloc[0].tolist() == [3.0, 4.0]
    assert record.histograms("weight")[1][0, -1] == 2
    assert (record.label("weight"), record.source, record.errors) == ("weight = twice", "data", {})
    record.save(tmp_path / "new.pt")
    assert Record.load(tmp_path / "new.pt").frame().equals(record.frame())


def test_a_record_takes_what_is_due_and_stays_bounded(monkeypatch):
    monkeypatch.setattr(_filling, "MOST_ROWS", 4)
    record = Record(["a", "b"], {}, every=1, histogram_every=0)
    for step in range(7):
        record.add_row(step, ["b"], torch.full((4, 1), float(step)))
        record.add_uses(step, "b", ["0", "1"], torch.eye(2), torch.zeros(()))
        record.add_histograms(step, {("b", "weight"): (torch.ones(64), torch.ones(()))})
    assert record.table("distance")["b"].to_dict() == {0: 0, 2: 2, 4: 4, 6: 6}
    assert record.uses("b").index.tolist() == [0, 2, 4, 6]
    assert "0 histograms" in repr(record)
    assert record.every == 2


def test_the_examples_that_need_pandas_or_numpy():
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    skipped = 0
    for test in doctest.DocTestFinder().find(Record, globs=vars(records).copy()):
        for example in test.examples:
            skipped += example.options.pop(doctest.SKIP, False)
        runner.run(test)
    assert skipped == 6
    assert runner.summarize(verbose=False).failed == 0
