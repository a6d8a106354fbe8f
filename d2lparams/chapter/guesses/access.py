"""The guesses of notebook 1, by key."""

from .question import Choice, Number, Question

QUESTIONS: dict[str, Question] = {
    "center": Choice(
        asks="`X` has the rows (1, 2, 3) and (11, 12, 13). Which means do the two rows of `layer(X)` have?",
        choices=("0 and 0", "2 and 12", "-5 and 5"),
        answer="-5 and 5",
        why="`X.mean()` without `dim` is 7, the mean of all six numbers. So 7 is subtracted from both rows, and "
        "2 - 7 = -5, 12 - 7 = 5.",
    ),
    "data": Number(
        asks="The net has four Parameters: weight and bias of `MyLinear`, weight and bias of `nn.Linear`. "
        "How many of them have a gradient after `backward()`?",
        answer=2,
        why="Only those of `nn.Linear`. `MyLinear` computes with `.data`, which autograd does not watch.",
        unit="of 4 Parameters",
    ),
    "saved": Choice(
        asks="Which of the four tensors are in `four.state_dict()`?",
        choices=("trained", "trained, kept", "trained, kept, scratch", "trained, kept, scratch, plain"),
        answer="trained, kept",
        why="Parameters and buffers are saved. `persistent=False` takes `scratch` out, and of `plain` the module "
        "knows nothing.",
    ),
    "list": Number(
        asks="The two linear layers hold 7,946 numbers. How many of them does `count_parameters(net)` find "
        "while they stand in a Python list?",
        answer=0,
        why="A module looks at its attributes for Parameters and modules. A list is neither, and nobody looks into it.",
        unit="numbers",
    ),
    "matched": Choice(
        asks="`twin` loads the state of `net`, and is told that all keys matched. What is `twin(X)`?",
        choices=("the same number as net(X)", "another number", "an error: rand_weight is missing"),
        answer="another number",
        why="`rand_weight` is a plain attribute, so it is not in the state dict: `twin` keeps its own random matrix. "
        "Keys that nobody saved cannot be missing.",
    ),
    "before": Choice(
        asks="What is `net[0].weight.grad` before the first `backward()`?",
        choices=("None", "a tensor of zeros", "a tensor of random numbers"),
        answer="None",
        why="No gradient was computed, so there is none. A tensor of zeros would say that it was computed and is zero.",
    ),
    "tied": Number(
        asks="`shared` is an `nn.Linear(8, 8)` with 64 weights and 8 biases. It stands twice in `net`. "
        "How many numbers does `count_parameters(net)` report?",
        answer=72,
        why="It is one layer with two names, so its 64 + 8 numbers are there once.",
        unit="numbers",
    ),
    "frozen": Choice(
        asks="The batch normalization, layer 1, is frozen. What changes in one training step?",
        choices=(
            "2.weight, 2.bias",
            "0.weight, 2.weight, 2.bias",
            "0.weight, 1.running_mean, 1.running_var, 1.num_batches_tracked, 2.weight, 2.bias",
        ),
        answer="0.weight, 1.running_mean, 1.running_var, 1.num_batches_tracked, 2.weight, 2.bias",
        why="Freezing stops the gradients of `1.weight` and `1.bias` alone. The running statistics are buffers, and "
        "move in the forward pass; gradients still flow through layer 1 to layer 0.",
    ),
    "best": Choice(
        asks='`best` was kept before the bias was set to 7. What is `best["2.bias"][0]` after it?',
        choices=("the value from before", "0", "7"),
        answer="7",
        why="`state_dict()` copies nothing: its tensors look at the memory of the net. Both change at once.",
    ),
    "shape": Choice(
        asks="The saved hidden layer has 256 units, this net's has 512. What does "
        "`load_state_dict(state, strict=False)` do?",
        choices=("it loads the first 256 units", "it raises an error", "it leaves the layer out and says so"),
        answer="it raises an error",
        why="`strict=False` is about names: missing and unexpected ones are allowed. A wrong shape never is.",
    ),
}
