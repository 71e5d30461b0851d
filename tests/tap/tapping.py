"""Judge what ``vitonnx tap`` writes, and what it says where it writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from tap.foreign_vit import ForeignViT
from terminal import Outcome, assert_refused

Call = Callable[..., Outcome]
Refused = Callable[..., None]
Tapped = Callable[..., Path]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Of double precision: what the contract says of files in single precision, and of those in half.
ATTENTION, TOKENS, HALF = 1e-5, 2e-5, 1e-2


def done(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome
    assert outcome.errors == [], outcome


def run(model: Path | bytes, **feed: NDArray[Any]) -> dict[str, NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the machine is shared
    opened = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(opened, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def photographs(vit: ForeignViT, batch: int) -> NDArray[np.uint8]:
    return np.random.default_rng(batch).integers(0, 256, (batch, *vit.size, 3), np.uint8)


def normalised(
    pictures: NDArray[np.uint8],
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> NDArray[np.float64]:
    scaled = (pictures / 255 - np.array(mean)) / np.array(std)
    return np.asarray(scaled.transpose(0, 3, 1, 2))


def relative_error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest error, of the largest magnitude."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def assert_right(
    file: Path,
    vit: ForeignViT,
    batch: int,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> None:
    """Compare a probe-ready file with NumPy, and with the graph that it was made of."""
    pictures = photographs(vit, batch)
    pixels = normalised(pictures, mean, std)
    found, expected = run(file, images=pictures), vit.answer(pixels)
    assert found.keys() == expected.keys()
    half = vit.precision == "fp16"
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        if name.endswith("attention"):
            rows = found[name].sum(-1)
            np.testing.assert_allclose(rows, 1, atol=HALF if half else ATTENTION)
            np.testing.assert_allclose(found[name], values, atol=HALF if half else ATTENTION)
        else:
            assert relative_error(found[name], values) <= (HALF if half else TOKENS), name
    original = vit.model().SerializeToString()
    # Nothing was changed but the normalisation, in another order of roundings.
    logits = np.concatenate(
        [run(original, pixels=each[None].astype(np.float32))["scores"] for each in pixels]
    )
    assert relative_error(found["logits"], logits) <= (HALF if half else TOKENS)


def assert_sentences(outcome: Outcome, *parts: str) -> None:
    """Check what a refusal says: one or two plain sentences of somebody who expected it."""
    assert_refused(outcome, outcome.code, *parts)
    (error,) = outcome.errors
    assert "unexpected error" not in error, error
    assert not re.search(r"\w\.(cc|h|py)\b", error), error  # where a library's code stands
    assert len(re.findall(r"[.?](?= [A-Z`]|$)", error)) <= 2, error


def save_outside(model: onnx.ModelProto, file: Path, location: str) -> None:
    """Save all weights beside the model, or wherever that is."""
    for tensor in model.graph.initializer:
        # What shapes are made of stays, as exporters leave it.
        if tensor.data_type != onnx.TensorProto.INT64:
            onnx.external_data_helper.set_external_data(tensor, location)
    onnx.save(model, file)
