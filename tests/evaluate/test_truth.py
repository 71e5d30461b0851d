"""Files that say what ImageNet's validation pictures show, in all their forms."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from vitonnx.dataset import Dataset, Listing
from vitonnx.errors import MissingExtraError, UsageError, VitonnxError
from vitonnx.evaluate.labels import Labels, read_truth
from vitonnx.models import imagenet_synsets

IDS = [synset.id for synset in imagenet_synsets()]
NAMES = [f"ILSVRC2012_val_{number:08}" for number in range(1, 8)]
CLASSES = [65, 970, 230, 809, 516, 57, 334]
"""Those of the first pictures of the real one."""


def write_meta(file: Path, numbers: list[int] | None = None) -> None:
    """Write a meta.mat as the devkit's is: leaves in an order of its own, and inner nodes."""
    io = pytest.importorskip("scipy.io")
    order = np.random.default_rng(7).permutation(1000)
    kinds = [
        *(("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("gloss", object)),
        *(("num_children", object), ("children", object), ("wordnet_height", object)),
        ("num_train_images", object),
    ]
    synsets = np.empty((1002, 1), kinds)
    for row in range(1002):
        leaf = row < 1000
        number = row + 1 if numbers is None else numbers[row]
        own = IDS[order[row]] if leaf else f"n000000{row - 999:02}"
        children = np.zeros((1, 0)) if leaf else np.array([[1.0, 2.0]])
        values = (float(number), own, "words", "gloss", 0.0 if leaf else 2.0, children, 0.0, 1300.0)
        synsets[row, 0] = values
    io.savemat(file, {"synsets": synsets})


def devkit_numbers(meta: Path) -> dict[str, int]:
    """Read the devkit's numbers as torchvision does."""
    io = pytest.importorskip("scipy.io")
    synsets = io.loadmat(meta, squeeze_me=True)["synsets"]
    leaves = [row for row in synsets if row[4] == 0]
    return {str(row[1]): int(row[0]) for row in leaves}


def test_names_and_numbers(tmp_path: Path) -> None:
    file = tmp_path / "val.txt"
    rows = zip(NAMES, CLASSES, strict=True)
    file.write_text("".join(f"{name}.JPEG {number}\n" for name, number in rows))
    truth = read_truth(file)
    for name, number in zip(NAMES, CLASSES, strict=True):
        assert truth.label(f"val/{name}.JPEG") == truth.label(name) == number
    assert truth.label("other.JPEG") is None


def test_names_and_ids_with_folders_and_spaces(tmp_path: Path) -> None:
    file = tmp_path / "val.txt"
    file.write_text("a/my bird.png\tn01440764\nb/my bird.png  n01443537\nb/cat.0001 3\n")
    truth = read_truth(file)
    assert truth.label("b/my bird.jpg") == "n01443537"
    assert (truth.label("cat.0001"), truth.label("cat.0002")) == (3, None)
    with pytest.raises(UsageError, match="several pictures like my bird"):
        truth.label("my bird.png")


def test_an_id_a_line(tmp_path: Path) -> None:
    file = tmp_path / "synsets.txt"
    file.write_text("\r\n".join(IDS[number] for number in CLASSES) + "\r\n\r\n")
    truth = read_truth(file)
    assert [truth.label(f"val/{name}.JPEG") for name in NAMES] == [IDS[each] for each in CLASSES]
    with pytest.raises(UsageError, match="7 lines, and so none for ILSVRC2012_val_00000008"):
        truth.label("ILSVRC2012_val_00000008")


def test_kaggles(tmp_path: Path) -> None:
    file = tmp_path / "LOC_val_solution.csv"
    rows = list(zip(NAMES, CLASSES, strict=True))[::-1]
    boxes = [f"{name},{IDS[number]} 85 1 499 272 {IDS[number]} 1 2 3 4 " for name, number in rows]
    file.write_text("\n".join(["ImageId,PredictionString", *boxes]) + "\n")
    truth = read_truth(file)
    assert [truth.label(f"{name}.JPEG") for name in NAMES] == [IDS[each] for each in CLASSES]


def test_the_devkits_numbers_have_an_order_of_their_own(tmp_path: Path) -> None:
    write_meta(tmp_path / "meta.mat")
    numbers = devkit_numbers(tmp_path / "meta.mat")
    file = tmp_path / "ILSVRC2012_validation_ground_truth.txt"
    file.write_text("".join(f"{numbers[IDS[number]]}\n" for number in CLASSES))
    truth = read_truth(file)
    assert [truth.label(f"{name}.JPEG") for name in NAMES] == [IDS[each] for each in CLASSES]
    file.write_text("490\n1003\n")
    with pytest.raises(UsageError, match=r"line 2: 1003 is no class of the meta\.mat"):
        read_truth(file)


def test_numbers_alone_need_the_meta(tmp_path: Path) -> None:
    file = tmp_path / "truth.txt"
    file.write_text("490\n361\n")
    with pytest.raises(UsageError, match=r"meta\.mat"):
        read_truth(file)


def test_without_scipy_the_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_meta(tmp_path / "meta.mat")
    (tmp_path / "truth.txt").write_text("490\n")
    monkeypatch.setattr("vitonnx.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"meta\.mat needs scipy.*vitonnx\[flow\]"):
        read_truth(tmp_path / "truth.txt")


def test_a_damaged_meta_is_refused_in_a_sentence(tmp_path: Path) -> None:
    meta, file = tmp_path / "meta.mat", tmp_path / "truth.txt"
    write_meta(meta)
    whole = meta.read_bytes()
    file.write_text("490\n")
    rng = np.random.default_rng(11)
    damaged = [b"", b"MATLAB", b"\x80\x04K\x01.", whole[: len(whole) // 3], os.urandom(4096)]
    for _ in range(7):
        bits = bytearray(whole)
        for place in rng.integers(0, len(bits), 5):
            bits[place] = rng.integers(256)
        damaged.append(bytes(bits))
    refused = 0
    for content in damaged:
        meta.write_bytes(content)
        said = ""
        try:
            read_truth(file)
        except VitonnxError as error:
            said = str(error)
        refused += said.startswith(str(meta))
        assert not said or str(tmp_path) in said
    assert refused >= 5
    write_meta(meta, [1, *range(1, 1002)])
    with pytest.raises(UsageError, match="isn't the devkit's"):
        read_truth(file)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("Dear ImageNet,\n", "no format"),
        ("n01440764\nn0144\n", "line 2"),
        ("a.png 3\nb.png\n", "line 2"),
        ("a.png 3\na.png 4\n", "two labels for a.png"),
        ("ImageId,PredictionString\nval_1,\n", "line 2"),
        ("ImageId,PredictionString\nval_1\n", "line 2"),
    ],
)
def test_another_form_is_refused(content: str, part: str, tmp_path: Path) -> None:
    file = tmp_path / "truth.txt"
    file.write_text(content)
    with pytest.raises(UsageError, match=part):
        read_truth(file)


def test_what_is_no_text_or_isnt_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UsageError, match="not text"):
        read_truth(tmp_path / "x")
    with pytest.raises(UsageError, match="There is no file of labels"):
        read_truth(tmp_path / "y")
    with pytest.raises(UsageError, match="can't read"):
        read_truth(tmp_path)


def listed(*names: str) -> Dataset:
    return Dataset([Listing("part-00000", list(names))])


def test_without_numbers_the_names_are_sorted(tmp_path: Path) -> None:
    file = tmp_path / "truth.txt"
    file.write_text("\n".join(IDS[:3]))
    pictures = listed("c.png", "a.png", "b.png")
    labels = Labels.in_file(file, pictures)
    assert [labels.of(each) for each in pictures.samples()] == [IDS[2], IDS[0], IDS[1]]
    sample = listed("b.png")
    assert Labels.in_file(file, sample, lambda: pictures).known(sample) == {IDS[1]}
    with pytest.raises(UsageError, match="3 lines for 1 pictures"):
        Labels.in_file(file, sample)
    with pytest.raises(UsageError, match="sorted in two ways"):
        Labels.in_file(file, listed("9.png", "10.png", "11.png"))


def test_the_truth_of_other_pictures_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "truth.txt"
    file.write_text("a.png 3\n")
    with pytest.raises(UsageError, match="give the file of this dataset"):
        Labels.in_file(file, listed("b.png")).known(listed("b.png"))
