"""Targets and losses of self-distillation, against slow loops written from the papers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models.train.slow_distillation import slow_koleo, slow_loss, slow_sinkhorn, softmax
from vitonnx.models.train._distillation import distillation_loss, koleo, sinkhorn

Array = NDArray[np.float64]
BATCH, PROTOTYPES = 53, 7


def scores_of(seed: int, batch: int = BATCH, prototypes: int = PROTOTYPES) -> Array:
    """Scores of which some prototypes get more than others, as a head gives them."""
    generator = np.random.default_rng(seed)
    favour = generator.standard_normal(prototypes)
    return np.asarray(0.1 * favour + 0.01 * generator.standard_normal((batch, prototypes)))


def balanced(scores: Array) -> Array:
    targets = sinkhorn(tf.constant(scores, tf.float32))
    assert targets.dtype == tf.float32
    return np.asarray(targets.numpy(), np.float64)


@pytest.mark.parametrize(("batch", "prototypes"), [(53, 7), (5, 13), (2, 3), (1, 3)])
def test_sinkhorn_as_the_paper_has_it(batch: int, prototypes: int) -> None:
    scores = scores_of(batch, batch, prototypes)
    # Scores of 0.1 differ by 0.01, and so by some 1e-6 of it in float32, before they are
    # quadrupled.
    np.testing.assert_allclose(balanced(scores), slow_sinkhorn(scores), rtol=1e-4, atol=1e-6)


def test_targets_are_probabilities_that_use_all_prototypes_alike() -> None:
    scores = scores_of(0)
    targets = balanced(scores)
    assert targets.min() >= 0
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    # Three rounds come near; the softmax of the same scores, as sharp, stays away.
    sharp = softmax(scores / (0.25 * (scores - scores.mean(axis=0)).std()))
    uses, without = (each.sum(axis=0) * PROTOTYPES / BATCH for each in (targets, sharp))
    assert np.abs(uses - 1).max() < 0.3
    assert np.abs(without - 1).max() > 2
    # And they say something of each picture: even shares would be 1/7.
    assert targets.max(axis=1).mean() > 0.5


def test_only_what_differs_within_a_prototype_counts() -> None:
    """The scores' unit does not, nor what all pictures have in common."""
    scores = scores_of(1)
    expected = balanced(scores)
    moved = 37 * (scores + np.random.default_rng(2).standard_normal(PROTOTYPES))
    np.testing.assert_allclose(balanced(moved), expected, atol=2e-3)  # 0.01 beside 3, in float32
    np.testing.assert_allclose(balanced(1e-3 * scores), expected, atol=1e-3)
    order = np.random.default_rng(3).permutation(BATCH)
    np.testing.assert_allclose(balanced(scores[order]), expected[order], atol=1e-5)


def test_pictures_that_are_all_the_same_use_all_prototypes() -> None:
    same = np.broadcast_to(scores_of(4)[:1], (BATCH, PROTOTYPES))
    np.testing.assert_allclose(balanced(same), 1 / PROTOTYPES, atol=1e-6)


def test_a_picture_far_from_all_others_breaks_nothing() -> None:
    """As shares, the others' would be too small for float32."""
    scores = np.random.default_rng(5).standard_normal((512, 128))
    scores[0, 0] = 60
    targets = balanced(scores)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(targets, slow_sinkhorn(scores), atol=1e-4)


@pytest.mark.parametrize("crops", [1, 2, 3])
def test_the_loss_is_equation_3_across_shots(crops: int) -> None:
    generator = np.random.default_rng(crops)
    scores = 3 * generator.standard_normal((crops, 2, BATCH, PROTOTYPES))
    targets = softmax(5 * generator.standard_normal((2, BATCH, PROTOTYPES)))
    loss = distillation_loss(tf.constant(scores, tf.float32), tf.constant(targets, tf.float32))
    # Some hundred sums of float32.
    assert float(loss) == pytest.approx(slow_loss(scores, targets), rel=1e-5)


def test_crops_learn_of_the_other_shot_alone() -> None:
    """What the teacher says of a shot pulls no crop of it, and no other picture's."""
    generator = np.random.default_rng(7)
    scores = tf.constant(generator.standard_normal((3, 2, 5, 4)), tf.float32)
    targets = softmax(generator.standard_normal((2, 5, 4))).astype(np.float32)

    def pull(targets: NDArray[np.float32]) -> NDArray[np.float32]:
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = distillation_loss(scores, tf.constant(targets))
        return np.asarray(tape.gradient(loss, scores).numpy())

    other = targets.copy()
    other[0, 2] = np.roll(other[0, 2], 1)
    moved = np.any(pull(targets) != pull(other), axis=-1)
    expected = np.zeros_like(moved)
    expected[:, 1, 2] = True
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize(("batch", "dim"), [(2, 3), (17, 5), (5, 1)])
def test_koleo_is_equation_3(batch: int, dim: int) -> None:
    generator = np.random.default_rng(batch)
    embeddings = generator.standard_normal((batch, dim)) * generator.uniform(0.1, 9, (batch, 1))
    if dim == 1:  # There are but two directions: the nearest are in the same place.
        assert float(koleo(tf.constant(embeddings, tf.float32))) > 10
        return
    loss = float(koleo(tf.constant(embeddings, tf.float32)))
    assert loss == pytest.approx(slow_koleo(embeddings), rel=1e-4)
    longer = float(koleo(tf.constant(8 * embeddings, tf.float32)))
    assert longer == pytest.approx(loss, rel=1e-5)


def test_koleo_drives_neighbours_apart() -> None:
    """Its gradient is the slow loss's, by differences."""
    embeddings = np.random.default_rng(11).standard_normal((7, 3))
    points = tf.Variable(embeddings, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = koleo(points)
    found = tape.gradient(loss, points).numpy()
    expected = np.zeros_like(embeddings)
    for place in np.ndindex(*embeddings.shape):
        step = np.zeros_like(embeddings)
        step[place] = 1e-6
        rise = slow_koleo(embeddings + step) - slow_koleo(embeddings - step)
        expected[place] = rise / 2e-6
    np.testing.assert_allclose(found, expected, atol=1e-3)
    points.assign_sub(0.01 * found)
    assert float(koleo(points)) < float(loss)


@pytest.mark.parametrize("alike", [2, 5])
def test_koleo_of_embeddings_that_coincide(alike: int) -> None:
    """Minus the logarithm of 0 would be infinite, and its gradient no number."""
    embeddings = np.random.default_rng(13).standard_normal((5, 3))
    embeddings[:alike] = embeddings[0]
    points = tf.Variable(embeddings, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = koleo(points)
    assert 1 < float(loss) < 20
    assert np.isfinite(tape.gradient(loss, points).numpy()).all()
