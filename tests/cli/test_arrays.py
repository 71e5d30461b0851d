"""The raw arrays: keys, shapes and types that any program can rely on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terminal import Outcome

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

# The recipe scales a picture until it covers 62 x 44 pixels, these two to a tenth, and cuts 56 x 40
# out of the middle.
LANDSCAPE = (170, 20, 730, 420)  # of 900 x 440, scaled to 90 x 44
PORTRAIT = (30, 250, 590, 650)  # of 620 x 900, scaled to 62 x 90


def test_heads(call: Call, exported: Exported, pictures: Path) -> None:
    inputs = [pictures / "landscape.png", pictures / "portrait.jpg"]
    outcome = call("probe", "heads", exported("plain"), *inputs, "--mass", "0.6", "-o", "h.npz")
    assert (outcome.code, outcome.out) == (0, "h.npz\n")
    with np.load("h.npz", allow_pickle=False) as found:
        assert set(found) == {"attention", "mean", "mask", "crop", "files", "skipped"}
        assert (found["attention"].shape, found["attention"].dtype) == ((2, 3, 5, 7), np.float32)
        assert (found["mean"].shape, found["mean"].dtype) == ((2, 5, 7), np.float32)
        assert (found["mask"].shape, found["mask"].dtype) == ((2, 3, 5, 7), np.bool_)
        assert found["crop"].tolist() == [pytest.approx(LANDSCAPE), pytest.approx(PORTRAIT)]
        assert found["files"].dtype.kind == "U"
        assert found["files"].tolist() == [str(file) for file in inputs]
        assert found["skipped"].dtype.kind == "U"
        assert found["skipped"].tolist() == []


def test_rollout(call: Call, exported: Exported, pictures: Path) -> None:
    """Without --mass there is no mask; a folder is its pictures."""
    outcome = call("probe", "rollout", exported("registers"), pictures, "-o", "r.npz")
    assert (outcome.code, outcome.out) == (0, "r.npz\n")
    with np.load("r.npz", allow_pickle=False) as found:
        assert set(found) == {"rollout", "crop", "files", "skipped"}
        assert (found["rollout"].shape, found["rollout"].dtype) == ((2, 5, 7), np.float32)
        assert found["crop"].tolist() == [pytest.approx(LANDSCAPE), pytest.approx(PORTRAIT)]
        names = [str(pictures / name) for name in ("landscape.png", "portrait.jpg")]
        assert found["files"].tolist() == names
        assert 0 < found["rollout"].sum() < 2  # not rescaled: the prefix tokens have their share


def test_without_a_mass_there_is_no_mask(call: Call, exported: Exported, pictures: Path) -> None:
    call("probe", "heads", exported("plain"), pictures, "-o", "h.npz")
    with np.load("h.npz", allow_pickle=False) as found:
        assert set(found) == {"attention", "mean", "crop", "files", "skipped"}


@pytest.mark.parametrize(
    ("name", "crop"), [("landscape.png", LANDSCAPE), ("portrait.jpg", PORTRAIT)]
)
def test_the_crop_is_what_the_model_saw(
    name: str,
    crop: tuple[int, int, int, int],
    call: Call,
    exported: Exported,
    pictures: Path,
) -> None:
    """What lies outside changes nothing; a strip inside of any edge does."""
    left, top, right, bottom = crop
    # A bicubic filter that scales to a tenth reaches 20 pixels out.
    reach, strip = 20, 30
    outside = {
        "left": (0, 0, left - reach, 900),
        "top": (0, 0, 900, top - reach),
        "right": (right + reach, 0, 900, 900),
        "bottom": (0, bottom + reach, 900, 900),
    }
    inside = {
        "left": (left, top, left + strip, bottom),
        "top": (left, top, right, top + strip),
        "right": (right - strip, top, right, bottom),
        "bottom": (left, bottom - strip, right, bottom),
    }
    with Image.open(pictures / name) as picture:
        picture.save("whole.bmp")
        for where, boxes in (("outside", outside), ("inside", inside)):
            for edge, box in boxes.items():
                painted = picture.copy()
                painted.paste((255, 0, 255), box)
                painted.save(f"{where}-{edge}.bmp")
    maps = {}
    for file in Path().glob("*.bmp"):  # one by one: another batch sums in another order
        assert call("probe", "rollout", exported("plain"), file, "-o", "r.npz").code == 0
        with np.load("r.npz", allow_pickle=False) as found:
            maps[file.name] = found["rollout"]
    for edge in inside:
        np.testing.assert_array_equal(maps[f"outside-{edge}.bmp"], maps["whole.bmp"])
        assert np.abs(maps[f"inside-{edge}.bmp"] - maps["whole.bmp"]).max() > 1e-4


def test_skipped_pictures_are_listed(
    call: Call, exported: Exported, pictures: Path, bad: Path
) -> None:
    good, text, missing = pictures / "portrait.jpg", bad / "text.png", "Wüste 砂.png"
    outcome = call("probe", "rollout", exported("plain"), text, good, missing, "-o", "r.npz")
    assert (outcome.code, outcome.out) == (1, "r.npz\n")
    with np.load("r.npz", allow_pickle=False) as found:
        assert found["files"].tolist() == [str(good)]
        assert found["skipped"].tolist() == [str(text), missing]
        assert found["rollout"].shape == (1, 5, 7)


def test_names_of_any_script(call: Call, exported: Exported, pictures: Path, desk: Path) -> None:
    name = "Fußgänger ⟂ 鳥 $x$ [1].jpg"
    (desk / name).write_bytes((pictures / "portrait.jpg").read_bytes())
    assert call("probe", "heads", exported("plain"), name, "-o", "h.npz").code == 0
    with np.load("h.npz", allow_pickle=False) as found:
        assert found["files"].tolist() == [name]
