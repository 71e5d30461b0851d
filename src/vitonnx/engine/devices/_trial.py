"""A graph of one node, and a runtime that says nothing: to see whether a device works at all."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from threading import Lock

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

__all__ = ["FATAL_ONLY", "RUNTIME_ERRORS", "first_line", "quiet_runtime", "trial_graph"]

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


def trial_graph(*, half: bool = False) -> bytes:
    """Make a graph of one node, "x" to "y", each of three numbers; every provider has it."""
    import onnx

    kind = onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT
    sides = [onnx.helper.make_tensor_value_info(name, kind, [3]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "x"], ["y"])], "trial", sides[:1], sides[1:]
    )
    opset = onnx.helper.make_opsetid("", 21)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised


_counted = Lock()
_quiet = 0  # blocks that are in it


@contextlib.contextmanager
def quiet_runtime() -> Iterator[None]:
    """Keep the runtime from logging a page about what is missing: our error says it in a line.

    A provider logs outside any session. It is silenced for the whole process, until the last thread
    has left the block, which is therefore kept short.
    """
    global _quiet
    with _counted:
        _quiet += 1
        onnxruntime.set_default_logger_severity(FATAL_ONLY)
    try:
        yield
    finally:
        with _counted:
            _quiet -= 1
            if not _quiet:
                onnxruntime.set_default_logger_severity(WARNINGS)


def first_line(error: BaseException) -> str:
    """Shorten what the runtime says to what a person can use; "" if it says nothing."""
    words = next(iter(str(error).strip().splitlines()), "")
    # "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from FILE failed:Protobuf parsing …"
    words = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model .* failed: ?)?", "", words)
    # "/onnxruntime_src/…/onnxruntime_pybind_state.cc:729 void onnxruntime::…(…) Please install …"
    words = re.sub(r"^\S+\.cc:\d+ .*?\) ", "", words)
    # "void onnxruntime::model_load_utils::ValidateOpsetForDomain(const std::…&, int) ONNX …"
    words = re.sub(r"(\w+ )?\bonnxruntime::[\w:~]+\(.*?\) (?=\w)", "", words)
    # "… f(A&&) [with A = B] [OpenVINO-EP] Exception while Reading network: …"
    words = re.sub(r"^.*\[\w+-EP\] +", "", words)
    # "… Status Message: /onnxruntime_src/…/matmul_helper.h:142 Compute left operand cannot …"
    return re.sub(r"\S+\.(cc|h):\d+ |\[\w+Error\] ", "", words)[:200]
