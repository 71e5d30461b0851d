"""Write what ``torch.save`` writes, without PyTorch: its zip form, and the older stream.

The pickles are put together from opcodes by hand (protocol 2), so that tests can also put in what
no honest program would.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

PROTO = b"\x80\x02"
STOP = b"."
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4, "long": 4}}

Arrays = Mapping[str, NDArray[np.generic]]
Nested = Mapping[str, Any]

STORAGES = {
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    # The bits of bfloat16, which NumPy has not.
    "uint16": "BFloat16Storage",
}


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")  # as Python does it, whatever the text
    return b"X" + struct.pack("<I", len(raw)) + raw


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def several(*items: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(items) + b"t"


def ask(module: str, name: str) -> bytes:
    """A global: what a hostile pickle is about."""
    return b"c" + f"{module}\n{name}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + several(*arguments) + b"R"


def mapping(items: Mapping[str, bytes], begin: bytes = b"}") -> bytes:
    """A dict, or what `begin` makes."""
    return begin + b"(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def ordered(items: Mapping[str, bytes]) -> bytes:
    """An OrderedDict with an attribute, as PyTorch's state dicts have one."""
    made = mapping(items, call(ask("collections", "OrderedDict")))
    return made + mapping({"_metadata": mapping({})}) + b"b"


def storage(key: str, kind: str, count: int, *, legacy: bool) -> bytes:
    reference = [text("storage"), ask("torch", kind), text(key), text("cpu"), whole(count)]
    return several(*reference, *([b"N"] if legacy else [])) + b"Q"


def tensor(
    stored: bytes, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> bytes:
    return call(
        ask("torch._utils", "_rebuild_tensor_v2"),
        stored,
        whole(offset),
        several(*map(whole, shape)),
        several(*map(whole, strides)),
        b"\x89",
        call(ask("collections", "OrderedDict")),
    )


def state_dict(arrays: Arrays, *, legacy: bool = False) -> dict[str, bytes]:
    """A tensor for each array, each with a storage of its own, by its number."""
    return {
        name: stored_array(str(key), array, legacy=legacy)
        for key, (name, array) in enumerate(arrays.items())
    }


def stored_array(key: str, array: NDArray[np.generic], *, legacy: bool = False) -> bytes:
    """A tensor that is all of a storage."""
    strides = tuple(int(np.prod(array.shape[axis + 1 :], dtype=int)) for axis in range(array.ndim))
    kind = STORAGES[array.dtype.name]
    return tensor(storage(key, kind, array.size, legacy=legacy), array.shape, strides)


def write_zip(path: Path, content: bytes, arrays: Arrays, *, byte_order: str = "little") -> Path:
    """Write PyTorch's zip form, around a pickle's opcodes."""
    with ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", PROTO + content + STOP)
        archive.writestr("model/byteorder", byte_order)
        for key, array in enumerate(arrays.values()):
            archive.writestr(f"model/data/{key}", array.tobytes())
        archive.writestr("model/version", "3\n")
    return path


def write_stream(path: Path, content: bytes, arrays: Arrays) -> Path:
    """Write PyTorch's older stream, around a pickle's opcodes."""
    parts = [pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, SYSTEM)]
    parts += [PROTO + content + STOP, pickle.dumps([str(key) for key in range(len(arrays))], 2)]
    for array in arrays.values():
        parts += [struct.pack("<q", array.size), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def write_torch(path: Path, arrays: Arrays, *, legacy: bool = False, under: str = "") -> Path:
    """Write a state dict as ``torch.save`` does, plain or under a key of a dict."""
    content = ordered(state_dict(arrays, legacy=legacy))
    if under:
        content = mapping({under: content, "epoch": whole(299)})
    return (write_stream if legacy else write_zip)(path, content, arrays)


def write_nested(path: Path, content: Nested, *, legacy: bool = False) -> Path:
    """Write dicts of dicts, whose leaves are arrays, or opcodes."""
    arrays: dict[str, NDArray[np.generic]] = {}

    def make(value: Nested | NDArray[np.generic] | bytes) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, np.ndarray):
            key = str(len(arrays))
            arrays[key] = value
            return stored_array(key, value, legacy=legacy)
        return mapping({name: make(inner) for name, inner in value.items()})

    opcodes = make(content)
    return (write_stream if legacy else write_zip)(path, opcodes, arrays)
