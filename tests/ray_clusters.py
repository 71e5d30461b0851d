"""Clusters of Ray on this machine, the processes of their workers, and commands that use them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Node", "cluster", "command", "start", "stop_one", "until", "workers"]

# Workers of Ray let all others go first: beside other tests they would wait for minutes.
os.environ.setdefault("RAY_worker_niceness", "0")

STORE = 100 * 2**20
PATIENCE = 300.0  # seconds: for what hangs, and not for what is slow
# What Ray calls the process of a worker while it has a shard.
BUSY = re.compile(rb"ray::[^\0]*Worker\)\)\.submit")
# So that the loss of a node is noticed within seconds.
SHORT = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}

Node = Any


@contextmanager
def cluster(*cpus: int, **head: Any) -> Iterator[Any]:
    """Start a node for each number of CPUs that Ray is to believe in; gives Ray's own `Cluster`."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    first, *others = cpus
    alike: dict[str, Any] = {"object_store_memory": STORE, "include_dashboard": False}
    own = {**alike, "num_cpus": first, "num_gpus": 0, "_system_config": SHORT, **head}
    made = Cluster(initialize_head=True, head_node_args=own)
    try:
        for each in others:
            made.add_node(num_cpus=each, num_gpus=0, **alike)
        yield made
    finally:
        made.shutdown()


def start(*words: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "vitonnx", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(*words: object) -> tuple[int, str, str]:
    """Run a command; gives its exit code, and what it prints to stdout and stderr."""
    process = start(*words)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def until(what: Callable[[], Any]) -> Any:
    """Wait until something is there, and give it."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
    return found


def workers() -> dict[int, int]:
    """Find the processes of workers that have a shard, and the raylet that each belongs to."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if BUSY.match((entry / "cmdline").read_bytes()):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found[int(entry.name)] = parent
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def stop_one(raylets: set[int]) -> int:
    """Wait for a worker of one of some nodes, and stop it: the shard that it has isn't done."""
    of_node = until(lambda: [pid for pid, raylet in workers().items() if raylet in raylets])
    os.kill(of_node[0], signal.SIGSTOP)
    return int(of_node[0])
