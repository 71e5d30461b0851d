"""From words of the command line to a dataset."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from vitonnx.dataset._dataset import Dataset
from vitonnx.dataset._listing import SHARD_SIZE, Listing
from vitonnx.dataset._shard import Shard
from vitonnx.errors import UsageError
from vitonnx.media import Notice, find_picture_names, read_lists

__all__ = ["open_dataset"]


def open_dataset(
    inputs: Sequence[str],
    *,
    limit: int | None = None,
    seed: int | None = None,
    shard_size: int = SHARD_SIZE,
    notice: Notice | None = None,
) -> Dataset:
    """Find the pictures that some words stand for (see the helper's final docstring)."""
    if seed is not None and limit is None:
        raise UsageError("--seed chooses a sample: say how large with --limit.")
    files = find_picture_names(list(read_lists(inputs)), notice=notice)
    if limit is not None and limit < len(files):
        rows: Sequence[int] = range(limit)
        if seed is not None:
            rows = sorted(random.Random(seed).sample(range(len(files)), limit))
        files = [files[row] for row in rows]
    root = inputs[0] if len(inputs) == 1 and Path(inputs[0]).is_dir() else ""
    shards: list[Shard] = [
        Listing(f"part-{start // shard_size:05}", files[start : start + shard_size], root)
        for start in range(0, len(files), shard_size)
    ]
    return Dataset(shards)
