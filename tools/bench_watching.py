"""What watching a training costs beside other watches: `make bench`, after `make setup-elsewhere`.

Three nets train bare, under `track` at its defaults, under `wandb.watch` off-line and with TensorBoard's histograms of
all weights and gradients every 20 steps: in turn, 20 steps each, and then again. Memory is the peak of a process of its
own.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

import torch
from bench_memory import peak_of_this_process
from torch import nn
from torch.nn import functional as F

import d2lparams

EVERY, ROUNDS = 20, 10  # in 10 rounds of 20 steps track takes one of its histograms
WATCHES = ("bare", "track", "wandb.watch", "TensorBoard")


def shared_mlp():
    shared = nn.Linear(256, 256)
    parts = (nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.5), shared, nn.ReLU(), nn.Dropout(0.3), shared, nn.ReLU())
    return nn.Sequential(*parts, nn.Dropout(0.1), nn.Linear(256, 10)), torch.randn(256, 784), torch.randint(10, (256,))


def resnet18():
    import torchvision

    return torchvision.models.resnet18(num_classes=10), torch.randn(32, 3, 32, 32), torch.randint(10, (32,))


def gpt2():
    import transformers

    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            config = transformers.GPT2Config(
                vocab_size=2000, bos_token_id=0, eos_token_id=0, n_positions=64, n_embd=192, n_layer=4, n_head=4
            )
            self.net = transformers.GPT2LMHeadModel(config)

        def forward(self, tokens):
            return self.net(tokens).logits.flatten(0, 1)

    return Scores(), torch.randint(2000, (8, 64)), torch.randint(2000, (8 * 64,))


NETS = {"shared MLP": shared_mlp, "ResNet-18": resnet18, "GPT-2-like": gpt2}


class Training:
    """One net in training, under one watch."""

    def __init__(self, name, watch, folder):
        torch.manual_seed(0)
        self.net, self.X, self.y = NETS[name]()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.01)
        self.watch, self.step_number, self.ends = watch, 0, contextlib.ExitStack()
        if watch == "track":
            self.ends.enter_context(d2lparams.track(self.net))
        elif watch == "wandb.watch":
            import wandb

            settings = wandb.Settings(silent=True, x_disable_stats=True)
            self.run = self.ends.enter_context(wandb.init(mode="offline", dir=folder, settings=settings))
            self.run.watch(self.net, log="all", log_freq=EVERY)
        elif watch == "TensorBoard":
            from torch.utils.tensorboard import SummaryWriter

            self.writer = self.ends.enter_context(SummaryWriter(folder))

    def steps(self):
        for _ in range(EVERY):
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.net(self.X), self.y)
            loss.backward()
            if self.step_number % EVERY == 0:
                self.log(loss)
            self.optimizer.step()
            self.step_number += 1

    def log(self, loss):
        if self.watch == "wandb.watch":
            self.run.log({"loss": loss.item()})
        elif self.watch == "TensorBoard":
            for name, p in self.net.named_parameters():
                self.writer.add_histogram(name, p, self.step_number)
                self.writer.add_histogram(f"{name}/gradient", p.grad, self.step_number)


def cost_in_time(name):
    """Return {watch: seconds for a step}."""
    spent = dict.fromkeys(WATCHES, 0.0)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        trainings = {watch: Training(name, watch, folder) for watch in WATCHES}
        for training in trainings.values():
            ends.push(training.ends)
            training.steps()
        for _ in range(ROUNDS):
            for watch, training in trainings.items():
                start = time.perf_counter()
                training.steps()
                spent[watch] += time.perf_counter() - start
    return {watch: seconds / ROUNDS / EVERY for watch, seconds in spent.items()}


def peak(name, watch):
    """Return the most MB that this process, which must be fresh, has had."""
    with tempfile.TemporaryDirectory() as folder:
        training = Training(name, watch, folder)
        with training.ends:
            training.steps()
            training.steps()
    return peak_of_this_process() / 2**20


def main():
    """Print a line for each net and watch."""
    warnings.simplefilter("ignore")
    print(f"\n{'watched every 20 steps':26}{'ms a step':>10}{'more time':>11}{'more memory':>13}")
    for name in NETS:
        seconds, megabytes = cost_in_time(name), {}
        for watch in WATCHES:
            command = [sys.executable, __file__, name, watch]
            done = subprocess.run(
                command, env=os.environ | {"WANDB_SILENT": "true"}, stdout=subprocess.PIPE, check=True
            )
            megabytes[watch] = json.loads(done.stdout.splitlines()[-1])
        for watch in WATCHES:
            time_more, memory_more = seconds[watch] / seconds["bare"] - 1, megabytes[watch] - megabytes["bare"]
            label = f"{name}, {watch}"
            print(f"{label:26}{1000 * seconds[watch]:10.2f}{time_more:11.1%}{memory_more:10.0f} MB", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(peak(*sys.argv[1:])))
    else:
        main()
