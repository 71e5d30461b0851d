"""Pictures of probes: their forms, their names, and a sheet of many."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terminal import Outcome, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]
PROBES = ["heads", "rollout"]


def is_whole(file: Path) -> bool:
    """Whether a program would show it, and it is not of one colour."""
    match file.suffix:
        case ".png":
            with Image.open(file) as picture:
                pixels = np.asarray(picture.convert("L"))
            return min(pixels.shape) > 200 and float(pixels.std()) > 5
        case ".pdf":
            content = file.read_bytes()
            return content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
        case ".svg":
            root = ET.fromstring(file.read_text("utf-8"))
            return root.tag.endswith("svg") and any(
                node.tag.endswith("image") for node in root.iter()
            )
    return False


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
@pytest.mark.parametrize("probe", PROBES)
def test_the_suffix_picks_the_form(
    probe: str, suffix: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    outcome = call(
        "probe", probe, exported("plain"), pictures / "landscape.png", "-o", f"map{suffix}"
    )
    assert (outcome.code, outcome.out, outcome.errors) == (0, f"map{suffix}\n", [])
    assert is_whole(desk / f"map{suffix}")
    assert [file.name for file in desk.iterdir()] == [f"map{suffix}"]


@pytest.mark.parametrize(
    "kind_and_words",
    [
        ("distilled", "--query dist --mass 0.6"),
        ("pooled", ""),
        ("headless", "--query 300,400"),
        ("registers", "--block 0 --query mean"),
    ],
)
def test_every_kind_of_model_can_be_drawn(
    kind_and_words: tuple[str, str], call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    kind, words = kind_and_words
    file = pictures / "landscape.png"
    outcome = call("probe", "heads", exported(kind), file, *words.split(), "-o", "m.png")
    assert (outcome.code, outcome.errors) == (0, [])
    assert is_whole(desk / "m.png")


@pytest.mark.parametrize("probe", PROBES)
def test_a_second_run_passes_over_what_the_first_drew(
    probe: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    for picture in pictures.iterdir():
        shutil.copy(picture, desk)
    for words in ([], ["-o", "sheet.png"]):
        first = call("probe", probe, exported("plain"), ".", "-q", *words)
        before = contents(desk)
        assert call("probe", probe, exported("plain"), ".", "-q", *words) == first
        assert contents(desk) == before
        assert first.code == 0


@pytest.mark.parametrize("probe", PROBES)
def test_without_output_there_is_one_file_a_picture(
    probe: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    outcome = call("probe", probe, exported("plain"), pictures)
    names = [f"landscape.{probe}.png", f"portrait.{probe}.png"]
    assert (outcome.code, outcome.out.splitlines()) == (0, names)
    assert sorted(file.name for file in desk.iterdir()) == names
    assert all(is_whole(desk / name) for name in names)


def test_pictures_of_one_name_do_not_overwrite_each_other(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    """Neither two from two folders, nor one that has the number which the second would get."""
    inputs = ["a/bird.png", "b/bird.png", "b/bird.jpg", "b/bird-2.png"]
    for number, name in enumerate(inputs):
        (desk / name).parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (70, 90, 3), np.uint8)
        Image.fromarray(noise).save(name)
    outcome = call("probe", "rollout", exported("plain"), *inputs)
    assert outcome.code == 0
    names = outcome.out.splitlines()
    assert names[0] == "bird.rollout.png"
    assert len(set(names)) == 4
    assert len({(desk / name).read_bytes() for name in names}) == 4
    assert len([file for file in desk.iterdir() if file.is_file()]) == 4


def test_a_drawing_is_that_of_its_picture(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    """Together or alone, the same files."""
    call("probe", "heads", exported("plain"), pictures, "--threads", "1")
    together = contents(desk)
    for file in desk.iterdir():
        file.unlink()
    for name in ("portrait.jpg", "landscape.png"):
        call("probe", "heads", exported("plain"), pictures / name, "--threads", "1")
    alone = contents(desk)
    assert set(together) == set(alone)
    assert alone["landscape.heads.png"] != alone["portrait.heads.png"]
    for name, drawing in together.items():
        with Image.open(desk / name) as picture:
            mine = np.asarray(picture.convert("RGB"), float)
        (desk / "other.png").write_bytes(drawing)
        with Image.open(desk / "other.png") as picture:
            other = np.asarray(picture.convert("RGB"), float)
        # A batch of two sums in another order: a colour may be the next one.
        assert np.abs(mine - other).mean() < 0.5


@pytest.mark.parametrize("probe", PROBES)
def test_one_picture_of_many_is_a_contact_sheet(
    probe: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    sizes = {}
    for count in (1, 7):
        folder = desk / str(count)
        folder.mkdir()
        for number in range(count):
            shutil.copy(pictures / "landscape.png", folder / f"{number}.png")
        outcome = call("probe", probe, exported("plain"), folder, "-o", f"{count}-sheet.png")
        assert (outcome.code, outcome.out) == (0, f"{count}-sheet.png\n")
        assert is_whole(desk / f"{count}-sheet.png")
        with Image.open(f"{count}-sheet.png") as picture:
            sizes[count] = picture.size
    assert sizes[1] != sizes[7]


def test_an_older_file_is_replaced(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    (desk / "m.png").write_text("older")
    assert call("probe", "heads", exported("plain"), pictures, "-o", "m.png").code == 0
    assert is_whole(desk / "m.png")


def test_globs_and_folders_are_searched(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    (desk / "holiday" / "day 2").mkdir(parents=True)
    shutil.copy(pictures / "landscape.png", desk / "holiday" / "img10.png")
    shutil.copy(pictures / "landscape.png", desk / "holiday" / "img9.png")
    shutil.copy(pictures / "portrait.jpg", desk / "holiday" / "day 2" / "sea.jpg")
    (desk / "holiday" / "notes.txt").write_text("no picture")

    def found(*inputs: str) -> list[str]:
        call("probe", "rollout", exported("plain"), *inputs, "-o", "r.npz")
        with np.load("r.npz", allow_pickle=False) as arrays:
            return [str(name) for name in arrays["files"]]

    numbered = ["holiday/img9.png", "holiday/img10.png"]
    assert found("holiday/*.png") == numbered
    assert found("holiday/**/*.jpg") == ["holiday/day 2/sea.jpg"]
    assert sorted(found("holiday")) == sorted([*numbered, "holiday/day 2/sea.jpg"])
    assert found("holiday/img10.png", "holiday/*.png") == numbered[::-1]
