"""Planned graphs in fewer bits: half precision, and whole numbers of eight bits."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from vitonnx.errors import UsageError

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

__all__ = ["Precision", "check_precision", "reduce_precision"]

Precision = Literal["fp32", "fp16", "int8"]

# The patch embedding and the head: little work, and all that is seen and said goes through them.
ENDS = ("embed", "patch_embed", "head", "norm")


def check_precision(precision: str) -> Precision:
    """Raise a UsageError unless there is such a precision.

    Examples
    --------
    >>> check_precision("fp16")
    'fp16'
    """
    known: tuple[Precision, ...] = get_args(Precision)
    for each in known:
        if precision == each:
            return each
    raise UsageError(f"precision {precision!r} is unknown; there are {', '.join(known)}.")


def reduce_precision(model: ir.Model, precision: Precision, probes: tuple[str, ...]) -> ir.Model:
    """Write a graph in fewer bits; inputs and outputs keep their types.

    Parameters
    ----------
    model : onnx_ir.Model
        Planned; its weights are read.
    precision : "fp32", "fp16" or "int8"
        Half precision but for softmax, the sums of norms and what probes compute; or 8-bit
        products with constant weights, each output channel scaled for itself and inputs scaled as
        they come. The patch embedding and the head are left as they are.
    probes : tuple of str
        Names of the probes in the graph: their nodes stay in single precision.

    Returns
    -------
    onnx_ir.Model
        In "int8", another one.
    """
    if precision == "fp32":
        return model
    import onnx_ir as ir

    theirs = tuple(f"{name}/" for name in probes)
    if precision == "fp16":
        from vitonnx.graph import Halve

        Halve((*theirs, *ENDS))(model)
        return model
    kept = [str(node.name) for node in model.graph if str(node.name).startswith((*theirs, *ENDS))]
    whole = ir.to_proto(ir.external_data.load_to_model(model))
    return ir.from_proto(_quantise(whole, kept))


def _quantise(model: onnx.ModelProto, kept: list[str]) -> onnx.ModelProto:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, _advice_unheard():
        file = Path(folder) / "int8.onnx"
        quantize_dynamic(
            model,
            file,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
            extra_options={"MatMulConstBOnly": True},
        )
        return onnx.load(file)


@contextlib.contextmanager
def _advice_unheard() -> Iterator[None]:
    """Keep the quantiser from telling our users to prepare their graph: it is prepared."""
    logger = logging.getLogger()

    def is_other(record: logging.LogRecord) -> bool:
        return "pre-processing before quantization" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
