"""The form of an exercise, and how its answers are judged: by plain facts, never by the learner's own objects.

An exercise is one `Question`, and it serves twice. In the notebook `q1.check(answer)` draws its cases from a fixed
seed, lets the probe run the answer, and judges the facts that come back. The course's grader does the same with cases
from a secret seed, runs the probe in a sandbox, and judges outside of it.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch

from .compare import Wrong
from .inside import trial

KEPT = "Your course keeps the solutions. `hint()` helps, and so does your teacher."
CORRECT, INCORRECT, NOT_ATTEMPTED, COULD_NOT_RUN = "correct", "incorrect", "not attempted", "could not run"

# What every answer may rely on: the first code cell of the notebook, but for the line that imports the questions.
SETUP = """import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

import d2lparams
"""

Inputs = dict[str, Any]
Result = dict[str, Any]


class Figure(Protocol):
    """What is needed of matplotlib's Figure, which is loaded only when one is drawn."""

    def savefig(self, fname: io.BytesIO, *, format: str, dpi: int) -> None: ...


class Mistake(NamedTuple):
    """A typical wrong answer.

    Attributes:
        words: what the verdict's message must hold, piece by piece.
        source: the code of the answer.
    """

    words: list[str]
    source: str


@dataclass(frozen=True)
class Case:
    """One trial of an answer.

    Attributes:
        label: what to say of it: "with 3 inputs".
        inputs: the probe's arguments, but for the answer.
        expected: whatever the judge needs.
        seed: of every generator while the probe runs.
    """

    label: str
    inputs: Inputs
    expected: Any
    seed: int = 0


@dataclass(frozen=True)
class Verdict:
    """The outcome of one question.

    Attributes:
        question: its name.
        outcome: "correct", "incorrect", "not attempted" or "could not run".
        message: what to say of it, on one line.
        points: what the answer earned.
    """

    question: str
    outcome: str
    message: str = ""
    points: int = 0

    def __repr__(self) -> str:
        return f"{self.question}: {self.outcome}" + (f"\n{self.message}" if self.message else "")


@dataclass(frozen=True)
class Text:
    """A piece of Markdown that a notebook renders and a terminal prints.

    Attributes:
        markdown: its source.
    """

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.markdown


