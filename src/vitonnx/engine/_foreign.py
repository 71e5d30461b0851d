"""Run a graph that lies in memory, whatever it is: for looking into it, not for work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
from numpy.typing import NDArray

from vitonnx.engine._trial import FATAL_ONLY, RUNTIME_ERRORS, first_line
from vitonnx.errors import ModelFileError

if TYPE_CHECKING:
    import onnx_ir as ir

__all__ = ["run_values"]


def run_values(
    model: ir.Model,
    feed: Mapping[str, NDArray[Any]],
    values: Sequence[ir.Value],
    folder: Path,
    *,
    optimise: bool = True,
) -> list[NDArray[Any]]:
    """Run a graph once, on the CPU, and bring any of its values here.

    Parameters
    ----------
    model : onnx_ir.Model
        It is left as it was.
    feed : mapping of str to array
        For each of its inputs.
    values : sequence of onnx_ir.Value
        Outputs or not.
    folder : path
        Where its weights lie that aren't in memory.
    optimise : bool
        Whether the runtime may rewrite the graph: worth it for many runs only.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph, or fails at it.
    """
    import onnx_ir as ir

    outputs = list(model.graph.outputs)
    wanted = list(dict.fromkeys(values))
    try:
        model.graph.outputs[:] = wanted
        serialised = ir.to_proto(model).SerializeToString()
    finally:
        model.graph.outputs[:] = outputs
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(folder)
    )
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            serialised, options, providers=["CPUExecutionProvider"]
        )
        arrays = session.run([str(value.name) for value in wanted], dict(feed))
    except RUNTIME_ERRORS as error:
        raise ModelFileError(f"onnxruntime can't run the graph: {first_line(error)}.") from error
    found = dict(zip(wanted, arrays, strict=True))
    return [found[value] for value in values]
