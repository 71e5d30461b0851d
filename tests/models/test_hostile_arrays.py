"""``.npz`` and ``.safetensors`` files whose headers lie end in a sentence."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

import tiny_models as tiny
from models import published_names as names
from models.checkpoint_files import assert_same, refusal, write_npz
from vitonnx.models import random_parameters, read_checkpoint

PLAIN = tiny.CONFIGS["plain"]
TREE = random_parameters(PLAIN, 3)
KERNEL = "embedding/kernel"


def npy(text: str, version: int = 1, content: bytes = b"") -> bytes:
    head = text.encode("latin-1")
    return b"\x93NUMPY" + struct.pack("<BBH", version, 0, len(head)) + head + content


def header(shape: str, kind: str = "'<f4'") -> str:
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': ({shape}), }}\n"


NPY = {
    "more than anybody has": npy(header("1000000000000, 1000000")),
    "sides whose product is small by chance": npy(header("4294967296, 4294967296, 4")),
    "negative sides": npy(header("-2, -2"), content=bytes(16)),
    "a byte too few": npy(header("2, 2"), content=bytes(15)),
    "a byte too many": npy(header("2, 2"), content=bytes(17)),
    "nested too deeply": npy("(" * 9_000),
    "lists without end": npy("[" * 5_000 + "]" * 5_000),
    "signs without end": npy(header("-" * 9_000 + "1,")),
    "a text that is never closed": npy("{'descr': '<f4', 'shape': (2L, '''"),
    "a NUL": npy("{\0"),
    "a power": npy(header("9**9**9**9,")),
    "5,000 digits": npy(header("9" * 5_000 + ",")),
    "a type that is none": npy(header("2,", "'xyz'")),
    "a type of lists": npy(header("2,", "[" * 50 + "]" * 50)),
    "numbers of 2 GB": npy(header("", "'|V2147483647'")),
    "2,000 axes": npy(header("1," * 2_000), content=bytes(4)),
    "a version that is none": npy(header("2,"), version=9),
    "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("fault", NPY)
def test_headers_of_numpy(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "m.npz"
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{KERNEL}.npy", NPY[fault])
    said = refusal(path)
    assert "truncated or damaged" in said or "axes" in said


def test_a_type_with_python_objects_inside(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{KERNEL}.npy", npy(header("2,", "[('a', '|O')]")))
    assert "Python objects" in refusal(path)


def test_an_array_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    """Its lengths agree everywhere but in what is compressed, whose checksum is right."""
    arrays = names.google(TREE, PLAIN)
    kernel = arrays.pop(KERNEL)
    path = write_npz(tmp_path / "m", arrays)
    head = npy(header(", ".join(map(str, kernel.shape))))
    with ZipFile(path, "a") as archive:
        archive.writestr(f"{KERNEL}.npy", head + bytes(16), ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    length = content.rindex(b"PK\x01\x02") + 24
    content[length : length + 4] = struct.pack("<I", len(head) + kernel.nbytes)
    path.write_bytes(content)
    assert "truncated or damaged" in refusal(path)


def test_columns_first_and_other_byte_orders_are_read(tmp_path: Path) -> None:
    arrays = {
        name: np.asfortranarray(array).astype(">f4")
        for name, array in names.google(TREE, PLAIN).items()
    }
    assert_same(read_checkpoint([write_npz(tmp_path / "m", arrays)], PLAIN), TREE, PLAIN)


def tensor(shape: list[int], end: int, dtype: str = "F32", start: int = 0) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


SAFETENSORS: dict[str, object] = {
    "nested too deeply": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "outside the file": {"a": tensor([10], 40)},
    "on top of each other": {"a": tensor([1], 4), "b": tensor([1], 4)},
    "with a gap": {"a": tensor([1], 8, start=4)},
    "negative": {"a": tensor([-1], -4)},
    "a product beyond all numbers": {"a": tensor([2**62, 2**62], 4)},
    "a side beyond all numbers": {"a": tensor([2**70], 4)},
    "a type that is none": {"a": tensor([1], 4, "F9")},
    "no text": b'{"\xff":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    "a list": [1, 2],
    "100,000 axes": {"a": tensor([1] * 100_000, 4)},
    "a header of megabytes": {f"a{number}": tensor([0], 0) for number in range(200_000)},
}


@pytest.mark.parametrize("fault", SAFETENSORS)
def test_headers_of_safetensors(tmp_path: Path, fault: str) -> None:
    path, values = tmp_path / "m", SAFETENSORS[fault]
    head = values if isinstance(values, bytes) else json.dumps(values).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(4))
    said = refusal(path)
    assert "truncated or damaged" in said or "axes" in said or "is not a checkpoint" in said


@pytest.mark.parametrize("length", [2**63, 2**32, 99 * 2**20])
def test_a_header_that_never_comes(tmp_path: Path, length: int) -> None:
    path = tmp_path / "m"
    path.write_bytes(struct.pack("<Q", length) + b"{}")
    assert f"its header has {length:,} bytes" in refusal(path)


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "I8", "BOOL"])
def test_types_that_are_no_weights(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "m"
    arrays = names.timm(TREE, PLAIN)
    name = "norm.bias"
    size = arrays[name].size
    entries, content = {}, b""
    for key, array in arrays.items():
        raw = bytes(size) if key == name else np.ascontiguousarray(array).tobytes()
        kind = dtype if key == name else "F32"
        entries[key] = tensor(list(array.shape), len(content) + len(raw), kind, len(content))
        content += raw
    head = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + content)
    assert f"numbers that aren't floating-point in {name} ({dtype})" in refusal(path)


def test_an_index_of_shards_is_no_checkpoint(tmp_path: Path) -> None:
    """Where it says that they are, nobody looks."""
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"norm.bias": "../../etc/passwd"}}))
    assert "give the shards themselves" in refusal(path)
