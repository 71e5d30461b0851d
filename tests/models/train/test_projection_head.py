"""DINO's head: an MLP in NumPy says the same, and a batch is normalised or isn't."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from vitonnx.models.train._projection_head import ProjectionHead

Array = NDArray[np.float64]
INPUTS, PROTOTYPES, BATCH = 5, 7, 11


def make(*, batch_norm: bool, seed: int = 0) -> ProjectionHead:
    generator = np.random.default_rng(seed)
    return ProjectionHead(INPUTS, PROTOTYPES, generator, "head", batch_norm=batch_norm)


def embeddings() -> Array:
    return np.random.default_rng(1).standard_normal((BATCH, INPUTS))


def scores(head: ProjectionHead, x: Array) -> Array:
    return np.asarray(head(tf.constant(x, tf.float32)).numpy(), np.float64)


def slowly(head: ProjectionHead, x: Array) -> Array:
    """What the head says, by its weights."""
    weights = {each.path.partition("/")[2]: np.asarray(each, float) for each in head.weights}

    def dense(name: str, x: Array) -> Array:
        return np.asarray(x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"])

    for number in (1, 2):
        x = dense(f"fc{number}", x)
        if f"norm{number}/scale" in weights:
            x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
            x = x * weights[f"norm{number}/scale"] + weights[f"norm{number}/bias"]
        x = x * 0.5 * (1 + np.vectorize(erf)(x / sqrt(2)))
    point = dense("bottleneck", x)
    point /= np.linalg.norm(point, axis=1, keepdims=True)
    directions = weights["directions"] / np.linalg.norm(weights["directions"], axis=0)
    return np.asarray(point @ directions)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_it_is_an_mlp_on_a_sphere(batch_norm: bool) -> None:
    head = make(batch_norm=batch_norm)
    generator = np.random.default_rng(2)
    for weight in head.weights:  # biases and scales, too, say something
        weight.assign_add(0.1 * generator.standard_normal(weight.shape))
    found = scores(head, embeddings())
    assert found.shape == (BATCH, PROTOTYPES)
    assert np.abs(found).max() <= 1 + 1e-6
    # Sums of 512 numbers of float32.
    np.testing.assert_allclose(found, slowly(head, embeddings()), atol=1e-5)


def test_batch_norm_leaves_neither_mean_nor_unit() -> None:
    """All embeddings moved alike, or all longer, are the same to it, and not without it."""
    x, common = embeddings(), np.random.default_rng(3).standard_normal(INPUTS)
    normed, bare = make(batch_norm=True), make(batch_norm=False)
    np.testing.assert_allclose(scores(normed, x + common), scores(normed, x), atol=1e-4)
    # What is added to variances is 1e-5, and they are 400 times 5 or more.
    np.testing.assert_allclose(scores(normed, 9000 * x), scores(normed, 1000 * x), atol=1e-4)
    assert np.abs(scores(bare, x + common) - scores(bare, x)).max() > 0.01
    hidden = normed.norms[0](normed.hidden[0](tf.constant(1000 * x, tf.float32))).numpy()
    np.testing.assert_allclose(hidden.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(hidden.var(axis=0), 1, atol=1e-4)


def test_a_picture_alone_is_told_from_no_other_only_with_batch_norm() -> None:
    """A batch's other pictures count for it; without, each stands for itself."""
    x = embeddings()
    changed = np.concatenate([x[:1], -3 * x[1:]])
    for batch_norm in (True, False):
        head = make(batch_norm=batch_norm)
        apart = np.abs(scores(head, changed)[0] - scores(head, x)[0]).max()
        assert (apart > 1e-2) == batch_norm


def test_weights_are_drawn_by_the_generator() -> None:
    first, again, other = (make(batch_norm=True, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(scores(first, embeddings()), scores(again, embeddings()))
    assert np.any(scores(first, embeddings()) != scores(other, embeddings()))
    names = {weight.path.partition("/")[2] for weight in make(batch_norm=False).weights}
    assert not any("norm" in name for name in names)
    assert all(each.trainable for each in first.weights)  # no running statistics


def test_directions_are_of_any_length() -> None:
    head = make(batch_norm=True)
    before = scores(head, embeddings())
    head.directions.assign(7 * head.directions)
    np.testing.assert_allclose(scores(head, embeddings()), before, atol=1e-6)
