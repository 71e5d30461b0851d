"""A shard that is a parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from vitonnx.blame import blamed_on
from vitonnx.dataset._refused import kept, refused
from vitonnx.dataset._rows import Rows, between, described_rows, narrowed, rows_from
from vitonnx.dataset._shard import Sample
from vitonnx.dataset._table_columns import LabelColumn, PictureColumn, TableColumn
from vitonnx.errors import DataError, PictureError
from vitonnx.extras import require_data
from vitonnx.media import Encoded
from vitonnx.places import Place, named, shown_place

__all__ = ["Asked", "Parquet"]

BATCH = 32  # rows that are in memory at a time, beside a page of the file
# Bytes of a column that are read at once, which takes a request where it is elsewhere. A page that
# is longer is in memory as a whole; pyarrow writes 1,024 rows to one, however long they are.
BUFFER = 2**22


@dataclass(frozen=True)
class Asked:
    """What is read of a table.

    Parameters
    ----------
    column : str
        Of the pictures.
    id, label : str or None
        Of their ids and labels.
    root : Place or None
        The folder that paths of pictures are relative to, and may not lead out of. None is the
        table's own.
    """

    column: str
    id: str | None = None
    label: str | None = None
    root: Place | None = None


@dataclass(frozen=True, eq=False)
class Parquet:
    """Pictures in a parquet file: read page by page, however large a row group is.

    Parameters
    ----------
    place : Place
        Where it is.
    stem : str
        See `Shard.stem`.
    title : str
        How samples name it.
    asked : Asked
        What is read of it.
    rows : sequence of int, optional
        Numbers of the rows that are chosen, ascending.
    """

    place: Place
    stem: str
    title: str
    asked: Asked
    rows: Rows | None = None

    @property
    def name(self) -> str:
        """How messages name it."""
        return self.place.name

    @property
    def count(self) -> int | None:
        """The number of its pictures, unless it takes a look at another machine."""
        is_known = self.rows is not None or "_length" in self.__dict__
        return self.counted() if is_known or not self.place.is_remote else None

    def counted(self) -> int:
        """Read the number of its pictures in its footer."""
        return self._length if self.rows is None else len(self.rows)

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Give its pictures; row groups without any that is chosen aren't read."""
        rows = rows_from(self.rows, start)
        if not rows:
            return
        with self._opened() as table:
            columns = self._columns(table)
            begin = 0
            for group in range(table.num_row_groups):
                end = begin + table.metadata.row_group(group).num_rows
                if used := between(rows, begin, end):
                    yield from self._of_group(table, columns, group, begin, used)
                begin = end
                if begin > rows[-1]:
                    return

    def chosen(self, rows: Rows) -> Parquet:
        """Give some of its pictures."""
        return replace(self, rows=narrowed(self.rows, rows))

    def described(self) -> str:
        """Describe it by its place and size, and what is read of it."""
        where = f"{self.place.identity} {self.place.size()} bytes"
        asked = replace(self.asked, root=None)
        root = "" if self.asked.root is None else self.asked.root.identity
        return f"parquet {where} {asked} {root} {described_rows(self.rows)}"

    @cached_property
    def _length(self) -> int:
        with self._opened() as table:
            length: int = table.metadata.num_rows
        return length

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        require_data("parquet needs")
        from pyarrow.parquet import ParquetFile

        with self._reading():
            source = self.place.table()
        try:
            with self._reading():
                table = ParquetFile(source, pre_buffer=False, buffer_size=BUFFER)
            yield table
        finally:
            source.close()

    def _reading(self) -> Any:
        """Turn all that is raised by what is read inside into a sentence about the file."""

        def sentence(reason: str) -> str:
            return (
                f"{self.name} is damaged, or not a parquet file ({self.place.discreet(reason)}): "
                "download or copy it again."
            )

        return blamed_on(self.name, DataError, sentence)

    def _columns(self, table: Any) -> tuple[PictureColumn, TableColumn | None, LabelColumn | None]:
        schema, asked = table.schema_arrow, self.asked
        picture = PictureColumn.find(schema, asked.column, self.name)
        own = asked.id and TableColumn.find(schema, asked.id, self.name, "--id")
        label = asked.label and LabelColumn.find(schema, asked.label, self.name)
        return picture, own or None, label or None

    def _of_group(
        self,
        table: Any,
        columns: tuple[PictureColumn, TableColumn | None, LabelColumn | None],
        group: int,
        begin: int,
        rows: Rows,
    ) -> Iterator[Sample]:
        """Give the pictures of a row group that are chosen."""
        leaves = [leaf for column in columns if column is not None for leaf in column.leaves]
        batches = table.iter_batches(BATCH, row_groups=[group], columns=leaves, use_threads=False)
        while True:
            with self._reading():
                batch = next(batches, None)
            if batch is None:
                break
            end = begin + batch.num_rows
            for row in between(rows, begin, end):
                with self._reading():
                    sample = self._sample(batch, row - begin, row, *columns)
                yield sample
            begin = end
            if begin > rows[-1]:
                return

    def _sample(
        self,
        batch: Any,
        place: int,
        row: int,
        picture: PictureColumn,
        own: TableColumn | None,
        label: LabelColumn | None,
    ) -> Sample:
        name = f"{self.title}: row {row}"
        content, path = picture.picture(batch, place)
        said = own.value(batch, place) if own else path and named(path)
        key = name if said is None else str(said)
        try:
            said = None if label is None else label.label(batch, place)
        except PictureError as error:
            return Sample(key, refused(name, f"{name} {error}."))
        return Sample(key, self._picture(name, content, path), said)

    def _picture(self, name: str, content: bytes | None, path: str | None) -> Encoded:
        if path:
            name = f"{name}, {shown_place(path)}"
        if content is not None:
            return kept(name, content)
        if not path:
            return refused(name, f"{name} has no picture: it is null.")
        folder = self.place.folder if self.asked.root is None else self.asked.root
        return Encoded(name, partial(_read_below, folder, path, name))


def _read_below(folder: Place, path: str, name: str) -> bytes:
    try:
        return folder.below(path).content()
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from error
