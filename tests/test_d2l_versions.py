"""The training cells of notebook 5, as they stand there, under each d2l that people have beside the one installed here.

Under that one the notebook itself runs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent

TRAINER = "torch.manual_seed(0)\nnet = SharedMLP(lr)\ntwin = d2lparams.untie(net)\n"
TRAIN_CH3 = "torch.manual_seed(0)\nnet = shared_mlp((0, 0, 0))\n"
TRAIN_CH3 += "record = fit_with_train_ch3(net, data, num_epochs, lr)\n"  # which asserts a loss below 0.5
CHECK = """
name = record.shared[0]
uses = record.uses(name)
print(d2l_version, record.total_steps, sorted(uses['norm']), bool(uses['check', 'error'].max() < 1e-5))
"""


def cells(*tags):
    notebook = json.loads((PROJECT / "notebooks" / "5-shared-mlp.ipynb").read_text())
    found = {tag: "".join(c["source"]) for c in notebook["cells"] for tag in c["metadata"].get("tags", [])}
    return "\n\n".join(found[tag] for tag in tags)


@pytest.fixture(scope="session", params=["1.0.3", "0.17.6"])
def d2l(request):
    """(version, folder to put first on the path): these editions are installed alone, without their pins."""
    version = request.param
    folder = PROJECT / "build" / f"d2l-{version}"
    if not (folder / "d2l").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", folder, f"d2l=={version}"]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = f"d2l {version} cannot be installed: {done.stderr[-300:]}"
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return version, folder


def test_the_training_cell_runs(d2l, tmp_path):
    version, folder = d2l
    old = version.startswith("0.")
    setup = cells("setup", "d2l") + f"\nnum_epochs = {3 if old else 1}\n" + cells("data", "net")
    train = cells("train-ch3") + "\n" + TRAIN_CH3 if old else cells("classifier") + "\n" + TRAINER + cells("train")
    script = setup + "\n" + train + "\nfrom importlib.metadata import version\nd2l_version = version('d2l')" + CHECK
    environment = os.environ | {
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(folder),
        "D2LPARAMS_DATA": os.environ.get("D2LPARAMS_DATA") or str(PROJECT / "data"),
    }
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    last = done.stdout.strip().splitlines()[-1:] or [done.stderr]
    steps, places = (705, "['4', '7']") if old else (235, "['net.4', 'net.7']")
    assert last == [f"{version} {steps} {places} True"], done.stderr[-2000:]
