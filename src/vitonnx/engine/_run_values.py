"""Run any graph in memory, for analysis rather than for work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
from numpy.typing import NDArray

from vitonnx.engine.devices import FATAL_ONLY, RUNTIME_ERRORS, first_line
from vitonnx.errors import ModelFileError
from vitonnx.modelfile import to_runtime

if TYPE_CHECKING:
    import onnx_ir as ir

__all__ = ["DAMAGED", "known_operators", "run_values", "value_types"]

DAMAGED = (
    "the graph is damaged: some of its values are undefined, or share a name. Export or copy it "
    "again."
)


def known_operators() -> dict[tuple[str, str], int]:
    """List the operators that the runtime has, with the newest opset that changed each.

    Returns
    -------
    dict of (domain, name) to int
        ONNX's own domain is empty.
    """
    from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

    newest: dict[tuple[str, str], int] = {}
    for schema in get_all_operator_schema():
        key = schema.domain, schema.name
        newest[key] = max(newest.get(key, 0), schema.since_version)
    return newest


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
        Array for each input.
    values : sequence of onnx_ir.Value
        Outputs or not.
    folder : path
        Folder of the weights that aren't in memory.
    optimise : bool
        Whether the runtime may rewrite the graph: worth it for many runs only.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph, or fails at it.
    """
    wanted = list(dict.fromkeys(values))
    session = _open(model, wanted, folder, optimise=optimise)
    try:
        arrays = session.run([str(value.name) for value in wanted], dict(feed))
    except RUNTIME_ERRORS as error:
        raise _refused(error) from error
    found = dict(zip(wanted, arrays, strict=True))
    return [found[value] for value in values]


def value_types(model: ir.Model, values: Sequence[ir.Value], folder: Path) -> list[str]:
    """Ask the runtime for the types of a graph's values, ``float16`` for instance.

    It knows its own operators, which ONNX's inference doesn't.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph.
    """
    session = _open(model, values, folder, optimise=False)
    return [output.type.removeprefix("tensor(").rstrip(")") for output in session.get_outputs()]


def _open(
    model: ir.Model, wanted: Sequence[ir.Value], folder: Path, *, optimise: bool
) -> onnxruntime.InferenceSession:
    """Open a graph with other outputs than its own."""
    import onnx_ir as ir

    sources = [value for value in model.graph.inputs if not value.is_initializer()]
    try:
        # No more is computed than the wanted values need.
        part = ir.convenience.extract(model.graph, sources, [str(value.name) for value in wanted])
        content = to_runtime(ir.Model(part, ir_version=model.ir_version or 10), folder)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelFileError(DAMAGED) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    # Attention is large: what is done with it is done at once, and its memory given back.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(folder)
    )
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise _refused(error) from error


def _refused(error: Exception) -> ModelFileError:
    """Return an error that a graph can't run, with the runtime's reason."""
    return ModelFileError(
        "onnxruntime can't run the graph: export the model again, and try it in onnxruntime on its "
        f"own ({first_line(error).rstrip('.')})."
    )
