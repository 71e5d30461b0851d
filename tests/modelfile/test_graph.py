"""Graphs that are opened: in order, named, in words; or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import vitonnx as vx
from vitonnx.engine import bake
from vitonnx.errors import ModelFileError, VitonnxError
from vitonnx.modelfile import open_graph

Exported = Callable[[str], Path]

PIXELS = np.zeros((47, 61, 3), np.uint8)


def _in_a_circle(model: onnx.ModelProto) -> None:
    first, last = model.graph.node[3], model.graph.node[-5]
    first.input[0] = last.output[0]


def _reading_itself(model: onnx.ModelProto) -> None:
    node = model.graph.node[7]
    node.input[0] = node.output[0]


@pytest.mark.parametrize("change", [_in_a_circle, _reading_itself])
def test_nodes_that_wait_for_each_other(
    change: Callable[[onnx.ModelProto], None], exported: Exported, tmp_path: Path
) -> None:
    model = onnx.load(exported("plain"))
    change(model)
    file = tmp_path / "circle.onnx"
    onnx.save(model, file)
    with pytest.raises(ModelFileError, match="round in a circle"):
        open_graph(file)
    with pytest.raises(ModelFileError, match="round in a circle"):
        vx.Engine(file, device="cpu", in_graph=True).probe(PIXELS, vx.Rollout())
    with pytest.raises(ModelFileError, match="round in a circle"):
        bake(file, tmp_path / "out.onnx", [vx.Rollout()])
    assert not (tmp_path / "out.onnx").exists()


def test_nodes_in_any_order(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported("plain"))
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    file = tmp_path / "backwards.onnx"
    onnx.save(model, file)
    (found,) = vx.Engine(file, device="cpu", in_graph=True).probe(PIXELS, vx.Rollout())
    (expected,) = vx.Engine(exported("plain"), device="cpu").probe(PIXELS, vx.Rollout())
    np.testing.assert_allclose(
        found["rollout"].rollout, expected["rollout"].rollout, rtol=0, atol=1e-6
    )


def _producer(content: bytes) -> bytes:
    return content.replace(b"vitonnx", b"vito\xff\xfex", 1)


def _node(content: bytes) -> bytes:
    return content.replace(b"block_01/attention/softmax", b"block_01/attention/softm\xff\xfe", 1)


@pytest.mark.parametrize("garble", [_producer, _node])
def test_text_that_is_none(
    garble: Callable[[bytes], bytes], exported: Exported, tmp_path: Path
) -> None:
    content = exported("plain").read_bytes()
    assert garble(content) != content
    file = tmp_path / "text.onnx"
    file.write_bytes(garble(content))
    for work in (
        lambda: vx.Engine(file, device="cpu", in_graph=True).probe(PIXELS, vx.Rollout()),
        lambda: bake(file, tmp_path / "out.onnx", [vx.Rollout()]),
    ):
        with pytest.raises(ModelFileError, match=r"text\.onnx"):
            work()
    assert not (tmp_path / "out.onnx").exists()


def _own(model: onnx.ModelProto, name: str, calls: str) -> None:
    node = onnx.helper.make_node(calls, ["x"], ["y"], domain="own")
    model.functions.append(
        onnx.helper.make_function("own", name, ["x"], ["y"], [node], model.opset_import)
    )


def test_functions_that_call_each_other(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported("plain"))
    model.opset_import.append(onnx.helper.make_opsetid("own", 1))
    _own(model, "One", "Other")
    _own(model, "Other", "One")
    model.graph.node[5].op_type, model.graph.node[5].domain = "One", "own"
    file = tmp_path / "functions.onnx"
    onnx.save(model, file)
    with pytest.raises(VitonnxError) as caught:
        vx.Engine(file, device="cpu", in_graph=True).probe(PIXELS, vx.Rollout())
    assert "\n" not in str(caught.value)


def test_a_probes_own_fault_is_not_the_graphs(exported: Exported) -> None:
    class Faulty(vx.Rollout):
        def condense(self, *arguments: object) -> object:
            raise ZeroDivisionError("by the probe")

    with pytest.raises(ZeroDivisionError, match="by the probe"):
        vx.Engine(exported("plain"), device="cpu", in_graph=True).probe(PIXELS, Faulty())


def test_a_graph_that_would_fill_the_memory(exported: Exported, tmp_path: Path) -> None:
    """A few bytes say 8 GB of zeros, which a runtime makes as it opens the file."""
    model = onnx.load(exported("plain"))
    sides = onnx.numpy_helper.from_array(np.array([200_000, 10_000], np.int64), "sides")
    model.graph.initializer.append(sides)
    (node,) = (node for node in model.graph.node if "block_00/tokens" in node.output)
    node.output[0] = "small"
    place = list(model.graph.node).index(node) + 1
    bomb = [
        onnx.helper.make_node("ConstantOfShape", ["sides"], ["zeros"]),
        onnx.helper.make_node("ReduceSum", ["zeros"], ["zero"], keepdims=0),
        onnx.helper.make_node("Add", ["small", "zero"], ["block_00/tokens"]),
    ]
    for more, each in enumerate(bomb):
        model.graph.node.insert(place + more, each)
    file = tmp_path / "bomb.onnx"
    onnx.save(model, file)
    for work in (
        lambda: vx.Engine(file, device="cpu").probe(PIXELS, vx.Rollout()),
        lambda: bake(file, tmp_path / "out.onnx", [vx.Rollout()]),
    ):
        with pytest.raises(ModelFileError, match="2,000,000,000 entries"):
            work()
