"""Bad pictures: a sentence each, nothing half-written, and the good ones are done."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from terminal import Outcome, assert_plain, assert_refused, run_measured

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

BAD = {
    "missing.png": ("does not exist", "check"),
    "text.png": ("not a picture", "PNG"),
    "cut.jpg": ("damaged or truncated", "again"),
    "empty.png": ("empty", "again"),
    "bomb.png": ("bomb", "pixels"),
}


@pytest.mark.parametrize(
    "output", [[], ["-o", "x.png"], ["-o", "x.npz"]], ids=["each", "png", "npz"]
)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_refused(
    name: str, output: list[str], call: Call, exported: Exported, bad: Path, desk: Path
) -> None:
    outcome = call("probe", "heads", exported("plain"), bad / name, *output)
    assert_refused(outcome, 1, str(bad / name), *BAD[name])
    assert not list(desk.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does it")
def test_a_bomb_is_refused_before_it_is_unpacked(exported: Exported, bad: Path, desk: Path) -> None:
    """900 million pixels would be 2.7 GB of colours, and take seconds."""
    start = time.monotonic()
    outcome, memory = run_measured("probe", "rollout", exported("plain"), bad / "bomb.png")
    assert outcome.code == 1
    assert time.monotonic() - start < 20
    assert memory < 1e9  # onnxruntime and matplotlib alone need some 200 MB


@pytest.mark.parametrize("output", ["x.npz", "x.svg", None])
def test_good_pictures_are_done_and_bad_ones_are_listed_at_the_end(
    output: str | None, call: Call, exported: Exported, pictures: Path, bad: Path, desk: Path
) -> None:
    inputs = [
        bad / "empty.png",
        pictures / "landscape.png",
        bad / "cut.jpg",
        bad / "text.png",
        bad / "bomb.png",
        pictures / "portrait.jpg",
        desk / "missing.png",
    ]
    words = [] if output is None else ["-o", output]
    outcome = call("probe", "rollout", exported("plain"), *inputs, *words)
    assert outcome.code == 1
    expected = [output] if output else ["landscape.rollout.png", "portrait.rollout.png"]
    assert outcome.out.splitlines() == expected
    assert sorted(file.name for file in desk.iterdir()) == expected
    *listed, total = outcome.errors
    for error, file in zip(listed, [inputs[place] for place in (0, 2, 3, 4, 6)], strict=True):
        assert str(file) in error
        assert_plain(error)
    assert total == "5 of 7 pictures skipped; the others are done."
    assert outcome.err.endswith(f"{total}\n")
    kinds = [line[:6] for line in outcome.err.splitlines()]
    assert (set(kinds[:-6]), kinds[-6:]) == ({"note: "}, ["error:"] * 6)


def test_a_bad_picture_does_not_change_the_maps_of_the_good(
    call: Call, exported: Exported, pictures: Path, bad: Path
) -> None:
    call("probe", "rollout", exported("plain"), pictures, "-o", "good.npz")
    mixed = [pictures / "landscape.png", bad / "cut.jpg", pictures / "portrait.jpg"]
    call("probe", "rollout", exported("plain"), *mixed, "-o", "mixed.npz")
    with np.load("good.npz") as good, np.load("mixed.npz") as among_bad:
        np.testing.assert_array_equal(good["rollout"], among_bad["rollout"])
        np.testing.assert_array_equal(good["files"], among_bad["files"])


def test_where_all_are_bad_no_others_are_done(
    call: Call, exported: Exported, bad: Path, desk: Path
) -> None:
    outcome = call("probe", "heads", exported("plain"), bad, "-o", "x.npz")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.errors[-1] == "4 of 4 pictures skipped."
    assert not list(desk.iterdir())


def test_an_old_file_stays_where_there_is_no_new_one(
    call: Call, exported: Exported, bad: Path, desk: Path
) -> None:
    (desk / "x.npz").write_bytes(b"old")
    assert call("probe", "heads", exported("plain"), bad, "-o", "x.npz").code == 1
    assert (desk / "x.npz").read_bytes() == b"old"


def test_a_query_outside_the_crop_is_that_pictures_error(
    call: Call, exported: Exported, pictures: Path
) -> None:
    """Row 430 is below the landscape's crop, and in the middle of the portrait's."""
    words = ["--query", "430,300", "-o", "x.npz"]
    outcome = call("probe", "heads", exported("plain"), pictures, *words)
    assert (outcome.code, outcome.out) == (1, "x.npz\n")
    with np.load("x.npz", allow_pickle=False) as found:
        assert found["files"].tolist() == [str(pictures / "portrait.jpg")]
        assert found["skipped"].tolist() == [str(pictures / "landscape.png")]
    error, total = outcome.errors
    for part in ("landscape.png", "430", "300", "20 to 419", "170 to 729"):
        assert part in error, error
    assert total == "1 of 2 pictures skipped; the others are done."


@pytest.mark.parametrize("pixel", ["19,300", "420,300", "100,169", "100,730", "-1,300", "5000,9"])
def test_only_pixels_of_the_crop_are_queries(
    pixel: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    outcome = call(
        "probe", "heads", exported("plain"), pictures / "landscape.png", "--query", pixel
    )
    assert_refused(outcome, 1, pixel.partition(",")[0], "outside the crop", "20 to 419")
    assert not list(desk.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_picture_without_permission(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    (desk / "secret.png").write_bytes((pictures / "landscape.png").read_bytes())
    (desk / "secret.png").chmod(0)
    outcome = call("probe", "heads", exported("plain"), "secret.png")
    assert_refused(outcome, 1, "secret.png", "permission")


def test_a_folder_without_pictures(call: Call, exported: Exported, desk: Path) -> None:
    (desk / "empty").mkdir()
    (desk / "empty" / "notes.txt").write_text("nothing to see")
    assert_refused(call("probe", "heads", exported("plain"), "empty"), 2, "empty", "no pictures")
    assert [file.name for file in desk.iterdir()] == ["empty"]


@pytest.mark.parametrize("glob", ["*.bird", "nowhere/*.png", "[.png", "**/*.jpg", ""])
def test_a_glob_without_pictures(glob: str, call: Call, exported: Exported, desk: Path) -> None:
    assert_refused(call("probe", "heads", exported("plain"), glob), 2, glob, "pictures")
    assert not list(desk.iterdir())


def test_a_folder_with_a_pictures_name_is_searched(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    (desk / "folder.png").mkdir()
    assert_refused(call("probe", "heads", exported("plain"), "folder.png"), 2, "folder.png")
    (desk / "folder.png" / "a.png").write_bytes((pictures / "landscape.png").read_bytes())
    assert call("probe", "heads", exported("plain"), "folder.png").out == "a.heads.png\n"
