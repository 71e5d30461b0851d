"""What was freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Once a block of that size was freed, glibc by itself takes the next one from its heap, which a
# smaller block on top of it keeps from shrinking.
PROGRAM = """
import ctypes, sys
from vitonnx.heap import return_memory
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
def held():
    return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0]) / 1024
def block(size):
    place = library.malloc(size)
    ctypes.memset(place, 1, size)
    return place
if sys.argv[1] == "returned":
    return_memory()
before = held()
library.free(block(20 * 2**20))
large = block(20 * 2**20)
on_top = [block(100_000) for _ in range(10)]
library.free(large)
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the heap is glibc's")
def test_large_blocks_go_back() -> None:
    kept, returned = (
        float(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, way], check=True, capture_output=True, text=True
            ).stdout
        )
        for way in ("kept", "returned")
    )
    assert returned < 5
    assert kept > 15  # else the test shows nothing
