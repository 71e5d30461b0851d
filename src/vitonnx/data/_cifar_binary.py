"""CIFAR-10's binary form: for each picture a byte for the label, and its pixels."""

from __future__ import annotations

import numpy as np

from vitonnx.data._archive import Member, damaged
from vitonnx.data._cifar_batch import LONGEST_NAMES, PIXELS, Batch, check_names, make_batch

__all__ = ["read_binary_batch", "read_binary_names"]

RECORD = 1 + PIXELS


def read_binary_batch(member: Member) -> Batch:
    """Read a ``.bin`` file.

    Raises
    ------
    DataError
        If it doesn't hold whole records, or a label beyond 0 to 9.
    """
    content = member.read()
    if len(content) % RECORD:
        raise damaged(
            member.path,
            f"{member.name} has {len(content):,} bytes, not a multiple of the record size "
            f"{RECORD:,}",
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return make_batch(member, records[:, 1:], records[:, 0].tolist())


def read_binary_names(member: Member) -> tuple[str, ...]:
    """Read ``batches.meta.txt``, a class a line.

    Raises
    ------
    DataError
        If it doesn't name ten.
    """
    lines = member.read(LONGEST_NAMES).decode("latin-1").splitlines()
    return check_names(member, [line.strip() for line in lines if line.strip()])
