"""Folders of class folders: what is read from them, and a sentence for each that can't be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitonnx.data import LabelledPictures, Split, open_data
from vitonnx.errors import DataError, UsageError


def write_picture(path: Path, value: int, width: int = 13, height: int = 11) -> Path:
    """Write a grey picture, which is known again by its value at any size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(path)
    return path


def write_classes(folder: Path, counts: Mapping[str, int], start: int = 0) -> Path:
    """Write so many pictures of each class, each of a grey of its own."""
    value = start
    for name, count in counts.items():
        for number in range(count):
            write_picture(folder / name / f"{number}.png", value)
            value += 1
    return folder


def whole(split: Split) -> tuple[list[int], list[int]]:
    """Greys and labels of all pictures."""
    pictures, labels = split.read(range(len(split)), 0)
    return pictures[:, 0, 0, 0].tolist(), labels.tolist()


def refused(folder: Path, *parts: str) -> None:
    """Check that a folder is refused in one line that has these parts."""
    with pytest.raises(DataError) as caught:
        open_data(folder, 8, 0)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_classes_are_in_natural_order_whatever_the_folder_lists_first(tmp_path: Path) -> None:
    folder = write_classes(tmp_path, {"class10": 2, "class2": 3, "Bird": 2, "ant": 2, "class": 2})
    data = open_data(folder, 8, 0)
    assert data.classes == ("ant", "Bird", "class", "class2", "class10")
    assert data.name == tmp_path.name
    owners = {0: 4, 1: 4, 2: 3, 3: 3, 4: 3, 5: 1, 6: 1, 7: 0, 8: 0, 9: 2, 10: 2}
    for split in (data.train, data.validation):
        for grey, label in zip(*whole(split), strict=True):
            assert owners[grey] == label
    assert sorted(whole(data.train)[0] + whole(data.validation)[0]) == list(range(11))


@pytest.mark.parametrize("seed", [0, 5])
def test_a_tenth_of_each_class_is_for_validation(tmp_path: Path, seed: int) -> None:
    data = open_data(write_classes(tmp_path, {"a": 31, "b": 2, "c": 1, "d": 14}), 8, seed)
    greys, labels = whole(data.validation)
    assert np.bincount(labels, minlength=4).tolist() == [3, 1, 0, 1]
    trained, _ = whole(data.train)
    assert sorted(greys + trained) == list(range(48))


def test_the_seed_draws_the_validation_share(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 31, "b": 17})
    drawn = [whole(open_data(tmp_path, 8, seed).validation)[0] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test"])
def test_a_validation_folder_of_its_own(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path / "train", {"a": 3, "b": 5, "c": 1})
    write_classes(tmp_path / name, {"b": 2, "c": 1}, start=100)
    data = open_data(tmp_path, 8, 0)
    assert data.classes == ("a", "b", "c")
    assert whole(data.train) == (list(range(9)), [0] * 3 + [1] * 5 + [2])
    assert whole(data.validation) == ([100, 101, 102], [1, 1, 2])


def test_the_test_pictures_are_left_alone_where_there_are_others(tmp_path: Path) -> None:
    for number, name in enumerate(("train", "test", "val", "notes")):
        write_classes(tmp_path / name, {"a": 2, "b": 2}, start=50 * number)
    data = open_data(tmp_path, 8, 0)
    assert whole(data.validation)[0] == [100, 101, 102, 103]
    assert whole(data.train)[0] == [0, 1, 2, 3]


def test_a_train_folder_alone_is_shared_out(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"a": 3, "b": 5})
    data = open_data(tmp_path, 8, 0)
    assert data.classes == ("a", "b")
    assert (len(data.train), len(data.validation)) == (6, 2)


def test_train_can_be_a_class(tmp_path: Path) -> None:
    assert open_data(write_classes(tmp_path, {"train": 2, "car": 2}), 8, 0).classes == (
        "car",
        "train",
    )


def test_pictures_in_folders_further_down_and_linked_ones(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / "data" / "a" / "deep" / "er" / f"{number}.jpg", number)
    write_classes(tmp_path / "elsewhere", {"b": 3}, start=3)
    (tmp_path / "data" / "b").symlink_to(tmp_path / "elsewhere" / "b")
    data = open_data(tmp_path / "data", 8, 0)
    assert sorted(whole(data.train)[1] + whole(data.validation)[1]) == [0, 0, 0, 1, 1, 1]


