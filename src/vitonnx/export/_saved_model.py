"""TensorFlow SavedModels, such as those that probing-vits and deit-tf published, as ONNX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from vitonnx.errors import ModelFileError
from vitonnx.modelfile import load_outline

__all__ = ["convert_saved_model"]

SIGNATURE = "serving_default"
OPSET = 18  # the newest that tf2onnx writes
TOLERANCE = 2e-5  # of single precision, summed in another order through some blocks

# Of TensorFlow's names: RandomUniform, StatelessRandomUniformV2, ParameterizedTruncatedNormal …
RANDOM = ("Random", "TruncatedNormal", "Multinomial", "Bernoulli")


def convert_saved_model(folder: Path, file: Path) -> Path:
    """Convert a SavedModel's serving signature; its outputs keep their names.

    Parameters
    ----------
    folder : path
        Folder of the SavedModel.
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
            f"can't load {folder} as a SavedModel with the signature {SIGNATURE!r} "
            f"({str(error).splitlines()[0]}): save it again with tf.saved_model.save."
        ) from error
    if (drawn := random_operator(signature)) is not None:
        raise ModelFileError(
            f"{folder} draws random numbers ({drawn}), as Dropout does in training: save the "
            "model in inference mode (training=False)."
        )
    names = sorted(signature.structured_input_signature[1])
    specs = [signature.structured_input_signature[1][name] for name in names]

    def call(*pictures: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(signature(**dict(zip(names, pictures, strict=True))))

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
            f"can't convert {folder} to ONNX ({str(error).splitlines()[0]}). Export the "
            "model from PyTorch or JAX."
        ) from error
    lost = sorted(name for name in load_outline(file).operators if not onnx.defs.has(name))
    if lost:
        raise ModelFileError(
            f"can't convert {folder} to ONNX, which has no operator for TensorFlow's "
            f"{', '.join(lost)}: export the model from PyTorch or JAX, or without that layer."
        )
    _compare(signature, names, specs, file)
    return file


def _compare(signature: Any, names: list[str], specs: list[Any], file: Path) -> None:
    """See that the converter changed nothing."""
    random = np.random.default_rng(0)
    shapes = [[side or 1 for side in spec.shape.as_list()] for spec in specs]
    pictures = [
        random.standard_normal(shape).astype(spec.dtype.as_numpy_dtype)
        for shape, spec in zip(shapes, specs, strict=True)
    ]
    try:
        expected = signature(**dict(zip(names, map(tf.constant, pictures), strict=True)))
        found = _run(file, pictures)
    except Exception as error:  # neither TensorFlow's nor onnxruntime's have a base of their own
        shape = ", ".join(str(tuple(spec.shape.as_list())) for spec in specs)
        raise ModelFileError(
            f"can't run {file.stem} on an input of {shape}, with open sides set to 1: save it "
            "with a signature for pictures of one size "
            f"({str(error).strip().splitlines()[0][:200]})."
        ) from error
    for name, value in expected.items():
        one = np.asarray(value)
        off = np.abs(one - found[name]).max() / (np.abs(one).max() or 1)
        if not off <= TOLERANCE:
            raise ModelFileError(
                f"tf2onnx didn't convert {file.stem} rightly: its output {name!r} is off by "
                f"{off:.1e} of its magnitude."
            )


def _run(file: Path, pictures: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run the converted file; its inputs are in the signature's order."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    feed = {value.name: each for value, each in zip(session.get_inputs(), pictures, strict=True)}
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def _write_erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Write a GELU's erfc(x), which ONNX has no operator for, as 1 - erf(x)."""
    dtype = tf2onnx.utils.map_onnx_to_numpy_type(context.get_dtype(node.output[0]))
    one = context.make_const(tf2onnx.utils.make_name(name), np.array(1, dtype))
    erf = context.make_node("Erf", [node.input[0]])
    node.type = "Sub"
    context.replace_inputs(node, [one.output[0], erf.output[0]])


def random_operator(function: Any) -> str | None:
    """Name the first random operator that a concrete function reaches; None without any."""
    definition = function.graph.as_graph_def()
    library = {each.signature.name: each for each in definition.library.function}
    reached = _nodes(definition.node, library, set())
    return next(
        (f"{op} {name}" for op, name in reached if any(word in op for word in RANDOM)), None
    )


def _nodes(
    nodes: Iterable[Any], library: dict[str, Any], seen: set[str]
) -> Iterator[tuple[str, str]]:
    """Go through operators and their names, those of called functions too."""
    for node in nodes:
        yield node.op, node.name
        for attribute in node.attr.values():
            called = [attribute.func.name, *(each.name for each in attribute.list.func)]
            for name in called:
                if name in library and name not in seen:
                    seen.add(name)
                    yield from _nodes(library[name].node_def, library, seen)
