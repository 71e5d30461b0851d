"""Files by which it is known that a node sees the same dataset."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from vitonnx.dataset import Listing, Shard
from vitonnx.errors import DataError

__all__ = ["check_witness", "witness"]


def witness(shard: Shard) -> str | None:
    """Give a file of a shard that is here, if there is one: not of what is at a URL."""
    read = shard.files if isinstance(shard, Listing) else [shard.name]
    names = (str(file) for file in read if isinstance(file, str | Path))
    return next((name for name in names if os.path.exists(name)), None)  # noqa: PTH110 - any name


def check_witness(shard: Shard, name: str | None) -> None:
    """Refuse to go on where a file isn't that was seen where the command runs.

    Raises
    ------
    DataError
        Rather than that every picture of the shard is a bad one.
    """
    if name is not None and not os.path.exists(name):  # noqa: PTH110 - any name
        raise DataError(
            f"the node {socket.gethostname()} doesn't see {name}, of {shard.name}: with --ray, "
            "give pictures that all nodes see, in a shared folder or at a URL."
        )
