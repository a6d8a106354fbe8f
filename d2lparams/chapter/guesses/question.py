"""What a guess asks: one of several choices, or a number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """A question with two to five choices.

    Args:
        asks: the question, plain text; what stands between backticks is code.
        choices: in the order in which they are shown.
        answer: the right one, word for word.
        why: one to three sentences that explain it, shown after the choice.

    Raises:
        ValueError: if the answer is none of the choices.
    """

    asks: str
    choices: tuple[str, ...]
    answer: str
    why: str

    def __post_init__(self) -> None:
        if self.answer not in self.choices:
            raise ValueError(f"the answer {self.answer!r} is none of the choices: {', '.join(self.choices)}")


@dataclass(frozen=True)
class Number:
    """A question that a number answers.

    Args:
        asks: as in `Choice`.
        answer: the right number.
        why: as in `Choice`.
        within: how far a right guess may lie from the answer, as a share of it; 0 asks for the very number.
        unit: what is counted, shown behind the field; "" for a bare number.
    """

    asks: str
    answer: float
    why: str
    within: float = 0.0
    unit: str = ""


Question = Choice | Number
