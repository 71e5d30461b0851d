"""The connection to a cluster, and how many workers it has room for."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.extras import require_ray

__all__ = ["connected", "room"]

# Read as Ray is imported: it reports nothing to its makers, and prints no line of a node's log.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "^"}
RUNNING, HERE, CLIENT = "auto", "local", "ray://"
KNOCK_SECONDS = 10
STORE = 2**28  # bytes of a local cluster's shared memory: names and totals, and no pictures


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect this process to a cluster while the block runs; one that is connected stays so.

    Parameters
    ----------
    address : str
        ``auto`` is the cluster that this machine belongs to, or that of ``RAY_ADDRESS``; ``local``
        a new one on this machine; and anything else the address of one that is running.

    Raises
    ------
    UsageError
        If there is none.
    VitonnxError
        If none can be started.
    """
    require_ray()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        # Of what will change in Ray, also where warnings are errors.
        warnings.filterwarnings("ignore", module=r"(vitonnx\.)?ray\b")
        import ray.data

        import ray

        for logger in ("ray", "ray.data"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        if ray.is_initialized():
            yield
            return
        try:
            _start(address)
            yield
        finally:
            ray.shutdown()


def _start(address: str) -> None:
    import ray

    own: dict[str, Any] = {}
    if address == HERE:
        own = {"include_dashboard": False, "object_store_memory": STORE}
    elif address == RUNNING:
        address = os.environ.get("RAY_ADDRESS", RUNNING)
    with _own_signals():
        try:
            _knock(address)
            ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False, **own)
        except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            raise _refused(address, error) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def _knock(address: str) -> None:
    """Raise an OSError or a ValueError where nobody answers, for which Ray waits for minutes."""
    if address in (RUNNING, HERE):
        return
    if address.startswith(CLIENT):
        raise UsageError(
            f"Ray Data doesn't run through {address}: run the command on a node of the cluster, "
            "with --ray auto, or hand it in there with `ray job submit`."
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("that is no HOST:PORT")
    socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


def room(workers: int, cpus: int, gpus: int) -> int:
    """Tell how many workers can run at a time, of so many as there is work for.

    Parameters
    ----------
    workers : int
    cpus, gpus : int
        Of each.

    Raises
    ------
    UsageError
        If there is room for none. One CPU is always left, which Ray's own tasks need.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    every_cpu = int(sum(node.get("CPU", 0) for node in nodes))
    if gpus and not any(node.get("GPU", 0) >= gpus for node in nodes):
        raise UsageError(
            "no node of the cluster has a GPU, as Ray counts them: leave --device out, or start "
            "the nodes with --num-gpus."
        )
    found = sum(
        min(int(node.get("CPU", 0)) // cpus, int(node.get("GPU", 0)) // gpus if gpus else workers)
        for node in nodes
    )
    found = min(workers, found, (every_cpu - 1) // cpus)
    if found < 1:
        each = f"a worker needs {cpus} on one node" if cpus > 1 else "a worker needs one"
        raise UsageError(
            f"the cluster has {every_cpu} CPU{'s' * (every_cpu != 1)}; {each}, and one is left to "
            "Ray's own tasks: take a larger cluster, fewer --threads, or leave --ray out."
        )
    return found


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers of signals, in place of which Ray sets its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refused(address: str, error: Exception) -> VitonnxError:
    if isinstance(error, VitonnxError):
        return error
    if address == HERE:
        return VitonnxError(f"can't start a cluster of Ray here: {_first_line(error)}.")
    if address == RUNNING:
        return UsageError(
            "this machine belongs to no cluster of Ray: start one (`ray start --head`), or one for "
            "this command alone with --ray local, or give the address of one."
        )
    return UsageError(
        f"can't connect to a cluster of Ray at {address} ({_first_line(error)}): give HOST:PORT of "
        "its head, from one of its nodes, or auto."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
