"""The files that hubs have beside a model's own, in fewer bits: each gives its own maps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from tap.foreign_vit import ForeignViT
from tap.tapping import photographs, run
from vitonnx.tap import tap

# Wide enough for blocks of 32 weights, and for what rounds them to be more than noise.
VIT = ForeignViT(dim=96, mlp_dim=160, blocks=2, opset=21, products="split")
BATCH = 2


def half(source: Path, target: Path, *, whole: bool = False) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    made = convert_float_to_float16(
        onnx.load(source), keep_io_types=not whole, disable_shape_infer=True
    )
    onnx.save(made, target)


def all_half(source: Path, target: Path) -> None:
    half(source, target, whole=True)


def eight_bits(source: Path, target: Path, *, signed: bool = True) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, weight_type=QuantType.QInt8 if signed else QuantType.QUInt8)


def unsigned(source: Path, target: Path) -> None:
    eight_bits(source, target, signed=False)


def four_bits(source: Path, target: Path, *, pairs: bool = False, level: int | None = None) -> None:
    from onnxruntime.quantization import matmul_nbits_quantizer as quantizer
    from onnxruntime.quantization.quant_utils import QuantFormat

    way = quantizer.DefaultWeightOnlyQuantConfig(
        block_size=32,
        is_symmetric=True,
        accuracy_level=level,
        quant_format=QuantFormat.QDQ if pairs else QuantFormat.QOperator,
    )
    made = quantizer.MatMulNBitsQuantizer(onnx.load(source), algo_config=way)
    made.process()
    made.model.save_model_to_file(str(target))


def four_bits_of_pairs(source: Path, target: Path) -> None:
    four_bits(source, target, pairs=True)


def four_bits_in_eight(source: Path, target: Path) -> None:
    four_bits(source, target, level=4)


def four_bits_in_half(source: Path, target: Path) -> None:
    halved = target.with_name("halved.onnx")
    half(source, halved)
    four_bits(halved, target)


def normal_floats(source: Path, target: Path) -> None:
    from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer

    made = MatMulBnb4Quantizer(onnx.load(source), 0, 32)
    made.process()
    made.model.save_model_to_file(str(target))


def optimised(source: Path, target: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def outside(source: Path, target: Path) -> None:
    model = onnx.load(source)
    onnx.save(model, target, save_as_external_data=True, location="weights", size_threshold=100)


Make = Callable[[Path, Path], None]
# The precision that the manifest says, and how far maps may be from the file's own: units in the
# last place in single precision; of half, eleven bits through some blocks; where tokens are rounded
# to whole numbers, a unit in the last place can be a step.
FILES: dict[Make, tuple[str, float]] = {
    half: ("fp16", 1e-2),
    all_half: ("fp16", 1e-2),
    eight_bits: ("int8", 5e-2),
    unsigned: ("int8", 5e-2),
    four_bits: ("fp32", 1e-5),
    four_bits_of_pairs: ("int8", 5e-2),
    four_bits_in_eight: ("int8", 5e-2),
    four_bits_in_half: ("fp16", 1e-2),
    normal_floats: ("fp32", 1e-5),
    optimised: ("fp32", 1e-5),
    outside: ("fp32", 1e-5),
}
WEIGHTS: dict[Make, str] = {
    four_bits: "fp32, weights kept in 4 bits",
    four_bits_of_pairs: "int8, weights kept in 4 bits",
    four_bits_in_eight: "int8, weights kept in 4 bits",
    four_bits_in_half: "fp16, weights kept in 4 bits",
    normal_floats: "fp32, weights kept in 4 bits",
}


@pytest.fixture(autouse=True)
def advice_unheard() -> Iterator[None]:
    """Keep the quantisers' thoughts about the graph to themselves."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("make", FILES, ids=lambda make: make.__name__)
def test_a_file_in_fewer_bits_gives_its_own_maps(make: Make, tmp_path: Path) -> None:
    source, target = tmp_path / "exact.onnx", tmp_path / "model.onnx"
    onnx.save(VIT.model(), source)
    make(source, target)
    precision, bound = FILES[make]
    tapped = tap(target, tmp_path / "out.onnx", preprocess="half")
    assert tapped.manifest.precision == precision
    assert dict(tapped.findings)["precision"] == WEIGHTS.get(make, precision)
    pictures = photographs(VIT, BATCH)
    pixels = (pictures.astype(np.float32) - np.float32(127.5)) * np.float32(1 / 127.5)
    found = run(tmp_path / "out.onnx", images=pictures)
    scores, maps = itself(target, pixels.transpose(0, 3, 1, 2))
    assert len(maps) == VIT.blocks
    np.testing.assert_allclose(found["logits"], scores, atol=bound * np.abs(scores).max())
    for block, values in enumerate(maps):
        np.testing.assert_allclose(found[f"block_{block:02}/attention"], values, atol=bound)


def itself(
    file: Path, pixels: NDArray[np.float32]
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """Run a file with its softmaxes as outputs too."""
    model = onnx.load(file)
    (given,), (output,) = model.graph.input, model.graph.output
    softmaxes = [node.output[0] for node in model.graph.node if node.op_type == "Softmax"]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in softmaxes)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)
    found = run(model.SerializeToString(), **{given.name: pixels.astype(dtype)})
    return found[output.name], [found[name] for name in softmaxes]
