"""Pictures of any library: read like others where they are pictures, used where they are ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.engine._pixels import OnDevice, as_they_lie, ready_pixels
from vitonnx.engine.devices import Device
from vitonnx.errors import PictureError, UsageError
from vitonnx.media import on_host

Exported = Callable[[str], Path]


class Foreign:
    """An array of a library that has DLPack and little else."""

    def __init__(self, array: np.ndarray, device: tuple[int, int] = (1, 0)) -> None:
        self.array, self.device = array, device
        self.shape, self.dtype = array.shape, f"foreign.{array.dtype}"

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def engine(exported: Exported) -> vx.Engine:
    return vx.Engine(exported("registers"), device="cpu")


def test_a_tensor_is_a_picture(engine: vx.Engine) -> None:
    picture = noise(53, 71, 3)
    (expected,) = engine.probe(picture, vx.Heads())
    for given in (Foreign(picture), [Foreign(picture)]):
        (found,) = engine.probe(given, vx.Heads())
        assert found.crop == expected.crop
        np.testing.assert_array_equal(found.attention, expected.attention)
    np.testing.assert_array_equal(
        engine.run(Foreign(picture))["logits"], engine.run(picture)["logits"]
    )


def test_a_tensor_may_be_used_again_at_once(engine: vx.Engine) -> None:
    frame = noise(41, 57, 3)
    stream = engine.stream((Foreign(frame) for frame[:] in range(0, 250, 10)), [vx.Heads()])
    greys = [int(result.pixels[0, 0, 0]) for result in stream if result.pixels is not None]
    assert greys == list(range(0, 250, 10))


def test_a_tensor_is_seen_without_a_copy() -> None:
    array = noise(7, 5, 3)
    assert np.shares_memory(on_host(Foreign(array)), array)
    ready = ready_pixels(Foreign(array[None]), size=(7, 5), device=Device("cpu"))
    assert isinstance(ready, np.ndarray)
    assert np.shares_memory(ready, array)


def test_tensors_that_are_no_pictures(engine: vx.Engine) -> None:
    for tensor, says in (
        (Foreign(noise(53, 71)), r"shape \(53, 71\)"),
        (Foreign(noise(53, 71, 3).astype(np.float32)), "float32"),
        (Foreign(noise(2, 53, 71, 3)), r"shape \(2, 53, 71, 3\)"),
        (Foreign(noise(53, 71, 3), (2, 0)), "is on a GPU.*probe_pixels"),
    ):
        with pytest.raises(PictureError, match=says):
            engine.probe(tensor, vx.Heads())


@pytest.mark.parametrize("in_graph", [True, False])
@pytest.mark.parametrize("query", ["cls", (13, 50)])
def test_ready_pictures_are_probed_as_they_are(
    in_graph: bool, query: Any, exported: Exported
) -> None:
    engine = vx.Engine(exported("registers"), device="cpu", in_graph=in_graph)
    pixels = noise(11, 40, 56, 3)
    results = engine.probe_pixels(Foreign(pixels), vx.Heads(query=query))
    assert [result.file for result in results] == [f"picture {number}" for number in range(11)]
    assert {result.crop for result in results} == {(0, 0, 56, 40)}
    assert all(result.pixels is None and result.prediction is not None for result in results)
    raw = engine.run_pixels(pixels, ["block_01/attention"])["block_01/attention"]
    token = 0 if query == "cls" else 5 + (13 // 8) * 7 + 50 // 8
    expected = raw[:, :, token, 5:].reshape(11, 3, 5, 7)
    found = np.stack([result.attention for result in results])
    # Rows that are computed alone sum in another order.
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_ready_pictures_are_run_as_they_are(engine: vx.Engine) -> None:
    pixels = noise(3, 40, 56, 3)
    found, expected = (engine.run_pixels(each, ["logits"]) for each in (Foreign(pixels), pixels))
    np.testing.assert_array_equal(found["logits"], expected["logits"])


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (noise(3, 40, 55, 3), r"shape \(3, 40, 55, 3\); expected uint8 \(batch, 40, 56, 3\)"),
        (noise(40, 56, 3), r"shape \(40, 56, 3\)"),
        (noise(0, 40, 56, 3), "at least one"),
        (noise(1, 40, 56, 3).astype(np.int32), "the batch is int32"),
        ([[1]], "a list is not a batch"),
        (Foreign(noise(1, 40, 56, 3), (2, 0)), "another device than the model.* on cpu"),
    ],
)
def test_batches_that_are_none(pixels: Any, says: str, engine: vx.Engine) -> None:
    with pytest.raises(UsageError, match=says):
        engine.run_pixels(pixels, ["logits"])
    with pytest.raises(UsageError, match=says):
        engine.probe_pixels(pixels, vx.Heads())


def test_a_query_outside_of_ready_pictures(engine: vx.Engine) -> None:
    with pytest.raises(PictureError, match="57"):
        engine.probe_pixels(noise(1, 40, 56, 3), vx.Heads(query=(3, 57)))


def test_where_a_batch_may_lie() -> None:
    """On the GPU of the model, and no other; which needs no GPU to be told."""
    batch = Foreign(noise(1, 7, 5, 3), (2, 1))
    ready = ready_pixels(batch, size=(7, 5), device=Device("cuda:1"))
    assert isinstance(ready, OnDevice)
    assert ready.shape == (1, 7, 5, 3)
    for device in ("cuda:0", "tensorrt", "cpu", "openvino"):
        with pytest.raises(UsageError, match="another device"):
            ready_pixels(batch, size=(7, 5), device=Device(device))


def test_a_view_with_gaps_is_refused() -> None:
    """By the runtime itself, which looks at the strides alone: here in the processor's memory."""
    with pytest.raises(UsageError, match="make it contiguous"):
        as_they_lie(Foreign(noise(1, 3, 7, 5).transpose(0, 2, 3, 1)))
