"""Interactive figures of records and loops, for a Jupyter notebook: they hold sliders and draw, and compute nothing.

::

    monitor     a live view of a training, with pause, stop and its rate
    scrubber    replay a record's gradient by use, step by step

Each is a column of ipywidgets; where there is no kernel its last picture stands in its place. Met in notebook 5.
"""

from .monitor import monitor
from .scrubber import scrubber

__all__ = ["monitor", "scrubber"]
