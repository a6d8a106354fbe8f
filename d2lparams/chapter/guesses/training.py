"""The guesses of notebook 5, by key."""

from .question import Choice, Number, Question

QUESTIONS: dict[str, Question] = {
    "accuracy": Choice(
        asks="Both nets train for 30 epochs. The twin has 65,792 more numbers to train. How do their test accuracies "
        "end?",
        choices=(
            "the twin ends at least 5 points higher",
            "the shared net ends at least 5 points higher",
            "they end less than 5 points apart",
        ),
        answer="they end less than 5 points apart",
        why="The layer that is used twice learns to serve both places. On this data set two free layers add little.",
    ),
    "update": Choice(
        asks="The learning rate is 0.5. How large is a typical step, compared with the weight that it changes?",
        choices=(
            "about 1 part in 10",
            "about 1 part in 100",
            "about 1 part in 1,000",
            "about 1 part in 10,000",
        ),
        answer="about 1 part in 100",
        why="A step is rate × gradient, so it depends on both. About 1 part in 1,000 is usual. Here the rate is high, "
        "and the steps are ten times as large.",
    ),
    "uses": Choice(
        asks="Our net is a plain chain of layers. What becomes of the cosine between the gradients of its two uses "
        "while it trains?",
        choices=(
            "it grows: in the end the uses agree",
            "it stays near 0: the uses keep standing at right angles",
            "it falls below −0.3: in the end the uses partly cancel",
        ),
        answer="it stays near 0: the uses keep standing at right angles",
        why="A use's gradient is made of its inputs and its errors. In this plain chain the errors of the two uses "
        "have little to do with each other, and training does not change that.",
    ),
    "skip": Choice(
        asks="With a skip connection the cosine is about 0.8 before training. The layer is 256 wide. What becomes "
        "of it?",
        choices=(
            "it falls to about 0: in training the uses learn different tasks",
            "it falls to about 0.4",
            "it stays above 0.7",
        ),
        answer="it stays above 0.7",
        why="The skip goes on handing the same inputs to both uses, and the same errors back. Training does not change "
        "how the net is wired.",
    ),
    "legs": Number(
        asks="The twin's two layers have moved 3 and 4 from the common start. The uses stood at right angles all the "
        "time. About how far has the shared weight moved?",
        answer=5.0,
        why="It takes both steps at once, at right angles: the square root of 3² + 4², which is 5.",
    ),
    "arrows": Choice(
        asks="The sum of the two arrows points to the right. Can both arrows point upward, above the sum?",
        choices=("yes, at many steps", "yes, but rarely", "no, never"),
        answer="no, never",
        why="What stands perpendicular to the sum must add up to 0. So if one arrow points up, the other points down.",
    ),
    "halve": Choice(
        asks="The loop is plain SGD. What happens in the very next step if you halve the learning rate?",
        choices=(
            "update:data ×0.5, the gradient's norm ×1",
            "update:data ×1, the gradient's norm ×0.5",
            "update:data ×0.5, the gradient's norm ×0.5",
        ),
        answer="update:data ×0.5, the gradient's norm ×1",
        why="The gradient comes from the batch and the weights, which are still the same. Only the step that is made "
        "of it is halved.",
    ),
    "groups": Number(
        asks="A net uses one `Linear` twice, each time with a `LayerNorm` of its own behind it, and ends in a second "
        "`Linear`. How many of its Parameters have two dimensions, so that they should decay?",
        answer=2,
        why="The weight of the shared `Linear` counts once, and the weight of the last one is the second. All biases "
        "and the scales of `LayerNorm` have one dimension.",
        unit="Parameters",
    ),
    "decay": Choice(
        asks="AdamW has a weight decay of 0.5. One weight is frozen. Another trains, but its gradient is zero. Which "
        "of them becomes smaller in a step?",
        choices=("both", "only the one whose gradient is zero", "only the frozen one", "neither"),
        answer="only the one whose gradient is zero",
        why="A frozen weight has no gradient at all: `.grad` is None, and the optimizer skips it. A gradient of zero "
        "is a gradient, so its weight decays.",
    ),
}