def test_what_is_no_class_is_passed_over(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 2, "b": 2, ".cache": 2})
    write_picture(tmp_path / "overview.png", 99)
    (tmp_path / "a" / "notes.txt").write_text("Dear cat")
    (tmp_path / "LICENCE").write_text("Free.")
    data = open_data(tmp_path, 8, 0)
    assert data.classes == ("a", "b")
    assert (len(data.train), len(data.validation), data.skipped) == (2, 2, ())


@pytest.mark.parametrize(
    ("shape", "size"), [((34, 50), 17), ((50, 34), 17), ((17, 17), 17), ((5, 7), 15)]
)
def test_the_shorter_side_is_scaled_and_the_centre_cropped(
    tmp_path: Path, shape: tuple[int, int], size: int
) -> None:
    generator = np.random.default_rng(shape)
    picture = Image.fromarray(generator.integers(0, 256, (*shape, 3), np.uint8))
    for file in ("a/0.png", "a/1.png", "b/0.png", "b/1.png"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        picture.save(tmp_path / file)
    pictures, _ = open_data(tmp_path, size, 0).train.read([0, 1], 0)
    # In these shapes neither the scaled sides nor the margins are rounded.
    height, width = (side * size // min(shape) for side in shape)
    left, top = (width - size) // 2, (height - size) // 2
    scaled = picture.resize((width, height), Image.Resampling.BICUBIC)
    expected = np.asarray(scaled.crop((left, top, left + size, top + size)), np.int64)
    # Pillow rounds its coefficients and what lies between the axes: one level at most.
    assert np.abs(pictures - expected).max() <= 1


def test_a_long_narrow_picture_never_grows_to_gigabytes(tmp_path: Path) -> None:
    """Scaled whole it would be 97 x 97,000,000 pixels."""
    write_classes(tmp_path, {"a": 2, "b": 1})
    write_picture(tmp_path / "b" / "1.png", 200, width=1_000_000, height=1)
    data = open_data(tmp_path, 97, 0)
    assert 200 in whole(data.train)[0] + whole(data.validation)[0]


def test_scaled_down_with_antialiasing(tmp_path: Path) -> None:
    """A fine chequer turns to grey; without antialiasing it would keep black and white."""
    chequer = np.indices((97, 131)).sum(0) % 2 * 255
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.fromarray(chequer.astype(np.uint8)).save(tmp_path / name / "0.png")
        Image.fromarray(chequer.astype(np.uint8)).save(tmp_path / name / "1.png")
    pictures, _ = open_data(tmp_path, 11, 0).train.read([0, 1], 0)
    inner = pictures[:, 1:-1, 1:-1].astype(int)
    assert np.abs(inner - 127.5).max() <= 4  # The window is about nine cells wide.


def test_pictures_are_turned_upright_and_made_rgb(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Is shown turned to the right.
    half = np.zeros((12, 12, 3), np.uint8)
    half[:, :6] = 255
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.fromarray(half).save(tmp_path / name / f"{number}.png", exif=exif)
    Image.fromarray(half[..., 0]).save(tmp_path / "b" / "0.png", exif=exif)
    Image.fromarray(half[..., 0]).save(tmp_path / "b" / "1.png", exif=exif)
    pictures, _ = open_data(tmp_path, 6, 0).train.read([0, 1], 0)
    assert (pictures[:, :2] > 240).all()
    assert (pictures[:, 4:] < 15).all()


def test_unreadable_pictures_are_skipped_and_listed(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 4, "b": 4})
    (tmp_path / "a" / "2.png").write_bytes(b"Dear picture")
    whole_file = (tmp_path / "b" / "1.png").read_bytes()
    (tmp_path / "b" / "1.png").write_bytes(whole_file[:50])
    told: list[tuple[int, int]] = []
    data = open_data(tmp_path, 8, 0, progress=lambda done, total: told.append((done, total)))
    assert [Path(tmp_path, *reason) for reason in (("a", "2.png"), ("b", "1.png"))] == [
        Path(reason.split(" is ")[0]) for reason in data.skipped
    ]
    (greys, labels), (more, more_labels) = whole(data.train), whole(data.validation)
    assert sorted(greys + more) == [0, 1, 3, 4, 6, 7]
    assert sorted(labels + more_labels) == [0] * 3 + [1] * 3
    assert len(more) == 2
    assert told == [(done, 8) for done in range(1, 9)]


def test_fewer_training_pictures_of_each_class_alike(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 40, "b": 40, "c": 3})
    data = open_data(tmp_path, 8, 1, pictures=12)
    assert np.bincount(whole(data.train)[1]).tolist() == [5, 5, 2]
    assert len(data.validation) == 9
    assert whole(open_data(tmp_path, 8, 1).validation) == whole(data.validation)
    assert not set(whole(data.train)[0]) & set(whole(data.validation)[0])


def test_a_relative_path_and_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(tmp_path / "pets", {"a": 2, "b": 2})
    monkeypatch.chdir(tmp_path / "pets")
    assert open_data(".", 8, 0).name == "pets"
    assert open_data("../pets", 8, 0).name == "pets"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", str(tmp_path / "nowhere"), "does not exist", "scenes")


def test_no_class_folders(tmp_path: Path) -> None:
    refused(tmp_path, str(tmp_path), "no subfolders", "subfolders such as")
    write_picture(tmp_path / "0.png", 0)
    refused(tmp_path, "no subfolders")


def test_one_class(tmp_path: Path) -> None:
    refused(write_classes(tmp_path, {"cat": 3}), "only one subfolder, cat", "another class")


@pytest.mark.parametrize("content", [None, "notes.txt", ".hidden.png"])
def test_an_empty_class_folder(tmp_path: Path, content: str | None) -> None:
    write_classes(tmp_path, {"cat": 3, "dog": 3})
    (tmp_path / "ghost").mkdir()
    if content:
        (tmp_path / "ghost" / content).touch()
    refused(tmp_path, str(tmp_path / "ghost"), "holds no pictures", "remove it")


def test_no_picture_can_be_read(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(b"Dear picture")
    refused(tmp_path, f"none of the 2 pictures in {tmp_path} can be read", "cat/0.png is not")


def test_no_picture_of_a_class_can_be_read(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 3, "dog": 2})
    for number in range(2):
        (tmp_path / "dog" / f"{number}.png").write_bytes(b"Dear picture")
    refused(tmp_path, f"none of the pictures in {tmp_path / 'dog'} can be read", "remove")


def test_none_is_left_for_validation(tmp_path: Path) -> None:
    refused(write_classes(tmp_path, {"cat": 1, "dog": 1}), "for validation", "at least two")


def test_no_validation_picture_can_be_read(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 1, "dog": 1})
    (tmp_path / "val" / "cat").mkdir(parents=True)
    (tmp_path / "val" / "cat" / "0.png").write_bytes(b"Dear picture")
    refused(tmp_path, str(tmp_path / "val"), "for validation", "none of them can be read")


