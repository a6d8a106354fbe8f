"""Two processes that meet: what each prints comes back, and whatever goes wrong ends in time."""

import os

import pytest

from d2lparams.chapter.processes import two_processes


def test_each_process_knows_its_rank_and_both_share_a_folder():
    found = two_processes(
        """
import json, pathlib, sys, time
rank, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
(folder / f"here {rank}").touch()
while not (folder / f"here {1 - rank}").exists():
    time.sleep(0.01)
print("a line that is none of JSON")
print(json.dumps({"rank": rank}))
"""
    )
    assert found == {"process 0": {"rank": 0}, "process 1": {"rank": 1}}


def test_two_processes_add_by_gloo():
    found = two_processes(
        """
import sys, torch
from torch import distributed
rank = int(sys.argv[1])
distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}/meet", rank=rank, world_size=2)
total = torch.tensor(float(rank + 1))
distributed.all_reduce(total)
print(total.item())
distributed.destroy_process_group()
""",
        seconds=60,
    )
    assert found == {"process 0": 3.0, "process 1": 3.0}


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "import sys; assert sys.argv[1] == '0'; print(1)"])
def test_where_one_fails_nothing_is_found(script):
    assert two_processes(script) == {}


def test_processes_that_wait_for_ever_are_stopped(tmp_path):
    script = f"""
import os, pathlib, sys, time
pathlib.Path({str(tmp_path)!r}, sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""
    assert two_processes(script, seconds=3) == {}
    started = [int(file.read_text()) for file in tmp_path.iterdir()]
    assert len(started) == 2
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
