"""Write CIFAR-10 as its publisher does: a tar archive of plain records."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


def binary_files(batches: Mapping[str, Batch]) -> dict[str, bytes]:
    """The files of the binary version."""
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
    folder: str = "cifar-10-batches-bin/",
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
