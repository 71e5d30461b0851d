"""Scores against masks: by slow loops, by scikit-learn, and cropped as pictures are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score

import vitonnx as vx
from recipes import slopes, with_recipe
from vitonnx.dataset import Sample
from vitonnx.errors import PictureError, UsageError
from vitonnx.evaluate import Estimate, MaskFolder
from vitonnx.evaluate._masks import mask_of
from vitonnx.evaluate._segmentation import (
    average_precision,
    count_picture,
    mean_iou,
    pixel_accuracy,
)
from vitonnx.evaluate._window import Window
from vitonnx.manifest import Padding

Exported = Callable[[str], Path]
BARE = Sample("picture 0", None)
END = Padding(colour=(9, 200, 9), place="end")


def drawn(seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    relevance = np.round(rng.gamma(2.0, size=(13, 17)), 1)  # many are alike
    return relevance, rng.random((13, 17)) < 0.3


def test_counts_are_what_a_slow_loop_finds() -> None:
    sums = np.zeros(8)
    inter, union, right, every, precisions, hits = [0, 0], [0, 0], 0, 0, [], []
    for seed in range(5):
        relevance, mask = drawn(seed)
        first = int(relevance.argmax())
        sums += count_picture(relevance, mask, first)
        low, high = relevance.min(), relevance.max()
        scaled = (relevance - low) / (high - low)
        mean = sum(scaled.ravel().tolist()) / 221
        for value, truth in zip(scaled.ravel().tolist(), mask.ravel().tolist(), strict=True):
            marked = value > mean
            for kind in (False, True):
                inter[kind] += marked == kind and truth == kind
                union[kind] += marked == kind or truth == kind
            right += marked == truth
            every += 1
        of_both = [*scaled.ravel(), *(1 - scaled.ravel())]
        truths = [*mask.ravel(), *~mask.ravel()]
        precisions.append(average_precision_score(truths, of_both))
        hits.append(bool(mask.ravel()[first]))
    assert mean_iou(sums) == pytest.approx((inter[0] / union[0] + inter[1] / union[1]) / 2)
    assert pixel_accuracy(sums) == pytest.approx(right / every)
    assert sums[7] == pytest.approx(sum(precisions))
    assert sums[0] == sum(hits)


def test_intersections_add_up_over_pictures() -> None:
    """A large object counts more than a small one: what is estimated is no mean of quotients."""
    counts = np.stack([count_picture(*drawn(seed), 0) for seed in range(4)])
    counts[0, 1:7] *= 50
    estimate = Estimate.of(counts, mean_iou)
    assert estimate.value == pytest.approx(float(mean_iou(counts.sum(axis=0))))
    assert estimate.value != pytest.approx(float(mean_iou(counts).mean()), rel=1e-3)
    assert estimate.low < estimate.value < estimate.high


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_is_that_of_scikit_learn(ties: bool) -> None:
    rng = np.random.default_rng(2)
    scores = rng.random(211)
    truth = rng.random(211) < scores
    scores = np.round(scores, 1) if ties else scores
    assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores))


def test_a_map_of_one_value_marks_nothing() -> None:
    counts = count_picture(np.full((4, 6), 0.3), np.eye(4, 6, dtype=bool), 0)
    assert counts[3:5].tolist() == [0, 4]
    assert counts[1:3].tolist() == [20, 24]


@pytest.mark.parametrize(
    "recipe",
    [
        {},  # resized to 44, and the centre cut out
        {"resize": None, "crop": 1, "padding": END},
        {"resize": None, "crop": 1, "padding": Padding(colour=(9, 200, 9), before=True)},
        {"resize": None, "crop": 0.9},
    ],
    ids=["cut", "padded at the end", "padded before", "squashed"],
)
def test_a_mask_lies_where_its_picture_does(
    recipe: dict[str, Any], exported: Exported, tmp_path: Path
) -> None:
    """A picture that is its own mask, white on black: both agree but for the edge."""
    engine = vx.Engine(with_recipe(exported("plain"), tmp_path / "m.onnx", **recipe), device="cpu")
    mask = np.zeros((233, 307), bool)
    mask[61:190, 97:200] = True
    picture = engine.prepare(np.repeat(mask[..., None] * np.uint8(255), 3, axis=2))
    seen = mask_of([mask], 0, BARE, picture, engine.manifest.preprocessing)
    shown = np.asarray(Window.of(picture).cut(picture.covered[..., 0]), np.int64)
    assert seen.shape == shown.shape
    sure = (shown < 40) | (shown > 215)
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(seen[sure], shown[sure] > 128)
    assert 0.1 < seen.mean() < 0.6


def test_files_of_masks_are_what_isnt_black(exported: Exported, tmp_path: Path) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    mask = np.zeros((97, 211), np.uint8)
    mask[20:60, 80:150] = 1  # as of ImageNet-Segmentation: 0 and 1
    Image.fromarray(mask).save(tmp_path / "bird.png")
    picture = engine.prepare(slopes(97, 211))
    recipe = engine.manifest.preprocessing
    folder = MaskFolder(tmp_path)
    found = mask_of(folder, 0, Sample("bird.jpeg", "elsewhere/bird.jpeg"), picture, recipe)
    np.testing.assert_array_equal(found, mask_of([mask > 0], 0, BARE, picture, recipe))
    assert 0 < found.mean() < 1


@pytest.mark.parametrize(
    ("own", "mask"),
    [
        ("a/7.JPEG", "masks/a/7.png"),
        ("a/b.c.jpg", "masks/a/b.c.png"),
        ("n01/7", "masks/n01/7.png"),
        ("/other/7.webp", "masks/7.png"),
        ("../../7.webp", "masks/7.png"),
    ],
)
def test_a_mask_has_the_id_of_its_picture(own: str, mask: str) -> None:
    assert MaskFolder(Path("masks")).find(Sample(own, None)) == Path(mask)


def test_bad_masks_are_named(exported: Exported, tmp_path: Path) -> None:
    engine, picture = vx.Engine(exported("plain"), device="cpu"), slopes(97, 211)
    whole = np.ones((97, 211), bool)
    (tmp_path / "text.png").write_text("Dear mask")
    bad: list[tuple[Any, str]] = [
        ([np.ones((90, 211), bool)], "90x211 pixels and picture 0 97x211"),
        ([~whole], "marks nothing in the part of picture 0"),
        ([whole.astype(np.uint8)], r"uint8 array .*expected bool"),
        ([tmp_path / "none.png"], r"picture 0 has no mask: .*none\.png does not exist"),
        ([tmp_path / "text.png"], r"text\.png is not a picture"),
    ]
    for masks, words in bad:
        with pytest.raises(PictureError, match=words):
            vx.evaluate_faithfulness(engine, picture, vx.Rollout(), masks=masks, steps=10)
    wrong: list[tuple[Any, str]] = [
        ([whole, whole], "1 pictures have 2 masks"),
        (tmp_path / "nowhere", "no folder of masks"),
        (tmp_path, "found by the names of picture files"),
    ]
    for masks, words in wrong:
        with pytest.raises(UsageError, match=words):
            vx.evaluate_faithfulness(engine, picture, vx.Rollout(), masks=masks, steps=10)
