"""Graphs written by hand: made, checked, looked at, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnx_ir as ir
import onnx_ir.passes.common as common
import onnxruntime
from numpy.typing import NDArray

HEADER = '<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>'
BATCHES = (1, 3)

Runner: TypeAlias = Callable[..., dict[str, NDArray[Any]]]


def graph(signature: str, body: str) -> ir.Model:
    """Parse ``name(inputs) => (outputs) <constants>`` and its nodes, and infer all shapes."""
    model = ir.from_onnx_text(f"{HEADER} g {signature} {{ {body} }}")
    for number, node in enumerate(model.graph):
        node.name = node.name or f"{node.op_type.lower()}_{number}"
    common.ShapeInferencePass()(model)
    return model


def read(file: Path) -> ir.Model:
    """Read a model of a file, its weights too."""
    return ir.external_data.load_to_model(ir.load(file))


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def pictures(batch: int, height: int = 40, width: int = 56) -> NDArray[np.uint8]:
    return np.random.default_rng(batch).integers(0, 256, (batch, height, width, 3), np.uint8)


def check(model: ir.Model) -> None:
    """Have onnx look at all of it: types, shapes, names, and the order of nodes."""
    onnx.checker.check_model(ir.to_proto(model), full_check=True)


def opened(model: ir.Model) -> Runner:
    """Open a graph, to be run many times, on one thread: the machine is shared."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is raised
    serialised = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(serialised, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda **inputs: dict(zip(names, session.run(names, inputs), strict=True))


def run(model: ir.Model, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Run all outputs of a graph, once."""
    return opened(model)(**inputs)


def kinds(model: ir.Model) -> list[str]:
    """Name the operators, in order, without the constants."""
    return [node.op_type for node in model.graph if node.op_type != "Constant"]


def shapes(model: ir.Model, op_type: str) -> list[list[int | None]]:
    """Give what the nodes of one kind put out; None for a side that is open."""
    return [
        [side if isinstance(side, int) else None for side in node.outputs[0].shape or ()]
        for node in model.graph
        if node.op_type == op_type
    ]


def squares(model: ir.Model, tokens: int) -> list[str]:
    """Name all values that hold tokens x tokens numbers, such as a whole attention.

    What does not depend on the picture is none of them.
    """
    common.ShapeInferencePass()(model)
    found = []
    for node in model.graph:
        for value in node.outputs:
            sides = list(value.shape or ())
            of_picture = bool(sides) and not isinstance(sides[0], int)
            if of_picture and (sides.count(tokens) > 1 or tokens * tokens in sides):
                found.append(str(value.name))
    return found


def reaches(sources: Iterable[ir.Value], target: ir.Node) -> bool:
    """Whether a node can't run before all of these values are there, whatever the order."""
    behind: set[ir.Node] = set()
    stack = [value.producer() for value in target.inputs if value is not None]
    while stack:
        node = stack.pop()
        if node is not None and node not in behind:
            behind.add(node)
            stack.extend(value.producer() for value in node.inputs if value is not None)
    return all(value.producer() in behind for value in sources)
