"""Make `from d2l import torch as d2l` work where torch and torchvision were built for different machines.

The torchvision wheel that pip finds on Linux is built for CUDA. Beside a CPU-only torch its compiled operators do not
load, and then `import torchvision` (d2l's third line) ends in "operator torchvision::nms does not exist": it describes
operators that nobody has defined. Declaring the two names it describes is enough; nothing in d2l calls them.

Importing this module costs nothing: the repair waits until torchvision is imported and has tried to load its operators,
and where they load, it changes nothing. Nothing else in d2lparams knows about versions of torchvision.
"""

import sys
from collections.abc import Sequence
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept: list[torch.library.Library] = []  # a Library takes its operators with it when it is garbage-collected


class _BeforeOperatorsAreDescribed:
    """A finder that finds nothing: Python asks it before it imports the module that describes the operators.

    At that moment `torchvision.extension` has tried to load them. Source: `torchvision/__init__.py`, 0.21 to 0.29.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name == "torchvision._meta_registrations":
            sys.meta_path.remove(_BeforeOperatorsAreDescribed)
            if not sys.modules["torchvision.extension"]._has_ops():
                declare_operators()


def declare_operators() -> None:
    """Declare torchvision's operators `nms` and `qnms`, which it describes even if it could not load them.

    Source: `torchvision/_meta_registrations.py`, 0.21 to 0.29.
    """
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    _kept.append(library)


if "torchvision" not in sys.modules and _BeforeOperatorsAreDescribed not in sys.meta_path:
    sys.meta_path.insert(0, _BeforeOperatorsAreDescribed)
