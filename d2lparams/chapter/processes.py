"""Run a script in two processes that can meet, on this machine alone."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROCESSES = 2


def two_processes(script: str, seconds: float = 15) -> dict[str, Any]:
    """Run a script in two processes at once, as `torchrun` does, and return what each has found.

    They see one temporary folder, and no network but this machine's loopback.

    Args:
        script: Python code. It gets its rank, 0 or 1, and the folder, and prints one line of JSON at its end.
        seconds: after which both are stopped.

    Returns:
        {"process 0": what the first has printed, "process 1": the second}; empty if the two could not meet in time.

    Met in the appendix on sharing in practice.

    Example:
        >>> two_processes("import sys; print(int(sys.argv[1]) + 1)")
        {'process 0': 1, 'process 1': 2}
    """
    deadline = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(script, encoding="utf-8")
        printed = [Path(folder) / f"printed {rank}" for rank in range(PROCESSES)]
        running = [_start([str(path), str(rank), folder], printed[rank]) for rank in range(PROCESSES)]
        try:
            failed = [process.wait(deadline - time.monotonic()) for process in running]
        except subprocess.TimeoutExpired:
            return {}
        finally:
            for process in running:
                process.kill()
                process.wait()
        if any(failed):
            return {}
        lines = [file.read_text(encoding="utf-8").splitlines()[-1] for file in printed]
    return {f"process {rank}": json.loads(line) for rank, line in enumerate(lines)}


def _start(arguments: list[str], printed: Path) -> "subprocess.Popen[bytes]":
    """Start Python with one thread, and gloo on the loopback; what it prints goes to a file."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    loopback = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    if loopback:
        environment["GLOO_SOCKET_IFNAME"] = loopback[0]
    with printed.open("wb") as out:
        return subprocess.Popen([sys.executable, *arguments], stdout=out, stderr=subprocess.DEVNULL, env=environment)