def test_a_validation_class_that_was_never_trained(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 1, "dog": 1})
    write_classes(tmp_path / "val", {"cat": 1, "fox": 1})
    refused(tmp_path, str(tmp_path / "val"), "fox", "training pictures lack")


@pytest.mark.parametrize("flat", ["train", "val"])
def test_pictures_that_lie_flat_in_their_split(tmp_path: Path, flat: str) -> None:
    write_classes(tmp_path / "train", {"cat": 1, "dog": 1})
    write_classes(tmp_path / "val", {"cat": 1, "dog": 1})
    for path in (tmp_path / flat).glob("*/0.png"):
        path.rename(tmp_path / flat / f"{path.parent.name}.png")
        path.parent.rmdir()
    refused(tmp_path, str(tmp_path / flat), "no subfolders")


def test_a_folder_without_permission(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / "dog").chmod(0)
    try:
        if os.access(tmp_path / "dog", os.R_OK):
            pytest.skip("this user may read everything")
        refused(tmp_path, str(tmp_path / "dog"))
    finally:
        (tmp_path / "dog").chmod(0o700)


def test_more_than_fits_in_memory(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 2})
    with pytest.raises(DataError, match=r"12\.0 GiB of memory as 4 pictures of 32768.*smaller"):
        open_data(tmp_path, 32768, 0)


@pytest.mark.parametrize(
    ("size", "seed", "pictures", "part"),
    [(0, 0, None, "size is 0"), (8, -1, None, "seed is -1"), (8, 0, 0, "pictures is 0")],
)
def test_impossible_numbers(
    tmp_path: Path, size: int, seed: int, pictures: int | None, part: str
) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 2})
    with pytest.raises(UsageError, match=part):
        open_data(tmp_path, size, seed, pictures=pictures)


def test_many_threads_read_at_the_same_time(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    data: LabelledPictures = open_data(write_classes(tmp_path, {"a": 9, "b": 9}), 8, 0)
    expected = whole(data.train)
    with ThreadPoolExecutor(4) as pool:
        for read in pool.map(lambda _: whole(data.train), range(20)):
            assert read == expected
