"""What importing d2lparams does and does not do, in processes of their own."""

import subprocess
import sys

import pytest
import torch

from d2lparams import compat


def python(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)


def test_importing_loads_none_of_the_heavy_libraries():
    done = python(
        "import sys, d2lparams\n"
        "heavy = {'matplotlib', 'ipywidgets', 'IPython', 'd2l', 'torchvision', 'pandas', 'pooch'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_d2l_imports_after_it_and_torchvision_works():
    done = python(
        "import warnings, d2lparams\n"
        "warnings.simplefilter('default')\n"  # what d2l's own imports say is theirs
        "from d2l import torch as d2l\n"
        "import torchvision, torch, sys\n"
        "out = torchvision.models.resnet18().eval()(torch.zeros(1, 3, 32, 32))\n"
        "print(out.shape, d2lparams.compat._BeforeTorchvision in sys.meta_path)"
    )
    assert done.stdout == "torch.Size([1, 1000]) False\n", done.stderr


def test_where_torchvisions_own_operators_load_nothing_is_declared(monkeypatch):
    monkeypatch.setattr(torch.ops, "load_library", lambda path: None)
    monkeypatch.setattr(torch.library, "Library", lambda *_: pytest.fail("an operator was declared"))
    assert compat.declare_missing_operators() is False


def test_where_they_do_not_load_both_operators_are_declared(monkeypatch):
    declared = []

    class Library:
        def __init__(self, name, kind):
            declared.append((name, kind))

        def define(self, schema):
            declared.append(schema.split("(")[0])

    def fail(path):
        raise OSError("libcudart.so is not there")

    monkeypatch.setattr(torch.ops, "load_library", fail)
    monkeypatch.setattr(torch.library, "Library", Library)
    assert compat.declare_missing_operators() is True
    assert declared == [("torchvision", "DEF"), "nms", "qnms"]
    compat._kept.pop()


def test_without_torchvision_there_is_nothing_to_do(monkeypatch):
    monkeypatch.setattr(compat.PathFinder, "find_spec", lambda *_: None)
    assert compat.declare_missing_operators() is False
