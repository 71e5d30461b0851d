"""Write CIFAR-10 as its publisher does: a tar archive of pickled dicts, or of plain records."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torch_files import PROTO, STOP, ask, call, several

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


class Batch(NamedTuple):
    """Pictures uint8 (pictures, 32, 32, 3) and labels int64 (pictures,)."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def data(self) -> NDArray[np.uint8]:
        """Rows as CIFAR-10 has them: red, green, blue; (pictures, 3072)."""
        return np.ascontiguousarray(self.pictures.transpose(0, 3, 1, 2)).reshape(-1, 3072)


def make_batches(count: int = 11, seed: int = 0) -> dict[str, Batch]:
    """Make batches of noise, with all ten classes in each."""
    generator = np.random.default_rng(seed)
    return {
        name: Batch(
            generator.integers(0, 256, (count, 32, 32, 3), np.uint8),
            generator.permutation(np.arange(count) % 10),
        )
        for name in BATCHES
    }


def old_text(value: bytes) -> bytes:
    """A text of Python 2."""
    if len(value) < 256:
        return b"U" + struct.pack("<B", len(value)) + value
    return b"T" + struct.pack("<i", len(value)) + value


def old_array(raw: bytes, shape: tuple[int, ...], *, fortran: bool = False) -> bytes:
    """An array of bytes as NumPy of Python 2 pickled it."""
    kind = call(ask("numpy", "dtype"), old_text(b"u1"), b"K\x00", b"K\x01")
    kind += several(b"K\x03", old_text(b"|"), b"NNN", b"J\xff\xff\xff\xff" * 2, b"K\x00") + b"b"
    empty = call(
        ask("numpy.core.multiarray", "_reconstruct"),
        ask("numpy", "ndarray"),
        several(b"K\x00"),
        old_text(b"b"),
    )
    sides = several(*(b"M" + struct.pack("<H", side) for side in shape))
    order = b"\x88" if fortran else b"\x89"
    return empty + several(b"K\x01", sides, kind, order, old_text(raw)) + b"b"


def old_list(items: list[bytes]) -> bytes:
    return b"](" + b"".join(items) + b"e"


def old_dict(entries: Mapping[str, bytes]) -> bytes:
    pairs = b"".join(old_text(key.encode()) + value for key, value in entries.items())
    return PROTO + b"}(" + pairs + b"u" + STOP


def old_batch(batch: Batch, *, fortran: bool = False) -> bytes:
    """The pickle that Python 2 wrote, opcode by opcode."""
    raw = batch.data.tobytes("F" if fortran else "C")
    return old_dict(
        {
            "batch_label": old_text(b"training batch 1 of 5"),
            "labels": old_list([b"K" + bytes([label]) for label in batch.labels.tolist()]),
            "data": old_array(raw, batch.data.shape, fortran=fortran),
            "filenames": old_list([old_text(b"leptodactylus_pentadactylus_s_000004.png")]),
        }
    )


def old_names() -> bytes:
    return old_dict(
        {
            "num_cases_per_batch": b"M\x10\x27",
            "label_names": old_list([old_text(name.encode()) for name in NAMES]),
            "num_vis": b"M\x00\x0c",
        }
    )


def python_files(batches: Mapping[str, Batch], kind: str = "python 2") -> dict[str, bytes]:
    """The files of the Python form, by who pickled them, and whether keys are text or bytes."""
    if kind == "python 2":
        files = {name: old_batch(batch) for name, batch in batches.items()}
        return files | {"batches.meta": old_names()}
    key: Callable[[str], object] = str.encode if kind.endswith("bytes") else str
    files = {
        name: pickle.dumps({key("data"): batch.data, key("labels"): batch.labels.tolist()}, 2)
        for name, batch in batches.items()
    }
    names = [key(name) for name in NAMES]
    return files | {"batches.meta": pickle.dumps({key("label_names"): names}, 2)}


def binary_files(batches: Mapping[str, Batch]) -> dict[str, bytes]:
    """The files of the binary form."""
    files = {
        f"{name}.bin": np.column_stack([batch.labels.astype(np.uint8), batch.data]).tobytes()
        for name, batch in batches.items()
    }
    # Their file of names ends with an empty line.
    return files | {"batches.meta.txt": "\n".join([*NAMES, "", ""]).encode()}


def write_tar(
    path: Path,
    files: Mapping[str, bytes],
    *entries: tarfile.TarInfo,
    folder: str = "cifar-10-batches-py/",
    compressed: bool = True,
) -> Path:
    """Write an archive of a folder of files, and of any further entries without content."""
    with tarfile.open(path, "w:gz" if compressed else "w") as archive:
        top = tarfile.TarInfo(folder)
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for name, content in files.items():
            entry = tarfile.TarInfo(folder + name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for entry in entries:
            archive.addfile(entry)
    return path
