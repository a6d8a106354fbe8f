"""The form of an exercise, and how its answers are judged: by plain facts, never by the learner's own objects.

An exercise is one `Question`, and it serves twice. In the notebook `q1.check(answer)` draws its cases from a fixed
seed, lets the probe run the answer, and judges the facts that come back. The course's grader does the same with cases
from a secret seed, runs the probe in a sandbox, and judges outside of it.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from .inside import probes

CORRECT, INCORRECT, NOT_ATTEMPTED, COULD_NOT_RUN = "correct", "incorrect", "not attempted", "could not run"


@dataclass(frozen=True)
class Case:
    """One trial of an answer: what to say of it, the inputs for the probe, and whatever the judge needs."""

    label: str
    inputs: dict
    expected: object
    seed: int = 0


class Wrong(Exception):
    """A property that failed: raised by a judge as `Wrong(property, what came, what was wanted)`."""

    def __init__(self, what: str, came: object, wanted: object) -> None:
        super().__init__(f"{what}: {wanted} was wanted, but {came} came")


@dataclass(frozen=True)
class Verdict:
    """The outcome of one question, with what to say of it and the points."""

    question: str
    outcome: str
    message: str = ""
    points: int = 0

    def __repr__(self) -> str:
        return f"{self.question}: {self.outcome}" + (f"\n{self.message}" if self.message else "")


@dataclass(frozen=True)
class Text:
    """A piece of Markdown that a notebook renders and a terminal prints."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.markdown


@dataclass(frozen=True)
class Question:
    """One exercise.

    name: "q1"; answer: the name that the stub defines; points: what a correct answer earns.
    cases: from a `torch.Generator`, the list of `Case`s; judge: raises `Wrong` for facts that don't meet a case.
    """

    name: str
    title: str
    points: int
    task: str
    answer: str
    stub: str
    solution_code: str
    hints: tuple[str, ...]
    cases: Callable[[torch.Generator], list[Case]] = field(repr=False)
    judge: Callable[[object, dict], None] = field(repr=False)

    def check(self, answer: object = ...) -> Verdict:
        """Run the answer on this question's fixed cases and say how it did. Raises nothing, changes nothing."""
        with probes.undisturbed(0):
            cases = self.cases(torch.Generator().manual_seed(0))
            inputs = torch.load(io.BytesIO(pack(cases)), weights_only=False)
            return self.verdict(cases, probes.run(self.name, answer, self.untouched(), inputs))

    def hint(self, number: int = 1) -> Text:
        """Return one of the hints; a higher number says more."""
        number = min(max(number, 1), len(self.hints))
        return Text(f"**Hint {number} of {len(self.hints)}.** {self.hints[number - 1]}")

    def solution(self) -> Text:
        """Return an answer that earns full points."""
        return Text(f"```python\n{self.solution_code.strip()}\n```")

    def untouched(self) -> object:
        """The stub's own function or class, to tell an untouched answer."""
        return define(self.stub, self.answer)

    def verdict(self, cases: list[Case], result: dict) -> Verdict:
        """Judge what a probe returned for these cases, which may come from anybody's process: trust nothing in it."""
        outcome = result.get("outcome")
        if outcome == NOT_ATTEMPTED:
            return Verdict(self.name, NOT_ATTEMPTED)
        if outcome != "ran":
            return Verdict(self.name, COULD_NOT_RUN, str(result.get("reason", "no reason came back"))[:600])
        facts = result.get("facts")
        if not isinstance(facts, list) or len(facts) != len(cases):
            return Verdict(self.name, INCORRECT, "what came back can't be read")
        for case, fact in zip(cases, facts, strict=True):
            try:
                self.judge(case.expected, fact)
            except Wrong as wrong:
                return Verdict(self.name, INCORRECT, f"{case.label}: {wrong}")
            except Exception:  # facts are a stranger's: any shape of them may come
                return Verdict(self.name, INCORRECT, f"{case.label}: what came back can't be read")
        return Verdict(self.name, CORRECT, points=self.points)


def pack(cases: list[Case]) -> bytes:
    """Return the seeds and inputs of cases as bytes, ties between tensors kept; without anything the judge knows."""
    file = io.BytesIO()
    torch.save([(case.seed, case.inputs) for case in cases], file)
    return file.getvalue()


def define(source: str, name: str) -> object:
    """Run the source of an answer, and return what it defines under `name`."""
    space = {"torch": torch, "nn": torch.nn}
    exec(compile(source, "<answer>", "exec"), space)
    return space[name]


def same_number(fact: object, wanted: float, what: str) -> None:
    """Raise Wrong unless a described value is the int or float wanted."""
    if fact["type"] != type(wanted).__name__:
        raise Wrong(f"type of {what}", fact["type"], type(wanted).__name__)
    if not abs(fact["value"] - wanted) <= 1e-5 * abs(wanted):
        raise Wrong(what, fact["value"], wanted)


def same_tensor(fact: dict, wanted: torch.Tensor, what: str, tolerance: float = 1e-5) -> None:
    """Raise Wrong unless a described tensor has the shape, dtype and values wanted."""
    if fact["type"] not in ("Tensor", "Parameter"):
        raise Wrong(f"type of {what}", fact["type"], "a tensor")
    if fact["shape"] != list(wanted.shape):
        raise Wrong(f"shape of {what}", tuple(fact["shape"]), tuple(wanted.shape))
    if fact["dtype"] != str(wanted.dtype):
        raise Wrong(f"dtype of {what}", fact["dtype"], wanted.dtype)
    came = torch.tensor(fact["values"], dtype=torch.float64).reshape(wanted.shape)
    off = ~torch.isclose(came, wanted.detach().double(), rtol=tolerance, atol=tolerance)
    if off.any():
        first = tuple(off.nonzero()[0].tolist())
        raise Wrong(f"{what} at {list(first)}", f"{came[first]:.4g}", f"{wanted[first]:.4g}")
