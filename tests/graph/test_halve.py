"""Half precision: where it is, where it isn't, and what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from onnx.reference import ReferenceEvaluator

from graph.small_graphs import BATCHES, check, opened, pictures, read
from vitonnx.graph import Halve

Exported = Callable[[str], Path]


@pytest.mark.parametrize("kind", ["plain", "distilled", "registers", "pooled"])
def test_the_halved_network_is_close(kind: str, exported: Exported) -> None:
    whole, half = read(exported(kind)), read(exported(kind))
    Halve()(half)
    check(half)
    assert [v.type for v in half.graph.outputs] == [v.type for v in whole.graph.outputs]
    assert [v.name for v in half.graph.outputs] == [v.name for v in whole.graph.outputs]
    run_whole, run_half = opened(whole), opened(half)
    for batch in BATCHES:
        exact, found = (each(images=pictures(batch)) for each in (run_whole, run_half))
        for name, values in exact.items():
            error = np.abs(found[name] - values).max() / np.abs(values).max()
            # 11 bits a number, and some dozen roundings one after the other.
            assert 0 < error < 0.01, name


def test_products_are_halved_and_softmax_is_not(exported: Exported) -> None:
    model = read(exported("plain"))
    Halve()(model)
    types = Counter((node.op_type, node.outputs[0].dtype) for node in model.graph)
    half, single = ir.DataType.FLOAT16, ir.DataType.FLOAT
    assert types["MatMul", half]
    assert not types["MatMul", single]
    assert types["Softmax", single] == 2
    assert not types["Softmax", half]


def test_named_nodes_stay_single(exported: Exported) -> None:
    model = read(exported("plain"))
    Halve(("block_01/mlp/",))(model)
    for node in model.graph:
        if str(node.name).startswith("block_01/mlp/") and node.op_type == "MatMul":
            assert node.outputs[0].dtype == ir.DataType.FLOAT
        elif str(node.name).startswith("block_00/mlp/") and node.op_type == "MatMul":
            assert node.outputs[0].dtype == ir.DataType.FLOAT16
    check(model)


@pytest.mark.parametrize("kind", ["plain", "registers", "pooled"])
def test_bfloat16_is_where_float16_is(kind: str, exported: Exported) -> None:
    """The processor's kernels lack it: the graph is the same, and the weights are rounded."""
    models = [read(exported(kind)) for _ in range(2)]
    halves = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
    for model, half in zip(models, halves, strict=True):
        Halve(("patch_embed", "head"), half)(model)
        check(model)
    one, other = (
        [
            (node.name, node.op_type, [value.dtype == half for value in node.outputs])
            for node in model.graph
        ]
        for model, half in zip(models, halves, strict=True)
    )
    assert one == other
    assert [value.type for value in models[0].graph.outputs] == [
        value.type for value in models[1].graph.outputs
    ]
    name = "block_01/mlp/fc2/kernel"
    rounded = models[1].graph.initializers[f"{name}/half"].const_value
    exact = read(exported(kind)).graph.initializers[name].const_value
    assert rounded is not None
    assert exact is not None
    assert rounded.dtype == ir.DataType.BFLOAT16
    # Eight bits with the hidden one, to the nearest: half of 2**-7 of the number itself.
    found, expected = rounded.numpy().astype(np.float32), exact.numpy()
    assert 0 < np.abs(found / expected - 1).max() <= 2**-8


@pytest.mark.parametrize("kind", ["plain", "distilled"])
def test_the_network_in_bfloat16_is_close(kind: str, exported: Exported) -> None:
    """By ONNX's own reference, which rounds after every operator."""
    whole, half = read(exported(kind)), read(exported(kind))
    Halve(("embed", "patch_embed", "head", "norm"), ir.DataType.BFLOAT16)(half)
    names = [str(value.name) for value in half.graph.outputs]
    feed = {"images": pictures(1)}
    exact = opened(whole)(**feed)
    found = dict(zip(names, ReferenceEvaluator(ir.to_proto(half)).run(None, feed), strict=True))
    for name, values in exact.items():
        error = np.abs(found[name] - values).max() / np.abs(values).max()
        # Eight bits a number, and some dozen roundings one after the other.
        assert 0 < error < 0.06, name


def test_a_value_is_cast_once(exported: Exported) -> None:
    model = read(exported("plain"))
    Halve()(model)
    casts = [
        (node.inputs[0], node.outputs[0].dtype) for node in model.graph if node.op_type == "Cast"
    ]
    assert len(set(casts)) == len(casts)


def test_weights_beyond_half_precision_are_the_largest_there_is(exported: Exported) -> None:
    model = read(exported("plain"))
    weight = model.graph.initializers["block_00/mlp/fc1/bias"]
    assert weight.const_value is not None
    large = weight.const_value.numpy().copy()
    large[0] = 1e6
    weight.const_value = ir.tensor(large, name=weight.name)
    Halve()(model)
    halved = model.graph.initializers["block_00/mlp/fc1/bias/half"].const_value
    assert halved is not None
    assert halved.numpy()[0] == np.finfo(np.float16).max
