"""Options that say what the pictures of a dataset are, and who goes through which of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import inform
from vitonnx.cli._options import Limit, Seed
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.dataset import Dataset
    from vitonnx.media import Files

__all__ = ["Column", "Data", "DatasetOptions", "Label", "Ray", "Root", "Shard", "parse_shard"]

Data = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...",
        help="Pictures: files, folders, globs, lists (list.txt, or @FILE), WebDataset tars "
        "('train-{000..146}.tar') or parquet, here or at a URL (s3://, gs://, hf://, https://). "
        "Figures made by vitonnx are skipped in folders and globs.",
    ),
]
Column = Annotated[
    str,
    typer.Option(
        "--column",
        metavar="NAME",
        help="Column of parquet with the pictures; in tars whose samples have several, the suffix "
        "of the one to use.",
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="NAME",
        help="Column of parquet, or key of a tar's .json files, with the pictures' classes.",
    ),
]
Root = Annotated[
    str | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Folder or URL that paths in parquet are relative to and must stay below. By "
        "default, that of the parquet file.",
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do part I of N, counted from 0, as one of N processes; `vitonnx merge` joins totals.",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="auto|local|ADDRESS",
        help="Have a cluster of Ray do the shards: the one that this machine belongs to, one that "
        "is started here for this command, or the one at an address. A worker has --threads CPUs, "
        "by default one.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """What the pictures of a call are."""

    data: Data
    column: Column = "image"
    id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="NAME",
            help="Column of parquet, or key of a tar's .json files, with the pictures' ids.",
        ),
    ] = None
    label: Label = None
    root: Root = None
    limit: Limit = None
    seed: Seed = None

    def open(self, *, quiet: bool, parts: int = 1, several_times: bool = False) -> Dataset:
        """Find the pictures.

        Parameters
        ----------
        quiet : bool
            Whether to suppress notes.
        parts : int
            The least number of shards that the pictures of a folder are cut into.
        several_times : bool
            Whether they are read more than once, so that what is elsewhere is copied here.

        Raises
        ------
        UsageError
            If there are none.
        """
        from vitonnx.dataset import SHARD_SIZE, open_dataset

        opened = partial(
            open_dataset,
            self.data,
            column=self.column,
            id=self.id,
            label=self.label,
            root=self.root,
            limit=self.limit,
            seed=self.seed,
        )
        found = opened(notice=partial(inform, quiet=quiet))
        if several_times:
            found = found.fetched()
        if parts > 1 and found.is_listed and found.count:
            # Of a folder, each of several processes shall have something to do.
            return opened(shard_size=min(SHARD_SIZE, math.ceil(found.count / parts)))
        return found

    def holders(self, dataset: Dataset) -> list[Path]:
        """List the folders of which every parquet file, or tar, is a part of the dataset."""
        return (
            [] if dataset.is_listed else [Path(word) for word in self.data if Path(word).is_dir()]
        )

    def read(self, dataset: Dataset) -> Files:
        """Name what is read, and must not be overwritten."""
        from vitonnx.media import Files

        return Files({*dataset.files, *(name.removeprefix("@") for name in self.data)})


def parse_shard(text: str | None) -> tuple[int, int]:
    """Parse which part of how many is meant; without one, all.

    Examples
    --------
    >>> parse_shard("2/3"), parse_shard(None)
    ((2, 3), (0, 1))
    """
    if text is None:
        return 0, 1
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if match is None or not int(match[1]) < int(match[2]):
        raise UsageError(
            f"--shard {text!r} is not a part: write I/N with I from 0 to N - 1, as in 0/3."
        )
    return int(match[1]), int(match[2])
