"""Files of rows as one: a parquet file, or an ``.npz`` that needs no pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.media import atomic_path
from vitonnx.runs._row_file import SHAPE, rows_in

__all__ = ["join_rows"]


def join_rows(files: Sequence[Path], output: Path) -> None:
    """Write the rows of several files to one, in flat memory, whole or not at all.

    Parameters
    ----------
    files : sequence of Path
        As `vitonnx.runs.write_rows` wrote them, at least one.
    output : Path
        ``.parquet``, or ``.npz``: there what a bad picture lacks is NaN, or the least number of
        its type, and its ``error`` isn't empty.

    Raises
    ------
    UsageError
        If arrays of several sizes can't be stacked in an ``.npz``.
    VitonnxError
        If it can't be written.
    """
    with atomic_path(output) as passing:
        if output.suffix.lower() == ".npz":
            _write_arrays(files, passing)
        else:
            _write_table(files, passing)


def _write_table(files: Sequence[Path], path: Path) -> None:
    import pyarrow.parquet as pq

    schema = _common_schema(files)
    with pq.ParquetWriter(path, schema, use_dictionary=["label"]) as writer:
        for file in files:
            for table in rows_in(file):
                writer.write_table(table.cast(schema))


def _common_schema(files: Sequence[Path]) -> Any:
    """Give the schema of all; where no picture of a file has a label, it says nothing of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = []
    for file in files:
        with pq.ParquetFile(file) as opened:
            labels = opened.read(["label"]).column("label")
            schemas.append((opened.schema_arrow, labels.null_count < len(labels)))
    first = schemas[0][0]
    kinds = {schema.field("label").type for schema, labelled in schemas if labelled}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    return first.set(first.get_field_index("label"), pa.field("label", kind))


def _write_arrays(files: Sequence[Path], path: Path) -> None:
    schema = _common_schema(files)
    with zipfile.ZipFile(path, "w") as archive:
        for field in schema:
            parts = _Parts(files, field)
            with archive.open(f"{field.name}.npy", "w", force_zip64=True) as file:
                header = {"descr": parts.dtype.str, "fortran_order": False, "shape": parts.shape}
                np.lib.format.write_array_header_2_0(file, header)
                for part in parts:
                    file.write(np.ascontiguousarray(part, parts.dtype).tobytes())


class _Parts:
    """A column of several files as arrays, one after the other."""

    def __init__(self, files: Sequence[Path], field: Any) -> None:
        import pyarrow as pa

        self._files, self._field = files, field
        if pa.types.is_list(field.type):
            raise UsageError(
                "can't stack arrays of several sizes, since each of these pictures has its own "
                "input size: write parquet, or give --size HxW for all."
            )
        shape = (field.metadata or {}).get(SHAPE, b"").decode()
        self._of_row = tuple(map(int, shape.split(","))) if shape else ()
        rows, letters = 0, 1
        for column in self._columns():
            rows += len(column)
            if pa.types.is_string(field.type):
                letters = max(letters, *(len(text or "") for text in column.to_pylist()), 1)
        self.shape = (rows, *self._of_row)
        if pa.types.is_string(field.type):
            self.dtype = np.dtype(f"<U{letters}")
        else:
            kind = field.type.value_type if self._of_row else field.type
            self.dtype = np.dtype(kind.to_pandas_dtype())

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for column in self._columns():
            if self.dtype.kind == "U":
                yield np.array([text or "" for text in column.to_pylist()], self.dtype)
            else:
                yield self._numbers(column)

    def _columns(self) -> Iterator[Any]:
        for file in self._files:
            for table in rows_in(file, [self._field.name]):
                yield table.column(0).cast(self._field.type).combine_chunks()

    def _numbers(self, column: Any) -> NDArray[Any]:
        lacking = np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)
        missing: Any = False
        if self.dtype.kind == "f":
            missing = np.nan
        elif self.dtype.kind in "iu":
            missing = np.iinfo(self.dtype).min
        values = np.full((len(column), *self._of_row), missing, self.dtype)
        good = column.drop_null()
        flat = (good.flatten() if self._of_row else good).to_numpy(zero_copy_only=False)
        values[~lacking] = np.asarray(flat, self.dtype).reshape(-1, *self._of_row)
        return values
