"""`Attribution`: its functions against loops, and targets and results as its users meet them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from probes.nudged_models import slow_generic, slow_rollout
from probes.random_attention import random_attention
from vitonnx.errors import UsageError
from vitonnx.probes import Layout
from vitonnx.probes._attribution_maps import (
    generic_attribution,
    grad_cam,
    gradient_lengths,
    gradient_rollout,
    legrad,
)
from vitonnx.probes._classes import find_class

BLOCKS, BATCH, HEADS, TOKENS = 3, 2, 5, 11
# Of the head: one token, two that stand apart, a run of them, and both.
ROWS = [[(0, 1)], [(0, 1), (1, 2)], [(2, 11)], [(0, 1), (5, 11)]]


def attention() -> list[NDArray[np.float64]]:
    return [np.asarray(each, np.float64) for each in random_attention(BLOCKS, BATCH, HEADS, 11, 11)]


def slopes() -> list[NDArray[np.float64]]:
    return list(np.random.default_rng(17).normal(size=(BLOCKS, BATCH, HEADS, TOKENS, TOKENS)))


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(
    ("fast", "slow"), [(generic_attribution, slow_generic), (gradient_rollout, slow_rollout)]
)
def test_products_over_blocks(xp: Any, fast: Any, slow: Any, rows: list[tuple[int, int]]) -> None:
    maps, gradients = attention(), slopes()
    found = fast([xp.asarray(a) for a in maps], [xp.asarray(g) for g in gradients], rows=rows)
    tokens = [token for start, stop in rows for token in range(start, stop)]
    for picture in range(BATCH):
        whole = slow([each[picture] for each in maps], [each[picture] for each in gradients])
        expected = np.mean([whole[token] for token in tokens], axis=0)
        np.testing.assert_allclose(np.asarray(found)[picture], expected, rtol=1e-12)


def test_legrad_averages_blocks_heads_and_queries(xp: Any) -> None:
    gradients = slopes()
    found = np.asarray(legrad([xp.asarray(each) for each in gradients]))
    for picture in range(BATCH):
        for key in range(TOKENS):
            each = [
                max(0.0, gradients[block][picture, head, query, key])
                for block in range(BLOCKS)
                for head in range(HEADS)
                for query in range(TOKENS)
            ]
            np.testing.assert_allclose(found[picture, key], sum(each) / len(each), rtol=1e-12)


def test_grad_cam_weighs_channels_by_their_mean_gradient(xp: Any) -> None:
    rng = np.random.default_rng(3)
    tokens, gradients = rng.normal(size=(2, 2, 7, 13))
    found = np.asarray(grad_cam(xp.asarray(tokens), xp.asarray(gradients)))
    assert (found == 0).any()
    for picture in range(2):
        for patch in range(7):
            each = [
                sum(gradients[picture, :, dim]) / 7 * tokens[picture, patch, dim]
                for dim in range(13)
            ]
            np.testing.assert_allclose(found[picture, patch], max(0.0, sum(each)), atol=1e-12)


def test_lengths_of_patches_leave_out_what_no_patch_covers(xp: Any) -> None:
    gradients = np.random.default_rng(3).normal(size=(2, 3 * 5 + 4, 2 * 5 + 1, 3))
    found = np.asarray(gradient_lengths(xp.asarray(gradients), patch=5, grid=(3, 2)))
    assert found.shape == (2, 3, 2)
    for row in range(3):
        for column in range(2):
            part = gradients[1, 5 * row : 5 * row + 5, 5 * column : 5 * column + 5]
            np.testing.assert_allclose(found[1, row, column], np.sqrt((part**2).sum()), rtol=1e-12)


@pytest.mark.parametrize("fast", [generic_attribution, gradient_rollout])
def test_without_gradients_a_token_keeps_to_itself(xp: Any, fast: Any) -> None:
    maps, none = [[xp.asarray(each * times) for each in attention()] for times in (1, 0)]
    found = np.asarray(fast(maps, none, rows=[(3, 4)]))
    np.testing.assert_array_equal(found, np.eye(TOKENS)[[3, 3]])


# Targets.


CLASSES = ("crane", "tench, Tinca tinca", "CRANE", "maillot", "maillot, tank suit", " spaced ")
VIT = Layout(
    grid=(2, 3),
    patch_size=8,
    prefix_tokens=("cls",),
    blocks=2,
    heads=3,
    classes=CLASSES,
    class_count=6,
)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("crane", 0),
        ("CRANE", 2),
        ("TINCA  tinca", 1),
        ("tench, tinca tinca", 1),
        ("tank suit", 4),
        ("maillot, tank suit", 4),
        ("spaced", 5),
        ("4", 4),
        (4, 4),
        (np.uint8(4), 4),
    ],
)
def test_classes_are_found(name: Any, number: int) -> None:
    assert find_class(name, VIT) == number


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("Crane", "0 and 2"),
        ("maillot", "3 and 4"),
        ("trench", "tench, Tinca tinca"),
        ("", "from 0 to 5"),
        ("zzzz", "from 0 to 5"),
        ("6", "0 to 5"),
        (6, "0 to 5"),
        (-1, "0 to 5"),
        ("-1", "from 0 to 5"),
        (10**30, "0 to 5"),
        ("²", "from 0 to 5"),
    ],
)
def test_classes_that_are_not_there(asked: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        find_class(asked, VIT)


def test_a_number_that_is_another_class_s_name_is_not_taken_for_that_in_silence() -> None:
    """On the command line all that is typed is text, and "1" may mean either class."""
    digits = Layout(
        grid=(2, 3), patch_size=8, prefix_tokens=(), blocks=1, heads=1, classes=("1", "2", "3")
    )
    assert find_class(1, digits) == 1
    assert find_class("3", digits) == 2
    with pytest.raises(UsageError, match="0 and 1"):
        find_class("1", digits)


@pytest.mark.parametrize(
    "target",
    [
        True,
        False,
        1.0,
        [1],
        (),
        (1, (2,)),
        np.bool_(True),
        np.float64(3),
        np.array(3),
        b"3",
        {1: 2},
    ],
    ids=repr,
)
def test_strange_targets_are_refused(target: Any) -> None:
    with pytest.raises(UsageError, match="target is"):
        vx.Attribution(target=target)


@pytest.mark.parametrize("others", [("embedding:a.png", 1), ("input", 1), ("predicted", "input")])
def test_likenesses_and_inputs_are_asked_alone(others: Any) -> None:
    with pytest.raises(UsageError, match="alone"):
        vx.Attribution(target=others)


@pytest.mark.parametrize("word", ["first", "FIRST"])
def test_no_word_stands_for_the_first_frame(word: str) -> None:
    """A video asks that by itself; of pictures nobody can have meant it."""
    with pytest.raises(UsageError, match="no class"):
        vx.Attribution(target=word).reads(VIT)


# Results.


def test_results_hold_target_score_and_probability(exported: Any) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", threads=1)
    pictures = list(np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3), np.uint8))
    logits = engine.run(pictures)["logits"].astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    best = logits.argmax(1)
    alone = engine.probe(pictures, vx.Attribution(method="gradient"))
    targets: Any = ("Class 7", "predicted", np.int64(2))
    several = engine.probe(pictures, vx.Attribution(method="gradient", target=targets))
    for picture, (one, more) in enumerate(zip(alone, several, strict=True)):
        arrays, columns = one.arrays(), [7, best[picture], 2]
        assert list(arrays) == ["attribution", "target", "score", "probability"]
        assert [each.dtype for each in arrays.values()] == [
            *(np.float32, np.int64, np.float32, np.float32)
        ]
        assert [each.shape for each in arrays.values()] == [(5, 7), (), (), ()]
        assert one.target == best[picture]
        np.testing.assert_allclose(one.score, logits[picture].max(), rtol=1e-5)
        np.testing.assert_allclose(one.probability, shares[picture].max(), rtol=1e-5)
        assert [each.shape for each in more.arrays().values()] == [(3, 5, 7), (3,), (3,), (3,)]
        np.testing.assert_array_equal(more.target, columns)
        np.testing.assert_allclose(more.score, logits[picture, columns], rtol=1e-5)
        np.testing.assert_allclose(more.probability, shares[picture, columns], rtol=1e-5)
        np.testing.assert_allclose(more.attribution[1], one.attribution, rtol=1e-4, atol=1e-8)
        maps = more.finding
        assert maps.labels == tuple(
            f"class {number} ({shares[picture, number]:.0%})" for number in columns
        )
        np.testing.assert_array_equal(maps.values, more.attribution)
    assert len(set(best.tolist())) > 1


def test_a_likeness_has_a_cosine_and_no_class(exported: Any, tmp_path: Path) -> None:
    from PIL import Image

    engine = vx.Engine(exported("headless"), device="cpu", threads=1)
    pictures = list(np.random.default_rng(1).integers(0, 256, (3, 41, 67, 3), np.uint8))
    Image.fromarray(pictures[1]).save(tmp_path / "other.png")
    vectors = engine.run(pictures)["embedding"].astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = vx.Attribution(method="gradient", target=f"embedding:{tmp_path / 'other.png'}")
    for number, result in enumerate(engine.probe(pictures, asked)):
        assert (result.target.dtype, result.target.shape, int(result.target)) == (np.int64, (), -1)
        np.testing.assert_allclose(result.score, vectors[number] @ vectors[1], atol=1e-5)
        assert np.isnan(result.probability)
        assert result.finding.labels == (f"like other.png ({float(result.score):.2f})",)
        assert np.isfinite(result.attribution).all()
    # One picture is asked as any number is.
    (alone,) = engine.probe(pictures[:1], asked)
    np.testing.assert_allclose(alone.score, vectors[0] @ vectors[1], atol=1e-5)


def test_pixels_of_one_colour(exported: Any) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", threads=1)
    flat = [np.full((40, 56, 3), level, np.uint8) for level in (0, 128, 255)]
    for method in ("gradient-rollout", "grad-cam"):
        for result in engine.probe(flat, vx.Attribution(method=method)):
            assert np.isfinite(result.attribution).all()
            assert np.min(result.attribution) >= 0
