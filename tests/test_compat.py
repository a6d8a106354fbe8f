"""What `compat` does for torchvision, in processes of their own."""

import os
import subprocess
import sys

import pytest

OWN_OPERATORS = 'kept = torch.library.Library("torchvision", "DEF"); kept.define("nms(Tensor dets) -> Tensor")'


def python(code, **environment):
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_d2l_imports_after_it_and_torchvision_works():
    pytest.importorskip("d2l")
    printed = python(
        "import warnings, d2lparams\n"
        "warnings.simplefilter('default')\n"  # what d2l's own imports say is theirs
        "from d2l import torch as d2l\n"
        "import torchvision, torch\n"
        "print(torchvision.models.resnet18().eval()(torch.zeros(1, 3, 32, 32)).shape)"
    )
    assert printed == "torch.Size([1, 1000])\n"


@pytest.mark.parametrize("loads", [True, False], ids=["load", "do not load"])
def test_operators_are_declared_where_torchvisions_own_do_not_load(tmp_path, loads):
    package = tmp_path / "torchvision"
    package.mkdir()
    operators = OWN_OPERATORS if loads else ""
    (package / "__init__.py").write_text("from . import extension\nfrom . import _meta_registrations\n")
    (package / "extension.py").write_text(f"import torch\n{operators}\ndef _has_ops(): return {loads}\n")
    (package / "_meta_registrations.py").write_text(
        "import torch\nschema = torch.ops.torchvision.nms.default._schema\n"
    )
    printed = python(
        "import d2lparams, torchvision; print(torchvision._meta_registrations.schema)", PYTHONPATH=str(tmp_path)
    )
    own, declared = "(Tensor dets)", "(Tensor dets, Tensor scores, float iou_threshold)"
    assert printed == f"torchvision::nms{own if loads else declared} -> Tensor\n"