class Picture:
    """A figure that a notebook shows.

    Args:
        figure: matplotlib's.
        line: what it shows, for where no figure can be seen.
    """

    def __init__(self, figure: Figure, line: str) -> None:
        self.figure, self.line = figure, line

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=100)
        return file.getvalue()

    def __repr__(self) -> str:
        return self.line


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What every exercise has, whether a judge or people look at its answers.

    Attributes:
        name: "q1", which is also the name of its folder in the bank.
        section: the name of the section it stands in, see `bank.chapter`.
        taught: the notebooks that teach what it asks, such as "1-access".
        title: its heading.
        task: what to do, in Markdown.
        stub: what stands in the answer's cell before anybody wrote there.
        hints: each says more than the one before.
        solution_code: an answer that earns full points; "" where a course keeps it.
    """

    name: str
    section: str
    title: str
    task: str
    stub: str
    hints: tuple[str, ...]
    solution_code: str = ""
    taught: tuple[str, ...] = ()

    def hint(self, number: int = 1) -> Text:
        """Return one of the hints.

        Args:
            number: from 1; a higher number says more.

        Returns:
            The hint, and how to get the next one.
        """
        number = min(max(number, 1), len(self.hints))
        more = f" Say `{self.name}.hint({number + 1})` for more." if number < len(self.hints) else ""
        return Text(f"**Hint {number} of {len(self.hints)}.** {self.hints[number - 1]}{more}")

    def solution(self) -> Text:
        """Show an answer that earns full points.

        Returns:
            Its code, as Markdown; or who has it, in what a course hands out.
        """
        code = self.solution_code.strip()
        return Text(f"```python\n{code}\n```" if code else KEPT)


@dataclass(frozen=True, kw_only=True)
class Question(Exercise):
    """One exercise that is judged by what its answer does.

    Its stub has one line `# your turn`, where the course's own version has its solution.

    Attributes:
        points: what a correct answer earns.
        answer: the name that the stub defines.
        cases: makes the list of `Case`s from a `torch.Generator`.
        probe: runs an answer on the inputs of a case and returns what it saw as plain data. It is the one part of a
            question that runs in the sandbox, so it stands in a module of its own and imports only `inside` and torch.
        judge: takes what a case expects and what the probe saw; raises `Wrong` if they don't meet.
        picture: draws a Figure of target against yours, from what each case expects and what the probe saw of each, or
            None for the target alone.
        variant: what makes this question another one than its folder's others: the folder's own small object.

    Example:
        >>> from d2lparams.exercises import q2
        >>> q2.check()
        q2: not attempted
        >>> q2.check(lambda net: sum(p.numel() for p in net.parameters() if p.requires_grad))
        q2: correct
        >>> q2.check(lambda net: 0.5)
        q2: incorrect
        a plain net: type of the count: wanted an int, but a float came
    """

    points: int
    answer: str
    cases: Callable[[torch.Generator], list[Case]] = field(repr=False)
    probe: trial.Probe = field(repr=False)
    judge: Callable[[Any, Any], None] = field(repr=False)
    picture: Callable[[list[Any], list[Any] | None], Figure] | None = field(default=None, repr=False)
    variant: Any = field(default=None, repr=False)

    def check(self, answer: object = ...) -> Verdict:
        """Run an answer on this question's fixed cases and say how it did. Raises nothing, changes nothing.

        Args:
            answer: the learner's function or class; without one, it was not attempted.

        Returns:
            The verdict, which a notebook prints.
        """
        with trial.undisturbed(0):
            return self.verdict(*self._try(answer))

    def show(self, answer: object = ...) -> Picture:
        """Draw the target, and beside it what the answer made of it, if it can be drawn.

        Args:
            answer: the learner's function or class; without one, the target is drawn alone.

        Returns:
            The picture, which a notebook shows.

        Raises:
            ValueError: If this question has no picture, whatever the answer.
        """
        if self.picture is None:
            raise ValueError(f"{self.name} has no picture: {self.name}.check(...) says how an answer did")
        with trial.undisturbed(0):
            cases, result = self._try(answer)
            facts = result.get("facts")
            line = "yours beside the target" if facts else f"the target alone; yours: {result['outcome']}"
            expected = [case.expected for case in cases]
            try:
                return Picture(self.picture(expected, facts), f"{self.name}: {line}")
            except Exception:  # what came has no such form: the check says more
                return Picture(self.picture(expected, None), f"{self.name}: the target alone; yours can't be drawn")

    def example(self) -> Inputs:
        """Make something to try an answer on.

        Returns:
            The inputs of the first case, by name; new ones each time.
        """
        with trial.undisturbed(0):
            return unpack(self._cases())[0][1]

    def untouched(self) -> object:
        """Define what the stub defines, to tell an untouched answer.

        Returns:
            The stub's own function or class.
        """
        return define(self.stub, self.answer)

    def verdict(self, cases: list[Case], result: object) -> Verdict:
        """Judge what a probe returned, which may come from anybody's process: nothing in it is trusted.

        Args:
            cases: what the answer was tried on.
            result: what `inside.trial.run` returned for them, or anything else.

        Returns:
            The verdict. Nothing is raised, whatever came.
        """
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

    def _cases(self) -> list[Case]:
        return self.cases(torch.Generator().manual_seed(0))

    def _try(self, answer: object) -> tuple[list[Case], Result]:
        cases = self._cases()
        return cases, trial.run(self.probe, answer, self.untouched(), unpack(cases))


@dataclass(frozen=True, kw_only=True)
class Prose(Exercise):
    """One exercise that people read.

    Attributes:
        scaffold: code for the learner's measurements.
        marks: the mark scheme, pairs (points, what they are for).
    """

    scaffold: str
    marks: tuple[tuple[int, str], ...]

    @property
    def points(self) -> int:
        """The sum of the mark scheme."""
        return sum(points for points, _ in self.marks)

    def solution(self) -> Text:
        """Show an answer that earns full points.

        Returns:
            Its text, which is Markdown; or who has it, in what a course hands out.
        """
        return Text(self.solution_code.strip() or KEPT)


def one_line(text: object) -> str:
    """Return a stranger's text as one short line of printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:2000]).split())
    return line if len(line) <= 600 else line[:599] + "…"


def pack(cases: Sequence[Case]) -> bytes:
    """Return the seeds and inputs of cases as bytes, ties between tensors kept; without anything the judge knows."""
    file = io.BytesIO()
    torch.save([(case.seed, case.inputs) for case in cases], file)
    return file.getvalue()


def unpack(cases: Sequence[Case]) -> list[tuple[int, Inputs]]:
    """Return the seeds and inputs of cases, copied in the way in which they reach the sandbox."""
    copied: list[tuple[int, Inputs]] = torch.load(io.BytesIO(pack(cases)), weights_only=False)
    return copied


def define(source: str, name: str) -> object:
    """Run the source of an answer, and return what it defines under `name`."""
    space: dict[str, object] = {}
    exec(SETUP, space)
    exec(compile(source, "<answer>", "exec"), space)
    return space[name]
