"""Files of rows, read as anybody reads parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

__all__ = ["array", "column", "files_in", "said", "shape_of"]


def files_in(folder: Path | str) -> list[str]:
    """Names of the files of rows in a folder, in their order."""
    return sorted(path.name for path in Path(folder).glob("*.parquet"))


def column(path: Path | str, name: str) -> list[Any]:
    """A column of a file, or of all files of a folder one after the other."""
    path = Path(path)
    paths = [path / each for each in files_in(path)] if path.is_dir() else [path]
    return [value for each in paths for value in pq.read_table(each).column(name).to_pylist()]


def shape_of(path: Path, name: str) -> tuple[int, ...]:
    """The shape of a row's array, as the metadata of its column has it."""
    metadata = pq.read_schema(path).field(name).metadata or {}
    text = metadata.get(b"shape", b"").decode()
    return tuple(map(int, text.split(","))) if text else ()


def array(path: Path, name: str) -> NDArray[Any]:
    """The good rows of a column, each in its shape."""
    values = [value for value in column(path, name) if value is not None]
    return np.array(values).reshape(len(values), *shape_of(path, name))


def said(path: Path) -> dict[str, Any]:
    """What can't be seen in the rows of one run: their columns, types and metadata."""
    schema = pq.read_schema(path)
    return {field.name: (field.type, field.nullable, field.metadata) for field in schema} | {
        "": schema.metadata
    }
