"""The C library's heap, told to give memory back."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

__all__ = ["return_memory"]

# From glibc's malloc.h.
TRIM_THRESHOLD: Final = -1
MMAP_THRESHOLD: Final = -3
ARENA_MAX: Final = -8

LARGE: Final = 2**20  # bytes


def return_memory(*, heaps: int | None = None) -> None:
    """Let what is freed in this process go back to the system, where the heap is glibc's.

    By itself glibc, once a large block was freed, takes blocks of that size from its heaps, which
    never fit each other for long: the heads of one picture of 3601 tokens left 160 MB of nothing
    in them. Here blocks of a megabyte and more are always the system's own.

    Parameters
    ----------
    heaps : int, optional
        That all threads share. By itself glibc keeps one for each of some sixteen threads, which
        held 300 MB of nothing after 50 visitors' pictures of the page.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        mallopt(MMAP_THRESHOLD, LARGE)
        mallopt(TRIM_THRESHOLD, LARGE)
        if heaps is not None:
            mallopt(ARENA_MAX, heaps)
