"""What a process was given of its cluster: how many CPUs, and whether a GPU."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Share", "own_share"]


class Share(NamedTuple):
    """What an engine may use.

    Parameters
    ----------
    threads : int or None
        Of the runtime; None for its own choice.
    device : str
        Where the network runs.
    """

    threads: int | None
    device: str


def own_share() -> Share:
    """Tell what Ray assigned to this process; outside its workers, that is nothing in particular.

    Of several GPUs Ray shows a process its own alone, which is then the first.
    """
    from vitonnx.extras import require_ray

    require_ray()
    import ray

    context: Any = ray.get_runtime_context() if ray.is_initialized() else None
    if context is None or context.worker.mode != ray.WORKER_MODE:
        return Share(None, "cpu")
    assigned = context.get_assigned_resources()
    # An actor may have none, or a part of one: it still computes.
    threads = max(1, int(assigned.get("CPU", 0)))
    return Share(threads, "cuda" if assigned.get("GPU", 0) > 0 else "cpu")
