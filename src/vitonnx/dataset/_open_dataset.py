"""From words of the command line to a dataset."""

from __future__ import annotations

import itertools
import random
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from vitonnx.dataset._braces import expanded
from vitonnx.dataset._copy import Spool
from vitonnx.dataset._dataset import Dataset
from vitonnx.dataset._find import Pictures, find, is_tar, stem_of
from vitonnx.dataset._listing import SHARD_SIZE, Listing
from vitonnx.dataset._parquet import Asked, Parquet
from vitonnx.dataset._shard import Shard
from vitonnx.dataset._tar import Tar
from vitonnx.dataset._unpack import Wanted
from vitonnx.errors import UsageError
from vitonnx.filenames import shown
from vitonnx.media import Notice, find_picture_names, read_lists
from vitonnx.places import Place, place_of

__all__ = ["open_dataset"]

# In a file's name, on any system: shards give their names to what is written.
FORBIDDEN = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


def open_dataset(
    inputs: Sequence[str],
    *,
    column: str = "image",
    id: str | None = None,  # noqa: A002 - as the option is called
    label: str | None = None,
    root: str | None = None,
    limit: int | None = None,
    seed: int | None = None,
    shard_size: int = SHARD_SIZE,
    notice: Notice | None = None,
) -> Dataset:
    """Find the pictures that some words stand for, and what is said of them.

    Parameters
    ----------
    inputs : sequence of str
        Each a picture file, a folder, a glob, or a list of these (``@list``, ``list.txt``); a tar
        (``.tar``, ``.tar.gz``, ``.tgz``) as WebDataset packs pictures; a parquet file; or a folder
        or glob of either. Braces stand for several names: ``train-{000..146}.tar``. Any but a list
        may be at a URL: ``s3://``, ``gs://``, ``hf://``, ``https://``.
    column : str
        Column of the pictures in parquet: bytes, paths, or structs of ``bytes`` and ``path``; a
        field of a struct by names with dots between them. In a tar, the kind of the member that is
        the picture, where a sample has several.
    id : str, optional
        Column of the ids, or the key in a tar's ``.json``. By default, an id is a picture's path
        below a folder or a glob's fixed part, its name as a list has it, its key in a tar; and in
        parquet its path, or else the file and the row.
    label : str, optional
        Column of the labels, or the key in a tar's ``.json``. By default, a label is the first
        folder below a folder or a glob's fixed part, a tar's ``.cls``, and in parquet none. Numbers
        become names where a parquet file holds those of Hugging Face's ``ClassLabel``.
    root : str, optional
        The folder, or its URL, that paths in parquet are relative to, and may not lead out of. By
        default, that of each parquet file.
    limit : int, optional
        Take so many pictures at most: the first, of which nothing further is looked at; or, with
        `seed`, a sample of all, in their order.
    seed : int, optional
        Choose the sample.
    shard_size : int
        Picture files of a shard. A tar or parquet file is one, however long it is.
    notice : callable, optional
        See `vitonnx.media.find_pictures`.

    Returns
    -------
    Dataset
        Nothing of it is read before it is asked for, but what `limit` and `seed` need: headers of
        tars and footers of parquet files. A tar at a URL is copied for that, to a temporary folder
        that goes with the dataset.

    Raises
    ------
    UsageError
        If there are no pictures, or options don't fit.
    MissingExtraError
        If parquet or a URL is given without the extra ``data``.
    DataError
        If a file is missing or damaged.

    Examples
    --------
    >>> dataset = open_dataset(["robin.jpg", "wren.jpg"])
    >>> [sample.id for sample in dataset.samples()]
    ['robin.jpg', 'wren.jpg']
    """
    if seed is not None and limit is None:
        raise UsageError("--seed chooses a sample: say how large with --limit.")
    if not inputs or not all(inputs):
        find_picture_names(inputs)  # which says what is missing
    wanted = Wanted(column, id, label)
    asked = Asked(column, id, label, None if root is None else place_of(root))
    words = (name for word in read_lists(inputs) for name in expanded(word))
    shards = _named(_found(words, wanted, asked, notice))
    if limit is not None:
        shards = _first(shards, limit) if seed is None else _drawn(shards, limit, seed)
    return Dataset(list(_cut(shards, shard_size)))


