"""The guesses of notebook 2, by key."""

from .question import Choice, Number, Question

QUESTIONS: dict[str, Question] = {
    "deep": Choice(
        asks="One net of 30 ReLU layers, three starts, 200 steps with Adam. Which start never gets below the loss of "
        "guessing?",
        choices=(
            "none: Adam makes up for any start",
            "PyTorch's default",
            "Xavier",
            "He",
        ),
        answer="PyTorch's default",
        why="The default is too small for ReLU. Each layer shrinks the signal and the gradient, so after thirty layers "
        "almost nothing is left that Adam could use.",
    ),
    "wider": Choice(
        asks="`nn.Linear(400, 100)` and `nn.Linear(400, 3000)`: whose weights have the larger standard deviation?",
        choices=("the one with 100 outputs", "the one with 3000 outputs", "they are equal"),
        answer="they are equal",
        why="PyTorch's default looks at the 400 inputs alone. An output is a sum over the inputs, so their number "
        "decides its size.",
    ),
    "he": Choice(
        asks="He's scheme or PyTorch's default, on a layer with 400 inputs: which weights are larger?",
        choices=(
            "He's, more than twice as large",
            "they are equal: the default is He's scheme",
            "the default's, more than twice as large",
        ),
        answer="He's, more than twice as large",
        why="He's standard deviation is √(2/400) = 0.071, the default's 1/√(3·400) = 0.029. The ratio is √6, "
        "about 2.45.",
    ),
    "sum": Number(
        asks="A unit adds 256 products of an input and a weight. All inputs and weights have mean 0 and standard "
        "deviation 1. What is the standard deviation of the sum?",
        answer=16,
        why="Each product has variance 1, and variances add up: 256. The standard deviation is its root, 16.",
        within=0.05,
    ),
    "conv": Number(
        asks="`nn.Conv2d(8, 16, kernel_size=3)`: how many inputs does one output add up? (Its fan-in.)",
        answer=72,
        why="An output sees all 8 input channels at each of the 3 × 3 positions: 8 · 9 = 72.",
        unit="inputs",
    ),
    "tanh": Choice(
        asks="Thirty tanh layers under Xavier's scheme with the gain 5/3. What happens to the size of the gradient on "
        "its way back from the last layer to the first?",
        choices=(
            "it stays the same: 5/3 is made for tanh",
            "it shrinks more than ten times: tanh is flat for large inputs",
            "it grows more than ten times",
        ),
        answer="it grows more than ten times",
        why="Each layer multiplies the gradient by about 1.09, and 1.09 to the power of 29 is about 14. The signal "
        "cannot grow like that, because tanh never exceeds 1.",
    ),
    "lazy": Number(
        asks="A net has two `nn.LazyLinear` layers that have not seen a batch. How many of them does the test "
        "`type(m) == nn.Linear` find?",
        answer=0,
        why="Until the first batch their type is `LazyLinear`, a kind of `Linear`. `==` asks for the very class; "
        "`isinstance` accepts its kinds, too.",
        unit="layers",
    ),
    "zeros": Choice(
        asks="All weights and biases of a ten-class net are 0. What is its first loss?",
        choices=("0", "ln 10 = 2.303", "infinite", "not a number, as 0 is divided by 0"),
        answer="ln 10 = 2.303",
        why="All ten logits are equal, so each class gets a probability of 1/10, and the loss is -ln(1/10). It looks "
        "perfect, and yet the net cannot learn.",
    ),
    "same": Number(
        asks="Every weight of a net starts at 0.01. After 20 steps of gradient descent, how many of its 256 hidden "
        "units differ from the first one?",
        answer=0,
        why="Equal weights give equal outputs and equal gradients, so all units take the same steps.",
        unit="units",
    ),
}
