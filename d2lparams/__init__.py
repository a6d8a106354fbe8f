"""See, initialize, tie and watch the parameters of PyTorch models.

The core needs torch alone, and works on any `nn.Module`:

    access         tables, selection and counts of parameters
    initializers   schemes by pattern, health checks
    sharing        find, prove, make and undo ties
    uses           a shared parameter's gradient, split by place of use
    tracking       weights, gradients and updates, watched while any loop trains
    starts, ways   what the interactive figures show: a deep net's first pass, small nets that share

The chapter's other rooms are loaded when their names are first used:

    data           Fashion-MNIST in memory, for d2l's Trainer (d2l, torchvision)
    plots          figures of what was recorded (matplotlib)
    widgets        interactive figures (ipywidgets)

Importing d2lparams also makes `from d2l import torch as d2l` work beside a CPU-only torch: see `compat`.
"""

from importlib import import_module

from . import compat as compat  # before anybody imports torchvision
from .access import count_parameters, parameter_table, select
from .initializers import Initializer, fan_in_out, half_zero_uniform_, health, initialize
from .sharing import tie, ties, untie
from .tracking import Record, track
from .uses import gradient_by_use

# name -> the module that is loaded for it
_LATER = {"FashionMNIST": "data", "data": "data", "plots": "plots", "widgets": "widgets"}

__all__ = [
    "FashionMNIST",
    "Initializer",
    "Record",
    "count_parameters",
    "fan_in_out",
    "gradient_by_use",
    "half_zero_uniform_",
    "health",
    "initialize",
    "parameter_table",
    "plots",
    "select",
    "tie",
    "ties",
    "track",
    "untie",
    "widgets",
]


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(f"module 'd2lparams' has no attribute {name!r}")
    module = import_module(f".{_LATER[name]}", __name__)
    return module if name == _LATER[name] else getattr(module, name)