def _found(
    words: Iterable[str], wanted: Wanted, asked: Asked, notice: Notice | None
) -> list[Shard]:
    """Give what the words stand for, each file once: all listings in a row are one."""
    seen: set[str] = set()
    shards: list[Shard] = []
    for word in words:
        found = find(word, notice)
        if isinstance(found, Pictures):
            files = [name for name in dict.fromkeys(found.names) if name not in seen]
            seen.update(files)
            roots = [found.root] * len(files)
            if shards and isinstance(last := shards[-1], Listing):
                shards[-1] = Listing("", [*last.files, *files], [*last.roots, *roots])
            else:
                shards.append(Listing("", files, roots))
            continue
        for place in found:
            if place.identity not in seen:
                seen.add(place.identity)
                shards.append(_holder(place, wanted, asked))
    return shards


def _holder(place: Place, wanted: Wanted, asked: Asked) -> Shard:
    """Make a shard of a file that holds pictures; it gets its names later."""
    if is_tar(place.file_name):
        return Tar(place, "", "", wanted)
    return Parquet(place, "", "", asked)


def _named(shards: list[Shard]) -> list[Shard]:
    """Give tars and parquet files stems and titles that no other of the dataset has."""
    names = Counter(shard.place.file_name for shard in shards if isinstance(shard, Tar | Parquet))
    taken: set[str] = set()
    named: list[Shard] = []
    for shard in shards:
        if isinstance(shard, Tar | Parquet):
            own = shard.place.file_name
            title = shard.name if names[own] > 1 else shown(own)
            shard = replace(
                shard, stem=_free(FORBIDDEN.sub("_", stem_of(own)) or "_", taken), title=title
            )
        named.append(shard)
    return named


def _cut(shards: list[Shard], size: int) -> Iterator[Shard]:
    """Cut listings into shards, and number these."""
    taken = {shard.stem.casefold() for shard in shards}
    parts = itertools.count()
    for shard in shards:
        if not isinstance(shard, Listing):
            yield shard
            continue
        for start in range(0, shard.count, size):
            part = shard.chosen(range(start, min(start + size, shard.count)))
            yield replace(part, stem=_free(f"part-{next(parts):05}", taken))


def _free(stem: str, taken: set[str]) -> str:
    """Take a stem, with a number where it is taken, also in capitals or small letters."""
    others = (f"{stem}-{number}" for number in itertools.count(2))
    free = next(each for each in itertools.chain([stem], others) if each.casefold() not in taken)
    taken.add(free.casefold())
    return free


def _first(shards: list[Shard], limit: int) -> list[Shard]:
    """Take the first pictures, and no look at the shards behind them."""
    spool = Spool()
    taken: list[Shard] = []
    for shard in shards:
        if limit <= 0:
            break
        if isinstance(shard, Tar):
            shard = shard.first(limit, spool)
        count = min(limit, shard.counted())
        limit -= count
        if count:
            taken.append(shard.chosen(range(count)))
    # Of shards without a picture one is left, so that there is a dataset of none.
    return taken or [shard.chosen(range(0)) for shard in shards[:1]]


def _drawn(shards: list[Shard], limit: int, seed: int) -> list[Shard]:
    """Draw a sample of all pictures, and keep their order."""
    spool = Spool()
    shards = [shard.kept_in(spool) if isinstance(shard, Tar) else shard for shard in shards]
    ends = list(itertools.accumulate(shard.counted() for shard in shards))
    if not ends or limit >= ends[-1]:
        return shards
    rows = sorted(random.Random(seed).sample(range(ends[-1]), limit))
    drawn: list[Shard] = []
    for shard, start, end in zip(shards, [0, *ends], ends, strict=False):
        own = rows[bisect_left(rows, start) : bisect_left(rows, end)]
        if own:
            drawn.append(shard.chosen([row - start for row in own]))
    return drawn
