"""A page's model is written for WebGPU, whose kernels are fewer than the CPU's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx_ir as ir
import onnx_ir.passes.common as common
import pytest

from engine.test_kernels import of_pictures, sides_of
from vitonnx.engine import Engine, Precision
from vitonnx.graph import has_kernel, provider_of
from vitonnx.portable._pack import _Packed


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_what_grows_with_the_picture_has_a_kernel(
    precision: Precision, exported: Callable[[str], Path], tmp_path: Path
) -> None:
    engine = Engine(exported("distilled"), device="cpu")
    _Packed(engine, tmp_path, (precision,), "").write_model(precision)
    model = ir.load(tmp_path / f"{precision}.onnx")
    common.ShapeInferencePass()(model)
    sides = sides_of(engine.layout, engine.manifest.size)
    large = [
        node
        for node in of_pictures(model.graph)
        for value in (*node.inputs, *node.outputs)
        if value is not None and value.shape is not None and sides.intersection(value.shape)
    ]
    assert large
    for node in large:
        assert has_kernel(node, provider_of("webgpu")), node
