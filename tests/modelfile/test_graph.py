"""Graphs that are opened: in order, named, in words; or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import vitonnx as vx
from vitonnx.engine import bake
from vitonnx.errors import ModelFileError, VitonnxError
from vitonnx.modelfile import open_graph, save_graph

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
    with pytest.raises(ModelFileError, match="in a cycle"):
        open_graph(file)
    with pytest.raises(ModelFileError, match="in a cycle"):
        vx.Engine(file, device="cpu", in_graph=True).probe(PIXELS, vx.Rollout())
    with pytest.raises(ModelFileError, match="in a cycle"):
        bake(vx.Engine(file), vx.Rollout(), tmp_path / "out.onnx")
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
    np.testing.assert_allclose(found.rollout, expected.rollout, rtol=0, atol=1e-6)


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
        lambda: bake(vx.Engine(file), vx.Rollout(), tmp_path / "out.onnx"),
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

    with pytest.raises(VitonnxError, match=r"the probe rollout .* ZeroDivisionError: by the probe"):
        vx.Engine(exported("plain"), device="cpu", in_graph=True).probe(PIXELS, Faulty())


def test_a_graph_that_would_fill_the_memory(exported: Exported, tmp_path: Path) -> None:
    """A few bytes say 12 GB of zeros, which a runtime makes as it opens the file."""
    model = onnx.load(exported("plain"))
    sides = onnx.numpy_helper.from_array(np.array([300_000, 10_000], np.int64), "sides")
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
        lambda: bake(vx.Engine(file), vx.Rollout(), tmp_path / "out.onnx"),
    ):
        with pytest.raises(ModelFileError, match="3,000,000,000 entries"):
            work()


def test_a_list_that_doubles_in_every_node(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported("plain"))
    first = onnx.numpy_helper.from_array(np.arange(8, dtype=np.int64), "list_0")
    model.graph.initializer.append(first)
    for number in range(30):
        names = [f"list_{number}"] * 2
        node = onnx.helper.make_node("Concat", names, [f"list_{number + 1}"], axis=0)
        model.graph.node.append(node)
    file = tmp_path / "doubling.onnx"
    onnx.save(model, file)
    with pytest.raises(ModelFileError, match="entries"):
        vx.Engine(file, device="cpu").probe(PIXELS, vx.Rollout())


def _function(model: onnx.ModelProto, number: int) -> None:
    """Define a function that calls the one before it twice."""
    calls = [
        onnx.helper.make_node(f"Twice{number - 1}" if number else "Neg", [one], [other])
        for one, other in (("x", "y"), ("y", "z"))
    ]
    for call in calls:
        call.domain = "own" if number else ""
    imports = [*model.opset_import, onnx.helper.make_opsetid("own", 1)]
    model.functions.append(
        onnx.helper.make_function("own", f"Twice{number}", ["x"], ["z"], calls, imports)
    )


def test_few_functions_that_stand_for_a_billion_nodes(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported("plain"))
    model.opset_import.append(onnx.helper.make_opsetid("own", 1))
    for number in range(30):
        _function(model, number)
    node = onnx.helper.make_node("Twice29", ["position_embedding"], ["never read"], domain="own")
    model.graph.node.append(node)
    file = tmp_path / "functions.onnx"
    onnx.save(model, file)
    with pytest.raises(ModelFileError, match="over a billion nodes"):
        open_graph(file)
    with pytest.raises(ModelFileError, match="defines its own operators"):
        vx.Engine(file, device="cpu")


def test_more_nodes_than_any_model_has(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported("plain"))
    for number in range(20_000):
        names = [f"chain_{number}" if number else "position_embedding"], [f"chain_{number + 1}"]
        model.graph.node.append(onnx.helper.make_node("Neg", *names))
    file = tmp_path / "chain.onnx"
    onnx.save(model, file)
    with pytest.raises(ModelFileError, match="nodes, more than the graph of any"):
        vx.Engine(file, device="cpu").probe(PIXELS, vx.Rollout())


@pytest.mark.parametrize("in_graph", [True, False])
@pytest.mark.parametrize("lie", ["heads", "one of a batch"])
def test_arrays_that_are_not_what_was_declared(
    lie: str, in_graph: bool, exported: Exported, tmp_path: Path
) -> None:
    """Runtimes let an output have another shape than its declared one."""
    model = onnx.load(exported("plain"))
    (node,) = (node for node in model.graph.node if "block_01/attention" in node.output)
    node.output[0] = "honest"
    place = list(model.graph.node).index(node) + 1
    for each in model.graph.node:
        each.input[:] = ["honest" if it == "block_01/attention" else it for it in each.input]
    if lie == "heads":
        more = [onnx.helper.make_node("Concat", ["honest"] * 2, ["block_01/attention"], axis=1)]
    else:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "end"))
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "begin"))
        names = ["honest", "begin", "end", "begin"]
        more = [onnx.helper.make_node("Slice", names, ["block_01/attention"])]
    for number, each in enumerate(more):
        model.graph.node.insert(place + number, each)
    file = tmp_path / "lie.onnx"
    onnx.save(model, file)
    with pytest.raises(VitonnxError):
        vx.Engine(file, device="cpu", in_graph=in_graph).probe([PIXELS, PIXELS], vx.Heads(block=1))


def test_a_weight_of_no_type(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported("plain"))
    tensor = onnx.TensorProto(name="odd", data_type=onnx.TensorProto.UNDEFINED, dims=[1])
    model.graph.initializer.append(tensor)
    with pytest.raises(ModelFileError, match="doesn't understand"):
        save_graph(ir.from_proto(model), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
