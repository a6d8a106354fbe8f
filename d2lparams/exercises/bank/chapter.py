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


def begin(checked: int, read: int) -> str:
    """Return the notebook's first cell; checked, read: how many exercises have a check, and how many people read.

    >>> print(begin(21, 2).strip().splitlines()[2][:35], begin(13, 1).splitlines()[3][:35])
    **What you'll do.** 21 exercises, f **What you'll do.** Thirteen exerci
    """
    questions = "question" if read == 1 else "questions"
    return BEGIN.format(_in_words(checked).capitalize(), _in_words(read), questions)


def _in_words(number: int) -> str:
    return IN_WORDS[number] if number < len(IN_WORDS) else str(number)


BEGIN = """
# 6 Exercises: try it yourself

**What you'll do.** {} exercises, from a line to a training loop, each with a check that answers at once; then {}
{} to answer in your own words, with numbers that you measured.

**What you'll learn.** Whether you can do what notebooks 1 to 5 showed: reach, count, initialize, write, tie, untie,
train and watch the parameters of a net; and which mistakes are easy to make there.

**What you'll need.** Notebooks 1 to 5, or Dive into Deep Learning's sections on parameters. A CPU; nothing here takes
more than a second.

Each exercise has a task, a stub, and a check. The check says one of four things:

- *correct*;
- *incorrect*, and which property failed: what was wanted, what came, and often what it looks like;
- *not attempted*, as long as the stub is as you found it;
- *could not run*, with the error and its line.

A check tries your answer on inputs of its own; it changes nothing of yours. Where this notebook is graded, the same
checks judge your answers on other inputs. Each answer then stands alone: the course runs the next cell and that of your
answer. So keep in there all that your answer needs, and try things out in cells of their own.
"""

SECTIONS = (
    Section(
        "access",
        "Reach and count",
        "Notebook 1 in three functions. A net is a tree; a parameter has a path in it, or several, and some numbers "
        "never train.",
    ),
    Section(
        "initialization",
        "Begin well",
        "Before the first step comes the first draw, and before that a lazy layer has not even a shape. (Notebooks 2 "
        "and 1.)",
    ),
    Section(
        "custom",
        "Write a scheme and a layer",
        "What torch doesn't have you write yourself: a scheme in PyTorch's grammar, a layer that learns. (Notebooks 3 "
        "and 1.)",
    ),
    Section(
        "sharing",
        "Share, and prove it",
        "A tie can't be seen in a printout. It shows in what changes together, and in one gradient that is a sum. "
        "(Notebook 4.)",
    ),
    Section(
        "training",
        "Train, and watch",
        "What goes into the optimizer, and what comes of it, parameter by parameter. (Notebook 5.)",
    ),
    Section(
        "explain",
        "Explain what you measured",
        "The last exercise of Dive into Deep Learning's section. It has no check: people read it.",
    ),
)

END = """
## Summary

- A parameter is reached by index or name, and it is the object that counts: a copy, `.data` or an entry of `state_dict`
  is something else.
- `parameters()` has each one once, `state_dict()` under each of its names.
- A scheme is right if its draws follow its law, which a sample can tell.
- A tie is found by changing one name and looking at the other; its gradient is the sum over its uses.
- What a step did to a weight is measured from the weight, not from the gradient.

## On your own

1. Write an exercise yourself: a `d2lparams.exercises.question.Question` with cases, a probe, a judge and three typical
   mistakes that it must refuse.
2. Solve exercise 8 in two ways, by experiment and by comparing memory (`untyped_storage()`, `storage_offset()`,
   `stride()`). On which net would the two disagree?
3. Do exercise 13 with `d2lparams.track(net, every=1)`. How much is left for you to compute?
4. Give exercise 10 a third use of `W`. Which part of your formula repeats itself, and what is that called?

## Further reading

- *Dive into Deep Learning*, sections "Parameter Management", "Parameter Initialization", "Lazy Initialization" and
  "Custom Layers", with their exercises.
- PyTorch documentation: `torch.nn.init`; `torch.optim`, "Per-parameter options"; "Autograd mechanics".
- Alexander Rush, *Tensor Puzzles*: exercises whose specification is a naive loop.
"""
