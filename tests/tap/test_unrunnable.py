"""Graphs that runtimes refuse, or that answer otherwise each time, are refused in our own words."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from tap.foreign_ways import WAYS
from tap.tapping import Call, Refused, assert_right, done

Change = Callable[[onnx.ModelProto], None]


def at_the_end(model: onnx.ModelProto, operator: str, *inputs: str, **attributes: Any) -> None:
    """Have a node read the scores, and give others."""
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = [name.replace(output.name, "before") for name in node.output]
    node = helper.make_node(operator, ["before", *inputs], [output.name], **attributes)
    model.graph.node.append(node)


def keep(model: onnx.ModelProto, name: str, value: object, kind: type) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.array(value, kind), name))
    return name


def dropout(model: onnx.ModelProto, *, ratio: float = 0.5, training: bool = True) -> None:
    parts = keep(model, "ratio", ratio, np.float32), keep(model, "training", training, np.bool_)
    at_the_end(model, "Dropout", *parts)


def dropout_of_half(model: onnx.ModelProto) -> None:
    at_the_end(model, "Dropout", "", keep(model, "training", True, np.bool_))


def noise(model: onnx.ModelProto) -> None:
    drawn = helper.make_node("RandomNormalLike", ["before"], ["noise"])
    at_the_end(model, "Add", "noise")
    model.graph.node.insert(len(model.graph.node) - 1, drawn)


def coins(model: onnx.ModelProto) -> None:
    at_the_end(model, "Bernoulli")


def statistics(model: onnx.ModelProto) -> None:
    names = [keep(model, f"part_{n}", [1.0] * 11, np.float32) for n in range(4)]
    at_the_end(model, "BatchNormalization", *names, training_mode=1)


def unknown(model: onnx.ModelProto) -> None:
    at_the_end(model, "StatelessRandomUniformV2")


def somebodys_own(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("mmdeploy", 1))
    at_the_end(model, "MyScore", domain="mmdeploy")


def future(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 99


def endless(model: onnx.ModelProto) -> None:
    keep(model, "turns", 2**62, np.int64)
    keep(model, "go", True, np.bool_)
    going = helper.make_tensor_value_info("on", onnx.TensorProto.BOOL, [])
    scores = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["was"], ["on"]),
            helper.make_node("Identity", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("was", onnx.TensorProto.BOOL, []),
            scores,
        ],
        [going, helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
    )
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = [name.replace(output.name, "before") for name in node.output]
    node = helper.make_node("Loop", ["turns", "go", "before"], [output.name], body=body)
    model.graph.node.append(node)


REFUSALS: dict[Change, str] = {
    endless: "a loop ('loop_",
    dropout: "draws random numbers (Dropout",
    dropout_of_half: "draws random numbers (Dropout",
    noise: "draws random numbers (RandomNormalLike",
    coins: "draws random numbers (Bernoulli",
    statistics: "norms the pictures of a batch together (BatchNormalization",
    unknown: "the operator StatelessRandomUniformV2",
    somebodys_own: "the operator mmdeploy::MyScore",
    future: "of opset 99",
}


@pytest.mark.parametrize("change", REFUSALS, ids=lambda change: change.__name__)
def test_it_is_said_what_the_graph_does(change: Change, refused: Refused, desk: Path) -> None:
    model = WAYS["class"].model()
    change(model)
    onnx.save(model, "model.onnx")
    refused("model.onnx", 1, REFUSALS[change])


def test_our_words_come_before_the_runtimes(refused: Refused, desk: Path) -> None:
    model = WAYS["class"].model()
    model.ir_version = 99
    onnx.save(model, "model.onnx")
    refused(
        "model.onnx", 1, "onnxruntime can't run the graph", "export the model again", "IR version"
    )


@pytest.mark.parametrize(("ratio", "training"), [(0.5, False), (0.0, True)])
def test_dropout_that_drops_nothing(ratio: float, training: bool, call: Call, desk: Path) -> None:
    model = WAYS["class"].model()
    dropout(model, ratio=ratio, training=training)
    onnx.save(model, "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", WAYS["class"], 3)


@pytest.mark.parametrize("way", ["class", "fp16", "a batch of one, folded"])
def test_nodes_in_any_order(way: str, call: Call, desk: Path) -> None:
    """As a converter to half precision leaves them; the runtime doesn't mind."""
    model = WAYS[way].model()
    nodes = list(model.graph.node)
    random.Random(0).shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", WAYS[way], 1)


def test_nodes_in_a_circle(refused: Refused, desk: Path) -> None:
    model = WAYS["class"].model()
    first, last = (node for node in model.graph.node if node.op_type == "Softmax")
    first.input[0] = last.output[0]
    onnx.save(model, "model.onnx")
    refused("model.onnx", 1, "cycle")


def test_the_runtimes_own_format(refused: Refused, desk: Path) -> None:
    onnx.save(WAYS["one block"].model(), "model.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = "model.ort"
    onnxruntime.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])
    refused("model.ort", 1, "onnxruntime's own format")
