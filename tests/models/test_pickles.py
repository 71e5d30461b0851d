"""What is followed on paper is what Python's unpickler does; what is stored passes."""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest

from models import torch_files as pth
from vitonnx.models.checkpoints import _pickles as pickles
from vitonnx.models.checkpoints._pickles import read_pickle

SHARED = ["shared"]
STORED: dict[str, Any] = {
    "numbers": [0, -1, 2**31, 2**63, -(2**200), 0.5, float("inf"), True, None],
    "texts": ["", "a\nb", "é\udc80", b"", b"\xff" * 300, "x" * 70_000, bytearray(b"abc")],
    "containers": [(), (1,), (1, 2), (1, 2, 3), tuple(range(900)), [], {}, set(), {1}],
    "frozen": frozenset({1, "a", (1, 2)}),
    "keys": {1: 2, "a": (), (1, "a"): [], None: 0, 0.5: 0, b"a": 0, False: 1},
    "shared": [SHARED, SHARED, (SHARED, SHARED)],
    "nested": [[[[[[[[[[]]]]]]]]]],
    "ordered": OrderedDict(a=OrderedDict(b=1)),
    "default": defaultdict(list, a=[1]),
    "arrays": [np.arange(6.0).reshape(2, 3), np.float64(0.5), np.dtype("int8")],
    "random": np.random.default_rng(0).bit_generator.state,
    "many": {f"key {number}": [number, {"a": (number,)}] for number in range(3_000)},
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", STORED)
def test_what_is_stored_is_read_to_its_end(kind: str, protocol: int) -> None:
    content = pickle.dumps(STORED[kind], protocol)
    file = io.BytesIO(b"before" + content + b"behind")
    file.seek(len(b"before"))
    assert read_pickle(file) == content
    assert file.read() == b"behind"


@pytest.mark.parametrize("kind", STORED)
def test_without_memory(kind: str) -> None:
    """As `pickletools.optimize` leaves it: only what is asked for again is kept."""
    import pickletools

    content = pickletools.optimize(pickle.dumps(STORED[kind], 4))
    assert read_pickle(io.BytesIO(content)) == content


HOSTILE = {
    "nothing": b"",
    "no end": b"\x80\x02]",
    "no operation": b"\x80\x02\xff.",
    "what was never given": b"\x80\x020.",
    "what lies below a mark": b"\x80\x02N(0s.",
    "a mark that was never set": b"\x80\x02t.",
    "a mark as a value": b"\x80\x02(q\x00.",
    "what was never kept": b"\x80\x02h\x00.",
    "keeping far away": b"\x80\x02Nr\x00\x00\x01\x00.",
    "keeping before the beginning": b"Np-1\n.",
    "an extension": b"\x80\x02\x84\x01\x00\x00\x00.",
    "arguments that are no tuple": b"\x80\x02" + pth.ask("a", "b") + b"]R.",
    "256 arguments": b"\x80\x02" + pth.ask("a", "b") + b"(" + b"N" * 256 + b"tR.",
    "a list as a key": b"\x80\x02}]Ns.",
    "a tuple of tuples as a key": b"\x80\x02}))\x86Ns.",
    "nine items as a key": b"\x80\x02}(" + b"N" * 9 + b"tNs.",
    "10,001 large numbers as keys": b"\x80\x02}("
    + (b"\x8a\x08" + b"\x7f" * 8 + b"N") * 10_001
    + b"u.",
    "10,001 tuples as keys": b"\x80\x02}(" + b"N\x85N" * 10_001 + b"u.",
    "a number of 256 bytes": b"\x80\x02\x8b" + struct.pack("<i", 256) + b"\x7f" * 256 + b".",
    "5,000 digits": b"I" + b"1" * 5_000 + b"\n.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_refused(kind: str) -> None:
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        read_pickle(io.BytesIO(HOSTILE[kind]))


def test_what_is_not_stored_runs_nothing() -> None:
    """On paper nobody is asked, and nothing is called."""
    content = pth.PROTO + pth.call(pth.ask("os", "abort")) + pth.STOP
    assert read_pickle(io.BytesIO(content)) == content


@pytest.mark.parametrize(
    ("limit", "step"),
    [("MOST_OPERATIONS", b"N0"), ("MOST_CONTAINERS", b"\x8f0"), ("MOST_CONTAINERS", b")\x850")],
)
def test_more_than_is_read(limit: str, step: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, limit, 1_000)
    read_pickle(io.BytesIO(b"\x80\x02" + step * 300 + b"N."))
    with pytest.raises(pickles.PickleLimitError, match="more than 1,000"):
        read_pickle(io.BytesIO(b"\x80\x02" + step * 1_001 + b"N."))
