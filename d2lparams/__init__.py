"""See, initialize, tie and watch the parameters of PyTorch models.

The core needs torch alone, and works on any `nn.Module`:

    access         tables, selection and counts of parameters
    initializers   schemes by name and by type of layer
    schemes        schemes that know their layer, and its fans
    health         how a net begins: signal, gradient, first loss
    sharing        find, prove, make and undo ties
    uses           a shared parameter's gradient, split by place of use
    tracking       weights, gradients and updates, watched while any loop trains
    record         what was watched

These are loaded when their names are first used:

    plots          figures of records and models (matplotlib, pandas)
    widgets        interactive figures (ipywidgets, anywidget)
    chapter        what the notebooks alone use (d2l, torchvision)

Importing d2lparams also makes `from d2l import torch as d2l` work beside a CPU-only torch: see `compat`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import compat as compat  # before anybody imports torchvision
from .access import count_parameters, parameter_table, select
from .health import health
from .initializers import initialize
from .record import Record
from .schemes import Initializer, fan_in_out, half_zero_uniform_, with_true_fans
from .sharing import tie, ties, untie
from .tracking import track
from .uses import gradient_by_use

if TYPE_CHECKING:  # for type checkers and editors; `__getattr__` loads them
    from . import chapter as chapter
    from . import plots as plots
    from . import widgets as widgets
    from .chapter.data import FashionMNIST as FashionMNIST

__version__ = "0.3.0"

__all__ = [
    "Initializer",
    "Record",
    "count_parameters",
    "fan_in_out",
    "gradient_by_use",
    "half_zero_uniform_",
    "health",
    "initialize",
    "parameter_table",
    "select",
    "tie",
    "ties",
    "track",
    "untie",
    "with_true_fans",
]

# name -> (the module that is loaded for it, the extra that brings what the module needs)
_LATER = {
    "FashionMNIST": ("chapter.data", "chapter"),
    "chapter": ("chapter", "chapter"),
    "plots": ("plots", "plots"),
    "widgets": ("widgets", "widgets"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'd2lparams' has no attribute {name!r}")
    module, extra = _LATER[name]
    try:
        found = import_module(f".{module}", __name__)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"d2lparams.{name} needs {error.name}, which is not installed: pip install 'd2lparams[{extra}]'",
            name=error.name,
        ) from error
    return found if name == module else getattr(found, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
