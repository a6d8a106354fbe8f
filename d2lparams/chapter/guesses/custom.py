"""The guesses of notebook 3, by key."""

from .question import Choice, Number, Question

QUESTIONS: dict[str, Question] = {
    "leaf": Choice(
        asks="`first_try` filled a plain tensor. What does it do with `layer.weight`?",
        choices=("it fills the weight", "it raises an error", "it fills a copy, and the weight stays as it was"),
        answer="it raises an error",
        why="The weight is a Parameter, so autograd records what happens to it, and refuses to record that a leaf is "
        "overwritten in place.",
    ),
    "share": Number(
        asks="`erase_` draws from -4 to 4 and sets to 0 what is nearer to 0 than 1. What share of the numbers is 0?",
        answer=0.25,
        why="The sizes are uniform from 0 to 4, and a quarter of them is below 1.",
        within=0.02,
    ),
    "moments": Choice(
        asks="The wrong scheme draws only 0, -7.64 and 7.64. Which of the three numbers differs from the claim?",
        choices=("none of them", "the mean", "the std", "the share of zeros"),
        answer="none of them",
        why="The size 7.64 was chosen so that the std is 5.40. The signs make the mean 0, and half of the numbers "
        "are 0.",
    ),
    "gap": Number(
        asks="All sizes of the wrong scheme are 7.64; they should be uniform from 5 to 10. How wide is the widest gap "
        "between the two shares, as a number from 0 to 1?",
        answer=0.53,
        why="Just below 7.64 the sample's share is 0, and the claimed share is 2.64/5 = 0.53. At 7.64 it is 1 "
        "against 0.53, a gap of 0.47 only.",
        within=0.04,
    ),
    "loss": Choice(
        asks="What will the first loss be with half zeros and numbers from ±(5, 10)?",
        choices=("about 20", "some hundreds", "some thousands", "tens of millions"),
        answer="tens of millions",
        why="Each of the four layers makes the signal about 50 to 100 times larger, and the loss is as large as the "
        "outputs.",
    ),
    "scaled": Choice(
        asks="`half zero, scaled` has half zeros and no small numbers, but He's std. What is its first loss?",
        choices=("below 5", "some hundreds", "tens of millions"),
        answer="below 5",
        why="A unit adds up hundreds of products. The size of the sum depends on the variance of the weights, hardly "
        "on the shape of their distribution.",
    ),
    "scale": Choice(
        asks="`HalfZero` for the whole net. Which values does `weight` of the batch normalization get?",
        choices=("half zeros, half ±(5, 10)", "only zeros", "only ones"),
        answer="only ones",
        why="It is the scale of a normalization layer, and `Initializer` fills scales with ones.",
    ),
    "data": Number(
        asks="y = w² at w = 3; `w.data` is multiplied by 10 between forward and backward. What is `w.grad`?",
        answer=60,
        why="Backward computes 2w with the w that it finds, which is 30. Nobody told autograd that w was changed.",
    ),
    "rebind": Number(
        asks="The optimizer was built before `layer.weight = nn.Parameter(...)`. How many of the layer's 4 weights "
        "does its step change?",
        answer=0,
        why="The optimizer holds the Parameter that it was given, and the layer has another one now.",
        unit="of 4 weights",
    ),
}
