"""Why share? People read it."""

from ...question import Prose

question = Prose(
    name="q14",
    section="explain",
    taught=("4-sharing", "5-shared-mlp"),
    title="Why is sharing a good idea?",
    task="""
Sharing is said to save parameters, memory and time, to regularize, and to help where data are scarce. Which of these
claims hold, and when? Answer in half a page, with **numbers that you measured yourself** in the cell below: for a net
with a shared layer and its untied twin, what sharing saves, what it does not, and on which task it helps or hurts. Say
what you kept equal in the comparison.
""",
    stub="*Your answer here.*",
    scaffold="""
shared = nn.Linear(8, 8)
layers = [nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(8, 1))
twin = d2lparams.untie(net)
d2lparams.count_parameters(net), d2lparams.count_parameters(twin)
""",
    hints=(
        "Notebook 4, *Ask what sharing buys*, and notebook 5, *Compare with the twin*, measure some of them.",
        "`torch.utils.flop_counter.FlopCounterMode` counts operations; the memory of Adam's state is two numbers per "
        "parameter; for generalization you need a task that repeats itself, and one that doesn't.",
        "Compare errors on data that neither net has seen, over several seeds, with the same number of steps for both.",
    ),
    marks=(
        (2, "what sharing saves, measured: the counts of a tied net and its twin, and with them gradients and state"),
        (2, "what it does not save, measured: operations or time per pass are those of the twin"),
        (2, "a comparison on held-out data, fair (same start, steps, data; several seeds), with its numbers"),
        (2, "when it helps and when it hurts: where the task repeats itself, or does not; no claim beyond the numbers"),
    ),
    solution_code="""
Sharing saves *parameters*. My net counts 121 numbers, its untied twin 193: the second 8 × 8 layer with its 8 biases is
gone. With each parameter go its gradient and, under Adam, two more numbers of state, so training holds 288 numbers
less. It saves *no arithmetic*: `FlopCounterMode` counts as many operations for the net as for the twin, since a batch
still passes through the layer twice, and one pass took equally long within the noise of my timer. Activations, too, are
as many as before.

Does it *generalize* better? That depends on the task. I let a filter of 5 numbers read 12 places of a row, once shared
and once with a filter per place, fitted both to the same few rows, and took the error on new rows, averaged over 50
tasks. Where one rule made all the labels, the untied fit's error was 58 times the shared one's with 8 rows, and still
13 times with 256. Where every place had a rule of its own, it was the other way round: with 8 rows the shared filter's
error was 1.5 times the untied one's, with 256 more than 200 times, since no data can mend a rule that doesn't fit. So
sharing is a good idea where the task repeats itself in the places that share: it then buys the data of all places for
one set of numbers. Elsewhere it is a constraint that hurts, whatever it saves.
""",
)
