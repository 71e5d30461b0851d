"""The same pictures as a folder, a tar and parquet: how fast each is read, decoded and embedded.

Run ``python -m benchmarks.datasets``.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.models import model_file
from benchmarks.pictures import picture_files
from benchmarks.timing import interleave
from vitonnx.dataset import Dataset, open_dataset
from vitonnx.engine import Engine
from vitonnx.media import Encoded
from vitonnx.runs import EmbeddingRows

FOLDER = Path(__file__).parent / "pictures"


def keep(folder: Path, count: int) -> dict[str, Dataset]:
    """Write the same pictures in every way that they can be kept."""
    contents = [file.read_bytes() for file in picture_files(FOLDER, 8)]
    pictures = folder / "pictures"
    pictures.mkdir()
    names = [f"{number:06}.jpg" for number in range(count)]
    kept = [contents[number % len(contents)] for number in range(count)]
    for name, content in zip(names, kept, strict=True):
        (pictures / name).write_bytes(content)
    with tarfile.open(folder / "pictures.tar", "w") as archive:
        for name, content in zip(names, kept, strict=True):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    pq.write_table(pa.table({"image": kept}), folder / "bytes.parquet")
    pq.write_table(pa.table({"image": names}), pictures / "paths.parquet")
    return {
        "folder": open_dataset([str(pictures)]),
        "tar": open_dataset([str(folder / "pictures.tar")]),
        "parquet of bytes": open_dataset([str(folder / "bytes.parquet")]),
        "parquet of paths": open_dataset([str(pictures / "paths.parquet")]),
    }


def read(dataset: Dataset) -> None:
    """Read every file's content, in the threads that would decode it."""
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(content, dataset):
            pass


def content(picture: str | Encoded) -> bytes:
    return picture.read() if isinstance(picture, Encoded) else Path(picture).read_bytes()


def decode(engine: Engine, dataset: Dataset) -> None:
    """Decode and scale every picture, in four threads."""
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(engine.prepare, dataset):
            pass


def embed(engine: Engine, dataset: Dataset) -> None:
    for _ in EmbeddingRows(engine=engine).rows(dataset.samples()):
        pass


def run(engine: Engine, count: int) -> None:
    """Run the network alone, on pixels that are ready."""
    pixels = np.zeros((32, *engine.manifest.size, 3), np.uint8)
    for _ in range(count // 32):
        engine.run_pixels(pixels, ["embedding"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="S/16")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    engine = Engine(model_file(asked.model), device="cpu")
    with tempfile.TemporaryDirectory() as home:
        datasets = keep(Path(home), asked.pictures)
        for what, work in {
            "read": read,
            "decode": partial(decode, engine),
            "embed": partial(embed, engine),
        }.items():
            subjects: dict[str, Callable[[], object]] = {
                name: partial(work, dataset) for name, dataset in datasets.items()
            }
            if what == "embed":
                subjects["the network alone"] = partial(run, engine, asked.pictures)
            times = interleave(subjects, asked.rounds)
            for name, found in times.items():
                ratio = float(np.median(np.divide(times["folder"].rounds, found.rounds)))
                print(
                    f"{what}: {name}: {asked.pictures / found.median:,.1f} pictures a second, "
                    f"{ratio:.2f} of the folder's, spread {found.spread:.1%}"
                )


if __name__ == "__main__":
    main()
