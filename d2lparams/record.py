"""What `track` saw: the record, its readers, its file."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import torch

QUANTITIES = {  # each is a norm over all entries of one parameter, after the update that it belongs to
    "weight_norm": "‖w‖",
    "grad_norm": "‖g‖, as the optimizer got it",
    "update_ratio": "‖Δw‖ / ‖w‖, from the measured change Δw",
    "distance": "‖w − w at the start‖",
}
BINS = 64
ROWS, HISTOGRAMS = 1024, 128  # beyond these, every other one is dropped and the interval doubles


class Record:
    """What `track` saw. Numbers stay on the net's device until they are read; every reader returns CPU data.

    names: each parameter once, by its first name. aliases: {name: every name}, for those with more than one.
    every, histogram_every: the intervals in steps, as they stand now. total_steps: how many steps the optimizers took.
    note: why no gradient was split by use, if it could not be. Readers raise KeyError for a parameter, ValueError for a
    quantity, that is not there. Met in notebook 5.

    >>> Record(["0.weight"], {}, every=20, histogram_every=200)
    Record of 1 parameter: 0 rows of 0 steps, 20 apart; 0 histograms; no parameter was seen to be used twice
    """

    def __init__(self, names, aliases, every, histogram_every):
        self.names, self.aliases = list(names), dict(aliases)
        self.every, self.histogram_every = every, histogram_every
        self.total_steps, self.source, self.note = 0, "", ""
        self._rows = []  # (step, indices of the parameters, tensor (4, parameters))
        self._uses = {}  # (name, places) -> [(step, Gram matrix of the uses' gradients, relative error of their sum)]
        self._histograms = []  # (step, {(name, "weight" or "gradient"): (counts of BINS, largest |value|)})

    def __repr__(self):
        def count(number, thing):
            return f"{number:,} {thing}" + "s" * (number != 1)

        shared = ", ".join(self.shared)
        return (
            f"Record of {count(len(self.names), 'parameter')}: {count(len(self._rows), 'row')} of "
            f"{count(self.total_steps, 'step')}, {self.every} apart; {count(len(self._histograms), 'histogram')}; "
            + (f"gradient by use of {shared}" if shared else self.note or "no parameter was seen to be used twice")
        )

    def label(self, name):
        """Return how a figure names this parameter: with every place it has, if it is shared."""
        return " = ".join(self.aliases.get(name, [name]))

    def frame(self):
        """Return everything as one pandas table: a row per step and parameter, a column per quantity (`QUANTITIES`).

        A parameter without a gradient at a step (frozen, or not used) has no row there, so a NaN is a real one. Of two
        optimizers that step the same parameters, such as one that wraps another, the later one's numbers stand.
        """
        import pandas as pd

        rows = [
            (step, self.names[i], *values)
            for step, indices, numbers in self._rows
            for i, values in zip(indices, numbers.T.tolist(), strict=True)
        ]
        frame = pd.DataFrame(rows, columns=["step", "parameter", *QUANTITIES])
        return frame.drop_duplicates(["step", "parameter"], keep="last", ignore_index=True)

    def table(self, quantity):
        """Return one quantity as a pandas table: a row per step, a column per parameter."""
        if quantity not in QUANTITIES:
            raise ValueError(f"{quantity!r} is not recorded: choose one of {', '.join(QUANTITIES)}")
        wide = self.frame().pivot(index="step", columns="parameter", values=quantity)
        return wide[[name for name in self.names if name in wide]]

    @property
    def shared(self):
        """The names of the parameters whose gradient was split by use."""
        return list(dict.fromkeys(name for name, _ in self._uses))

    def uses(self, name):
        """Return a pandas table of the gradient of each use of the parameter `name`: a row per recorded step.

        Columns: (norm, place) for ‖g‖ of each use; (sum, norm) for that of their sum; (share, place) for the part of
        the sum that points along the sum, shares add up to 1; (cosine, "a, b") for each two places; (check, error) for
        ‖Σ uses − .grad‖ / ‖.grad‖ as backward left it, which is rounding unless a gradient came from outside `forward`
        (a penalty in the loss).
        Raises KeyError if the gradient of `name` was not split.
        """
        import pandas as pd

        if name not in self.shared:
            reason = self.note or "it was not used more than once"
            raise KeyError(f"no gradient by use of {name!r}: {reason}; split by use: {self.shared or 'nothing'}")
        tables = []
        for (owner, places), entries in self._uses.items():
            if owner != name or not entries:
                continue
            gram = torch.stack([g for _, g, _ in entries]).double().cpu()
            norm = gram.diagonal(dim1=1, dim2=2).sqrt()
            columns = {("norm", place): norm[:, i] for i, place in enumerate(places)}
            columns["sum", "norm"] = gram.sum((1, 2)).clamp_min(0).sqrt()
            share = gram.sum(2) / gram.sum((1, 2))[:, None]
            columns |= {("share", place): share[:, i] for i, place in enumerate(places)}
            for i, a in enumerate(places):
                for j, b in enumerate(places[:i]):
                    columns["cosine", f"{b}, {a}"] = gram[:, i, j] / (norm[:, i] * norm[:, j])
            columns["check", "error"] = torch.stack([e for _, _, e in entries]).cpu()
            index = pd.Index([step for step, _, _ in entries], name="step")
            tables.append(pd.DataFrame({key: value.numpy() for key, value in columns.items()}, index=index))
        return pd.concat(tables).sort_index()

    def histograms(self, name, kind="weight"):
        """Return (steps, edges, counts) of a parameter's values or gradients over time.

        kind: "weight" or "gradient". steps: shape (n,). edges: (n, 65), symmetric about 0, as wide as the largest
        finite entry of that step. counts: (n, 64); NaN and inf are in no bin, so a smaller sum tells.
        """
        found = {step: (step, *entry[name, kind]) for step, entry in self._histograms if (name, kind) in entry}
        if not found:
            raise KeyError(f"no {kind} histogram of {name!r}; recorded: {', '.join(self.names)}")
        steps, counts, scale = zip(*found.values(), strict=True)
        edges = torch.linspace(-1, 1, BINS + 1) * torch.stack(scale).cpu()[:, None]
        return torch.tensor(steps).numpy(), edges.numpy(), torch.stack(counts).cpu().numpy()

    def first_nonfinite(self):
        """Return (step, name, quantity) of the first NaN or inf in a weight or gradient norm, or None."""
        for step, indices, numbers in self._rows:
            for i, values in zip(indices, numbers.T.tolist(), strict=True):
                for quantity, value in zip(QUANTITIES, values, strict=True):
                    if quantity in ("weight_norm", "grad_norm") and value - value != 0:
                        return step, self.names[i], quantity
        return None

    def save(self, path):
        """Write the record to one file, whole or not at all. `Record.load(path)` reads it without running any code."""
        path = Path(path)
        state = {key: value for key, value in vars(self).items() if key != "_uses"}
        state["_uses"] = [[name, list(places), entries] for (name, places), entries in self._uses.items()]
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save(state, file)
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise

    @classmethod
    def load(cls, path):
        """Read what `save` wrote, onto the CPU. Raises ValueError if the file is something else."""
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            record = cls(state["names"], state["aliases"], state["every"], state["histogram_every"])
            state["_uses"] = {(name, tuple(places)): entries for name, places, entries in state["_uses"]}
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"{path} is not a record that Record.save wrote, or it is cut short: {error}") from error
        vars(record).update(state)
        return record


def _thin(record):
    """Keep the record bounded: drop every other row, or histogram, and double the interval."""
    if len(record._rows) > ROWS:
        record.every *= 2
        record._rows = [row for row in record._rows if row[0] % record.every == 0]
        for key, entries in record._uses.items():
            record._uses[key] = [entry for entry in entries if entry[0] % record.every == 0]
        record._uses = {key: entries for key, entries in record._uses.items() if entries}
    if len(record._histograms) > HISTOGRAMS:
        record.histogram_every *= 2
        record._histograms = [entry for entry in record._histograms if entry[0] % record.histogram_every == 0]
