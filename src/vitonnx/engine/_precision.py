"""Planned graphs in fewer bits: numbers of 16 bits, and whole numbers of eight."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import GRADIENTS, IMAGES, is_derived
from vitonnx.engine.devices import Device, own_precision, require_precision
from vitonnx.errors import DeviceError, UsageError
from vitonnx.media import temporary_folder

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

__all__ = [
    "Precision",
    "check_precision",
    "choose_precision",
    "reduce_precision",
    "reduced_in_graph",
]

Precision = Literal["fp32", "fp16", "bf16", "int8"]
TF32 = "tf32"
"""Single precision whose products take 10 bits of each factor: no form of a file, but NVIDIA's way
to multiply."""

# The patch embedding and the head: little work, and all that is seen and said goes through them.
ENDS = ("embed", "patch_embed", "head", "norm")


def check_precision(precision: str, *others: str) -> Precision:
    """Raise a UsageError unless there is such a precision; it names the `others`, too.

    Examples
    --------
    >>> check_precision("fp16")
    'fp16'
    """
    if precision not in get_args(Precision):
        known = ", ".join((*get_args(Precision), *others))
        raise UsageError(f"precision {precision!r} is unknown; use {known}.")
    return cast("Precision", precision)


def choose_precision(
    asked: str, given: Precision, device: Device, file: Path, *, calibrated: bool
) -> str:
    """Choose what a file that is `given` in one precision runs in; "tf32" may be asked, too.

    ``auto`` is the file's own, or the device's for a file in single. A file in int8 may be
    `calibrated`. Raise a UsageError if there is no such precision, or the file can't be run in it,
    and a DeviceError if the device can't.
    """
    if asked == "auto":
        wanted = own_precision(device) if given == "fp32" else given
    else:
        wanted = asked if asked == TF32 else check_precision(asked, TF32)
    if given not in ("fp32", wanted):
        raise UsageError(
            f"can't run {file} in {wanted}: it is in {given}. Export it without --precision for "
            "that."
        )
    require_precision(device, wanted)
    if wanted == "int8" and not calibrated and not device.is_cpu:
        raise DeviceError(
            f"can't run {file} in int8 on {device.name}: scales that are found anew for every "
            "picture are for the CPU. Fix them with vitonnx export --precision int8 --calibrate, "
            "or use --device cpu."
        )
    return wanted


def reduced_in_graph(precision: str, given: Precision, device: Device) -> Precision:
    """Give the precision that a plan brings a file to: fp32 leaves it as it is."""
    told = device.accelerator is not None and device.accelerator.hints
    if told or precision in (TF32, given):
        return "fp32"
    return check_precision(precision)


def reduce_precision(
    model: ir.Model,
    precision: Precision,
    probes: tuple[str, ...] = (),
    *,
    sums_in_single: bool = False,
    calibration: Iterable[NDArray[np.uint8]] | None = None,
) -> ir.Model:
    """Write a planned graph in fewer bits; inputs and outputs keep their types.

    In 16 bits is all but softmax, the sums of norms and what the `probes` of these names compute;
    where the provider's kernels have their `sums_in_single` precision, softmax is in 16 bits, too,
    and so is what probes do with attention up to its first sum. In "int8" are the products with
    constant weights, each output channel scaled for itself. The patch embedding and the head are
    left as they are. In pictures for `calibration`, uint8 (batch, height, width, 3), the range of
    every product's input is measured once and for all; without them, "int8" scales inputs
    dynamically. The result is another model for "int8", else the given one.
    """
    if precision == "fp32":
        return model
    import onnx_ir as ir

    theirs = (*(f"{name}/" for name in probes), *_derived(model))
    if precision in ("fp16", "bf16"):
        from vitonnx.graph import Halve

        half = ir.DataType.FLOAT16 if precision == "fp16" else ir.DataType.BFLOAT16
        Halve((*theirs, *ENDS), half, sums_in_single=sums_in_single)(model)
        return model
    products = [
        str(node.name)
        for node in model.graph
        if node.op_type == "MatMul"
        and node.inputs[1] is not None
        and node.inputs[1].is_initializer()
        and not str(node.name).startswith((*theirs, *ENDS))
    ]
    _turn_shared(model.graph)
    whole = ir.to_proto(ir.external_data.load_to_model(model))
    # Weights say their own shapes: the quantiser turns some, and trips over any other word.
    weights = {tensor.name for tensor in whole.graph.initializer}
    described = [value for value in whole.graph.value_info if value.name not in weights]
    del whole.graph.value_info[:]
    whole.graph.value_info.extend(described)
    return ir.from_proto(_quantise(whole, products, calibration))


def _derived(model: ir.Model) -> tuple[str, ...]:
    """Name what the plan put into the graph: copies of the head and of its norm, and gradients."""
    places = {"/".join(str(node.name).split("/")[:2]) for node in model.graph}
    return (GRADIENTS, *sorted(filter(is_derived, places)))


def _turn_shared(graph: ir.Graph) -> None:
    """Turn weights that several products read: the quantiser would turn them once for each."""
    from vitonnx.graph import Writer

    for weights in list(graph.initializers.values()):
        uses = [use for use in weights.uses() if use.node.op_type == "Gemm" and use.idx == 1]
        products = [use.node for use in uses if use.node.attributes.get_int("transB", 0) == 1]
        if products and len(weights.uses()) > 1:
            write = Writer(graph, f"{weights.name}/turned")
            sides = reversed(weights.shape or ())
            turned = write.op("Transpose", [weights], "", weights.dtype, sides, perm=(1, 0))
            write.put_before(graph[0])
            for node in products:
                node.replace_input_with(1, turned)
                node.attributes.pop("transB")


def _quantise(
    model: onnx.ModelProto, products: list[str], calibration: Iterable[NDArray[np.uint8]] | None
) -> onnx.ModelProto:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static

    what = {
        "op_types_to_quantize": ["MatMul"],
        "nodes_to_quantize": products,
        "per_channel": True,
        "weight_type": QuantType.QInt8,
        # Processors without VNNI add two products in 16 bits, which 8-bit weights overflow: the
        # results would be wrong there, in silence.
        "reduce_range": True,
    }
    with temporary_folder() as folder, _advice_unheard():
        file = folder / "int8.onnx"
        if calibration is None:
            quantize_dynamic(model, file, **what)
        else:
            quantize_static(
                model,
                file,
                _Reader(calibration),
                activation_type=QuantType.QUInt8,
                # Sums of products stay in single precision, as they do without calibration.
                extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
                **what,
            )
        return onnx.load(file)


class _Reader:
    """Pictures, as the runtime's calibration asks for them."""

    def __init__(self, pictures: Iterable[NDArray[np.uint8]]) -> None:
        self.pictures = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next feed; None after the last."""
        images = next(self.pictures, None)
        return None if images is None else {IMAGES: images}


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
