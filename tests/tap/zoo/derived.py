"""What others do to an exported file: fuse it, cut it down, store it in fewer bits."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import onnx

from tap.zoo.exporters import silence
from tap.zoo.specimen import Facts

Derivation = Callable[[Path, Path, Facts], None]


def _fused(source: Path, target: Path, facts: Facts, *, half: bool = False) -> None:
    """Run onnxruntime's optimiser of transformers."""
    from onnxruntime.transformers.optimizer import optimize_model

    made = optimize_model(
        str(source), model_type="vit", num_heads=facts.heads, hidden_size=facts.dim
    )
    if half:
        made.convert_float_to_float16(keep_io_types=True)
    made.save_model_to_file(str(target))


def _fused_half(source: Path, target: Path, facts: Facts) -> None:
    _fused(source, target, facts, half=True)


def _session(source: Path, target: Path, facts: Facts) -> None:
    """Save what onnxruntime's session makes of a file, as far as it fits every machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _half(source: Path, target: Path, facts: Facts) -> None:
    """Store weights and compute in half precision, inputs and outputs too."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source)), target)


def _half_inside(source: Path, target: Path, facts: Facts) -> None:
    """Compute in half precision between inputs and outputs in single; in no order of its own."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def _four_bits(source: Path, target: Path, facts: Facts, *, level: int | None = None) -> None:
    """Keep weights of products in 4 bits; by level 4, what they meet is rounded to 8."""
    from onnxruntime.quantization import matmul_nbits_quantizer as quantizer

    way = quantizer.DefaultWeightOnlyQuantConfig(block_size=16, accuracy_level=level)
    made = quantizer.MatMulNBitsQuantizer(onnx.load(source), algo_config=way)
    made.process()
    made.model.save_model_to_file(str(target))


def _four_bits_in_eight(source: Path, target: Path, facts: Facts) -> None:
    _four_bits(source, target, facts, level=4)


def _normal_floats(source: Path, target: Path, facts: Facts) -> None:
    """Keep weights of products in the 4 bits of bitsandbytes."""
    from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer

    made = MatMulBnb4Quantizer(onnx.load(source), 1, 16)
    made.process()
    made.model.save_model_to_file(str(target))


def _int8(source: Path, target: Path, facts: Facts) -> None:
    """Quantise products with weights, by ranges that are found as it runs."""
    from onnxruntime.quantization import quantize_dynamic

    model = onnx.load(source)
    # The quantiser turns weights round, and trips over shapes that PyTorch wrote down for them.
    del model.graph.value_info[:]
    quantize_dynamic(model, target)


def _slim(source: Path, target: Path, facts: Facts) -> None:
    importlib.import_module("onnxslim").slim(str(source), str(target))


DERIVATIONS: dict[str, Derivation] = {
    "fused": _fused,
    "fused-half": _fused_half,
    "session": _session,
    "half": _half,
    "half-inside": _half_inside,
    "four-bits": _four_bits,
    "four-bits-in-eight": _four_bits_in_eight,
    "normal-floats": _normal_floats,
    "int8": _int8,
    "slim": _slim,
}


def derive(name: str, source: Path, target: Path, facts: Facts) -> None:
    """Write what becomes of a file; what the tools print is left unsaid."""
    with silence():
        try:
            DERIVATIONS[name](source, target, facts)
        except ModuleNotFoundError as error:
            raise RuntimeError(f"{error.name} is not installed") from None
