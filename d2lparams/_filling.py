"""How `track` fills a record, and how a record stays small. How it is read stands in `record`."""

import difflib
import traceback
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ._histograms import Histogram
from ._record_file import Histograms, Uses
from ._record_numbers import Row

MOST_ROWS, MOST_HISTOGRAMS = 1024, 128  # beyond these, every other one is dropped and the interval doubles
NEVER = 2**62  # a step that does not come


class Filling:
    """What all of `Record` is but its readers; see there.

    One thread adds. Others may read meanwhile: what a reader takes a copy of, a list or a dictionary, is only added to
    or replaced by another.
    """

    def __init__(
        self, names: Iterable[str], aliases: Mapping[str, list[str]], every: int, histogram_every: int
    ) -> None:
        self.names, self.aliases = list(names), dict(aliases)
        self.every, self.histogram_every = every, histogram_every
        self.total_steps, self.source, self.note, self.whose, self.lean = 0, "", "", "", False
        self.errors: dict[str, str] = {}
        self.hidden: list[str] = []
        self._rows: list[Row] = []
        self._histograms: list[Histograms] = []
        self._uses: Uses = {}
        self._first_bad: Tensor | None = None  # shape (2, names): the first step with a NaN or inf in weight, gradient
        self._which: tuple[tuple[str, ...], Tensor] = ((), torch.empty(0, dtype=torch.long))  # see `_places`

    def is_due(self, step: int, what: str = "row") -> bool:
        """Return whether something is wanted for this step, by the intervals as they stand now.

        Args:
            step: the number of an optimizer step, the first is 0.
            what: "row" or "histogram".

        Returns:
            Whether `step` is a multiple of `every`, or of `histogram_every`.

        Example:
            >>> from d2lparams import Record
            >>> record = Record(["weight"], {}, every=20, histogram_every=200)
            >>> record.is_due(40), record.is_due(40, "histogram")
            (True, False)
        """
        every = self.histogram_every if what == "histogram" else self.every
        return every > 0 and step % every == 0

    def count_step(self) -> None:
        """Count one step of an optimizer, recorded or not, in `total_steps`."""
        self.total_steps += 1

    def add_row(self, step: int, names: Sequence[str], norms: Tensor) -> None:
        """Add what was measured at one step. Beyond 1,024 rows every other one is dropped and the interval doubles.

        Args:
            step: the number of the optimizer step; one that is not due is left out.
            names: the parameters that have a gradient at this step.
            norms: shape (4, parameters), on any device: a row for each of `QUANTITIES`, a column for each name.

        Example:
            >>> from d2lparams import Record
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> record.add_row(0, ["weight"], torch.tensor([[2.0], [1.0], [0.1], [0.2]]))
            >>> record
            Record of 1 parameter: 1 row of 0 steps, 1 apart; 0 histograms; no parameter was seen to be used twice
        """
        if not self.is_due(step):
            return
        self._rows.append((step, self._places(names), norms))
        if len(self._rows) > MOST_ROWS:
            self.every *= 2
            self._rows = [row for row in self._rows if self.is_due(row[0])]
            kept = {key: [entry for entry in entries if self.is_due(entry[0])] for key, entries in self._uses.items()}
            self._uses = {key: entries for key, entries in kept.items() if entries}

    def add_histograms(self, step: int, histograms: Mapping[tuple[str, str], Histogram]) -> None:
        """Add the histograms of one step. Beyond 128 every other step's are dropped and the interval doubles.

        Args:
            step: the number of the optimizer step; one that is not due is left out.
            histograms: {(name, kind): (counts, scale)}, kind "weight" or "gradient", with counts of 64 equal bins over
                ±scale, shape (64,), and the largest finite absolute value, shape ().

        Example:
            >>> from d2lparams import Record
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_histograms(0, {("weight", "weight"): (torch.ones(64), torch.tensor(0.5))})
            >>> record
            Record of 1 parameter: 0 rows of 0 steps, 1 apart; 1 histogram; no parameter was seen to be used twice
        """
        if not self.is_due(step, "histogram"):
            return
        if not histograms:
            return
        counts, scales = zip(*histograms.values(), strict=True)
        self._histograms.append((step, tuple(histograms), _stacked(counts), _stacked(scales)))
        if len(self._histograms) > MOST_HISTOGRAMS:
            self.histogram_every *= 2
            self._histograms = [entry for entry in self._histograms if self.is_due(entry[0], "histogram")]

    def add_uses(self, step: int, name: str, places: Sequence[str], gram: Tensor, error: Tensor) -> None:
        """Add the gradients that the uses of one parameter had at one step, as their inner products.

        Args:
            step: the number of the optimizer step; one that is not due is left out.
            name: the parameter.
            places: the paths of the modules that used it.
            gram: shape (places, places): the inner products of the uses' gradients.
            error: shape (): ‖Σ uses − .grad‖ / ‖.grad‖.

        Example:
            >>> from d2lparams import Record
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_uses(0, "weight", ["0", "1"], torch.ones(2, 2), torch.zeros(()))
            >>> record.shared
            ['weight']
        """
        if self.is_due(step):
            self._uses.setdefault((name, tuple(places)), []).append((step, gram, error))

    def add_error(self, what: str, error: Exception) -> None:
        """Note what could not be recorded; of several errors about the same thing the first is kept, as text.

        Args:
            what: what could not be recorded, such as "the norms of '0.weight'".
            error: the exception.

        Example:
            >>> from d2lparams import Record
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_error("the norms of 'weight'", RuntimeError("no such norm"))
            >>> record.errors
            {"the norms of 'weight'": 'step 0: RuntimeError: no such norm'}
        """
        said = traceback.format_exception_only(type(error), error)[-1].strip()
        self.errors.setdefault(what, f"step {self.total_steps}: {said}")

    def add_name(self, name: str) -> None:
        """Add a parameter that came later.

        Args:
            name: its first name.

        Example:
            >>> from d2lparams import Record
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_name("head.weight")
            >>> record.names
            ['weight', 'head.weight']
        """
        if name not in self.names:
            self.names.append(name)

    def first_name(self, name: str) -> str:
        """Return the first name of a parameter, by which it is recorded.

        Args:
            name: any of its names.

        Returns:
            The one in `names`.

        Raises:
            KeyError: If there is no such parameter; it tells the nearest names.

        Example:
            >>> from d2lparams import Record
            >>> Record(["0.weight"], {"0.weight": ["0.weight", "2.weight"]}, 20, 200).first_name("2.weight")
            '0.weight'
        """
        first = {name: name for name in self.names}
        first |= {other: own for own, others in self.aliases.items() for other in others}
        if name not in first:
            near = difflib.get_close_matches(str(name), first, 3, 0.5) or list(first)[:3]
            more = f" of {len(first)}" if len(first) > len(near) else ""
            raise KeyError(f"no parameter {name!r} in this record; the nearest names{more}: {', '.join(near)}")
        return first[name]

    def mark_nonfinite(self, step: int, names: Sequence[str], bad: Tensor) -> None:
        """Note which weights and gradients hold a NaN or an infinity at a step, due or not; nothing waits for a GPU.

        Args:
            step: the number of the optimizer step.
            names: the parameters that were looked at.
            bad: shape (2, names), bool, on any device: row 0 for the weights after the step, row 1 for the gradients.

        Example:
            >>> from d2lparams import Record
            >>> record = Record(["a", "b"], {}, every=20, histogram_every=0)
            >>> record.mark_nonfinite(7, ["a", "b"], torch.tensor([[True, True], [False, True]]))
            >>> record.first_nonfinite()
            (7, 'b', 'grad_norm')
        """
        known = self._first_bad if self._first_bad is not None else bad.new_empty((2, 0), dtype=torch.long)
        known = known.to(bad.device)
        if more := len(self.names) - known.shape[1]:
            known = torch.cat([known, known.new_full((2, more), NEVER)], 1)
        if list(names) == self.names:
            self._first_bad = known.masked_fill(bad & (known > step), step)
        else:
            which = self._places(names).to(bad.device, non_blocking=True)
            old = known.index_select(1, which)
            self._first_bad = known.index_copy(1, which, old.masked_fill(bad & (old > step), step))

    def _places(self, names: Sequence[str]) -> Tensor:
        """Return where names stand among all names: one tensor for as long as the same ones come."""
        if self._which[0] != tuple(names):
            place = {name: i for i, name in enumerate(self.names)}
            self._which = tuple(names), torch.tensor([place[name] for name in names], dtype=torch.long)
        return self._which[1]


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors in one, on the device of the first."""
    if len({tensor.device for tensor in tensors}) > 1:
        tensors = [tensor.to(tensors[0].device) for tensor in tensors]
    return torch.stack(list(tensors))
