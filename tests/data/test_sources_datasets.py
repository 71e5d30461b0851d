"""Tars and parquet with labels: the same training set as the folder of class folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset.kept import (
    Kept,
    drawn,
    write_folder,
    write_parquet,
    write_parquet_of_structs,
    write_table,
    write_tar,
    write_tars,
)
from dataset.served import serve_web
from vitonnx.data import LabelledPictures, open_data
from vitonnx.errors import DataError, UsageError

CLASSES = ("n2", "n10")
KEPT = drawn(23, CLASSES)


def same(one: LabelledPictures, other: LabelledPictures) -> bool:
    """Compare all pictures, labels and classes."""
    parts = [(one.train, other.train), (one.validation, other.validation)]
    return one.classes == other.classes and all(
        np.array_equal(ours, theirs)
        for pair in parts
        for ours, theirs in zip(*(part.read(range(len(part)), 0) for part in pair), strict=True)
    )


def test_the_same_pictures_are_the_same_training_set(tmp_path: Path) -> None:
    folder = open_data(write_folder(tmp_path / "folder", KEPT), 8, 3)
    assert folder.classes == CLASSES
    assert same(open_data(write_tar(tmp_path / "a.tar", KEPT), 8, 3), folder)
    packed = write_tar(tmp_path / "b.tar.gz", KEPT, mode="w:gz", said=True)
    assert same(open_data(packed, 8, 3, label="class"), folder)
    table = write_parquet(tmp_path / "a.parquet", KEPT)
    assert same(open_data(table, 8, 3, label="label"), folder)
    named = write_parquet_of_structs(tmp_path / "b.parquet", KEPT, classes=["n10", "n2"])
    assert same(open_data(named, 8, 3, label="label"), folder)
    write_tars(tmp_path / "tars", KEPT, [5, 18])
    assert same(open_data(tmp_path / "tars", 8, 3), folder)
    assert same(open_data(str(tmp_path / "tars" / "shard-{000..001}.tar"), 8, 3), folder)
    assert not same(open_data(tmp_path / "tars", 8, 4), folder)
    assert len(open_data(tmp_path / "a.tar", 8, 3, pictures=7).train) == 7


def test_the_same_at_a_url_fetched_once(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    write_folder(tmp_path / "web" / "val", KEPT)
    tar = write_tar(tmp_path / "web" / "a.tar", KEPT)
    with serve_web(tmp_path / "web") as web:
        assert same(open_data(f"{web.address}/a.tar", 8, 3), open_data(tar, 8, 3))
        assert web.count("GET /a.tar") == 1
        assert same(open_data(f"{web.address}/val/", 8, 3), open_data(tar, 8, 3))


def test_a_bad_picture_is_skipped_and_numbers_are_classes(tmp_path: Path) -> None:
    numbered = [each._replace(label=CLASSES.index(str(each.label)) + 9) for each in KEPT]
    numbered[4] = Kept(numbered[4].id, b"no picture", numbered[4].label)
    data = open_data(write_parquet(tmp_path / "a.parquet", numbered), 8, 0, label="label")
    assert data.classes == ("9", "10")
    assert len(data.train) + len(data.validation) == 22
    (reason,) = data.skipped
    assert reason.startswith("a.parquet: row 4 is not a picture")


def test_tars_beside_class_folders_are_passed_over(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", KEPT)
    write_tar(folder / "a.tar", KEPT)
    assert same(open_data(folder, 8, 3), open_data(tmp_path / "folder" / "a.tar", 8, 3))


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    table = write_parquet(tmp_path / "a.parquet", KEPT)
    with pytest.raises(DataError, match=r"has a picture without a label.+--label"):
        open_data(table, 8, 0)
    with pytest.raises(DataError, match="only one class"):
        open_data(write_tar(tmp_path / "a.tar", KEPT[:5]), 8, 0)
    with pytest.raises(DataError, match="no picture that can be read"):
        open_data(write_table(tmp_path / "b.parquet", {"image": [b"", b""]}), 8, 0)
    with pytest.raises(DataError, match="leaves no picture for validation"):
        open_data(write_tar(tmp_path / "c.tar", [KEPT[0], KEPT[-1]]), 8, 0)
    with pytest.raises(UsageError, match="--label and --root are for tars and parquet"):
        open_data(write_folder(tmp_path / "folder", KEPT), 8, 0, label="label")
