"""Patches are where the graph has them, whatever they leave over of the picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from PIL import Image

import vitonnx as vx
from tap.foreign_vit import ForeignViT
from tap.tapping import MEAN, STD, Call, Refused, Tapped, done, normalised
from terminal import Outcome
from vitonnx.engine import Engine
from vitonnx.errors import PictureError
from vitonnx.manifest import Fit
from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.video import at_shape_of
from vitonnx.video._fit import Cover

# 3 x 5 patches of 8 pixels, on 29 x 43: 29 / 3 is 9, and so is 43 / 5 rounded up.
REST = ForeignViT(rest=(5, 3), prefix=2)


def test_the_manifest_says_where_patches_are(tapped: Tapped) -> None:
    file = tapped(REST)
    manifest = load_manifest(file)
    assert (manifest.patch_size, manifest.grid) == (8, (3, 5))
    assert (manifest.size, manifest.covered) == ((29, 43), (24, 40))
    assert manifest.contract_version == 2  # readers of version 1 take size / grid for the patch
    (kernel,) = load_weights(file, ["patch_embed/kernel"]).values()
    np.testing.assert_array_equal(kernel, REST.weights()["patch"])


def test_maps_are_of_what_patches_cover(tapped: Tapped) -> None:
    file = tapped(REST)
    pixels = np.random.default_rng(5).integers(0, 256, (29, 43, 3), np.uint8)
    # Squashed to its own size: the input is the picture.
    recipe = {"size": {"height": 29, "width": 43}, "image_mean": MEAN, "image_std": STD}
    Path("recipe.json").write_text(json.dumps(recipe | {"resample": 2}))
    engine = vx.Engine(file, device="cpu", fit="squash")
    expected = REST.answer(normalised(pixels[None]))["block_01/attention"][0]
    # 20, 35 lies in patch row 2, column 4, which is token 2 + 14; by 9 pixels it would be 2 + 13.
    (result,) = engine.probe([pixels], vx.Heads(query=(20, 35)))
    np.testing.assert_allclose(result.attention.reshape(3, -1), expected[:, 16, 2:], atol=1e-5)
    assert result.crop == (0, 0, 40, 24)
    np.testing.assert_array_equal(result.pixels, pixels[:24, :40])


def test_the_size_that_patches_cover_is_another_size(tapped: Tapped) -> None:
    """The same grid on a smaller picture: nothing is left over then."""
    engine = vx.Engine(tapped(REST), device="cpu", size=(24, 40), fit="squash")
    pixels = np.random.default_rng(5).integers(0, 256, (24, 40, 3), np.uint8)
    (result,) = engine.probe([pixels], vx.Heads(query="cls"))
    expected = ForeignViT(prefix=2).answer(normalised(pixels[None]))["block_01/attention"][0]
    np.testing.assert_allclose(result.attention.reshape(3, -1), expected[:, 0, 2:], atol=1e-5)


def test_a_query_that_no_patch_sees_is_refused(tapped: Tapped) -> None:
    engine = vx.Engine(tapped(REST), device="cpu", fit="squash")
    pixels = np.zeros((29, 43, 3), np.uint8)
    with pytest.raises(PictureError, match=r"y 26, x 20 lies outside.*y 0 to 23, x 0 to 39"):
        engine.probe([pixels], vx.Heads(query=(26, 20)))


def test_distances_are_in_pixels_of_true_patches(tapped: Tapped) -> None:
    engine = vx.Engine(tapped(REST), device="cpu", fit="squash")
    pixels = np.random.default_rng(7).integers(0, 256, (29, 43, 3), np.uint8)
    (result,) = engine.probe([pixels], vx.Distance())
    attention = REST.answer(normalised(pixels[None]))["block_00/attention"][0, :, 2:, 2:]
    places = 8 * np.moveaxis(np.mgrid[:3, :5], 0, -1).reshape(15, 2)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    expected = (attention * apart).sum(-1).mean(-1)
    np.testing.assert_allclose(result.distance[0], expected, rtol=1e-4)


def test_a_figure_shows_no_pixel_that_no_patch_sees(call: Call, tapped: Tapped) -> None:
    file = tapped(REST)
    red = np.zeros((29, 43, 3), np.uint8)
    red[24:], red[:, 40:] = (255, 0, 0), (255, 0, 0)
    Image.fromarray(red).resize((430, 290), Image.Resampling.NEAREST).save("red.png")
    done(call("probe", "heads", file, "red.png", "-o", "seen.npz"))
    with np.load("seen.npz") as found:
        left, top, right, bottom = found["crop"][0]
    # The recipe's own crop is in it, too: its share of the input is 40 of 43 and 24 of 29.
    assert (right - left) / (bottom - top) == pytest.approx(40 / 24, rel=0.01)


@pytest.mark.parametrize(
    ("fit", "frame", "box"),
    [
        ("squash", (58, 86), (0, 0, 40 / 43, 24 / 29)),
        ("squash", (31, 101), (0, 0, 40 / 43, 24 / 29)),
        # 29 x 101 around 43: 29 columns are cut off on either side, and 3 more by the patches.
        ("cut", (29, 101), (29 / 101, 0, 69 / 101, 24 / 29)),
        # 29 x 29 within 43: 7 columns of padding on either side, the first of them in one patch.
        ("pad", (29, 29), (-7 / 29, 0, 33 / 29, 24 / 29)),
    ],
)
def test_a_video_is_covered_where_patches_are(
    fit: Fit, frame: tuple[int, int], box: tuple[float, ...], tapped: Tapped
) -> None:
    engine = at_shape_of(Engine(tapped(REST), device="cpu"), frame, fit=fit)
    cover = Cover.of(engine, frame)
    assert cover.shape == (3, 5)
    assert cover.box == pytest.approx(box, abs=1e-9)
    picture = Image.fromarray(np.zeros((*frame, 3), np.uint8))
    (result,) = engine.probe([picture], vx.Rollout())
    assert result.crop is not None
    left, top, right, bottom = result.crop  # pictures and frames are seen alike
    assert cover.box == pytest.approx(
        (left / frame[1], top / frame[0], right / frame[1], bottom / frame[0])
    )


def test_a_videos_query_that_no_patch_sees_is_refused(tapped: Tapped) -> None:
    engine = at_shape_of(Engine(tapped(REST), device="cpu"), (58, 86), fit="squash")
    cover = Cover.of(engine, (58, 86))
    assert cover.query(engine, vx.Heads(query=(47, 79))) == (2, 4)
    for beyond in ((48, 79), (47, 80)):
        with pytest.raises(PictureError, match=r"lies outside.*y 0 to 47, x 0 to 79"):
            cover.query(engine, vx.Heads(query=beyond))


def test_a_videos_short_side_is_that_of_the_patches(tapped: Tapped) -> None:
    """The file's own 29 is no multiple of 8, and nobody asked for it."""
    engine = at_shape_of(Engine(tapped(REST), device="cpu"), (46, 106))
    assert engine.manifest.size == (24, 56)


