"""The first few pictures, which are done sooner than a graph is planned for them."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from vitonnx.engine._batch_size import attention_bytes
from vitonnx.engine._plan import Plan
from vitonnx.manifest import Manifest

__all__ = ["FirstPictures"]

# Planning takes as long as several small pictures: so few, with so little attention, are probed by
# the file as it is.
FEW_PICTURES = 4
LITTLE_ATTENTION = 2**26  # bytes of all blocks


class FirstPictures:
    """Counts the pictures that are probed without a plan: an application may ask for one at a time.

    Parameters
    ----------
    manifest : Manifest
        The model's, at the size in use.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.are_small = manifest.blocks * attention_bytes(manifest) <= LITTLE_ATTENTION
        self._lock = Lock()
        self._done: Counter[Plan] = Counter()

    def take(self, plan: Plan, count: int) -> bool:
        """Count pictures that a plan could serve, and tell whether they are done without it."""
        with self._lock:
            self._done[plan] += count
            return self._done[plan] <= FEW_PICTURES
