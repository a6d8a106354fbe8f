"""What stands in the notebook around the exercises: its beginning, the sections in their order, its end.

Each question says in which section it stands; within one, questions stand in the order of their numbers.
"""

from typing import NamedTuple


class Section(NamedTuple):
    """A heading, and a few words below it."""

    name: str
    title: str
    text: str


IN_WORDS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)


def begin(checked: int, read: int, solutions: bool = True) -> str:
    """Return the notebook's first cell; checked, read: how many exercises have a check, and how many people read.

    solutions: whether they show their solutions; a course that drew its own exercises keeps them.

    >>> print(begin(21, 2).strip().splitlines()[2][:35], begin(13, 1).splitlines()[3][:35])
    **What you'll do.** 21 exercises, f **What you'll do.** Thirteen exerci
    """
    questions = "question" if read == 1 else "questions"
    text = BEGIN.format(_in_words(checked).capitalize(), _in_words(read), questions)
    return text if solutions else text.replace(SOLUTIONS, ". ")


def _in_words(number: int) -> str:
    return IN_WORDS[number] if number < len(IN_WORDS) else str(number)


BEGIN = """
# 6 Exercises: try it yourself

**What you'll do.** {} exercises, from a line to a training loop, each with a check that answers at once; then {}
{} to answer in your own words, with numbers that you measured.

**What you'll learn.** Whether you can do what notebooks 1 to 5 showed, and which mistakes are easy to make.

**What you'll need.** The notebook that an exercise names, or Dive into Deep Learning's section. Nothing here takes more
than a second.

For exercise 1, `q1.hint(1)` gives a hint and `q1.hint(2)` a better one, `q1.example()` something to try your answer on,
`q1.solution()` an answer. The check says one of four things:

- *correct*;
- *incorrect*, and which property failed: what was wanted, and what came;
- *not attempted*, as long as the stub is as you found it;
- *could not run*, with the error and its line.

A check tries your answer on inputs of its own and changes nothing of yours. A course runs the same checks on other
inputs, and of your notebook only the next cell and that of your answer. So keep all that your answer needs in its cell.
"""

SOLUTIONS = ",\n`q1.solution()` an answer. "

SECTIONS = (
    Section(
        "access",
        "Reach and count",
        "A net is a tree. A parameter has a path in it, or several, and some numbers never train.",
    ),
    Section(
        "initialization",
        "Begin well",
        "Before the first step comes the first draw. Before that, a lazy layer has not even a shape.",
    ),
    Section(
        "custom",
        "Write a scheme and a layer",
        "Where torch has no function for what you want, you write it: a scheme, or a layer that learns.",
    ),
    Section(
        "sharing",
        "Share, and prove it",
        "A tie can't be seen in a printout. It shows in what changes together, and in one gradient that is a sum.",
    ),
    Section(
        "training",
        "Train, and watch",
        "What goes into the optimizer, and what comes of it, parameter by parameter.",
    ),
    Section(
        "explain",
        "Explain what you measured",
        "The last exercise of Dive into Deep Learning's section has no check: people read it.",
    ),
)

END = """
## Summary

- A parameter is reached by index or name, and it is the object that counts: a copy, `.data` or an entry of `state_dict`
  is something else.
- `parameters()` has each one once, `state_dict()` under each of its names.
- Test a scheme by its moments first, then by the widest gap to its distribution.
- A tie is found by changing one name and looking at the other; its gradient is the sum over its uses.
- What a step did to a weight is measured from the weight, not from the gradient.

## On your own

1. Solve exercise 8 in two ways, by experiment and by comparing memory: `untyped_storage()`, `storage_offset()`,
   `stride()`. On which net do the two disagree?
2. Do exercise 13 with `d2lparams.track(net, every=1)`. How much is left for you to compute?
3. Give exercise 10 a third use of `W`. Which part of your formula repeats itself?

## Further reading

- *Dive into Deep Learning*, sections "Parameter Management", "Parameter Initialization", "Lazy Initialization" and
  "Custom Layers", with their exercises.
- PyTorch documentation: `torch.nn.init`; `torch.optim`, "Per-parameter options"; "Autograd mechanics".
- Alexander Rush, *Tensor Puzzles*: exercises whose specification is a naive loop.
"""
