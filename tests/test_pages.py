"""The pages beside the notebooks: every line of the recipe card runs, every stated time is the counted one."""

import copy
import os
import re
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import d2lparams
from d2lparams import plots, widgets

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
LINES = re.findall(r"^\| [^|]+ \| `(.+?)` \| ", (NOTEBOOKS / "recipes.md").read_text(), re.MULTILINE)


def train(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(net(torch.ones(2, 4)), torch.tensor([0, 1])).backward()
        optimizer.step()


def world():
    """Return the names that the card speaks of."""
    torch.manual_seed(0)
    shared = nn.Linear(4, 4)
    net = nn.Sequential(shared, nn.ReLU(), shared)
    with d2lparams.track(net, every=1) as record:
        train(net)
    names = {"net": net, "X": torch.ones(2, 4), "y": torch.tensor([0, 1]), "loss": F.cross_entropy, "train": train}
    modules = {"copy": copy, "torch": torch, "nn": nn, "d2lparams": d2lparams, "plots": plots, "widgets": widgets}
    return names | modules | {"record": record}


def test_the_card_has_its_lines():
    rows = [line for line in (NOTEBOOKS / "recipes.md").read_text().splitlines() if line.startswith("| ")]
    assert len(LINES) == len(rows) - 2 * sum(line.startswith("| I want") for line in rows) > 25


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_recipe_card_runs(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = world()
    if "torch.load" in line:
        torch.save(names["net"].state_dict(), "net.pt")
    if line.startswith("d2lparams.tie("):
        names["net"] = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    exec(line, names)
    assert "save" not in line or os.listdir(tmp_path)


def served():
    """Return (notebook, heading) of each section that the map of the sources names."""
    found, name = [], ""
    for row in (NOTEBOOKS / "README.md").read_text().splitlines():
        place = row.rpartition(" | ")[2].strip(" |")
        if ".ipynb)" in place:
            for part in place.split("; "):
                link, _, heading = part.rpartition(": ")
                name = re.findall(r"\((.+)\)", link)[0] if link else name
                found.append((name, heading))
    return found


def test_every_section_that_the_map_names_is_there():
    missing = []
    for name, heading in served():
        text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOKS / name, as_version=4).cells)
        headings = re.findall(r"^#+ (.+)", text, re.MULTILINE)
        numbered = re.findall(r"(?:exercise|row)s? (\d+)|(?:, | and | to )(\d+)", heading)
        wanted = [max(pair) for pair in numbered] if heading.startswith(("exercise", "row")) else [heading]
        for start in wanted:  # "2 and 3 Do without" is row 3, too
            if not any(re.match(rf"(\d+ and )?{re.escape(start)}", heading) for heading in headings):
                missing.append((name, start))
    assert len(served()) > 40
    assert missing == []
