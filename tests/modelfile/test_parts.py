"""Parts of files, read without the rest."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from vitonnx.errors import ModelFileError
from vitonnx.modelfile import load_manifest, load_weights

Exported = Callable[[str], Path]
NAMES = ["position_embedding", "patch_embed/kernel"]


def whole(file: Path) -> dict[str, np.ndarray]:
    """Read all initializers, as onnx does it."""
    model = onnx.load(file)
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


@pytest.fixture
def external(tmp_path: Path, exported: Exported) -> Path:
    """A model whose weights stand in a file beside it."""
    file = tmp_path / "external.onnx"
    ir.save(ir.load(exported("plain")), file, external_data="external.onnx.data")
    assert b"position_embedding" in file.read_bytes()
    return file


@pytest.mark.parametrize("kind", ["plain", "registers"])
def test_weights_are_those_that_onnx_reads(kind: str, exported: Exported) -> None:
    expected = whole(exported(kind))
    found = load_weights(exported(kind), list(expected))
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_weights_come_in_the_order_of_the_names(exported: Exported) -> None:
    assert list(load_weights(exported("plain"), NAMES)) == NAMES
    assert list(load_weights(exported("plain"), NAMES[::-1])) == NAMES[::-1]
    assert load_weights(exported("plain"), []) == {}


def test_weights_beside_the_file(external: Path) -> None:
    expected = whole(external)
    for name, array in load_weights(external, NAMES).items():
        np.testing.assert_array_equal(array, expected[name])


def test_only_what_is_asked_for_is_read(tmp_path: Path, exported: Exported) -> None:
    model = ir.load(exported("plain"))
    large = ir.tensor(np.zeros((4096, 4096), np.float32), name="large")
    model.graph.register_initializer(ir.Value(name="large", const_value=large))
    ir.save(model, tmp_path / "large.onnx")
    load_weights(exported("plain"), NAMES)  # libraries load parts of themselves when first used
    tracemalloc.start()
    try:
        load_manifest(tmp_path / "large.onnx")
        load_weights(tmp_path / "large.onnx", NAMES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**23  # of 2**26, and some libraries load themselves meanwhile


def test_the_manifest_is_that_of_the_model(exported: Exported) -> None:
    (text,) = [entry.value for entry in onnx.load(exported("registers")).metadata_props]
    assert load_manifest(exported("registers")).to_json() == text


def test_a_weight_that_is_not_there(exported: Exported) -> None:
    with pytest.raises(ModelFileError, match="has no weight 'absent'"):
        load_weights(exported("plain"), ["position_embedding", "absent"])


def test_data_that_is_not_there(external: Path) -> None:
    external.with_name("external.onnx.data").unlink()
    load_manifest(external)
    with pytest.raises(
        ModelFileError, match=r"weights in 'external\.onnx\.data', which is missing"
    ):
        load_weights(external, NAMES)


def test_data_that_is_cut_off(external: Path) -> None:
    external.with_name("external.onnx.data").write_bytes(b"short")
    with pytest.raises(ModelFileError, match="is shorter than"):
        load_weights(external, NAMES)


def test_data_elsewhere_is_not_read(tmp_path: Path, external: Path) -> None:
    """A file must not make us read what isn't its own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    model = onnx.load(external, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = f"../{entry.value}"
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(ModelFileError, match="outside its own folder"):
        load_weights(folder / "model.onnx", NAMES)


def test_values_of_another_number_than_the_shape(tmp_path: Path, exported: Exported) -> None:
    model = onnx.load(exported("plain"))
    for tensor in model.graph.initializer:
        if tensor.name == "position_embedding":
            tensor.raw_data = tensor.raw_data[:-4]
    onnx.save(model, tmp_path / "short.onnx")
    with pytest.raises(
        ModelFileError, match=r"can't read the weight 'position_embedding' in .*short\.onnx"
    ):
        load_weights(tmp_path / "short.onnx", NAMES)


@pytest.mark.parametrize(
    "content",
    [
        b"Dear model",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff" * 100,  # an integer without an end
        b"\x88" + b"\x80" * 20 + b"\x00\x01",  # an integer longer than any
        b"\x3a\xff\xff\xff\xff\x0f",  # a graph of 4 GB
        b"\x3a\x80",  # the end of the file in the middle of a length
        b"\x72\x02\x0a\x05",  # metadata that end in the middle
        b"\x08",
    ],
)
def test_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    with pytest.raises(ModelFileError, match="is not an ONNX model, or is damaged"):
        load_manifest(file)


def test_a_model_cut_off_anywhere(tmp_path: Path, exported: Exported) -> None:
    content = exported("plain").read_bytes()
    file = tmp_path / "cut.onnx"
    for share in np.linspace(0, 1, 37, endpoint=False)[1:]:
        file.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ModelFileError, match=r"damaged|manifest"):
            load_manifest(file)
        with pytest.raises(ModelFileError, match="damaged"):
            load_weights(file, NAMES)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    for name, message in (("none", "There is no file"), ("", "folder"), ("empty.onnx", "empty")):
        with pytest.raises(ModelFileError, match=message):
            load_manifest(tmp_path / name)
        with pytest.raises(ModelFileError, match=message):
            load_weights(tmp_path / name, NAMES)
