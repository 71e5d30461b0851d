"""Scenes as a data set: drawn anew in every epoch, and never one of them for both splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitonnx.data import Split, open_data
from vitonnx.data.scenes import CLASSES, draw_scene
from vitonnx.errors import DataError, UsageError

SIZE = 29


def seen(split: Split, epoch: int, count: int = 12) -> list[bytes]:
    pictures, _ = split.read(range(count), epoch)
    return [picture.tobytes() for picture in pictures]


def test_what_they_are() -> None:
    data = open_data("scenes", SIZE, 0)
    assert data.name == "scenes"
    assert data.classes == tuple(CLASSES)
    assert (len(data.train), len(data.validation)) == (10_000, 1_000)
    assert len(open_data("scenes", SIZE, 0, pictures=37).train) == 37
    pictures, labels = data.train.read([9_999, 0, 5], 2)
    assert pictures.shape == (3, SIZE, SIZE, 3)
    assert pictures.dtype == np.uint8
    assert labels.shape == (3,)
    assert labels.dtype == np.int64
    empty, none = data.train.read([], 0)
    assert (empty.shape, none.shape) == ((0, SIZE, SIZE, 3), (0,))


def test_each_is_the_scene_of_its_seed_with_its_label() -> None:
    data = open_data("scenes", SIZE, 7)
    pictures, labels = data.train.read(range(40), 3)
    for index in (0, 13, 39):
        scene = draw_scene((7, 0, 3, index), size=(SIZE, SIZE), objects=1)
        np.testing.assert_array_equal(pictures[index], scene.picture)
        assert [labels[index]] == list(scene.labels)
    assert len(set(labels.tolist())) > 3


def test_training_scenes_are_new_in_every_epoch_and_validation_scenes_are_not() -> None:
    data = open_data("scenes", SIZE, 0)
    assert not set(seen(data.train, 0)) & set(seen(data.train, 1))
    assert seen(data.validation, 0) == seen(data.validation, 1)
    assert seen(data.train, 4) == seen(open_data("scenes", SIZE, 0).train, 4)


def test_no_scene_is_seen_in_both_splits_nor_with_another_seed() -> None:
    first, second = open_data("scenes", SIZE, 0), open_data("scenes", SIZE, 1)
    scenes = [
        *seen(first.train, 0),
        *seen(first.train, 1),
        *seen(first.validation, 0),
        *seen(second.train, 0),
        *seen(second.train, 1),
        *seen(second.validation, 0),
    ]
    assert len(set(scenes)) == len(scenes)


def test_pictures_too_small_for_a_scene() -> None:
    with pytest.raises(UsageError, match="15x15 is too small: each side must be at least 16"):
        open_data("scenes", 15, 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder called scenes, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()
    return tmp_path / "scenes"


def test_a_folder_of_the_same_name_is_not_guessed_at(folder: Path) -> None:
    for name in ("day", "night"):
        (folder / name).mkdir()
        for number in range(2):
            Image.new("RGB", (9, 7)).save(folder / name / f"{number}.png")
    with pytest.raises(UsageError, match=r"use \./scenes for the folder"):
        open_data("scenes", SIZE, 0)
    meant: list[str | Path] = ["./scenes", "scenes/", folder, Path("scenes")]
    for data in meant:
        assert open_data(data, SIZE, 0).classes == ("day", "night")


def test_a_folder_of_the_same_name_without_classes_changes_nothing(folder: Path) -> None:
    """As a run that was written into it."""
    (folder / "loss.csv").touch()
    assert open_data("scenes", SIZE, 0).classes == tuple(CLASSES)
    with pytest.raises(DataError, match="no subfolders"):
        open_data("./scenes", SIZE, 0)
