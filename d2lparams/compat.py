"""Make `from d2l import torch as d2l` work where torch and torchvision were built for different machines.

The torchvision wheel that pip finds on Linux is built for CUDA. Beside a CPU-only torch its compiled operators do not
load, and then `import torchvision` (d2l's third line) ends in "operator torchvision::nms does not exist": it describes
operators that nobody has defined. Declaring the two names it describes is enough; nothing in d2l calls them.

Importing this module costs nothing: the repair waits until somebody imports torchvision, and where torchvision's own
operators load, it changes nothing. Nothing else in d2lparams knows about versions.
"""

import sys
from importlib.machinery import PathFinder

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept = []  # a torch.library.Library takes its operators with it when it is garbage-collected


class _BeforeTorchvision:
    """A finder that finds nothing: Python asks it first when torchvision is imported, which is the moment to act."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(_BeforeTorchvision)
            declare_missing_operators()


def declare_missing_operators():
    """Declare torchvision's `nms` and `qnms` if its compiled operators cannot be loaded; return whether it did.

    Source: `torchvision/extension.py` and `torchvision/_meta_registrations.py` of release 0.28.
    """
    package = PathFinder.find_spec("torchvision")
    if package is None:
        return False
    binary = PathFinder.find_spec("_C", package.submodule_search_locations)
    try:
        if binary:
            torch.ops.load_library(binary.origin)
            return False
    except OSError:
        pass
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    _kept.append(library)
    return True


if "torchvision" not in sys.modules and _BeforeTorchvision not in sys.meta_path:
    sys.meta_path.insert(0, _BeforeTorchvision)
