"""A file in whole numbers with fixed scales: the tokens themselves are rounded on their way."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnxruntime.quantization import quantize_static

from tap.foreign_vit import ForeignViT
from vitonnx.tap import tap


class _Noise:
    """What the quantiser measures ranges on."""

    def __init__(self, name: str, vit: ForeignViT) -> None:
        random = np.random.default_rng(0)
        shape = (2, 3, *vit.size)
        self.feeds = iter(
            [{name: random.standard_normal(shape).astype(np.float32)} for _ in range(3)]
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self.feeds, None)


@pytest.fixture
def calibrated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Path:
    vit = ForeignViT()
    onnx.save(vit.model(), tmp_path / "exact.onnx")
    name = onnx.load(tmp_path / "exact.onnx").graph.input[0].name
    with caplog.at_level(logging.ERROR):  # advice about preparing the graph
        quantize_static(
            tmp_path / "exact.onnx", tmp_path / "int8.onnx", _Noise(name, vit), per_channel=True
        )
    return tmp_path / "int8.onnx"


def test_a_calibrated_file_gives_its_own_numbers(calibrated: Path, tmp_path: Path) -> None:
    tapped = tap(calibrated, tmp_path / "out.onnx", preprocess="half")
    assert tapped.manifest.precision == "int8"
    size = tapped.manifest.size
    images = np.random.default_rng(1).integers(0, 256, (2, *size, 3), np.uint8)
    original, own = (
        onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        for file in (calibrated, tmp_path / "out.onnx")
    )
    pixels = ((images - np.float32(127.5)) * np.float32(1 / 127.5)).transpose(0, 3, 1, 2)
    (expected,) = original.run(None, {original.get_inputs()[0].name: pixels})
    attention, logits = own.run(["block_01/attention", "logits"], {"images": images})
    # The runtime rounds in other places where nobody reads what is in between: some steps of 256.
    np.testing.assert_allclose(logits, expected, atol=5e-2 * np.abs(expected).max())
    np.testing.assert_allclose(attention.sum(axis=-1), 1, atol=1e-5)