@pytest.mark.parametrize(
    ("stride", "words"), [(4, "overlap"), (11, "leave gaps")], ids=["overlapping", "gaps"]
)
def test_other_strides_are_refused_with_their_numbers(
    stride: int, words: str, refused: Refused, desk: Path
) -> None:
    onnx.save(ForeignViT(stride=stride).model(), desk / "model.onnx")
    refused("model.onnx", 1, "8x8 pixels", f"every {stride} pixels", words)


def test_patches_that_begin_outside_the_picture_are_said(call: Call, desk: Path) -> None:
    """ViTPose's do, by 2 pixels of 16."""
    outcome = padded([3, 3, 0, 0], call)
    done(outcome)
    assert "begin 3 pixels above the picture" in outcome.err
    assert load_manifest(desk / "out.onnx").covered == (24, 40)


def test_patches_that_begin_outside_on_one_side_are_refused(call: Call, desk: Path) -> None:
    outcome = padded([3, 0, 0, 3], call)
    assert outcome.code == 1
    assert "sees other pixels" in outcome.err


def padded(pads: list[int], call: Call) -> Outcome:
    model = ForeignViT(rest=(2, 2)).model()
    (convolution,) = (node for node in model.graph.node if node.op_type == "Conv")
    convolution.attribute.append(helper.make_attribute("pads", pads))
    onnx.save(model, "model.onnx")
    return call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")


def test_a_rectangular_patch_is_refused(refused: Refused, desk: Path) -> None:
    model = ForeignViT(grid=(2, 10)).model()  # 16 x 80 are 4 x 5 of 4 x 16, too
    (convolution,) = (node for node in model.graph.node if node.op_type == "Conv")
    (kernel,) = (each for each in model.graph.initializer if each.name == convolution.input[1])
    kernel.CopyFrom(numpy_helper.from_array(np.ones((21, 3, 4, 16), np.float32), kernel.name))
    next(each for each in convolution.attribute if each.name == "strides").ints[:] = [4, 16]
    onnx.save(model, desk / "model.onnx")
    refused("model.onnx", 1, "4x16 pixels", "square")
