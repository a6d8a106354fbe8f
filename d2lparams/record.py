"""What `track` saw, and how it is read. Nothing else knows what a record looks like inside."""

import os
from collections.abc import Sequence
from typing import Any

import torch

from . import _record_file
from ._filling import NEVER, Filling
from ._gram import columns
from ._histograms import HISTOGRAM_BINS
from ._record_numbers import Numbers, numbers, of_whole_net, on_cpu, rows_of_latest
from ._tables import import_pandas, plural

QUANTITIES = {
    "weight_norm": "‖w‖",
    "grad_norm": "‖g‖, as the optimizer got it",
    "update_ratio": "‖Δw‖ / ‖w‖, from the measured change Δw",
    "distance": "‖w − w at the start‖",
}
"""What is recorded of each parameter at a step: {name of the column: what it holds}.

Each is a norm over all entries of the parameter, after the update that the step made.
"""

Table = Any  # a pandas DataFrame: pandas is loaded when one is asked for
Array = Any  # a numpy array


class Record(Filling):
    """What `track` saw. Numbers stay on the net's device until they are read; every reader returns CPU data.

    The arguments are attributes too, `every` and `histogram_every` as they stand now. So are `total_steps`, how many
    steps the optimizers took; `source`, what the net was trained on; `note`, why no gradient was split by use, if it
    could not be; `whose` batch uses are of, if several processes train; `hidden`, parameters with uses that could not
    be seen; `lean`, whether a row holds only some parameters; and `errors`, {what is missing: the step and the first
    error}. `track` fills a record by `count_step`, `mark_nonfinite` and the methods `add_...`. All others read it, at
    any time, also while another thread trains, by any name of a tied parameter.

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

    def __repr__(self) -> str:
        rows = {row[0] for row in list(self._rows)}  # a step within a step has one too
        parts = [
            f"Record of {plural(len(self.names), 'parameter')}: {plural(len(rows), 'row')} of "
            f"{plural(self.total_steps, 'step')}, {self.every} apart",
            plural(len({block[0] for block in list(self._histograms)}), "histogram"),
        ]
        if self.shared or self.errors:
            parts.append(f"gradient by use{self.whose} of {', '.join(self.shared) or 'nothing'}")
        if self.hidden:
            parts.append(f"some uses could not be seen, of {', '.join(self.hidden)}")
        if len(parts) == 2:
            parts.append(self.why_not_split)
        if self.errors:
            what, error = next(iter(self.errors.items()))
            parts.append(f"{plural(len(self.errors), 'error')} while recording, see .errors: {what}, {error}")
        return "; ".join(parts)

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
        steps, values, recorded = self._numbers()
        at, which = recorded.nonzero().T
        frame = {"step": torch.tensor(steps, dtype=torch.long)[at].numpy()}
        frame["parameter"] = pd.Index(self.names, dtype=object).take(which.numpy())
        frame |= {name: values[i, at, which].double().numpy() for i, name in enumerate(QUANTITIES)}
        return pd.DataFrame(frame)

    def table(self, quantity: str, names: Sequence[str] | None = None) -> Table:
        """Return one quantity as a pandas table.

        Args:
            quantity: one of `QUANTITIES`.
            names: which parameters, each by any of its names, a KeyError else; by default all that have a row.

        Returns:
            A DataFrame with a row per recorded step and a column per parameter, NaN where it has no row.

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
        pd = import_pandas()
        places = None if names is None else [self.names.index(self.first_name(name)) for name in names]
        steps, values, recorded = self._numbers()
        places = recorded.any(0).nonzero().flatten().tolist() if places is None else places
        values = values[list(QUANTITIES).index(quantity)][:, places].double()
        titles = pd.Index(names or [self.names[i] for i in places], name="parameter", dtype=object)
        return pd.DataFrame(values.numpy(), index=pd.Index(steps, name="step", dtype="int64"), columns=titles)

    def whole(self) -> Table:
        """Return the quantities of the whole net, as if all its parameters were one: one number for the net.

        Returns:
            A DataFrame with a row per recorded step and a column for each of `QUANTITIES`, of norms √Σ‖·‖² over the
            parameters that have a row at that step, of the update ratio √Σ‖Δw‖² / √Σ‖w‖². If the record is `lean`, the
            latest number of each parameter counts, and until each has one there is NaN.

        Example:
            >>> record = Record(["a", "b"], {}, every=1, histogram_every=0)
            >>> record.add_row(0, ["a", "b"], torch.tensor([[3.0, 4.0], [0.0, 5.0], [0.0, 0.1], [0.0, 2.0]]))
            >>> record.whole()  # doctest: +SKIP
                  weight_norm  grad_norm  update_ratio  distance
            step
            0             5.0        5.0          0.08       2.0
        """
        pd = import_pandas()
        found = self._numbers()
        whole = of_whole_net(found, self.lean).T.numpy()
        return pd.DataFrame(whole, pd.Index(found.steps, name="step", dtype="int64"), list(QUANTITIES))

    def latest(self) -> dict[str, float]:
        """Return what is recorded of the most recent step as a flat dictionary of numbers, for a log of any kind.

        It reads numbers, so on a GPU it waits. Where several optimizers step one net, the parameters of those that have
        stepped are in it.

        Returns:
            {} if there is no row; else "step"; each of `QUANTITIES` as in `whole`, such as "grad_norm"; that of each
            parameter, "grad_norm/0.weight"; and of each use, "use_norm/0.weight/2", "use_share/0.weight/2" and
            "use_cosine/0.weight/2, 4".

        Example:
            >>> record = Record(["a", "b"], {}, every=1, histogram_every=0)
            >>> record.add_row(0, ["a", "b"], torch.tensor([[3.0, 4.0], [0.0, 5.0], [0.0, 0.0], [0.0, 2.0]]))
            >>> latest = record.latest()
            >>> latest["step"], latest["weight_norm"], latest["weight_norm/a"]
            (0, 5.0, 3.0)
        """
        rows = rows_of_latest(list(self._rows), self.lean)
        if not rows:
            return {}
        names = list(self.names)
        steps, values, recorded = found = numbers(rows, len(names))
        latest: dict[str, float] = {"step": steps[-1]}
        latest |= dict(zip(QUANTITIES, of_whole_net(found, self.lean)[:, -1].tolist(), strict=True))
        which = recorded[-1].nonzero().flatten().tolist()
        for quantity, numbers_of_all in zip(QUANTITIES, values[:, -1].tolist(), strict=True):
            latest |= {f"{quantity}/{names[i]}": numbers_of_all[i] for i in which}
        for (name, places), entries in list(self._uses.items()):
            step, gram, error = entries[-1]
            if step == steps[-1]:
                for (kind, what), number in columns(places, gram[None].double().cpu(), error[None].cpu()).items():
                    if kind in ("norm", "share", "cosine"):
                        latest[f"use_{kind}/{name}/{what}"] = number.item()
        return latest

    @property
    def shared(self) -> list[str]:
        """The names of the parameters whose gradient was split by use."""
        return list(dict.fromkeys(name for name, _ in list(self._uses)))

    @property
    def why_not_split(self) -> str:
        """Why no gradient was split by use, where none was."""
        if self.hidden:
            return f"uses of {', '.join(self.hidden)} could not be seen"
        return self.note or "no parameter was seen to be used twice"

    def uses(self, name: str) -> Table:
        """Return a pandas table of the gradient of each use of a parameter: a row per recorded step.

        Args:
            name: any of the parameter's names.

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
        asked, name = name, self.first_name(name)
        tables = []
        for (owner, places), entries in list(self._uses.items()):
            if owner == name:
                steps, grams, errors = zip(*list(entries), strict=True)
                gram = on_cpu(grams, 0).view(len(steps), len(places), -1).double()
                found = columns(places, gram, on_cpu([error.view(1) for error in errors], 0))
                index = pd.Index(steps, name="step")
                tables.append(pd.DataFrame({key: value.numpy() for key, value in found.items()}, index=index))
        if not tables:
            raise KeyError(
                f"no gradient by use of {asked!r}: {self._reason(name)}; split by use: {self.shared or 'nothing'}"
            )
        found = pd.concat(tables).sort_index(kind="stable")
        return found[~found.index.duplicated(keep="last")]  # of a step within a step

    def histograms(self, name: str, kind: str = "weight") -> tuple[Array, Array, Array]:
        """Return the histograms of a parameter's values or gradients over time, as numpy arrays.

        Args:
            name: any of the parameter's names.
            kind: "weight" or "gradient".

        Returns:
            Three arrays, the steps of shape (n,), the edges of shape (n, 65), symmetric about 0 and as wide as the
            largest finite entry of that step, and the counts of shape (n, 64). NaN and inf are in no bin, so a smaller
            sum tells.

        Raises:
            KeyError: If there is no such histogram.

        Example:
            >>> record = Record(["weight"], {}, every=1, histogram_every=1)
            >>> record.add_histograms(0, {("weight", "weight"): (torch.ones(64), torch.tensor(0.5))})
            >>> steps, edges, counts = record.histograms("weight")  # doctest: +SKIP
            >>> steps.tolist(), edges[0, -1].item(), counts.sum().item()  # doctest: +SKIP
            ([0], 0.5, 64)
        """
        asked, name = name, self.first_name(name)
        found = {}
        for step, keys, counts, scales in list(self._histograms):
            if (name, kind) in keys:
                i = keys.index((name, kind))
                found[step] = counts[i : i + 1], scales[i : i + 1]
        if not found:
            reason = self._errors_about(name) or f"steps with histograms: {len(self._histograms) or 'none'}"
            raise KeyError(f"no {kind} histogram of {asked!r}: {reason}")
        counts, scales = (on_cpu(parts, 0) for parts in zip(*found.values(), strict=True))
        edges = torch.linspace(-1, 1, HISTOGRAM_BINS + 1) * scales[:, None]
        return torch.tensor(list(found)).numpy(), edges.numpy(), counts.long().numpy()

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
        steps, values, recorded = self._numbers()
        for weight in (0, 1):
            bad = recorded & ~values[1 - weight].isfinite()
            seen += [(steps[at], weight, -which) for at, which in bad.nonzero().tolist()]
        if self._first_bad is not None:
            for weight, marks in zip((1, 0), self._first_bad.tolist(), strict=True):
                seen += [(step, weight, -which) for which, step in enumerate(marks) if step < NEVER]
        if not seen:
            return None
        step, weight, minus = min(seen)
        return step, self.names[-minus], "weight_norm" if weight else "grad_norm"

    def _numbers(self) -> Numbers:
        return numbers(list(self._rows), len(self.names))  # in this order: names may be added meanwhile

    def _reason(self, name: str) -> str:
        unseen = "its uses could not all be seen, as in a checkpoint with use_reentrant=True"
        seen = unseen if name in self.hidden else "it was not used more than once"
        return self._errors_about(name) or self.note or seen

    def _errors_about(self, name: str) -> str:
        return "; ".join(f"{what}, {error}" for what, error in list(self.errors.items()) if repr(name) in what)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record to one file, whole or not at all.

        The file is one of the safetensors library, which other tools read: "step", and for each of `QUANTITIES` a
        tensor of shape (steps, parameters), NaN where "recorded" is False; "histogram.counts", of shape (steps,
        histograms, 64), with ".step", ".scale" and ".recorded"; "uses.0.gram", the inner products of the uses'
        gradients, with ".step" and ".error"; and "first_nonfinite", the first step with a NaN or inf in each weight
        and gradient. All else is JSON under "record" in the metadata: which "parameters", "histograms" and "uses" these
        are, and the attributes.

        Args:
            path: the file; one that is there already is replaced.

        Example:
            >>> import tempfile
            >>> record = Record(["weight"], {}, every=1, histogram_every=0)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     record.save(f"{folder}/record.safetensors")
            ...     Record.load(f"{folder}/record.safetensors").names
            ['weight']
        """
        settings = {key: value for key, value in list(vars(self).items()) if not key.startswith("_")}
        uses = {key: list(entries) for key, entries in list(self._uses.items())}
        numbers = list(self._rows), list(self._histograms), uses, self._first_bad
        _record_file.save(path, _record_file.Contents(settings, *numbers), list(QUANTITIES))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Record":
        """Read what `save` wrote, onto the CPU, without running any code from the file.

        Args:
            path: the file; one of version 0.2 or older, in the form of torch.save, is read too. An OSError says that it
                cannot be read, a ValueError that it is something else, cut short, or of a newer d2lparams.

        Returns:
            The record.

        Example:
            >>> Record.load(__file__)  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            ValueError: ... is not a record that Record.save wrote, or it is cut short: it begins with no header
        """
        found = _record_file.load(path, list(QUANTITIES))
        settings = found.settings
        record = cls(*(settings[key] for key in ("names", "aliases", "every", "histogram_every")))
        vars(record).update((key, value) for key, value in settings.items() if key in vars(record))
        record._rows, record._histograms, record._uses, record._first_bad = found[1:]
        return record
