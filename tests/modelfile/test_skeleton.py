"""A file without its large weights, and the shapes of what goes in and out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from vitonnx.errors import ModelFileError
from vitonnx.modelfile import load_outline, load_skeleton

Exported = Callable[[str], Path]


@pytest.fixture(params=["inside", "beside"])
def file(request: pytest.FixtureRequest, exported: Exported, tmp_path: Path) -> Path:
    """A model with its weights inside, or in a file beside it."""
    path = tmp_path / "model.onnx"
    external = "model.data" if request.param == "beside" else None
    ir.save(ir.load(exported("registers")), path, external_data=external)
    return path


def test_a_skeleton_is_the_model_but_for_where_its_weights_stand(file: Path) -> None:
    skeleton, whole = load_skeleton(file), onnx.load(file, load_external_data=False)
    for model in (skeleton, whole):
        del model.graph.initializer[:]
    assert skeleton == whole


def test_a_skeletons_weights_are_the_files(file: Path) -> None:
    expected = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(file).graph.initializer
    }
    skeleton = load_skeleton(file)
    assert [tensor.name for tensor in skeleton.graph.initializer] == list(expected)
    for tensor in skeleton.graph.initializer:
        found = onnx.numpy_helper.to_array(tensor, str(file.parent))
        assert found.dtype == expected[tensor.name].dtype
        np.testing.assert_array_equal(found, expected[tensor.name])


def test_a_skeleton_is_small(exported: Exported, tmp_path: Path) -> None:
    model = ir.load(exported("plain"))
    large = ir.tensor(np.zeros((1024, 1024), np.float32), name="large")
    model.graph.register_initializer(ir.Value(name="large", const_value=large))
    ir.save(model, tmp_path / "large.onnx")
    skeleton = load_skeleton(tmp_path / "large.onnx")
    assert skeleton.ByteSize() < 2**18 < (tmp_path / "large.onnx").stat().st_size
    # What passes look at, such as shapes and bounds, is there.
    (sides,) = (each for each in skeleton.graph.initializer if each.name == "embed/slice/input_2")
    assert sides.data_location == onnx.TensorProto.DEFAULT


def test_shapes_are_those_of_the_graph(file: Path) -> None:
    graph = onnx.load(file, load_external_data=False).graph
    found = load_outline(file)
    for values, tensors in ((graph.input, found.inputs), (graph.output, found.outputs)):
        expected = {
            value.name: [
                side.dim_value if side.HasField("dim_value") else None
                for side in value.type.tensor_type.shape.dim
            ]
            for value in values
        }
        assert {name: tensor.shape for name, tensor in tensors.items()} == expected
        assert list(tensors) == list(expected)
        assert [tensor.element for tensor in tensors.values()] == [
            value.type.tensor_type.elem_type for value in values
        ]
    assert found.inputs["images"].shape == [None, 40, 56, 3]


def test_weights_and_operators_are_those_of_the_graph(file: Path) -> None:
    model = onnx.load(file, load_external_data=False)
    found = load_outline(file)
    assert {name: (each.element, each.shape) for name, each in found.weights.items()} == {
        tensor.name: (tensor.data_type, list(tensor.dims)) for tensor in model.graph.initializer
    }
    assert found.operators == {node.op_type for node in model.graph.node}
    assert found.metadata == {entry.key: entry.value for entry in model.metadata_props}


@pytest.mark.parametrize("read", [load_outline, load_skeleton])
def test_a_file_that_is_cut_off_is_refused(
    read: Callable[[Path], object], exported: Exported, tmp_path: Path
) -> None:
    data = exported("plain").read_bytes()
    file = tmp_path / "cut.onnx"
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelFileError, match="damaged"):
        read(file)
    with pytest.raises(ModelFileError, match="no file"):
        read(tmp_path / "absent.onnx")
