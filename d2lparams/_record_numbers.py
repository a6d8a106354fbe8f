"""The numbers of a record's rows as a few large tensors, and those of the whole net."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Row = tuple[int, Tensor, Tensor]  # step, which parameters, and their numbers: shape (quantities, parameters)
WEIGHT, GRADIENT, RATIO, DISTANCE = range(4)  # the quantities, in the order of `QUANTITIES`


class Numbers(NamedTuple):
    """What was recorded of all parameters at all steps.

    Attributes:
        steps: in order, each once.
        values: shape (quantities, steps, parameters), on the CPU, NaN where nothing was recorded.
        recorded: shape (steps, parameters): where something was.
    """

    steps: list[int]
    values: Tensor
    recorded: Tensor


def row_of(sizes: Sequence[Tensor]) -> Tensor:
    """Return norms as the numbers of a row, on one device, with each update divided by its weight.

    sizes: ‖weight‖, ‖gradient‖, ‖update‖ and ‖distance‖ of one parameter, then of the next, each of shape ().

    >>> row_of([torch.tensor(number) for number in (4.0, 3.0, 2.0, 1.0)]).tolist()
    [[4.0], [3.0], [0.5], [1.0]]
    """
    device = sizes[0].device
    row = torch.stack([size.to(device, torch.float32) for size in sizes]).view(-1, 4).T.contiguous()
    row[RATIO] /= row[WEIGHT]
    return row


def on_cpu(tensors: Sequence[Tensor], dim: int) -> Tensor:
    """Return tensors in one, on the CPU; from one device they come all at once.

    >>> on_cpu([torch.ones(1, 2), torch.zeros(1, 1)], dim=1).tolist()
    [[1.0, 1.0, 0.0]]
    """
    if len({tensor.device for tensor in tensors}) > 1:
        tensors = [tensor.cpu() for tensor in tensors]
    return torch.cat(list(tensors), dim).cpu()


def numbers(rows: Sequence[Row], parameters: int) -> Numbers:
    """Return the numbers of rows; of two of one step and parameter the later one's stand.

    >>> numbers([(3, torch.tensor([1]), torch.ones(4, 1))], 2).values[GRADIENT].tolist()
    [[nan, 1.0]]
    """
    steps = sorted({step for step, _, _ in rows})
    place = {step: i for i, step in enumerate(steps)}
    recorded = torch.zeros(len(steps), parameters, dtype=torch.bool)
    if not rows:
        return Numbers(steps, torch.empty(4, 0, parameters), recorded)
    every = on_cpu([norms for _, _, norms in rows], 1)
    values = every.new_full((len(every), len(steps), parameters), torch.nan)
    parts = every.split([norms.shape[1] for _, _, norms in rows], 1)
    for (step, which, _), part in zip(rows, parts, strict=True):
        values[:, place[step], which] = part
        recorded[place[step], which] = True
    return Numbers(steps, values, recorded)


def of_whole_net(found: Numbers, lean: bool) -> Tensor:
    """Return the quantities of the whole net, shape (quantities, steps): what all parameters in one vector would give.

    lean: each step holds only some of the parameters; the latest number of each stands for it, and NaN for the net
    until there is one of each.

    >>> found = numbers([(0, torch.tensor([0, 1]), torch.tensor([[3.0, 4.0], [0.0, 5.0], [0.1, 0.0], [0.0, 2.0]]))], 2)
    >>> [round(number.item(), 2) for number in of_whole_net(found, lean=False).flatten()]  # 0.06: 0.1 * 3 / 5
    [5.0, 5.0, 0.06, 2.0]
    """
    values, recorded = found.values.double(), found.recorded
    if lean:
        latest = torch.where(recorded, torch.arange(len(recorded))[:, None], 0).cummax(0).values
        values = values.gather(1, latest.expand_as(values))
        recorded = recorded.any(0).expand_as(recorded)  # of what has no number yet, NaN counts
    weight, ratio = values[WEIGHT], values[RATIO]
    update = torch.where((weight == 0) & ratio.isnan(), 0.0, weight * ratio)  # 0 / 0: a zero that stayed
    parts = torch.stack([weight, values[GRADIENT], update, values[DISTANCE]])
    whole = torch.where(recorded, parts, 0.0).square().sum(2).sqrt()
    whole[RATIO] = whole[RATIO] / whole[WEIGHT]
    return whole


def rows_of_latest(rows: Sequence[Row], lean: bool) -> list[Row]:
    """Return the rows of the step that was recorded last; if lean, also the latest of each other parameter.

    >>> rows = [(0, torch.tensor([0]), torch.ones(4, 1)), (1, torch.tensor([1]), torch.ones(4, 1))]
    >>> [step for step, _, _ in rows_of_latest(rows, lean=True)]
    [0, 1]
    """
    if not rows:
        return []
    last = rows[-1][0]
    if not lean:
        return [row for row in rows if row[0] == last]
    found: list[Row] = []
    seen: set[int] = set()
    for row in reversed(rows):
        which = set(row[1].tolist())
        if row[0] == last or which - seen:
            found.append(row)
            seen |= which
    return found[::-1]
