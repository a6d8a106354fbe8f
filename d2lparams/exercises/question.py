"""The form of an exercise, and how its answers are judged: by plain facts, never by the learner's own objects.

An exercise is one `Question`, and it serves twice. In the notebook `q1.check(answer)` draws its cases from a fixed
seed, lets the probe run the answer, and judges the facts that come back. The course's grader does the same with cases
from a secret seed, runs the probe in a sandbox, and judges outside of it.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from .compare import Wrong
from .inside import probes

CORRECT, INCORRECT, NOT_ATTEMPTED, COULD_NOT_RUN = "correct", "incorrect", "not attempted", "could not run"

# What every answer may rely on: the first code cell of the notebook, but for the line that imports the questions.
SETUP = """import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

import d2lparams
"""


@dataclass(frozen=True)
class Case:
    """One trial of an answer: what to say of it, the inputs for the probe, and whatever the judge needs."""

    label: str
    inputs: dict
    expected: object
    seed: int = 0


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


class Picture:
    """A figure that a notebook shows, with one line that says what it shows."""

    def __init__(self, figure: "Figure", line: str) -> None:  # noqa: F821  # matplotlib is loaded when one is drawn
        self.figure, self.line = figure, line

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=100)
        return file.getvalue()

    def __repr__(self) -> str:
        return self.line


class Help:
    """Hints and a solution: what every exercise has, also one that people read."""

    def hint(self, number: int = 1) -> Text:
        """Return one of the hints; a higher number says more."""
        number = min(max(number, 1), len(self.hints))
        more = f" Say `{self.name}.hint({number + 1})` for more." if number < len(self.hints) else ""
        return Text(f"**Hint {number} of {len(self.hints)}.** {self.hints[number - 1]}{more}")

    def solution(self) -> Text:
        """Return an answer that earns full points."""
        return Text(f"```python\n{self.solution_code.strip()}\n```")


@dataclass(frozen=True)
class Question(Help):
    """One exercise that is judged by what its answer does.

    name: "q1"; answer: the name that the stub defines; points: what a correct answer earns.
    stub: what the learner gets; it has one line `# your turn`, where the course's own version has its solution.
    cases: from a `torch.Generator`, the list of `Case`s; judge: raises `Wrong` for facts that don't meet a case.
    picture: from what each case expects and the facts, None if there are none, a Figure of target against yours.

    >>> from d2lparams.exercises import q2
    >>> q2.check()
    q2: not attempted
    >>> q2.check(lambda net: sum(p.numel() for p in net.parameters() if p.requires_grad))
    q2: correct
    >>> q2.check(lambda net: 0.5)
    q2: incorrect
    a plain net: type of the count: wanted an int, but a float came
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
    picture: Callable[[list, list | None], object] | None = field(default=None, repr=False)

    def check(self, answer: object = ...) -> Verdict:
        """Run the answer on this question's fixed cases and say how it did. Raises nothing, changes nothing."""
        with probes.undisturbed(0):
            return self.verdict(*self._try(answer))

    def show(self, answer: object = ...) -> Picture:
        """Draw the target, and beside it what the answer made of it, if it can be drawn. Raises nothing."""
        with probes.undisturbed(0):
            cases, result = self._try(answer)
            facts = result.get("facts")
            said = "yours beside the target" if facts else f"the target alone; yours: {result['outcome']}"
            expected = [case.expected for case in cases]
            try:
                return Picture(self.picture(expected, facts), f"{self.name}: {said}")
            except Exception:  # what came has no such form: the check says more
                return Picture(self.picture(expected, None), f"{self.name}: the target alone; yours can't be drawn")

    def example(self) -> dict:
        """Return the inputs of the first case, by name: something to try an answer on."""
        with probes.undisturbed(0):
            return torch.load(io.BytesIO(pack(self._cases())), weights_only=False)[0][1]

    def _cases(self):
        return self.cases(torch.Generator().manual_seed(0))

    def _try(self, answer):
        cases = self._cases()
        inputs = torch.load(io.BytesIO(pack(cases)), weights_only=False)
        return cases, probes.run(self.name, answer, self.untouched(), inputs)

    def untouched(self) -> object:
        """Return the stub's own function or class, to tell an untouched answer."""
        return define(self.stub, self.answer)

    def verdict(self, cases: list[Case], result: dict) -> Verdict:
        """Judge what a probe returned for these cases, which may come from anybody's process: trust nothing in it."""
        result = result if isinstance(result, dict) else {}
        outcome = result.get("outcome")
        if outcome == NOT_ATTEMPTED:
            return Verdict(self.name, NOT_ATTEMPTED)
        if outcome != "ran":
            return Verdict(self.name, COULD_NOT_RUN, one_line(result.get("reason", "no reason came back")))
        facts = result.get("facts")
        if not isinstance(facts, list) or len(facts) != len(cases):
            return Verdict(self.name, INCORRECT, "what came back can't be read")
        for case, fact in zip(cases, facts, strict=True):
            try:
                self.judge(case.expected, fact)
            except Wrong as wrong:
                return Verdict(self.name, INCORRECT, one_line(f"{case.label}: {wrong}"))
            except Exception:  # facts are a stranger's: any shape of them may come
                return Verdict(self.name, INCORRECT, f"{case.label}: what came back can't be read")
        return Verdict(self.name, CORRECT, points=self.points)


@dataclass(frozen=True)
class Prose(Help):
    """One exercise that people read.

    stub: what stands in the answer's cell before anybody wrote there; scaffold: code for the learner's measurements;
    marks: the mark scheme, pairs (points, what they are for); solution_code: an answer that earns full points.
    """

    name: str
    title: str
    task: str
    stub: str
    scaffold: str
    hints: tuple[str, ...]
    marks: tuple[tuple[int, str], ...]
    solution_code: str

    @property
    def points(self) -> int:
        return sum(points for points, _ in self.marks)

    def solution(self) -> Text:
        """Return an answer that earns full points."""
        return Text(self.solution_code.strip())


def one_line(text: object) -> str:
    """Return a stranger's text as one short line of printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:2000]).split())
    return line if len(line) <= 600 else line[:599] + "…"


def pack(cases: list[Case]) -> bytes:
    """Return the seeds and inputs of cases as bytes, ties between tensors kept; without anything the judge knows."""
    file = io.BytesIO()
    torch.save([(case.seed, case.inputs) for case in cases], file)
    return file.getvalue()


def define(source: str, name: str) -> object:
    """Run the source of an answer, and return what it defines under `name`."""
    space = {}
    exec(SETUP, space)
    exec(compile(source, "<answer>", "exec"), space)
    return space[name]
