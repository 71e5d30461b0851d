"""Pictures that are padded, squashed and cut, or have an input size of their own."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from recipes import recipe, slopes, unresizable, with_recipe
from vitonnx.engine import prepare, save_results
from vitonnx.errors import PictureError, UsageError
from vitonnx.manifest import Padding, Preprocessing

Exported = Callable[[str], Path]

CENTRE = Padding(colour=(7, 11, 13))
END = Padding(colour=(7, 11, 13), place="end")
BEFORE = Padding(colour=(7, 11, 13), before=True)
BEFORE_END = Padding(colour=(7, 11, 13), place="end", before=True)


@pytest.mark.parametrize(
    ("padding", "picture", "size", "crop", "inside"),
    [
        # 34 x 68 fits into 89 x 89 as 44 or 45 x 89: 22 rows of padding before, 22 or 23 behind.
        (CENTRE, (34, 68), (89, 89), (0, -17, 68, 51), (0, 0.25, 1, 0.75)),
        (END, (34, 68), (89, 89), (0, 0, 68, 68), (0, 0, 1, 0.5)),
        (END, (68, 34), (89, 89), (0, 0, 68, 68), (0, 0, 0.5, 1)),
        (CENTRE, (60, 30), (40, 80), (-45, 0, 75, 60), (0.375, 0, 0.625, 1)),
        (BEFORE, (30, 61), (40, 40), (0, -15, 61, 46), (0, 15 / 61, 1, 45 / 61)),
        (BEFORE_END, (30, 61), (40, 40), (0, 0, 61, 61), (0, 0, 1, 30 / 61)),
        (BEFORE, (60, 30), (40, 80), (-45, 0, 75, 60), (0.375, 0, 0.625, 1)),
    ],
)
def test_padding_is_where_the_recipe_says(
    padding: Padding,
    picture: tuple[int, int],
    size: tuple[int, int],
    crop: tuple[float, ...],
    inside: tuple[float, ...],
) -> None:
    found = prepare(slopes(*picture), recipe(size, padding=padding))
    # Whole pixels of the input: one of them is at most two of these pictures'.
    assert found.crop == pytest.approx(crop, abs=1.6)
    assert found.inside == pytest.approx(inside, abs=1 / 40)
    assert found.pixels.shape == (*size, 3)
    left, top, right, bottom = (
        round(share * side) for share, side in zip(found.inside, size[::-1] * 2, strict=True)
    )
    filled = (found.pixels == padding.colour).all(-1)
    # Padded before, the last pixels of the picture blend with the colour.
    blend = 1 if padding.before else 0
    assert not filled[top + blend : bottom - blend, left + blend : right - blend].any()
    filled[max(0, top - blend) : bottom + blend, max(0, left - blend) : right + blend] = True
    assert filled.all()
    assert found.seen == pytest.approx((0, 0, *picture[::-1]), abs=1e-9)


def test_the_scaled_picture_is_pillows_own() -> None:
    picture = slopes(241, 321)
    found = prepare(picture, recipe((96, 96), padding=END))
    expected = np.asarray(picture.resize((96, 72), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(found.pixels[:72], expected)


def test_the_longer_side_is_cut_where_the_share_is_below_one() -> None:
    # timm's border: 60 x 120 fits into 50 x 50 as 25 x 50, and of that the middle 40 columns.
    found = prepare(slopes(60, 120), recipe((40, 40), padding=CENTRE, crop=0.8))
    assert found.crop == pytest.approx((12, -16.8, 108, 79.2))
    assert found.inside == pytest.approx((0, 0.175, 1, 0.8))  # 7 rows before, 8 behind


def test_squashed_and_cut() -> None:
    picture = slopes(97, 211)
    found = prepare(picture, recipe((40, 56), crop=0.8))
    whole = picture.resize((70, 50), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found.pixels, np.asarray(whole.crop((7, 5, 63, 45))))
    assert found.crop == pytest.approx((21.1, 9.7, 189.9, 87.3))


def test_half_a_pixel_goes_down_in_transformers_and_to_the_even_in_timm() -> None:
    # 96 of 99 columns are kept: a margin of one and a half.
    cut = {"resize": 96, "rounding": "down"}
    assert prepare(slopes(96, 99), recipe((96, 96), **cut)).crop == (1, 0, 97, 96)
    assert prepare(slopes(96, 99), recipe((96, 96), resize=96)).crop == (2, 0, 98, 96)


@pytest.mark.parametrize("padding", [CENTRE, END, BEFORE, BEFORE_END])
@pytest.mark.parametrize("picture", [(1, 30_001), (30_001, 1), (3, 25_000)])
def test_a_sliver_takes_no_memory(padding: Padding, picture: tuple[int, int]) -> None:
    sliver = Image.new("RGB", picture[::-1], (200, 100, 50))
    tracemalloc.start()
    found = prepare(sliver, recipe((48, 64), padding=padding))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10**6
    assert found.pixels.shape == (48, 64, 3)
    assert (found.pixels == (200, 100, 50)).all(-1).any()  # a pixel of it is there


@pytest.mark.parametrize("fit", ["cut", "pad", "squash"])
def test_how_pictures_are_fitted(fit: str, exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", fit=fit)  # type: ignore[arg-type]
    (result,) = engine.probe(slopes(97, 211), vx.Rollout())
    assert result.pixels is not None
    assert result.pixels.shape == (40, 56, 3)
    expected = {
        "cut": ((37.4, 0, 173.6, 97), (0, 0, 1, 1)),
        "pad": ((0, -26, 211, 124), (0, 0.175, 1, 0.825)),
        "squash": ((0, 0, 211, 97), (0, 0, 1, 1)),
    }[fit]
    assert result.crop == pytest.approx(expected[0], abs=3.8)  # a pixel of the input
    assert result.inside == pytest.approx(expected[1])
    if fit == "pad":
        assert (result.pixels[:7] == [124, 116, 104]).all()  # the mean of ImageNet
    with pytest.raises(UsageError, match="cut, pad or squash"):
        vx.Engine(exported("plain"), device="cpu", fit="stretch")  # type: ignore[arg-type]


def test_a_pixel_finds_its_patch_and_the_padding_has_none(
    exported: Exported, tmp_path: Path
) -> None:
    file = with_recipe(exported("plain"), tmp_path / "pads.onnx", resize=None, crop=1, padding=END)
    engine = vx.Engine(file, device="cpu")
    # 160 x 112 in an input of 40 x 56, patches of 8: scaled to 40 x 28, so 32 pixels a patch.
    picture = slopes(160, 112)
    for query, patch in [((0, 0), (0, 0)), ((159, 111), (4, 3)), ((33, 95), (1, 2))]:
        (result,) = engine.probe(picture, vx.Heads(query=query))
        assert result.patch == patch
    for query in [(0, 112), (0, 200), (160, 0), (-1, 0)]:
        with pytest.raises(PictureError, match="y 0 to 159, x 0 to 111"):
            engine.probe(picture, vx.Heads(query=query))


OWN = {"resize": None, "crop": 1.0, "size": (40, 56), "multiple": 8}


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        ((53, 71), (40, 56)),  # 40 / 53 and 56 / 71: the second is nearer to 1, and gives 41.8
        ((30, 90), (40, 120)),
        ((20, 56), (16, 56)),  # 20 stays 20: two and a half multiples, and even is two
        ((90, 30), (40, 16)),
        ((1, 9), (8, 56)),
    ],
)
def test_the_size_of_a_picture(picture: tuple[int, int], size: tuple[int, int]) -> None:
    found = recipe((40, 56), multiple=8).for_picture(picture)
    assert (found.size, found.multiple) == (size, None)


def test_every_picture_at_its_own_size(exported: Exported, tmp_path: Path) -> None:
    file = with_recipe(exported("plain"), tmp_path / "own.onnx", **OWN)
    pictures = [slopes(*sides) for sides in [(53, 71), (60, 80), (30, 60), (53, 71), (30, 60)]]
    slopes(30, 60).save(tmp_path / "file.png")
    mixed: list[Image.Image | Path] = [*pictures, tmp_path / "none.png", tmp_path / "file.png"]
    engine = vx.Engine(file, device="cpu")
    stream = engine.stream(mixed, [vx.Rollout(), vx.Distance(), vx.Heads(query=(9, 50))])
    results = list(stream)
    names = [*(f"picture {number}" for number in range(5)), *map(str, mixed[5:])]
    assert [result.file for result in results] == names
    assert results[5].error is not None
    assert "none.png" in str(results[5].error)
    good = results[:5] + results[6:]
    distances = []
    for picture, result in zip([*pictures, slopes(30, 60)], good, strict=True):
        size = engine.manifest.preprocessing.for_picture((picture.height, picture.width)).size
        alone = vx.Engine(file, device="cpu", size=size)
        (expected,) = alone.probe(picture, vx.Rollout())
        assert result.pixels is not None
        assert result.pixels.shape == (*size, 3)
        assert result.crop == (0, 0, picture.width, picture.height)
        np.testing.assert_array_equal(result.pixels, expected.pixels)
        np.testing.assert_allclose(result["rollout"].rollout, expected.rollout, rtol=1e-4)
        distances.append(alone.probe(picture, vx.Distance())[0].distance)
    total = stream.summary["distance"]
    assert total.count == 6
    np.testing.assert_allclose(total.mean, np.mean(distances, 0), rtol=1e-5)
    with pytest.raises(UsageError, match="can't stack"):
        save_results(tmp_path / "all.npz", good, "rollout")
    save_results(tmp_path / "one.npz", good[:1], "rollout")


def test_the_limit_of_pixels_holds_at_own_sizes(exported: Exported, tmp_path: Path) -> None:
    file = with_recipe(exported("plain"), tmp_path / "own.onnx", **OWN)
    slopes(53, 71).save(tmp_path / "large.png")
    engine = vx.Engine(file, device="cpu", max_pixels=1000)
    (result,) = engine.stream([tmp_path / "large.png"], [vx.Rollout()])
    assert result.error is not None
    assert "pixels" in str(result.error)


def test_arrays_of_pictures_of_one_size_alone(exported: Exported, tmp_path: Path) -> None:
    engine = vx.Engine(with_recipe(exported("plain"), tmp_path / "own.onnx", **OWN), device="cpu")
    found = engine.run([slopes(30, 60), slopes(30, 60)])
    assert found["block_00/attention"].shape == (2, 3, 1 + 4 * 7, 1 + 4 * 7)  # 32 x 56 pixels
    with pytest.raises(UsageError, match="several input sizes, 32x56, 40x56"):
        engine.run([slopes(30, 60), slopes(53, 71)])


def test_a_file_of_one_size_takes_pictures_of_its_shape_alone(
    exported: Exported, tmp_path: Path
) -> None:
    file = unresizable(exported("plain"), tmp_path / "fixed.onnx")
    engine = vx.Engine(with_recipe(file, tmp_path / "own.onnx", **OWN), device="cpu")
    good, bad = engine.stream([slopes(53, 71), slopes(30, 60)], [vx.Rollout()])
    assert good.rollout.rollout.shape == (5, 7)
    assert isinstance(bad.error, PictureError)
    assert "32x56" in str(bad.error)
    assert "--size 40x56" in str(bad.error)
    squashed = vx.Engine(tmp_path / "own.onnx", device="cpu", size=(40, 56))
    assert squashed.probe(slopes(30, 60), vx.Rollout())[0].rollout.shape == (5, 7)


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["border", "squash", "center"])
@pytest.mark.parametrize("size", [(96, 96), (80, 112)])
@pytest.mark.parametrize("picture", [(241, 321), (211, 97), (60, 59)])
def test_pixels_equal_timms(mode: str, size: tuple[int, int], picture: tuple[int, int]) -> None:
    from timm.data import create_transform

    from vitonnx.models._config_timm import read_timm_recipe
    from vitonnx.models._fields import Fields

    colours = {"mean": [0.1, 0.5, 0.9], "std": [1.0, 1.0, 1.0]}
    values = {"crop_mode": mode, "crop_pct": 0.9, "interpolation": "bilinear", **colours}
    transform = create_transform((3, *size), **values)
    drawn = slopes(*picture)
    expected = (transform(drawn).numpy().transpose(1, 2, 0) + colours["mean"]) * 255
    found = prepare(drawn, read_timm_recipe(Fields(values, Path("config.json")), size))
    assert np.abs(found.pixels - expected).max() <= 1.01  # a level


def test_recipes_that_contradict_themselves() -> None:
    with pytest.raises(UsageError, match="either crops pictures"):
        recipe((40, 56), resize=40, padding=CENTRE)
    with pytest.raises(UsageError, match="from 0 to 255"):
        Padding(colour=(0, 0, 256))
    with pytest.raises(UsageError, match="multiple is 0"):
        recipe((40, 56), multiple=0)


def test_the_usual_recipe_is_left_as_it_was() -> None:
    usual = Preprocessing(
        resize=44, size=(40, 56), crop=0.9, interpolation="bicubic", mean=(0.5,) * 3, std=(1.0,) * 3
    )
    assert set(usual.to_fields()) == {"resize", "size", "crop", "interpolation", "mean", "std"}
