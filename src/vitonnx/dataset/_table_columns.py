"""Which columns of a table hold pictures, ids and labels, and what their values mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vitonnx.dataset._shard import Label
from vitonnx.errors import DataError, PictureError, UsageError

__all__ = ["LabelColumn", "PictureColumn", "TableColumn"]

FEATURES = b"huggingface"  # the key that Hugging Face's datasets leaves its features under
MOST_NAMES = 50  # columns that a sentence lists


@dataclass(frozen=True)
class TableColumn:
    """A column, or a field of one that is a struct.

    Parameters
    ----------
    path : sequence of str
        Its name; and those of the fields that lead to it.
    type : pyarrow.DataType
        Of its values.
    """

    path: tuple[str, ...]
    type: Any

    @classmethod
    def find(cls, schema: Any, name: str, table: str, option: str) -> Any:
        """Find a column by its name, or a field by names with dots between them."""
        for path in ((name,), tuple(name.split("."))):
            kind = _type_at(schema, path)
            if kind is not None:
                return cls(path, kind)
        names = schema.names
        listed = ", ".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")
        raise UsageError(
            f"{table} has no column {name}; it has {listed or 'none'}: name one with {option}."
        )

    @property
    def leaves(self) -> list[str]:
        """Names of what is read of it, as pyarrow has them."""
        return [".".join(self.path)]

    def value(self, batch: Any, row: int) -> Any:
        """Give a value, as Python has it."""
        value = batch.column(self.path[0])[row].as_py()
        for name in self.path[1:]:
            value = None if value is None else value[name]
        return value


@dataclass(frozen=True)
class PictureColumn(TableColumn):
    """A column of pictures: their files' bytes, their paths, or a struct of both."""

    @classmethod
    def find(cls, schema: Any, name: str, table: str, option: str = "--column") -> PictureColumn:
        """Find it, and refuse one that holds no pictures."""
        column: PictureColumn = super().find(schema, name, table, option)
        if column.has_bytes or column.has_path:
            return column
        raise UsageError(
            f"the column {name} of {table} is of the type {column.type}: pictures are bytes, "
            "paths, or structs of bytes and path. Name another with --column."
        )

    @property
    def has_bytes(self) -> bool:
        """Whether a picture's content can be in it."""
        return _is_bytes(_field(self.type, "bytes") or self.type)

    @property
    def has_path(self) -> bool:
        """Whether a picture's path can be in it."""
        return _is_text(_field(self.type, "path") or self.type)

    @property
    def leaves(self) -> list[str]:
        """Names of the fields that are read."""
        name = ".".join(self.path)
        fields = [each for each in ("bytes", "path") if _field(self.type, each) is not None]
        return [f"{name}.{field}" for field in fields] or [name]

    def picture(self, batch: Any, row: int) -> tuple[bytes | None, str | None]:
        """Give the content of a picture, or its path, or both, as far as there is one."""
        value = self.value(batch, row)
        if not isinstance(value, dict):
            return (value, None) if self.has_bytes else (None, value)
        content = value.get("bytes") if self.has_bytes else None
        return content, value.get("path") if self.has_path else None


@dataclass(frozen=True)
class LabelColumn(TableColumn):
    """A column of labels: names, or numbers, which the table may have names for."""

    names: tuple[str, ...] = ()

    @classmethod
    def find(cls, schema: Any, name: str, table: str, option: str = "--label") -> LabelColumn:
        """Find it, and what Hugging Face's datasets says that its numbers mean."""
        from pyarrow import types

        column: LabelColumn = super().find(schema, name, table, option)
        kind = _value_type(column.type)
        if not (types.is_integer(kind) or _is_text(kind) or types.is_null(kind)):
            raise UsageError(
                f"the column {name} of {table} is of the type {column.type}: labels are whole "
                f"numbers or text. Name another with {option}."
            )
        names = _class_names(schema, column.path, table) if types.is_integer(kind) else ()
        return cls(column.path, column.type, names)

    def label(self, batch: Any, row: int) -> Label | None:
        """Give the label of a row: by its name, where the table has names.

        Raise a `PictureError` if there is none for this one.
        """
        number: Label | None = self.value(batch, row)
        if not self.names or not isinstance(number, int):
            return number
        if number == -1:  # says that a picture has no label
            return None
        if not 0 <= number < len(self.names):
            raise PictureError(
                f"has the label {number}, but only 0 to {len(self.names) - 1} have names"
            )
        return self.names[number]


def _type_at(schema: Any, path: Sequence[str]) -> Any:
    if schema.names.count(path[0]) != 1:
        return None
    kind = schema.field(path[0]).type
    for name in path[1:]:
        kind = _field(kind, name)
    return kind


def _field(kind: Any, name: str) -> Any:
    """Give the type of a struct's field, or None if there is none."""
    from pyarrow import types

    if kind is None or not types.is_struct(kind):
        return None
    number = kind.get_field_index(name)
    return None if number < 0 else kind.field(number).type


def _value_type(kind: Any) -> Any:
    from pyarrow import types

    return kind.value_type if types.is_dictionary(kind) else kind


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    kind = _value_type(kind)
    return any(
        (types.is_binary(kind), types.is_large_binary(kind), types.is_binary_view(kind))
    ) or types.is_fixed_size_binary(kind)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    kind = _value_type(kind)
    return any((types.is_string(kind), types.is_large_string(kind), types.is_string_view(kind)))


def _class_names(schema: Any, path: Sequence[str], table: str) -> tuple[str, ...]:
    """Read the names of a ClassLabel, or give none where the column is no such."""
    try:
        feature = json.loads((schema.metadata or {}).get(FEATURES, b"{}"))["info"]["features"]
        for name in path:
            feature = feature[name]
        if feature["_type"] != "ClassLabel":
            return ()
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    names = feature.get("names")
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        return tuple(names)
    raise DataError(
        f"{table} says that {'.'.join(path)} has class names, but doesn't list them: write it "
        "again with Hugging Face's datasets, or without this metadata."
    )
