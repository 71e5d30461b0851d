"""Rows in a parquet file: plain Arrow types, which every reader of parquet knows.

An array is a list of fixed length, in the order of its last axis first; the field's metadata has
its shape. The schema's has the model and the question, as JSON under ``vitonnx``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitonnx.errors import DataError
from vitonnx.filenames import shown
from vitonnx.runs._rows import Form, Row

__all__ = ["SHAPE", "WORDS", "errors_in", "is_ours", "rows_in", "write_rows"]

WORDS, SHAPE = b"vitonnx", b"shape"
# Rows are written in groups: as many as this, or as fill so many bytes.
MOST_ROWS, MOST_BYTES = 1024, 2**24
LARGEST_LABEL = 2**63 - 1


def write_rows(
    path: Path, rows: Iterable[Row], forms: Mapping[str, Form], words: Mapping[str, Any]
) -> Iterator[Row]:
    """Write rows to a file, and give each as it passes; the same rows give the same bytes.

    Parameters
    ----------
    path : Path
    rows : iterable of Row
        Read as they are written, in flat memory.
    forms : mapping of str to Form
        Of their arrays.
    words : mapping
        What the file says of itself, as JSON.

    Raises
    ------
    DataError
        If labels are names and numbers.
    """
    import pyarrow.parquet as pq

    groups = _groups(rows, forms)
    group = next(groups, [])
    yield from group
    schema = _schema(forms, words, numbered=_are_numbers(group))
    # Numbers of a network hardly repeat: a dictionary of them only takes time.
    with pq.ParquetWriter(path, schema, use_dictionary=["label"]) as writer:
        while group:
            writer.write_table(_table(group, forms, schema))
            group = next(groups, [])
            yield from group


def errors_in(path: Path) -> tuple[int, list[str]]:
    """Count the rows of a file, and list what is wrong with the bad pictures among them."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        errors = file.read(["error"]).column("error")
        return len(errors), [f"{each}" for each in errors.drop_null().to_pylist()]


def is_ours(path: Path, words: Mapping[str, Any]) -> bool:
    """Tell whether a file says this of itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return False
    return bool(metadata.get(WORDS) == _written(words))


def rows_in(path: Path, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Read a file, or some of its columns, a row group at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns)


def _groups(rows: Iterable[Row], forms: Mapping[str, Form]) -> Iterator[list[Row]]:
    group: list[Row] = []
    filled = 0
    for row in rows:
        group.append(row)
        filled += sum(_bytes_of(row, name, form) for name, form in forms.items())
        if len(group) == MOST_ROWS or filled >= MOST_BYTES:
            yield group
            group, filled = [], 0
    if group:
        yield group


def _are_numbers(rows: Sequence[Row]) -> bool:
    labels = [row.label for row in rows if row.label is not None]
    return bool(labels) and all(isinstance(label, int) for label in labels)


def _written(words: Mapping[str, Any]) -> bytes:
    return json.dumps(words, sort_keys=True).encode()


def _schema(forms: Mapping[str, Form], words: Mapping[str, Any], *, numbered: bool) -> Any:
    import pyarrow as pa

    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("label", pa.int64() if numbered else pa.string()),
        *(pa.field(name, _type(form), metadata=_metadata(form)) for name, form in forms.items()),
        *(
            pa.field(f"{name}.shape", pa.list_(pa.int32()))
            for name, form in forms.items()
            if form.shape is None
        ),
        pa.field("error", pa.string()),
    ]
    shapes = {name: form.shape for name, form in forms.items()}
    return pa.schema(fields, metadata={WORDS: _written(words), b"shapes": json.dumps(shapes)})


def _type(form: Form) -> Any:
    import pyarrow as pa

    kind = pa.from_numpy_dtype(np.dtype(form.dtype))
    if form.shape is None:
        return pa.list_(kind)
    return pa.list_(kind, math.prod(form.shape)) if form.shape else kind


def _metadata(form: Form) -> dict[bytes, str] | None:
    return {SHAPE: ",".join(map(str, form.shape))} if form.shape else None


def _bytes_of(row: Row, name: str, form: Form) -> int:
    if form.shape is not None:  # then a bad picture takes as many
        return np.dtype(form.dtype).itemsize * math.prod(form.shape)
    return 0 if row.arrays is None else row.arrays[name].nbytes


def _table(rows: Sequence[Row], forms: Mapping[str, Form], schema: Any) -> Any:
    import pyarrow as pa

    columns = {
        "id": pa.array([shown(row.id) for row in rows], pa.string()),
        "label": _labels(rows, schema.field("label").type),
        "error": pa.array([None if row.error is None else shown(row.error) for row in rows]),
    }
    for name, form in forms.items():
        found = [None if row.arrays is None else row.arrays[name] for row in rows]
        columns[name] = _column(name, found, form, schema.field(name).type)
        if form.shape is None:
            shapes = [None if each is None else list(each.shape) for each in found]
            columns[f"{name}.shape"] = pa.array(shapes, pa.list_(pa.int32()))
    return pa.table([columns[name].cast(schema.field(name).type) for name in schema.names], schema)


def _labels(rows: Sequence[Row], kind: Any) -> Any:
    import pyarrow as pa

    labels = [row.label for row in rows]
    if pa.types.is_integer(kind):
        for row in rows:
            if isinstance(row.label, str):
                raise DataError(
                    f"the label of {row.id} is {row.label!r}, and others are numbers: label all "
                    "pictures by names, or all by numbers."
                )
            if row.label is not None and abs(row.label) > LARGEST_LABEL:
                raise DataError(
                    f"the label of {row.id} is {row.label}, a number that no parquet file holds: "
                    "label pictures by names, or by smaller numbers."
                )
        return pa.array(labels, kind)
    return pa.array([None if each is None else shown(str(each)) for each in labels], kind)


def _column(name: str, found: Sequence[Any], form: Form, kind: Any) -> Any:
    import pyarrow as pa

    mask = np.array([each is None for each in found])
    for each in found:
        if each is not None and form.shape is not None and each.shape != form.shape:
            raise DataError(f"{name} has the shape {each.shape}, and {form.shape} was expected.")
    if form.shape is None:
        lists = [None if each is None else each.ravel() for each in found]
        return pa.array(lists, kind)
    blank = np.zeros(form.shape, form.dtype)
    values = np.stack([blank if each is None else each for each in found])
    if not form.shape:
        return pa.array(values, kind, mask=mask)
    flat = pa.array(values.ravel(), kind.value_type)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=pa.array(mask))
