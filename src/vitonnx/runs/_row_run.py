"""Rows of a dataset in a folder: a file for each shard, written whole or not at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vitonnx.blame import why_unopened
from vitonnx.dataset import Dataset, Shard
from vitonnx.engine import difference, run_settings
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import atomic_path, check_place
from vitonnx.regular import refuse_special
from vitonnx.runs._row_file import WORDS, errors_in, is_ours, write_rows
from vitonnx.runs._rows import Row, Rows

__all__ = ["RowRun", "RowWriter"]

# Readers of parquet pass over files that begin like this.
STATE = "_vitonnx.json"
SUFFIX = ".parquet"
LARGEST = 2**20  # bytes of a state


@dataclass(frozen=True, eq=False)
class RowWriter:
    """What writes the rows of a shard, whichever it is.

    Parameters
    ----------
    question : Rows
        What is asked of each picture.
    words : mapping
        What each file says of itself.
    """

    question: Rows
    words: Mapping[str, Any]

    def write(self, shard: Shard, path: Path) -> Iterator[Row]:
        """Write the file of a shard; yields every row on its way.

        Raises
        ------
        DataError
            If the shard can't be read.
        VitonnxError
            If the file can't be written.
        """
        rows = self.question.rows(shard.samples())
        with atomic_path(path) as passing:
            yield from write_rows(passing, rows, self.question.forms, self.words)


@dataclass(frozen=True, eq=False, kw_only=True)
class RowRun:
    """A run that writes a file of rows for each shard, and goes on from those that are there.

    Parameters
    ----------
    question : Rows
        What is asked of each picture.
    dataset : Dataset
        All pictures, whichever process writes which shards.
    folder : Path
        Of the files.
    state : Path, optional
        The file that says which run it is; by default one in the folder.
    """

    question: Rows
    dataset: Dataset
    folder: Path
    state: Path | None = None

    def begin(self, *, force: bool = False) -> None:
        """Make the folder, or take one that this very run has begun.

        Several processes may do so at the same time.

        Parameters
        ----------
        force : bool
            Whether to remove what another run has written there.

        Raises
        ------
        UsageError
            If the folder is another run's, or a file in it, which vitonnx didn't write, has the
            name of a shard's.
        VitonnxError
            If the system refuses to write there.
        """
        check_place(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if force and not self._is_begun():
                self._clear()
            self._compare()
            self._refuse_others()
            if self._state() is None:
                with atomic_path(self.place) as passing:
                    passing.write_text(json.dumps(self.settings, indent=1) + "\n")
        except OSError as error:
            raise VitonnxError(f"can't write {self.folder}: {why_unopened(error)}.") from error

    def forget(self) -> None:
        """Remove the state of a run that has written nothing, so that another may begin."""
        if not any(map(self.is_done, range(len(self.files)))):
            with suppress(OSError):
                self.place.unlink()

    def left(self, number: int = 0, parts: int = 1) -> list[int]:
        """List the shards of a part of the dataset that have no file yet, by their numbers."""
        start, stop = self.dataset.span(number, parts)
        return [each for each in range(start, stop) if not self.is_done(each)]

    def is_done(self, shard: int) -> bool:
        """Tell whether this run has written a shard's file."""
        path = self.files[shard]
        return path.exists() and is_ours(path, self.words)

    def write(self, shard: int) -> Iterator[Row]:
        """Write the file of a shard, as `RowWriter.write` does."""
        return self.writer.write(self.dataset.shards[shard], self.files[shard])

    def errors(self, number: int = 0, parts: int = 1) -> tuple[int, list[str]]:
        """Count the pictures of a part that is done, and list what is wrong with bad ones."""
        start, stop = self.dataset.span(number, parts)
        pictures, errors = 0, []
        for path in self.files[start:stop]:
            count, wrong = errors_in(path)
            pictures += count
            errors += wrong
        return pictures, errors

    @cached_property
    def files(self) -> list[Path]:
        """The files of all shards, in their order."""
        stems = [shard.stem for shard in self.dataset.shards]
        counts = Counter(stem.casefold() for stem in stems)
        return [
            self.folder / f"{f'{number:05}-' if counts[stem.casefold()] > 1 else ''}{stem}{SUFFIX}"
            for number, stem in enumerate(stems)
        ]

    @cached_property
    def settings(self) -> dict[str, str | int]:
        """All that the rows depend on, in a person's words."""
        of_model = run_settings([self.question.engine], self.dataset)
        if self.question.engine.threads is None:
            # Machines of a job array may have unlike numbers of cores.
            of_model["model 1's threads"] = "one per core"
        return {**self.question.settings(), **of_model}

    @property
    def writer(self) -> RowWriter:
        """What writes the files."""
        return RowWriter(self.question, self.words)

    @property
    def words(self) -> dict[str, Any]:
        """What each file says of itself."""
        manifest = self.question.engine.manifest
        return {"model": manifest.name, "untrained": manifest.untrained, "run": self.settings}

    @property
    def place(self) -> Path:
        """The file that says which run it is."""
        return self.state or self.folder / STATE

    def _state(self) -> Mapping[str, Any] | None:
        path = self.place
        refuse_special(path, VitonnxError)
        try:
            with path.open("rb") as file:
                state = json.loads(file.read(LARGEST))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            state = None
        if not isinstance(state, dict):
            raise VitonnxError(f"{path} holds no state of a run, or is damaged: {self._way_out}.")
        return state

    @property
    def _way_out(self) -> str:
        """Say how to go on where another run's files are."""
        if self.state is not None:
            return f"give another file with --resume, or remove {self.state} and {self.folder}"
        return "give another folder, or start over with --force"

    def _is_begun(self) -> bool:
        """Tell whether this very run has begun; who began a damaged one, nobody knows."""
        try:
            return self._state() == self.settings
        except VitonnxError:
            return False

    def _refuse_others(self) -> None:
        """Refuse to replace what this run has not written."""
        for path in self.files:
            refuse_special(path, VitonnxError)
            if not path.exists() or is_ours(path, self.words):
                continue
            if not _is_vitonnx(path):
                raise UsageError(
                    f"{path} would be replaced, but vitonnx didn't write it: move it away, or "
                    "give another folder."
                )
            raise UsageError(f"{path} holds rows of another run: {self._way_out}.")

    def _compare(self) -> None:
        was = self._state()
        other = None if was is None else difference(was, self.settings)
        if other is not None:
            raise UsageError(
                f"{self.state or self.folder} holds another run: {other}. Repeat the command of "
                f"that run, or {self._way_out}."
            )

    def _clear(self) -> None:
        """Remove what another run has written."""
        for path in self.folder.glob(f"*{SUFFIX}"):
            if path.is_file() and _is_vitonnx(path):
                path.unlink()
        self.place.unlink(missing_ok=True)


def _is_vitonnx(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return WORDS in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowInvalid):
        return False
