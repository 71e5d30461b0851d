"""Read ``.pth`` and ``.pt`` files: PyTorch's zip form, and the stream it wrote before 1.6.

Both formats hold a pickle (see `_torch_pickle`) that describes the tensors, and the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import CheckpointError
from vitonnx.models.checkpoints._bounds import open_zip, read_member
from vitonnx.models.checkpoints._stored_tensor import Contents, Tensor, widen_bfloat16
from vitonnx.models.checkpoints._torch_pickle import Storage, StoredTensor, state_dicts, unpickle

__all__ = ["PICKLE_MEMBER", "open_torch_stream", "open_torch_zip"]

PICKLE_MEMBER = "/data.pkl"

# What PyTorch writes at the start of its stream, each in a pickle of its own.
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

# Reads so many bytes of a storage, from so many on.
ReadStorage = Callable[[Storage, int, int], bytes]


@contextmanager
def open_torch_zip(path: Path) -> Iterator[Contents]:
    """Open a ``.pth`` file of PyTorch 1.6 or later, a zip archive.

    Raises
    ------
    Exception
        If it would run code, is truncated or damaged, or holds no parameters.
    """
    with open_zip(path) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith(PICKLE_MEMBER))
        folder = pickled.removesuffix("data.pkl")

        def read(storage: Storage, start: int, length: int) -> bytes:
            return read_member(archive, f"{folder}data/{storage.key}", start, length)

        content, storages = unpickle(BytesIO(read_member(archive, pickled)), path)
        if f"{folder}byteorder" in archive.namelist():
            order = read_member(archive, f"{folder}byteorder")
            _check_byte_order(path, order == b"little")
        for key, storage in storages.items():
            length = archive.getinfo(f"{folder}data/{key}").file_size
            if length != storage.length:
                raise BadZipFile(f"storage {key} has {length:,} bytes of {storage.length:,}")
        yield _contents(state_dicts(content, path), read)


@contextmanager
def open_torch_stream(path: Path) -> Iterator[Contents]:
    """Open a ``.pth`` file of PyTorch before 1.6: five pickles, then the storages in a row.

    Errors are those of `open_torch_zip`.
    """
    with path.open("rb") as file:
        if unpickle(file, path)[0] != MAGIC or unpickle(file, path)[0] != PROTOCOL:
            raise CheckpointError(
                f"{path} is a pickle, but not one that torch.save wrote: save the model's "
                "state_dict as .safetensors, and give that file."
            )
        system = unpickle(file, path)[0]
        _check_byte_order(path, isinstance(system, dict) and system.get("little_endian") is True)
        content, storages = unpickle(file, path)
        keys = unpickle(file, path)[0]
        if (
            not isinstance(keys, list)
            or len(keys) != len(storages)
            or not all(isinstance(key, str) and key in storages for key in keys)
        ):
            raise ValueError("its list of storages doesn't match its tensors")
        starts = _storage_starts(file, path.stat().st_size, [storages[key] for key in keys])

        def read(storage: Storage, start: int, length: int) -> bytes:
            file.seek(starts[storage.key] + start)
            return file.read(length)

        yield _contents(state_dicts(content, path), read)


def _storage_starts(file: IO[bytes], end: int, storages: list[Storage]) -> dict[str, int]:
    """Find the offset of each storage's numbers in the file, after their count."""
    starts = {}
    for storage in storages:
        count = int.from_bytes(file.read(8), "little")
        starts[storage.key] = file.tell()
        if count != storage.count or file.tell() + storage.length > end:
            raise ValueError(f"storage {storage.key} is incomplete")
        file.seek(storage.length, 1)
    return starts


def _check_byte_order(path: Path, little_endian: bool) -> None:
    if not little_endian:
        raise CheckpointError(
            f"{path} was written on a big-endian machine: save it again on a little-endian one, "
            "or as .safetensors."
        )


def _contents(
    stored: Mapping[tuple[str, ...], Mapping[str, StoredTensor]], read: ReadStorage
) -> Contents:
    return {
        keys: {
            name: Tensor(
                shape=tensor.shape, dtype=tensor.storage.dtype, read=partial(_values, tensor, read)
            )
            for name, tensor in tensors.items()
        }
        for keys, tensors in stored.items()
    }


def _values(tensor: StoredTensor, read: ReadStorage) -> NDArray[Any]:
    """Read the part of its storage that a tensor shows, in the tensor's shape."""
    storage = tensor.storage
    if not math.prod(tensor.shape):
        return np.zeros(tensor.shape, np.float32)
    raw = read(storage, tensor.offset * storage.item_size, tensor.extent * storage.item_size)
    if storage.dtype == "bfloat16":
        numbers: NDArray[Any] = widen_bfloat16(np.frombuffer(raw, "<u2"))
    else:
        numbers = np.frombuffer(raw, np.dtype(storage.dtype).newbyteorder("<"))
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    # Unlike as_strided, it looks whether all of them are there.
    return np.ndarray(tensor.shape, numbers.dtype, numbers, strides=strides)
