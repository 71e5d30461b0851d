"""Read ``.pth`` and ``.pt`` files: PyTorch's zip form, and the stream it wrote before 1.6.

Both hold a pickle (see `_torch_pickle`) that describes the tensors, and their numbers beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vitonnx.errors import CheckpointError
from vitonnx.models.checkpoints._damage import ZIP_ERRORS, damaged, reading
from vitonnx.models.checkpoints._tensor import Contents, Tensor, widen_bfloat16
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

    Parameters
    ----------
    path : Path
        An existing file.

    Yields
    ------
    Contents

    Raises
    ------
    CheckpointError
        If it would run code, is truncated or damaged, or holds no parameters.
    """
    with reading(path, *ZIP_ERRORS):
        archive = ZipFile(path)
    with archive:
        pickled = next(name for name in archive.namelist() if name.endswith(PICKLE_MEMBER))
        folder = pickled.removesuffix("data.pkl")

        def read(storage: Storage, start: int, length: int) -> bytes:
            with reading(path, *ZIP_ERRORS), archive.open(f"{folder}data/{storage.key}") as member:
                member.seek(start)
                return member.read(length)

        with reading(path, *ZIP_ERRORS), archive.open(pickled) as member:
            content, storages = unpickle(member, path)
        with reading(path, *ZIP_ERRORS):
            if f"{folder}byteorder" in archive.namelist():
                _check_byte_order(path, archive.read(f"{folder}byteorder") == b"little")
            lengths = {key: archive.getinfo(f"{folder}data/{key}").file_size for key in storages}
        for key, storage in storages.items():
            if lengths[key] != storage.length:
                raise damaged(path, f"storage {key} has {lengths[key]} bytes of {storage.length}")
        yield _contents(state_dicts(content, path), read)


@contextmanager
def open_torch_stream(path: Path) -> Iterator[Contents]:
    """Open a ``.pth`` file of PyTorch before 1.6: five pickles, then the storages in a row.

    Parameters
    ----------
    path : Path
        An existing file.

    Yields
    ------
    Contents

    Raises
    ------
    CheckpointError
        If it would run code, is truncated or damaged, or holds no parameters.
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
        if not isinstance(keys, list) or set(map(str, keys)) != storages.keys():
            raise damaged(path, "its list of storages is another than its tensors'")
        starts = _storage_starts(file, path, [storages[key] for key in keys])

        def read(storage: Storage, start: int, length: int) -> bytes:
            file.seek(starts[storage.key] + start)
            return file.read(length)

        yield _contents(state_dicts(content, path), read)


def _storage_starts(file: IO[bytes], path: Path, storages: list[Storage]) -> dict[str, int]:
    """Find where in the file each storage's numbers begin, behind their count."""
    end = path.stat().st_size
    starts = {}
    for storage in storages:
        count = int.from_bytes(file.read(8), "little")
        starts[storage.key] = file.tell()
        if count != storage.count or file.tell() + storage.length > end:
            raise damaged(path, f"storage {storage.key} is not all there")
        file.seek(storage.length, 1)
    return starts


def _check_byte_order(path: Path, little_endian: bool) -> None:
    if not little_endian:
        raise CheckpointError(
            f"{path} was written on a big-endian machine: save it again on another, or as "
            ".safetensors."
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
    return as_strided(numbers, tensor.shape, strides, writeable=False)
