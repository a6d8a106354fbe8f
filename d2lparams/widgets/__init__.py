"""Interactive figures for a Jupyter notebook: they hold sliders and draw; the numbers come from the core modules.

    init_explorer     a scheme, a gain, a depth: every layer answers at once      (notebook 2)
    tie_playground    tie, untie, edit one entry, see where it shows up           (notebook 4)
    monitor           a live view of a training, with pause, stop and its rate    (notebook 5)
    scrubber          replay a record's gradient by use, step by step             (notebook 5)

Each is a column of ipywidgets; where there is no kernel its last picture stands in its place.
"""

from .explorer import init_explorer
from .monitoring import monitor
from .playground import tie_playground
from .replay import scrubber

__all__ = ["init_explorer", "monitor", "scrubber", "tie_playground"]
