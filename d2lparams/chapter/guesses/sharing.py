"""The guesses of notebook 4, by key."""

from .question import Choice, Number, Question

QUESTIONS: dict[str, Question] = {
    "count": Number(
        asks="The layers at 0, 2, 4 and 6 have 40, 72, 72 and 9 numbers, 193 together. How many numbers does an "
        "optimizer over `net.parameters()` train?",
        answer=121,
        why="Layers 2 and 4 are one layer, so its 72 numbers are there once: 40 + 72 + 9 = 121.",
        unit="numbers",
    ),
    "equal": Choice(
        asks="We write 100 into one entry of layer 2. Where does layer 4 hold 100 then?",
        choices=("in both nets", "in the shared net alone", "in neither net"),
        answer="in the shared net alone",
        why="In the shared net, layers 2 and 4 are one layer. In the lookalike they held equal values in two places, "
        "and only one place was changed.",
    ),
    "decay": Choice(
        asks="Two layers share one Parameter; two others share one storage through `.data`. What is left of the 1 in "
        "each case?",
        choices=("0.9 and 0.9", "0.81 and 0.81", "0.9 and 0.81"),
        answer="0.9 and 0.81",
        why="One Parameter decays once. Two Parameters decay once each, and both read one memory: 0.9 × 0.9 = 0.81.",
    ),
    "gradient": Number(
        asks="Each use of the weight w = 3 multiplies by 3, and the output is 9. What is the gradient of the output "
        "with respect to w?",
        answer=6,
        why="The output is w². Its derivative is 2w = 6: 3 from the first use and 3 from the second.",
    ),
    "sum": Choice(
        asks="Layer 2 and layer 4 are one layer. How long is the gradient in `.grad`, the sum over both uses?",
        choices=(
            "shorter than the longer of its two terms",
            "as long as both terms together",
            "between these two",
        ),
        answer="shorter than the longer of its two terms",
        why="The two terms point in partly opposite directions, so parts of them cancel in the sum.",
    ),
    "skip": Choice(
        asks="The width is 256. What angle do the gradients of the two uses make before training?",
        choices=(
            "at right angles in both nets: there are so many directions",
            "alike in both nets: it is one weight",
            "at right angles in the plain net, alike with the skip connection",
            "alike in the plain net, at right angles with the skip connection",
        ),
        answer="at right angles in the plain net, alike with the skip connection",
        why="A skip connection hands the input on to the second use, and the error back to the first. So both uses see "
        "nearly the same. In the plain chain the layer itself mixes both.",
    ),
    "repeat": Number(
        asks="`forward` calls the one layer three times. How many ties does `ties` find in this net?",
        answer=0,
        why="The layer stands in one place and has one name. All the sharing happens when the net runs.",
        unit="ties",
    ),
    "norm": Number(
        asks="A layer has a weight of 10 rows with 10 numbers each, and no bias. `weight_norm` writes each row as a "
        "length times a direction. How many numbers does the layer train then?",
        answer=110,
        why="The directions take 100 numbers, as before, and ten lengths come to them. It is more, not less.",
        unit="numbers",
    ),
    "flops": Choice(
        asks="The middle layer is used twice. How many operations does the shared net need for a pass forward and "
        "back, beside the untied twin?",
        choices=("half as many", "about a fifth less", "just as many"),
        answer="just as many",
        why="A layer that is used twice multiplies twice. It makes no difference whether the weight is the same one.",
    ),
}
