"""Files beyond 2 GB, which are holes but for a few kilobytes."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tap.foreign_ways import WAYS
from tap.tapping import assert_right, assert_sentences
from terminal import run_measured

# Beyond what protobuf reads, and what one file may hold.
LARGE = 2_200_000_000


@pytest.fixture
def room(desk: Path) -> Iterator[None]:
    """Skip where there is no room for a tapped copy; leave nothing large behind."""
    if sys.platform != "linux":
        pytest.skip("elsewhere files may have no holes, and memory is measured otherwise")
    if shutil.disk_usage(desk).free < 3 * LARGE:
        pytest.skip("a copy of 2.2 GB would be close to fill the disk")
    available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    if available is None or 1024 * int(available[1]) < 4 * LARGE:
        pytest.skip("there is less memory than four copies of 2.2 GB")
    yield
    for file in list(desk.iterdir()):
        file.unlink()


def with_large_table(model: onnx.ModelProto, *, looked_up: bool) -> onnx.TensorProto:
    """Add a row of a table to what the head reads, which is all zeros, and give the table.

    The row that the picture says, for which all rows have to be kept; or the first.
    """
    table = onnx.TensorProto(name="table", data_type=onnx.TensorProto.FLOAT)
    table.dims.extend([LARGE // (4 * WAYS["class"].dim), WAYS["class"].dim])
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    (place,) = (at for at, node in enumerate(model.graph.node) if node.op_type == "Gemm")
    head = model.graph.node[place]
    added = [
        helper.make_node("ArgMax", [head.input[0]], ["largest"], axis=1, keepdims=0),
        helper.make_node("Gather", ["table", "largest" if looked_up else "first"], ["row"]),
        helper.make_node("Add", [head.input[0], "row"], ["moved"]),
    ]
    head.input[0] = "moved"
    for node in reversed(added):
        model.graph.node.insert(place, node)
    return table


def test_more_than_two_gigabytes_beside_the_file(room: None, desk: Path) -> None:
    model = WAYS["class"].model()
    table = with_large_table(model, looked_up=True)
    table.data_location = onnx.TensorProto.EXTERNAL
    table.external_data.add(key="location", value="table.bin")
    model.graph.initializer.append(table)
    (desk / "model.onnx").write_bytes(model.SerializeToString())
    with (desk / "table.bin").open("wb") as stream:
        stream.truncate(4 * int(np.prod(table.dims)))
    assert_large(desk)


def test_more_than_two_gigabytes_in_the_file(room: None, desk: Path) -> None:
    """What protobuf can't read, though it is written as protobuf says."""
    model = WAYS["class"].model()
    table = with_large_table(model, looked_up=False)
    size = 4 * int(np.prod(table.dims))
    # Fields of onnx.proto, with their wire type: graph 7, its initializer 5, its raw_data 9.
    raw = table.SerializeToString() + b"\x4a" + varint(size)
    graph = model.graph.SerializeToString() + b"\x2a" + varint(len(raw) + size) + raw
    model.ClearField("graph")
    start = model.SerializeToString() + b"\x3a" + varint(len(graph) + size) + graph
    with (desk / "model.onnx").open("wb") as stream:
        stream.write(start)
        stream.truncate(len(start) + size)
    assert_large(desk)


def test_more_than_two_gigabytes_of_nothing(room: None, desk: Path) -> None:
    with (desk / "model.onnx").open("wb") as stream:
        stream.truncate(LARGE)
    assert not assert_large(desk)


def varint(value: int) -> bytes:
    """Write an integer as protobuf does: seven bits a byte, lowest first."""
    groups = [value >> shift & 0x7F for shift in range(0, value.bit_length() or 1, 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def assert_large(desk: Path) -> bool:
    """Check that a large model is tapped within memory, or refused in a sentence."""
    before = sorted(file.name for file in desk.iterdir())
    words = ["tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"]
    outcome, memory = run_measured(*words)
    # Room for the weights as they are read, in both graphs that are compared, and to spare.
    assert memory < 4 * LARGE
    if outcome.code == 0:
        assert_right(desk / "out.onnx", WAYS["class"], 1)
        return True
    assert outcome.code == 1, outcome
    assert_sentences(outcome, "model.onnx")
    assert sorted(file.name for file in desk.iterdir()) == before
    return False
