"""The lines of the page for engineers that hand each row to a logger: run as they stand, then read back."""

import csv
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from elsewhere import needed
from torch import nn

import d2lparams

PATH = os.pathsep.join([str(Path(d2lparams.__file__).parent.parent), str(Path(__file__).parent)])
PAGE = (Path(__file__).parent.parent / "notebooks" / "for-engineers.md").read_text()
SECTION = PAGE.partition("## Write each row where you look")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"```python\n(.+?)```", SECTION, re.DOTALL)


def block(word):
    """Return the one block that speaks of something."""
    (found,) = [code for code in BLOCKS if word in code]
    return found


def shared_net():
    torch.manual_seed(0)
    layer = nn.Linear(2, 2)
    return nn.Sequential(layer, layer)


def train(net, steps=41):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.ones(1, 2)).square().mean().backward()
        optimizer.step()


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """The rows that every block should write, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    found = []
    net = shared_net()
    with d2lparams.track(net, each_row=found.append):
        train(net)
    assert [row["step"] for row in found] == [0, 20, 40]
    assert len(found[0]) > 12
    return found


def run(word, train=train):
    exec(block(word), {"d2lparams": d2lparams, "net": shared_net(), "train": train})


def of_csv(path):
    found = {}
    for step, name, number in csv.reader(path.read_text().splitlines()):
        found.setdefault(step, {})[name] = json.loads(number)
    return [*found.values()]


def test_json_lines(rows):
    run("json")
    assert [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()] == rows


def test_csv(rows):
    run("csv")
    assert of_csv(Path("rows.csv")) == rows


def test_tensorboard(rows):
    needed("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run("SummaryWriter")
    events = EventAccumulator("runs/mine").Reload()
    for name in rows[0]:
        found = [(event.step, event.value) for event in events.Scalars(name)]
        assert found == [(row["step"], pytest.approx(row[name])) for row in rows]


def test_weights_and_biases_off_line(rows, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    wandb = needed("wandb")
    run("wandb")
    wandb.teardown()  # its own process ends when all is written
    (path,) = Path("wandb").glob("offline-run-*/run-*.wandb")
    written = path.read_bytes()
    for row in rows:
        for name, number in row.items():
            assert name == "step" or (name.encode() in written and str(number).encode() in written), name


@pytest.mark.filterwarnings("ignore")
def test_trackio(rows, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", "trackio")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    needed("trackio")
    run("trackio")
    (path,) = Path("trackio").rglob("mine.db")
    with sqlite3.connect(path) as connection:
        found = connection.execute("select step, metrics from metrics order by step").fetchall()
    found = [{"step": step} | json.loads(numbers) for step, numbers in found]
    assert found == rows


KILLED = """
import os, signal
import test_loggers as loggers

def train(net):
    loggers.train(net, steps=25)
    os.kill(os.getpid(), signal.SIGKILL)

for word in ("json", "csv", "SummaryWriter"):
    child = os.fork()
    if not child:
        loggers.run(word, train)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, word
"""


def test_a_process_that_is_killed_keeps_its_rows(rows):
    needed("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = subprocess.run([sys.executable, "-c", KILLED], env=os.environ | {"PYTHONPATH": PATH}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()] == rows[:2]
    assert of_csv(Path("rows.csv")) == rows[:2]
    events = EventAccumulator("runs/mine").Reload()
    for name in rows[0]:
        assert [event.step for event in events.Scalars(name)] == [0, 20], name
