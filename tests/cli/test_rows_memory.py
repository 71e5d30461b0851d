"""Memory doesn't grow with the pictures, however they are kept and whatever is asked."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.kept import Kept, write_folder, write_parquet, write_tar
from terminal import run_measured

Exported = Callable[[str], Path]

FEW, MANY = 67, 367
SIDE = 307  # of pictures that don't shrink: 283 kB each, and 85 MB that the many have more
MOST = 35 * 2**20  # bytes more, which allocators keep


def noise(count: int) -> list[Kept]:
    generator = np.random.default_rng(29)
    contents = []
    for _ in range(7):
        file = io.BytesIO()
        pixels = generator.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        contents.append(file.getvalue())
    return [Kept(f"n01/{at:04}.png", contents[at % 7], "n01") for at in range(count)]


def peak(*words: str | Path) -> int:
    outcome, most = run_measured(*words, "--device", "cpu", "--threads", "1", "--quiet")
    assert (outcome.code, outcome.errors) == (0, [])
    return most


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux says it")
def test_embeddings_of_many_pictures(exported: Exported, desk: Path) -> None:
    few, many = noise(FEW), noise(MANY)
    write_tar(desk / "many.tar", many)
    write_folder(desk / "many", many)
    # In one row group, and in pages of a few pictures: a page is read as a whole, and pyarrow ends
    # one after 1,024 rows if it isn't told otherwise.
    for name, kept in (("few", few), ("many", many)):
        path = desk / f"{name}.parquet"
        write_parquet(path, kept, write_batch_size=8, use_dictionary=False)
    # The first run also plans the graph, and leaves the plan in the cache.
    _, usual = (peak("embed", exported("plain"), "few.parquet", "-o", each) for each in "ab")
    for number, data in enumerate(("many.tar", "many", "many.parquet")):
        most = peak("embed", exported("plain"), data, "-o", f"rows{number}")
        assert most - usual < MOST, data


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux says it")
def test_what_is_fitted_on_many_pictures(exported: Exported, desk: Path) -> None:
    write_tar(desk / "few.tar", noise(FEW))
    write_tar(desk / "many.tar", noise(MANY))
    peaks = []
    for name in ("few", "few", "many"):  # the first one also plans the graph
        words = ("--shard", "0/1", "-o", f"{name}.part")
        peaks.append(peak("probe", "pca", exported("plain"), f"{name}.tar", *words))
    assert peaks[2] - peaks[1] < MOST
