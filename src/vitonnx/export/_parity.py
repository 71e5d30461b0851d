"""TensorFlow against onnxruntime, output by output, on the same pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from vitonnx.contract import EMBEDDING, IMAGES, LOGITS, attention_name, tokens_name
from vitonnx.errors import ExportError
from vitonnx.export._trace import normalise
from vitonnx.manifest import Manifest
from vitonnx.models import VisionTransformer

__all__ = ["TOLERANCES", "verify"]

# Attention is a probability: absolute. All else is relative to the tensor's largest magnitude.
# A float32 matrix product over 768 to 3072 terms, summed in another order, differs by some 1e-6
# of its magnitude; 12 to 32 blocks of them add up to less than these.
TOLERANCES = {"attention": 1e-5, "tokens": 2e-5, EMBEDDING: 2e-5, LOGITS: 2e-5}


def verify(file: Path, manifest: Manifest, network: VisionTransformer) -> dict[str, float]:
    """Run the network and the file on random pictures and a photograph, and compare.

    Parameters
    ----------
    file : path
        The exported graph.
    manifest : Manifest
        Manifest of the file.
    network : VisionTransformer
        Network that the file was made from; it is set to the manifest's grid.

    Returns
    -------
    dict of output name to float
        The largest error of every output over all pictures: of attention absolute, of the others
        relative to the tensor's largest magnitude; in the order of the computation.

    Raises
    ------
    ExportError
        If an error is above its tolerance, or not a number: names the first such output.
    """
    network.grid = manifest.grid
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    errors: dict[str, float] = {}
    for picture in _pictures(manifest.size):
        exported = dict(zip(names, session.run(names, {IMAGES: picture[None]}), strict=True))
        for name, error in _compare(network, manifest, picture[None], exported):
            # NumPy's maximum, unlike Python's, is not a number if either isn't.
            errors[name] = float(np.maximum(errors.get(name, 0.0), error))
    _refuse_above_tolerance(errors)
    return errors


def _compare(
    network: VisionTransformer,
    manifest: Manifest,
    images: NDArray[np.uint8],
    exported: dict[str, NDArray[np.float32]],
) -> list[tuple[str, float]]:
    """Go block by block, so that only one of two copies of all attention is alive."""
    errors = []

    def compare(name: str, expected: NDArray[np.float32]) -> None:
        errors.append((name, _error(name, exported.pop(name), expected)))

    x = network.embed(normalise(images, manifest.preprocessing))
    for index, block in enumerate(network.transformer_blocks):
        x, weights = block(x)
        compare(attention_name(index), weights.numpy())
        compare(tokens_name(index), x.numpy())
    logits, embedding = network.read_out(x)
    compare(EMBEDDING, embedding.numpy())
    if logits is not None:
        compare(LOGITS, logits.numpy())
    return errors


def _error(name: str, got: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    if got.shape != expected.shape:
        return math.nan
    error = float(np.abs(got - expected).max())
    magnitude = 1.0 if kind_of(name) == "attention" else float(np.abs(expected).max())
    if magnitude == 0:  # a head that was never trained, for example
        return 0.0 if error == 0 else math.inf
    return error / magnitude


def kind_of(name: str) -> str:
    """Return the kind of an output, regardless of its block.

    Examples
    --------
    >>> kind_of("block_03/tokens"), kind_of("logits")
    ('tokens', 'logits')
    """
    return name.rpartition("/")[2]


def _refuse_above_tolerance(errors: Mapping[str, float]) -> None:
    for name, error in errors.items():
        tolerance = TOLERANCES[kind_of(name)]
        if not error <= tolerance:
            raise ExportError(
                f"the exported {name} differs from TensorFlow's by {error:.1e}, more than "
                f"{tolerance:.0e}, so nothing was written. Check the weights for extreme or "
                "missing values; if they are sound, please report it."
            )


def _pictures(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return two pictures of noise and a photograph, which has flat and busy areas."""
    noise = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    with (
        (files("vitonnx.export") / "photograph.jpg").open("rb") as stream,
        Image.open(stream, formats=["JPEG"]) as photograph,
    ):
        real = np.asarray(photograph.convert("RGB").resize((size[1], size[0])))
    return [*noise, real]
