"""What tracking costs in memory, in copies of all parameters: `make bench`.

Nets of 50 million parameters take one recorded step, bare and tracked, each in a process of its own. Twice the peak is
taken: of the memory that the process has from the system, and of what torch allocates. The processes ask the system for
each tensor by itself: glibc's default leaves holes between tensors of a few MB, up to half a copy.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

import d2lparams

SIDE = 7071  # 7071² is 50 million
USES = (1, 2, 4, 16)
MODES = {"bare": None, "defaults": {}, "lean": {"lean": True}}


class Reused(nn.Module):
    """One matrix of 50 million numbers, used some times."""

    def __init__(self, uses):
        super().__init__()
        self.cell, self.uses = nn.Linear(SIDE, SIDE, bias=False), uses

    def forward(self, X):
        for _ in range(self.uses):
            X = torch.tanh(self.cell(X))
        return X


class Adapted(nn.Module):
    """50 frozen matrices, each beside a small trained one of low rank: 0.2% of all numbers train."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.ModuleList(nn.Linear(1000, 1000, bias=False).requires_grad_(False) for _ in range(50))
        self.down = nn.ModuleList(nn.Linear(1000, 1, bias=False) for _ in range(50))
        self.up = nn.ModuleList(nn.Linear(1, 1000, bias=False) for _ in range(50))

    def forward(self, X):
        for frozen, down, up in zip(self.frozen, self.down, self.up, strict=True):
            X = torch.tanh(frozen(X) + up(down(X)))
        return X


def shared_in_blocks():
    """Ten matrices of 5 million numbers, each used twice."""
    layers = [nn.Linear(2236, 2236, bias=False) for _ in range(10)]
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.Tanh(), layer, nn.Tanh())))


NETS = {f"one tensor, used {uses} times": (lambda uses=uses: Reused(uses), SIDE) for uses in USES}
NETS["50 tensors"] = (lambda: nn.Sequential(*(nn.Linear(1000, 1000, bias=False) for _ in range(50))), 1000)
NETS["10 tensors, each used twice"] = (shared_in_blocks, 2236)
NETS["LoRA, 0.2% of it trains"] = (Adapted, 1000)


def bound(name, mode):
    """Return how many copies of all parameters may come on top: of those that train, and of a shared one's uses."""
    uses, trained, largest = 0.0, 1.0, 1.0
    if name.startswith("one tensor"):
        uses = int(name.split()[3]) if "used 1 " not in name else 0
    elif name.startswith("10 tensors"):
        uses, largest = 2.0, 0.1
    elif name.startswith("50"):
        largest = 0.02
    else:
        return 0.1
    return 2 * trained + uses if mode == "defaults" else 0.1 + largest * (1 + uses)


def measured(name, mode):
    """Return (peak of the process, peak of torch's allocations), in bytes; of this process, which must be fresh."""
    make, width = NETS[name]
    torch.manual_seed(0)
    net = make()
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1e-4)

    def step():
        optimizer.zero_grad()
        net(torch.randn(2, width)).square().mean().backward()
        optimizer.step()

    def steps():
        if MODES[mode] is None:
            step()
        else:
            with d2lparams.track(net, **MODES[mode]):
                step()

    step()
    steps()
    peak = peak_of_this_process()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        steps()
    return peak, most_allocated(profile)


def peak_of_this_process():
    """Return the most bytes that this process has had from the system; getrusage would count its parent's, too."""
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


def most_allocated(profile):
    """Return the most bytes that torch had allocated at one time while it was profiled, over those at its start."""
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def in_a_fresh_process(name, mode):
    alone = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run([sys.executable, __file__, name, mode], capture_output=True, text=True, check=True, env=alone)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Print a line for each net and mode; return how many bounds are missed."""
    print(f"\n{'copies of 50 million parameters, on top':40}{'process':>10}{'allocated':>10}{'at most':>9}")
    missed = 0
    for name in NETS:
        all_bytes = 4 * d2lparams.count_parameters(NETS[name][0]())
        bare = in_a_fresh_process(name, "bare")
        for mode in ("defaults", "lean"):
            found = in_a_fresh_process(name, mode)
            process, allocated = ((peak - without) / all_bytes for peak, without in zip(found, bare, strict=True))
            most = bound(name, mode)
            over = max(process, allocated) > most + 0.05  # 10 MB: what a record and its code take
            missed += over
            told = "  missed" if over else ""
            print(f"{name + ', ' + mode:40}{process:10.2f}{allocated:10.2f}{most:9.2f}{told}", flush=True)
    return missed


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measured(*sys.argv[1:])))
    else:
        sys.exit(bool(main()))
