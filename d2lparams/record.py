"""What `track` saw: how it is kept, read, and written to a file. Nothing else knows what a record looks like inside."""

import math
import os
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ._files import write_whole
from ._gram import columns
from ._histograms import HISTOGRAM_BINS, Histogram
from ._tables import import_pandas

QUANTITIES = {
    "weight_norm": "‖w‖",
    "grad_norm": "‖g‖, as the optimizer got it",
    "update_ratio": "‖Δw‖ / ‖w‖, from the measured change Δw",
    "distance": "‖w − w at the start‖",
}
"""What is recorded of each parameter at a step: {name of the column: what it holds}.

Each is a norm over all entries of the parameter, after the update that the step made.
"""

NEVER = 2**62  # a step that does not come
MOST_ROWS, MOST_HISTOGRAMS = 1024, 128  # beyond these, every other one is dropped and the interval doubles

Table = Any  # a pandas DataFrame: pandas is loaded when one is asked for
Array = Any  # a numpy array


class Record:
    """What `track` saw. Numbers stay on the net's device until they are read; every reader returns CPU data.

    The arguments are attributes too, `every` and `histogram_every` as they stand now. So are `total_steps`, how many
    steps the optimizers took; `source`, what the net was trained on; `note`, why no gradient was split by use, if it
    could not be; and `errors`, {what could not be recorded: the step and the first error}. `track` fills a record by
    `count_step` and the methods `add_...`; all others read it.

    Args:
        names: each parameter once, by its first name.
        aliases: {name: every name}, for the parameters with more than one.
        every: the interval between two rows, in optimizer steps.
        histogram_every: the interval between two histograms, in optimizer steps; 0 for none.

    Met in notebook 5.

    Example:
        >>> record = Record(["0.weight"], {}, every=20, histogram_every=200)
        >>> record
        Record of 1 parameter: 0 rows of 0 steps, 20 apart; 0 histograms; no parameter was seen to be used twice
    """

    def __init__(
        self, names: Iterable[str], aliases: Mapping[str, list[str]], every: int, histogram_every: int
    ) -> None:
        self.names, self.aliases = list(names), dict(aliases)
        self.every, self.histogram_every = every, histogram_every
        self.total_steps, self.source, self.note = 0, "", ""
        self.errors: dict[str, str] = {}
        self.hidden: list[str] = []
        self._bad: Tensor | None = None  # shape (2, names): the first step with a NaN or inf in weight, gradient
        self._rows: list[tuple[int, list[int], Tensor]] = []  # step, which of `names`, quantities x parameters
        self._histograms: list[tuple[int, dict[tuple[str, str], Histogram]]] = []  # step, {(name, kind): histogram}
        # (name, places) -> [(step, Gram matrix of the uses' gradients, relative error of their sum)]
        self._uses: dict[tuple[str, tuple[str, ...]], list[tuple[int, Tensor, Tensor]]] = {}

    def __repr__(self) -> str:
        uses = self.note or "no parameter was seen to be used twice"
        if self.shared or self.errors:
            uses = f"gradient by use of {', '.join(self.shared) or 'nothing'}"
        parts = [
            f"Record of {_count(len(self.names), 'parameter')}: {_count(len(self._rows), 'row')} of "
            f"{_count(self.total_steps, 'step')}, {self.every} apart",
            _count(len(self._histograms), "histogram"),
            uses,
        ]
        if self.errors:
            what, error = next(iter(self.errors.items()))
            parts.append(f"{_count(len(self.errors), 'error')} while recording, see .errors: {what}, {error}")
        return "; ".join(parts)

    def is_due(self, step: int, what: str = "row") -> bool:
        """Return whether something is wanted for this step, by the intervals as they stand now.

        Args:
            step: the number of an optimizer step, the first is 0.
            what: "row" or "histogram".

        Returns:
            Whether `step` is a multiple of `every`, or of `histogram_every`.

        Example:
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
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> record.add_row(0, ["weight"], torch.tensor([[2.0], [1.0], [0.1], [0.2]]))
            >>> record
            Record of 1 parameter: 1 row of 0 steps, 1 apart; 0 histograms; no parameter was seen to be used twice
        """
        if not self.is_due(step):
            return
        place = {name: i for i, name in enumerate(self.names)}
        self._rows.append((step, [place[name] for name in names], norms))
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
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_histograms(0, {("weight", "weight"): (torch.ones(64), torch.tensor(0.5))})
            >>> record
            Record of 1 parameter: 0 rows of 0 steps, 1 apart; 1 histogram; no parameter was seen to be used twice
        """
        if not self.is_due(step, "histogram"):
            return
        self._histograms.append((step, dict(histograms)))
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
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_name("head.weight")
            >>> record.names
            ['weight', 'head.weight']
        """
        if name not in self.names:
            self.names.append(name)

    def mark_nonfinite(self, step: int, names: Sequence[str], bad: Tensor) -> None:
        """Note which weights and gradients hold a NaN or an infinity at a step, due or not; nothing waits for a GPU.

        Args:
            step: the number of the optimizer step.
            names: the parameters that were looked at.
            bad: shape (2, names), bool, on any device: row 0 for the weights after the step, row 1 for the gradients.

        Example:
            >>> record = Record(["a", "b"], {}, every=20, histogram_every=0)
            >>> record.mark_nonfinite(7, ["a", "b"], torch.tensor([[True, True], [False, True]]))
            >>> record.first_nonfinite()
            (7, 'b', 'grad_norm')
        """
        known = self._bad.to(bad.device) if self._bad is not None else bad.new_empty((2, 0), dtype=torch.long)
        if known.shape[1] < len(self.names):
            new = known.new_full((2, len(self.names) - known.shape[1]), NEVER)
            known = torch.cat([known, new], 1)
        if list(names) == self.names:
            self._bad = known.masked_fill(bad & (known > step), step)
            return
        place = {name: i for i, name in enumerate(self.names)}
        index = torch.tensor([place[name] for name in names]).to(bad.device, non_blocking=True)
        old = known.index_select(1, index)
        self._bad = known.index_copy(1, index, old.masked_fill(bad & (old > step), step))

    def latest(self) -> dict[str, float]:
        """Return the most recent recorded step as a flat dictionary of numbers.

        Returns:
            {"step": 20, "grad_norm/0.weight": 0.3, "grad_norm": 0.5}; {} if there is none.
        """
        if not self._rows:
            return {}
        step = self._rows[-1][0]
        found = {"step": float(step)}
        squares = dict.fromkeys(("weight_norm", "grad_norm", "update"), 0.0)
        for own, indices, norms in self._rows[-8:]:
            if own != step:
                continue
            for i, values in zip(indices, norms.T.tolist(), strict=True):
                found |= {f"{quantity}/{self.names[i]}": v for quantity, v in zip(QUANTITIES, values, strict=True)}
                squares["weight_norm"] += values[0] ** 2
                squares["grad_norm"] += values[1] ** 2
                squares["update"] += (values[0] * values[2]) ** 2 if values[0] else 0.0
        found["weight_norm"], found["grad_norm"] = squares["weight_norm"] ** 0.5, squares["grad_norm"] ** 0.5
        found["update_ratio"] = (squares["update"] / squares["weight_norm"]) ** 0.5 if squares["weight_norm"] else 0.0
        for name in self.shared:
            last = self.uses(name).iloc[-1]
            if last.name == step:
                for kind in ("norm", "cosine"):
                    found |= {f"use_{kind}/{name}/{what}": float(v) for what, v in last[kind].items()}
        return found

    def label(self, name: str) -> str:
        """Return how a figure names a parameter: with every place it has, if it is shared.

        Args:
            name: the parameter's first name.

        Returns:
            Its names, with " = " between them.

        Example:
            >>> Record(["0.weight"], {"0.weight": ["0.weight", "2.weight"]}, 20, 200).label("0.weight")
            '0.weight = 2.weight'
        """
        return " = ".join(self.aliases.get(name, [name]))

    def frame(self) -> Table:
        """Return everything as one pandas table: a row per step and parameter.

        A parameter without a gradient at a step (frozen, or not used) has no row there, so a NaN is a real one. Of two
        optimizers that step the same parameters, such as one that wraps another, the later one's numbers stand.

        Returns:
            A DataFrame with the columns "step", "parameter" and one for each of `QUANTITIES`.

        Example:
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> record.add_row(0, ["weight"], torch.tensor([[2.0], [1.0], [0.5], [1.0]]))
            >>> record.frame()  # doctest: +SKIP
               step parameter  weight_norm  grad_norm  update_ratio  distance
            0     0    weight          2.0        1.0           0.5       1.0
        """
        pd = import_pandas()
        rows = [
            (step, self.names[i], *values)
            for step, indices, norms in self._rows
            for i, values in zip(indices, norms.T.tolist(), strict=True)
        ]
        frame = pd.DataFrame(rows, columns=["step", "parameter", *QUANTITIES])
        return frame.drop_duplicates(["step", "parameter"], keep="last", ignore_index=True)

    def table(self, quantity: str) -> Table:
        """Return one quantity as a pandas table.

        Args:
            quantity: one of `QUANTITIES`.

        Returns:
            A DataFrame with a row per recorded step and a column per parameter.

        Raises:
            ValueError: If there is no such quantity.

        Example:
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> record.add_row(0, ["weight"], torch.tensor([[2.0], [1.0], [0.5], [1.0]]))
            >>> record.table("grad_norm")  # doctest: +SKIP
            parameter  weight
            step
            0             1.0
        """
        if quantity not in QUANTITIES:
            raise ValueError(f"{quantity!r} is not recorded: choose one of {', '.join(QUANTITIES)}")
        wide = self.frame().pivot(index="step", columns="parameter", values=quantity)
        return wide[[name for name in self.names if name in wide]]

    @property
    def shared(self) -> list[str]:
        """The names of the parameters whose gradient was split by use."""
        return list(dict.fromkeys(name for name, _ in self._uses))

    def uses(self, name: str) -> Table:
        """Return a pandas table of the gradient of each use of a parameter: a row per recorded step.

        Args:
            name: the parameter's first name.

        Returns:
            A DataFrame with the columns (norm, place) for ‖g‖ of each use; (sum, norm) for that of their sum;
            (share, place) for the part of the sum that points along the sum, shares add up to 1; (cosine, "a, b") for
            each two places; (check, error) for ‖Σ uses − .grad‖ / ‖.grad‖ as backward left it, which is rounding
            unless a gradient came from outside `forward` (a penalty in the loss).

        Raises:
            KeyError: If the gradient of `name` was not split.

        Example:
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> record.add_uses(0, "weight", ["0", "1"], torch.tensor([[9.0, 0.0], [0.0, 16.0]]), torch.zeros(()))
            >>> record.uses("weight")[["norm", "sum"]]  # doctest: +SKIP
                 norm        sum
                    0    1  norm
            step
            0     3.0  4.0   5.0
        """
        pd = import_pandas()
        if name not in self.shared:
            reason = self._errors_about(name) or self.note or "it was not used more than once"
            raise KeyError(f"no gradient by use of {name!r}: {reason}; split by use: {self.shared or 'nothing'}")
        tables = []
        for (owner, places), entries in self._uses.items():
            if owner != name:
                continue
            steps, grams, errors = zip(*entries, strict=True)
            found = columns(places, torch.stack(grams).double().cpu(), torch.stack(errors).cpu())
            index = pd.Index(steps, name="step")
            tables.append(pd.DataFrame({key: value.numpy() for key, value in found.items()}, index=index))
        return pd.concat(tables).sort_index()

    def histograms(self, name: str, kind: str = "weight") -> tuple[Array, Array, Array]:
        """Return the histograms of a parameter's values or gradients over time, as numpy arrays.

        Args:
            name: the parameter's first name.
            kind: "weight" or "gradient".

        Returns:
            (steps, edges, counts). steps: shape (n,). edges: (n, 65), symmetric about 0, as wide as the largest finite
            entry of that step. counts: (n, 64); NaN and inf are in no bin, so a smaller sum tells.

        Raises:
            KeyError: If there is no such histogram.

        Example:
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_histograms(0, {("weight", "weight"): (torch.ones(64), torch.tensor(0.5))})
            >>> steps, edges, counts = record.histograms("weight")  # doctest: +SKIP
            >>> steps.tolist(), edges[0, -1].item(), counts.sum().item()  # doctest: +SKIP
            ([0], 0.5, 64.0)
        """
        found = {step: (step, *entry[name, kind]) for step, entry in self._histograms if (name, kind) in entry}
        if not found:
            reason = self._errors_about(name) or f"recorded: {', '.join(self.names)}"
            raise KeyError(f"no {kind} histogram of {name!r}; {reason}")
        steps, counts, scale = zip(*found.values(), strict=True)
        edges = torch.linspace(-1, 1, HISTOGRAM_BINS + 1) * torch.stack(scale).cpu()[:, None]
        return torch.tensor(steps).numpy(), edges.numpy(), torch.stack(counts).cpu().numpy()

    def first_nonfinite(self) -> tuple[int, str, str] | None:
        """Return where the first NaN or inf in a weight or gradient was seen.

        Of one step gradients come before weights; of several parameters the last in the order of names, which is the
        nearest to the loss: a NaN born in the backward pass travels from there to the earlier layers.

        Returns:
            (step, name, quantity), or None if all are finite.

        Example:
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> record.add_row(7, ["weight"], torch.tensor([[2.0], [torch.inf], [0.5], [1.0]]))
            >>> record.first_nonfinite()
            (7, 'weight', 'grad_norm')
        """
        seen = []  # (step, 0 for a gradient or 1 for a weight, minus the place in the order of names)
        for step, indices, norms in self._rows:
            for i, (weight, gradient) in zip(indices, norms[:2].T.tolist(), strict=True):
                seen += [(step, 1, -i)] * (not math.isfinite(weight)) + [(step, 0, -i)] * (not math.isfinite(gradient))
        if self._bad is not None:
            for weight, steps in zip((1, 0), self._bad.tolist(), strict=True):
                seen += [(step, weight, -i) for i, step in enumerate(steps) if step < NEVER]
        if not seen:
            return None
        step, weight, minus_i = min(seen)
        return step, self.names[-minus_i], "weight_norm" if weight else "grad_norm"

    def _errors_about(self, name: str) -> str:
        return "; ".join(f"{what}, {error}" for what, error in self.errors.items() if repr(name) in what)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record to one file, whole or not at all.

        Args:
            path: the file; one that is there already is replaced.

        Example:
            >>> import tempfile
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     record.save(f"{folder}/record.pt")
            ...     Record.load(f"{folder}/record.pt").names
            ['weight']
        """
        state = vars(self) | {"_uses": [[name, list(places), found] for (name, places), found in self._uses.items()]}
        write_whole(path, lambda file: torch.save(state, file))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Record":
        """Read what `save` wrote, onto the CPU, without running any code from the file.

        Args:
            path: the file.

        Returns:
            The record.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is something else, or cut short.

        Example:
            >>> Record.load(__file__)  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            ValueError: ... is not a record that Record.save wrote, or it is cut short: ...
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            record = cls(state["names"], state["aliases"], state["every"], state["histogram_every"])
            state["_uses"] = {(name, tuple(places)): entries for name, places, entries in state["_uses"]}
            vars(record).update((key, state[key]) for key in vars(record) if key in state)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"{path} is not a record that Record.save wrote, or it is cut short: {error}") from error
        return record


def _count(number: int, thing: str) -> str:
    """Return such as "1 row" or "1,024 rows"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
