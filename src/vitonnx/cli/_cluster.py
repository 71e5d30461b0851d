"""The cluster that a command hands its shards to, where --ray says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from vitonnx.cli._console import inform
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.cli._accuracy import Precisions
    from vitonnx.cli._engines import EngineOptions
    from vitonnx.engine import Engine
    from vitonnx.ray import Cluster

__all__ = ["as_in_worker", "cluster_of"]

Opened = TypeVar("Opened", "EngineOptions", "Precisions")


def as_in_worker(opened: Opened, ray: str | None) -> Opened:
    """Open models here as workers do, where there are any: on one CPU, or on --threads.

    Raises
    ------
    UsageError
        If workers can't have what is asked for.
    MissingExtraError
        Without the extra ``ray``.
    """
    if ray is None:
        return opened
    from vitonnx.extras import require_ray

    require_ray()
    device, _, number = opened.device.partition(":")
    if number:
        raise UsageError(
            f"with --ray, each worker has a GPU of its own, which Ray chooses: give --device "
            f"{device} instead of {opened.device}."
        )
    return replace(opened, threads=opened.threads or 1)


@contextmanager
def cluster_of(
    ray: str | None, models: Sequence[str], engines: Mapping[str, Engine], *, quiet: bool
) -> Iterator[Cluster | None]:
    """Connect to the cluster of a call while the block runs; there may be none."""
    if ray is None:
        yield None
        return
    from vitonnx.ray import Cluster

    with Cluster.at(ray, models, engines, partial(inform, quiet=quiet)) as cluster:
        yield cluster
