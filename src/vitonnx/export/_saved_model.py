"""TensorFlow SavedModels, such as those that probing-vits and deit-tf published, as ONNX."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

from vitonnx.errors import ModelFileError

__all__ = ["convert_saved_model"]

SIGNATURE = "serving_default"
OPSET = 18  # the newest that tf2onnx writes
TOLERANCE = 2e-5  # of single precision, summed in another order through some blocks


def convert_saved_model(folder: Path, file: Path) -> Path:
    """Convert a SavedModel's serving signature; its outputs keep their names.

    Parameters
    ----------
    folder : path
        Of the SavedModel.
    file : path
        The ONNX file to write.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ModelFileError
        If it can't be loaded, has no such signature or an operator that ONNX has not, or comes
        out otherwise.
    """
    try:
        loaded = tf.saved_model.load(str(folder))  # its variables live as long as this does
        signature = loaded.signatures[SIGNATURE]
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ModelFileError(
            f"{folder} can't be loaded as a SavedModel with the signature {SIGNATURE!r} "
            f"({str(error).splitlines()[0]}): save it again with tf.saved_model.save."
        ) from error
    names = sorted(signature.structured_input_signature[1])
    specs = [signature.structured_input_signature[1][name] for name in names]

    def call(*pictures: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(signature(**dict(zip(names, pictures, strict=True))))

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        tf2onnx.convert.from_function(
            tf.function(call, autograph=False),
            input_signature=specs,
            opset=OPSET,
            custom_op_handlers={"Erfc": (_write_erfc, [])},
            output_path=str(file),
        )
    except (ValueError, RuntimeError, AssertionError) as error:
        raise ModelFileError(
            f"{folder} can't be converted to ONNX ({str(error).splitlines()[0]})."
        ) from error
    _compare(signature, names, specs, file)
    return file


def _compare(signature: Any, names: list[str], specs: list[Any], file: Path) -> None:
    """See that the converter lost nothing: it goes on where it fails at an operator."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    shapes = [[side or 1 for side in spec.shape.as_list()] for spec in specs]
    pictures = [
        random.standard_normal(shape).astype(spec.dtype.as_numpy_dtype)
        for shape, spec in zip(shapes, specs, strict=True)
    ]
    expected = signature(**dict(zip(names, map(tf.constant, pictures), strict=True)))
    feed = {value.name: each for value, each in zip(session.get_inputs(), pictures, strict=True)}
    found = dict(
        zip([each.name for each in session.get_outputs()], session.run(None, feed), strict=True)
    )
    for name, value in expected.items():
        one = np.asarray(value)
        error = np.abs(one - found[name]).max() / (np.abs(one).max() or 1)
        if not error <= TOLERANCE:
            raise ModelFileError(
                f"tf2onnx didn't convert {file.stem} rightly: its output {name!r} is off by "
                f"{error:.1e} of its magnitude."
            )


def _write_erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Write a GELU's erfc(x), which ONNX has no operator for, as 1 - erf(x)."""
    dtype = tf2onnx.utils.map_onnx_to_numpy_type(context.get_dtype(node.output[0]))
    one = context.make_const(tf2onnx.utils.make_name(name), np.array(1, dtype))
    erf = context.make_node("Erf", [node.input[0]])
    node.type = "Sub"
    context.replace_inputs(node, [one.output[0], erf.output[0]])
