"""Reduce any exporter's graph to the operators that the rest of vitonnx knows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import onnx_ir as ir
import onnx_ir.passes.common as common
from onnxscript.rewriter import RewritePass
from onnxscript.rewriter.rules.common import no_op_cast_rule
from onnxscript.version_converter import ConvertVersionPass

from vitonnx.engine import DAMAGED
from vitonnx.errors import ModelFileError
from vitonnx.graph import (
    IR_VERSION,
    OPSET,
    FreeReshapes,
    FuseGelus,
    FuseLayerNorms,
    TransposeWeights,
)
from vitonnx.tap._batch import free_batch, mend_batch
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._heads_apart import HeadsApart
from vitonnx.tap._observe import observe
from vitonnx.tap._plain import DropNeutral, Plain
from vitonnx.tap._runnable import check_runnable
from vitonnx.tap._softmax import LastAxisSoftmax
from vitonnx.tap._unfuse import Unfuse

__all__ = ["prepare"]

CONTROL_FLOW = frozenset(("If", "Loop", "Scan", "SequenceMap"))


def prepare(model: ir.Model, pictures: Input, folder: Path) -> tuple[Input, int | None]:
    """Bring a foreign graph near the canonical form, in place.

    Functions are inlined, shape arithmetic is done, fused operators are written out, norms and
    GELUs are one node each; opset and IR version are ours. Outputs stay, in their order.

    Returned are the input, with an open batch if possible, and the batch that the graph took
    before, whatever its input says; None where it takes any. What can't be run, draws random
    numbers, or decides on its way what to compute: ModelFileError.
    """
    common.InlinePass()(model)
    common.RemoveUnusedNodesPass()(model)
    check_runnable(model)
    # Some fused operators run on GPUs alone: what can be written out is, before anything is run.
    common.ShapeInferencePass()(model)
    Unfuse()(model)
    unfolded = _copied(model) if pictures.batch is None else None
    pictures = observe(model, pictures, folder)
    taken = pictures.batch
    if unfolded is not None and taken is not None:
        pictures = mend_batch(unfolded, model, pictures, folder)
    branches = [node for node in model.graph if node.op_type in CONTROL_FLOW]
    if branches:
        raise ModelFileError(
            f"The model has control flow ({branches[0].op_type} {branches[0].name!r}): export it "
            "without."
        )
    Unfuse()(model)
    Plain()(model)
    pictures = free_batch(model, pictures, folder)
    _set_opset(model)
    LastAxisSoftmax()(model)
    ir.passes.Sequential(
        FuseLayerNorms(),
        FuseGelus(),
        RewritePass([no_op_cast_rule]),
        common.IdentityEliminationPass(),
        common.RemoveUnusedNodesPass(),
        FreeReshapes(),
        TransposeWeights(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        DropNeutral(),
        HeadsApart(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.TopologicalSortPass(),
    )(model)
    common.ClearMetadataAndDocStringPass()(model)
    model.ir_version = IR_VERSION
    return replace(pictures, value=model.graph.inputs[0]), taken


def _copied(model: ir.Model) -> ir.Model:
    try:
        return model.clone()
    except (ValueError, KeyError, RuntimeError) as error:
        raise ModelFileError(DAMAGED) from error


def _set_opset(model: ir.Model) -> None:
    """Bring a graph to our opset.

    Newer opsets mostly widen the types of operators, except for operators already expanded here;
    the checker and the comparison with the original cover the rest.
    """
    opset = model.opset_imports.get("", OPSET)
    if opset < OPSET:
        with _advice_unheard():
            ConvertVersionPass(OPSET, fallback=True)(model)
        if model.opset_imports.get("") != OPSET:
            raise ModelFileError(
                f"The model is of opset {opset}, which can't be raised to {OPSET}: export it with "
                "a newer one."
            )
        common.ShapeInferencePass()(model)
    model.opset_imports[""] = OPSET


@contextlib.contextmanager
def _advice_unheard() -> Iterator[None]:
    """Keep the converter's thoughts about itself from our users."""
    logger = logging.getLogger("onnxscript")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
