"""Graphs that can't be run are refused, in a sentence and with nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tap.foreign_ways import WAYS
from tap.tapping import Refused


def without_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def without_graph(model: onnx.ModelProto) -> None:
    model.ClearField("graph")


def with_future_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 999


def with_unknown_operator(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Erf")
    node.op_type = "Foo"


def with_unknown_domain(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Erf")
    node.domain = "org.example"
    model.opset_import.append(helper.make_opsetid("org.example", 1))


def with_loose_end(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "Softmax").input[0] = "nothing"


def with_circle(model: onnx.ModelProto) -> None:
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    softmax[0].input[0] = softmax[1].output[0]


def with_one_name_twice(model: onnx.ModelProto) -> None:
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    softmax[1].output[0] = softmax[0].output[0]


def with_a_weight_less(model: onnx.ModelProto) -> None:
    del model.graph.initializer[-1]


def with_short_weight(model: onnx.ModelProto) -> None:
    """Some of its bytes are gone."""
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    tensor.raw_data = tensor.raw_data[:-8]


def with_weight_of_another_type(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(tensor).astype(np.float64)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def with_weight_of_another_shape(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(values[:-1], tensor.name))


def with_shape_for_other_tokens(model: onnx.ModelProto) -> None:
    """What only running it shows."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT64 and list(tensor.dims) == [4]:
            changed = numpy_helper.to_array(tensor).copy()
            changed[1] = 17
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))


def with_more_than_any_memory(model: onnx.ModelProto) -> None:
    """A petabyte of zeros, of which the mean is added."""
    shape = numpy_helper.from_array(np.array([2**25, 2**25], np.int64), "shape")
    model.graph.initializer.append(shape)
    model.graph.node[-1].output[0] = "unmoved"
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
            helper.make_node("ReduceMean", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", ["unmoved", "zero"], ["scores"]),
        ]
    )


DAMAGES = (
    with_more_than_any_memory,
    without_opset,
    without_graph,
    with_future_opset,
    with_unknown_operator,
    with_unknown_domain,
    with_loose_end,
    with_circle,
    with_one_name_twice,
    with_a_weight_less,
    with_short_weight,
    with_weight_of_another_type,
    with_weight_of_another_shape,
    with_shape_for_other_tokens,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_graph_that_can_not_be_run(
    damage: Callable[[onnx.ModelProto], None], refused: Refused, desk: Path
) -> None:
    model = WAYS["class"].model()
    damage(model)
    (desk / "model.onnx").write_bytes(model.SerializeToString())
    refused("model.onnx", 1)
