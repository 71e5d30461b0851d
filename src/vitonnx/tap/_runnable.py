"""Whether a graph can be run, and gives the same answer twice: seen before it is run."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.engine import known_operators
from vitonnx.errors import ModelFileError
from vitonnx.graph import number
from vitonnx.tap._observe import pixel_values

__all__ = ["check_runnable"]

MOST_TURNS = 1_000  # of a loop: as many as a model has blocks, many times over
RANDOM = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform")
) | {"RandomUniformLike"}


def check_runnable(model: ir.Model) -> None:
    """See that the runtime has all operators of a graph, and that none of them is random.

    Functions should be inlined, and unused nodes removed, before. Otherwise: ModelFileError.
    """
    operators, moving = known_operators(), pixel_values(model.graph)
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (domain, node.op_type) not in operators:
            raise ModelFileError(
                f"The model uses the operator {f'{domain}::' if domain else ''}{node.op_type} "
                f"({node.name!r}), which neither ONNX nor onnxruntime has: export it with "
                "standard operators only."
            )
        if not domain and node.op_type == "Loop":
            _check_ends(node)
        if not domain:
            _check_evaluates(node, norms=bool(moving.intersection(node.inputs)))
    opset = model.opset_imports.get("", 1)
    newest = max(since for (domain, _), since in operators.items() if not domain)
    if opset > newest:
        raise ModelFileError(
            f"The model is of opset {opset}, but this onnxruntime knows none above {newest}: "
            "upgrade onnxruntime, or export the model with an older opset."
        )


def _check_ends(node: ir.Node) -> None:
    """Refuse a loop without a known bound: it would be run before it can be removed."""
    count = number(node.inputs[0]) if node.inputs else None
    if count is None or count > MOST_TURNS:
        raise ModelFileError(
            f"The model has a loop ({node.name!r}) without a known small bound: export it without "
            "control flow."
        )


def _check_evaluates(node: ir.Node, *, norms: bool) -> None:
    """Refuse operators that make runs differ, or a picture depend on others in its batch.

    Weights may be batch-normalised: only norms of values that depend on pixels are refused.
    """
    draws = node.op_type in RANDOM or (node.op_type == "Dropout" and _drops(node))
    if draws:
        how = f"{node.op_type} {node.name!r}"
        how += ", in training mode" if node.op_type == "Dropout" else ""
        raise ModelFileError(
            f"The graph draws random numbers ({how}), so its maps are never the same twice: "
            "export it in evaluation mode, without a random mask."
        )
    training = node.attributes.get_int("training_mode", 0) == 1
    if node.op_type == "BatchNormalization" and training and norms:
        raise ModelFileError(
            f"The graph norms the pictures of a batch together (BatchNormalization {node.name!r}, "
            "in training mode): export it in evaluation mode."
        )


def _drops(node: ir.Node) -> bool:
    """Whether a Dropout is in training mode, and drops anything; what isn't known counts as yes."""
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return False
    ratio, mode = (number(value) for value in node.inputs[1:3])
    return mode != 0 and ratio != 0
