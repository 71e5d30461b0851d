"""The same pictures kept in every way: in folders, tars, and parquet of bytes, paths, structs."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vitonnx.dataset import Sample
from vitonnx.media import Encoded

__all__ = [
    "Kept",
    "content_of",
    "drawn",
    "write_folder",
    "write_parquet",
    "write_parquet_of_paths",
    "write_parquet_of_structs",
    "write_table",
    "write_tar",
    "write_tars",
]


class Kept(NamedTuple):
    """A picture of a dataset."""

    id: str  # a path with a suffix, whose first folder is the label: n01/a.png
    content: bytes
    label: str | int


def drawn(count: int, classes: Sequence[str] = ("n01", "n02", "n03"), seed: int = 0) -> list[Kept]:
    """Draw so many small pictures of unequal sizes, class by class, in natural order."""
    generator = np.random.default_rng(seed)
    kept = []
    for number in range(count):
        height, width = (int(side) for side in generator.integers(11, 29, 2))
        file = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (height, width, 3), np.uint8)).save(file, "PNG")
        label = classes[number * len(classes) // count]
        kept.append(Kept(f"{label}/{number:03}.png", file.getvalue(), label))
    return kept


def content_of(sample: Sample) -> bytes:
    """Read the file of a dataset's picture, as it is kept."""
    picture = sample.picture
    return picture.read() if isinstance(picture, Encoded) else Path(picture).read_bytes()


def write_folder(folder: Path, kept: Iterable[Kept]) -> Path:
    """Write each picture to its own path."""
    for each in kept:
        path = folder / each.id
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.content)
    return folder


def write_tar(path: Path, kept: Iterable[Kept], *, mode: str = "w", said: bool = False) -> Path:
    """Pack them as WebDataset does: a picture, its .cls, and its .json if that is said, too."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for each in kept:
            key = each.id.rpartition(".")[0]
            add(archive, each.id, each.content)
            add(archive, f"{key}.cls", str(each.label).encode())
            if said:
                about = {"name": each.id, "class": each.label}
                add(archive, f"{key}.json", json.dumps(about).encode())
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **header: Any) -> None:
    """Add a member to a tar; its header says what is given."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for key, value in header.items():
        setattr(entry, key, value)
    archive.addfile(entry, io.BytesIO(content))


def write_tars(folder: Path, kept: Sequence[Kept], sizes: Sequence[int]) -> list[Path]:
    """Pack them into tars of so many pictures each: shard-000.tar and on."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    return [
        write_tar(folder / f"shard-{number:03}.tar", kept[start : start + size])
        for number, (start, size) in enumerate(zip(starts, sizes, strict=True))
    ]


def write_parquet(path: Path, kept: Sequence[Kept], **options: Any) -> Path:
    """Write columns image (bytes), name and label."""
    return write_table(path, {"image": [each.content for each in kept], **_said(kept)}, **options)


def write_parquet_of_paths(path: Path, kept: Sequence[Kept], **options: Any) -> Path:
    """Write columns image (paths below the file's own folder), name and label; no pictures."""
    return write_table(path, {"image": [each.id for each in kept], **_said(kept)}, **options)


def write_parquet_of_structs(
    path: Path, kept: Sequence[Kept], *, classes: Sequence[str] = (), **options: Any
) -> Path:
    """Write columns as Hugging Face's datasets does: labels are numbers, if there are classes."""
    structs = [{"bytes": each.content, "path": each.id} for each in kept]
    columns = {"image": structs, **_said(kept)}
    metadata = {}
    if classes:
        columns["label"] = [list(classes).index(str(each.label)) for each in kept]
        features = {
            "image": {"_type": "Image"},
            "label": {"names": list(classes), "_type": "ClassLabel"},
        }
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return write_table(path, columns, metadata, **options)


def write_table(
    path: Path, columns: dict[str, Any], metadata: dict[str, str] | None = None, **options: Any
) -> Path:
    """Write any columns to a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata), path, **options)
    return path


def _said(kept: Iterable[Kept]) -> dict[str, list[Any]]:
    return {"name": [each.id for each in kept], "label": [each.label for each in kept]}
