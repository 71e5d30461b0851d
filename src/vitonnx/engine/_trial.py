"""A graph of one node, run for real: whether the runtime can use a device at all."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from vitonnx.engine._accelerators import CUDA

__all__ = ["FATAL_ONLY", "RUNTIME_ERRORS", "Providers", "first_line", "loads_and_runs"]

# The runtime's own names, in order of preference, with their options.
Providers: TypeAlias = list[str | tuple[str, dict[str, str]]]

# The runtime's exceptions have no base of their own; and its Python part doesn't wrap what it meets
# in a graph's names.
RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    *(
        value
        for value in vars(runtime).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ),
    ValueError,
)
WARNINGS, FATAL_ONLY = 2, 4  # the runtime's levels of logging: its default, and next to nothing


def loads_and_runs(providers: Providers) -> bool:
    """Run a sum on the first of some providers; False if the provider's libraries don't load.

    Raise one of RUNTIME_ERRORS if they do, and nothing can be run on the device.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    names = [entry if isinstance(entry, str) else entry[0] for entry in providers]
    with _speechless_runtime():
        if CUDA in names:
            onnxruntime.preload_dlls()
        try:
            session = onnxruntime.InferenceSession(
                _graph(), options, providers=providers, enable_fallback=0
            )
        except RuntimeError:  # not one of RUNTIME_ERRORS: the provider could not be made
            return False
        if names[0] not in session.get_providers():
            return False
        session.run(None, {"x": np.zeros(3, np.float32)})
    return True


def _graph() -> bytes:
    """Make a graph of one node, of an operator that every provider has."""
    import onnx

    sides = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [3]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "x"], ["y"])], "trial", sides[:1], sides[1:]
    )
    opset = onnx.helper.make_opsetid("", 21)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised


@contextlib.contextmanager
def _speechless_runtime() -> Iterator[None]:
    """Keep the runtime from printing a page about a missing library: our error says it in a line.

    Its provider logs outside any session, and its Python layer prints. Both affect the whole
    process, so this block is kept as short as possible, and is skipped if only the CPU is used.
    """
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        onnxruntime.set_default_logger_severity(WARNINGS)


def first_line(error: Exception) -> str:
    """Shorten what the runtime says to what a person can use."""
    words = str(error).strip().splitlines()[0]
    # "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from FILE failed:Protobuf parsing …"
    words = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model .* failed: ?)?", "", words)
    # "/onnxruntime_src/…/onnxruntime_pybind_state.cc:729 void onnxruntime::…(…) Please install …"
    words = re.sub(r"^\S+\.cc:\d+ .*?\) ", "", words)
    # "void onnxruntime::model_load_utils::ValidateOpsetForDomain(const std::…&, int) ONNX …"
    words = re.sub(r"(\w+ )?\bonnxruntime::[\w:~]+\(.*?\) (?=\w)", "", words)
    # "… Status Message: /onnxruntime_src/…/matmul_helper.h:142 Compute left operand cannot …"
    return re.sub(r"\S+\.(cc|h):\d+ |\[\w+Error\] ", "", words)[:200]
