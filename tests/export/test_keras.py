"""keras.io's tutorial, as its readers save it: a SavedModel, and Keras's own ONNX."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from export.keras_vit import BLOCKS, CLASSES, GRID, HEADS, PATCH, SIZE, create
from tap.tapping import ATTENTION, relative_error, run
from vitonnx.cli import main
from vitonnx.errors import ModelFileError
from vitonnx.export import convert_saved_model
from vitonnx.modelfile import load_manifest

LOGITS = 2e-5  # of single precision, summed in another order through some blocks


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    return create()


def saved(model: Any, target: Path, **options: str) -> Path:
    """Export as Keras does it; what its tools print and warn of is left unsaid."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        model.export(str(target), verbose=False, **options)
    return target


@pytest.mark.parametrize("name", ["tutorial", "tutorial.onnx"])
def test_the_tutorials_model_gives_its_own_maps(
    name: str, models: tuple[Any, Any], tmp_path: Path
) -> None:
    model, looking = models
    options = {"format": "onnx"} if name.endswith(".onnx") else {}
    source = saved(model, tmp_path / name, **options)
    target = tmp_path / "out.onnx"
    assert main(["tap", str(source), "--preprocess", "half", "-o", str(target), "-q"]) == 0
    manifest = load_manifest(target)
    assert (manifest.grid, manifest.patch_size, manifest.heads) == (GRID, PATCH, HEADS)
    assert (manifest.prefix_tokens, manifest.blocks) == ((), BLOCKS)
    pictures = np.random.default_rng(1).integers(0, 256, (2, *SIZE, 3), np.uint8)
    pixels = tf.constant((pictures / 127.5 - 1).astype(np.float32))
    found = run(target, images=pictures)
    logits = model(pixels, training=False).numpy()
    assert logits.shape == (2, CLASSES)
    assert relative_error(found["logits"], logits) <= LOGITS
    for block, scores in enumerate(looking(pixels)):
        values = scores.numpy()
        assert values.std() > 0.01  # it looks somewhere
        np.testing.assert_allclose(found[f"block_{block:02}/attention"], values, atol=ATTENTION)


def test_live_dropout_is_refused_in_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, _ = create(training=True)
    source = saved(model, tmp_path / "live")
    capfd.readouterr()
    target = tmp_path / "out.onnx"
    assert main(["tap", str(source), "--preprocess", "half", "-o", str(target), "-q"]) == 1
    said = capfd.readouterr()
    assert "draws random numbers" in said.err
    assert len(said.err.splitlines()) == 1
    assert len(said.err) < 500
    assert not said.out
    assert not target.exists()


def test_what_onnx_lacks_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module = tf.Module()
    shape = tf.TensorSpec((None, *SIZE, 3), tf.float32, name="pictures")
    module.serve = tf.function(
        lambda pictures: {"scores": tf.math.digamma(pictures)}, input_signature=[shape]
    )
    tf.saved_model.save(module, str(tmp_path / "odd"), signatures={"serving_default": module.serve})
    capfd.readouterr()
    with pytest.raises(ModelFileError, match="no operator for TensorFlow's Digamma"):
        convert_saved_model(tmp_path / "odd", tmp_path / "out.onnx")
    assert capfd.readouterr().err == ""
