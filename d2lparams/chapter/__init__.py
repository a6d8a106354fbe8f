"""What the notebooks alone use: the data set, two interactive figures with the numbers behind them, some figures.

data          Fashion-MNIST in memory, for d2l's Trainer (d2l, torchvision)
standin       what is trained on where it cannot be had
deep_net      the first pass through a deep net
small_nets    small nets that share, in every way
survival      which way to share survives what
processes     a script in two processes
explorer      the init explorer: an interactive figure of `deep_net`
playground    the tie playground: an interactive figure of `small_nets`
figures       figures that one notebook draws, a module for each
guesses       what a reader is asked before a surprising cell
"""

from .explorer import init_explorer
from .playground import tie_playground

__all__ = ["init_explorer", "tie_playground"]
