"""Watch the parameters of a net while any loop trains it."""

import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from . import _processes, _torch
from ._patterns import Pattern, fits
from ._tracker import Tracker
from .access import select
from .record import Record


@contextmanager
def track(
    net: nn.Module,
    every: int = 20,
    histograms: int = 200,
    source: str = "",
    *,
    parameters: Pattern | None = None,
    each_row: Callable[[dict[str, float]], object] | None = None,
    lean: bool = False,
    record: Record | None = None,
    start: Mapping[str, Tensor] | None = None,
    all_ranks: bool = False,
) -> Generator[Record, None, None]:
    """Record weights, gradients and updates of `net` while any loop in the `with` block trains it.

    The record holds four norms of each parameter (`d2lparams.record.QUANTITIES`), and for a parameter that is used more
    than once the gradient of each use. The loop is any that calls `net(...)` and the `step` of a torch optimizer.

    Gradients are those that the optimizer got: they are read when `step` is called, or each time its closure has run,
    the last time counts. The uses are in the same units, whatever the loss was scaled by and however the gradient
    was clipped.

    Nothing about the training changes, to the last bit; one exception is rounding where a backward pass sums several
    uses under autocast, or several runs of one RNN. When the block ends, also by an exception, every hook is gone. An
    error while recording ends no training: a warning tells the first, and `record.errors` all that is missing.

    On a GPU no step waits for a number. NaN and inf are recorded as they come, and looked for at every step. Uses are
    split for whatever function takes the parameter; a compiled or scripted net runs as one piece, so there only the
    totals are recorded, as for what torch.func transforms. What a checkpoint with use_reentrant=True hides is named in
    `record.hidden`. It warns if the block ends and no optimizer took a step, and if the net gets other Parameters.

    At the defaults the shared MLP of notebook 5 trains 3 to 5% slower; memory is two copies of the parameters that
    train, at recorded steps one more of a shared one for each use (16 at most at one place; two more where gradients
    are accumulated or where processes track), and a bounded record: past 1,024 rows the interval doubles and every
    other row is dropped.

    Args:
        net: any module with parameters.
        every: the interval between two rows, in optimizer steps. Step 0 is the first.
        histograms: the interval between two histograms, in optimizer steps, a multiple of `every`; 0 for none.
        source: what the net is trained on, for the titles of figures.
        parameters: which to watch, as `select` takes it; by default all.
        each_row: called as `each_row(record.latest())` when a row has been recorded, {"step": 20, "grad_norm": 0.3}.
            It reads numbers, so on a GPU the step waits.
        lean: for nets whose copies do not fit: at each recorded step only some parameters are measured, a tenth of all
            numbers or the largest parameter, in turns; the distance from the start is NaN.
        record: one to go on with, of the same net; its intervals stay.
        start: {name: value} from which distances are measured, such as the first checkpoint's `state_dict()`; by
            default the values when the block begins.
        all_ranks: for a net that several processes train: every process tracks it, and they talk to each other at
            recorded steps. Then all of them record the numbers of the whole net: of sharded parameters (fully_shard,
            tensor parallel), and the uses' share in the averaged gradient (DistributedDataParallel). Without it, uses
            are those of this process's own batch.

    Yields:
        Record: what was seen so far, which can be read at any time, by another thread too.

    Raises:
        ValueError: If `net` has no parameters, or a lazy layer that has not seen its first batch, if an interval is no
            number of steps, if `parameters` matches nothing, if `record` is of another net, or if a net is sharded and
            `all_ranks` is not given.

    Source: torch's global module and optimizer hooks; the update:data ratio is Karpathy's. Met in notebook 5.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> with track(net) as record:
        ...     for _ in range(40):
        ...         optimizer.zero_grad()
        ...         net(torch.ones(1, 2)).square().mean().backward()
        ...         optimizer.step()
        >>> record
        Record of 4 parameters: 2 rows of 40 steps, 20 apart; 1 histogram; no parameter was seen to be used twice
    """
    if every < 1 or histograms < 0:
        raise ValueError(f"intervals are steps: every={every} must be 1 or more, histograms={histograms} 0 or more")
    names = _torch.parameter_names(net)
    if not names:
        raise ValueError(f"this {type(net).__name__} has no parameters, so there is nothing to track")
    _torch.check_not_lazy(its_names[0] for p, its_names in names.items() if is_lazy(p))
    _processes.check(net, all_ranks)
    if parameters is not None:
        chosen = set(select(net, parameters).values())
        names = {p: its_names for p, its_names in names.items() if p in chosen}
    first = {p: its_names[0] for p, its_names in names.items()}
    if record is None:
        aliases = {its_names[0]: its_names for its_names in names.values() if len(its_names) > 1}
        record = Record(first.values(), aliases, every, histograms)
        record.source = source
    elif unknown := [name for name in first.values() if name not in record.names]:
        raise ValueError(f"the record to go on with is of another net, it has no {', '.join(unknown)}")
    wants = partial(_wants, net, parameters)
    tracker = Tracker(net, record, first, wants, start or {}, lean, each_row, all_ranks)
    try:
        tracker.start()
        yield record
    finally:
        tracker.stop()
    if tracker.notes.untold:
        warnings.warn(tracker.notes.untold, RuntimeWarning, stacklevel=3)
    elif not tracker.stepped and not record.errors:
        warnings.warn(
            "no optimizer took a step on this net while it was tracked, so nothing was recorded: "
            "train it inside the `with` block, with a torch.optim optimizer over net.parameters()",
            stacklevel=3,
        )


def _wants(net: nn.Module, parameters: Pattern | None, name: str) -> bool:
    """Whether a parameter that came later is to be watched."""
    return parameters is None or bool(fits(net, parameters)(name))
