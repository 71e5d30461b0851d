"""Half precision: where it is, where it isn't, and what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from small_graphs import BATCHES, check, opened, pictures, read
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
