"""A SavedModel as probing-vits published them: its outputs by their names, its GELU by erfc."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from vitonnx.cli import main
from vitonnx.errors import ModelFileError
from vitonnx.export import convert_saved_model
from vitonnx.modelfile import load_manifest

DIM, HEADS, PATCH, GRID, CLASSES = 12, 3, 8, (3, 5), 7
SIZE = GRID[0] * PATCH, GRID[1] * PATCH
TOKENS = 1 + GRID[0] * GRID[1]


def _network() -> Any:
    """A class token, two blocks, a head: written as Keras layers come out in a SavedModel."""
    network: Any = tf.Module()
    random = np.random.default_rng(0)
    network.weights = []

    def weight(*shape: int) -> tf.Variable:
        network.weights.append(tf.Variable(random.normal(0, 0.3, shape).astype(np.float32)))
        return network.weights[-1]

    kernel, head = weight(PATCH, PATCH, 3, DIM), weight(DIM, CLASSES)
    token, positions = weight(1, 1, DIM), weight(1, TOKENS, DIM)
    blocks = [
        [weight(DIM, DIM) for _ in range(4)] + [weight(DIM, 4 * DIM), weight(4 * DIM, DIM)]
        for _ in range(2)
    ]

    def serve(input_1: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = tf.shape(input_1)[0]
        patches = tf.nn.conv2d(input_1, kernel, PATCH, "VALID")
        tokens = tf.reshape(patches, (batch, TOKENS - 1, DIM))
        tokens = tf.concat([tf.repeat(token, batch, axis=0), tokens], 1) + positions
        outputs = {}
        for number, (query, key, value, out, up, down) in enumerate(blocks):
            normed = _norm(tokens)
            q, k, v = (_split(normed @ matrix, batch) for matrix in (query, key, value))
            weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / (DIM // HEADS) ** 0.5)
            outputs[f"output_2_transformer_block_{number}_att"] = weights
            mixed = tf.transpose(weights @ v, (0, 2, 1, 3))
            tokens += tf.reshape(mixed, (batch, TOKENS, DIM)) @ out
            tokens += tf.nn.gelu(_norm(tokens) @ up) @ down
        return {"output_1": _norm(tokens)[:, 0] @ head, **outputs}

    pictures = tf.TensorSpec((None, *SIZE, 3), tf.float32, name="input_1")
    network.serve = tf.function(serve, input_signature=[pictures])
    return network


def _norm(tokens: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(tokens, -1, keepdims=True)
    return (tokens - mean) * tf.math.rsqrt(variance + 1e-6)


def _split(tokens: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    return tf.transpose(tf.reshape(tokens, (batch, TOKENS, HEADS, DIM // HEADS)), (0, 2, 1, 3))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("models") / "vit_tiny_saved"
    network = _network()
    tf.saved_model.save(network, str(folder), signatures={"serving_default": network.serve})
    return folder, network


def test_a_saved_model_is_tapped(saved: tuple[Path, Any], tmp_path: Path) -> None:
    folder, network = saved
    target = tmp_path / "out.onnx"
    assert main(["tap", str(folder), "--preprocess", "half", "-o", str(target), "-q"]) == 0
    manifest = load_manifest(target)
    assert (manifest.name, manifest.grid, manifest.heads) == ("vit_tiny_saved", GRID, HEADS)
    assert manifest.prefix_tokens == ("cls",)

    images = np.random.default_rng(1).integers(0, 256, (2, *SIZE, 3), np.uint8)
    expected = network.serve(tf.constant(images / np.float32(127.5) - 1, tf.float32))
    names = ["logits", "block_00/attention", "block_01/attention"]
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    found = session.run(names, {"images": images})
    theirs = ["output_1", *(f"output_2_transformer_block_{n}_att" for n in range(2))]
    for array, name in zip(found, theirs, strict=True):
        value = expected[name].numpy()
        # Single precision, summed in another order; logits are some units large.
        np.testing.assert_allclose(array, value, atol=1e-5 * max(1, np.abs(value).max()))


def test_what_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match=r"can't load .* as a SavedModel"):
        convert_saved_model(tmp_path, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
