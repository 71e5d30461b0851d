"""The course of learning rate, weight decay and gradients, by what it does to weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from vitonnx.models._config import ViTConfig
from vitonnx.models.train._network import begin_network, cosine, make_optimizer
from vitonnx.models.train._projection_head import ProjectionHead

PEAK, WARMUP, STEPS = 0.01, 5, 23


def make(
    weights: list[keras.Variable],
    weight_decay: float | tf.Variable = 0.0,
    *,
    warmup: int = WARMUP,
    clip: float = 1e9,
) -> keras.optimizers.Optimizer:
    return make_optimizer(
        weights, peak=PEAK, warmup=warmup, steps=STEPS, weight_decay=weight_decay, clip=clip
    )


@pytest.mark.parametrize(("start", "end"), [(1.0, 0.0), (0.04, 0.4), (0.996, 1.0)])
def test_half_a_cosine(start: float, end: float) -> None:
    seen = [float(cosine(start, end, step, 8)) for step in range(12)]
    # Of float32, whose numbers near 1 are 6e-8 apart; the cosine adds a few of these.
    assert seen[0] == pytest.approx(start, abs=3e-7)
    assert seen[4] == pytest.approx((start + end) / 2, abs=3e-7)
    assert seen[2] == pytest.approx(end + (start - end) * (2 + np.sqrt(2)) / 4, abs=3e-7)
    assert seen[8:] == pytest.approx([end] * 4, abs=3e-7)
    assert np.all(np.sign(np.diff(seen[:9])) == np.sign(end - start))


@pytest.mark.parametrize("warmup", [0, WARMUP])
def test_a_weight_moves_by_the_learning_rate_of_the_step(warmup: int) -> None:
    """Under the same gradient all along Adam's step is the learning rate itself."""
    weight = keras.Variable(np.zeros(1, np.float32), name="kernel")
    optimizer = make([weight], warmup=warmup)
    moved = []
    for _ in range(STEPS + 3):
        before = float(weight[0])
        optimizer.apply([tf.ones(1)], [weight])
        moved.append(before - float(weight[0]))
    rising = [PEAK * step / WARMUP for step in range(warmup)]
    share = np.arange(STEPS - warmup) / (STEPS - warmup)
    falling = PEAK * (1e-3 + (1 - 1e-3) * 0.5 * (1 + np.cos(np.pi * share)))
    # The weight goes to about -0.1, where float32's numbers are 7e-9 apart; Adam's epsilon and its
    # moments in float32 make some 1e-5 of a step.
    expected = [*rising, *falling, *[PEAK / 1000] * 3]
    np.testing.assert_allclose(moved, expected, rtol=3e-5, atol=2e-8)


def test_kernels_alone_decay() -> None:
    """Gradients of zero leave nothing to see but the decay."""
    config = ViTConfig(image_size=(16, 24), patch_size=8, dim=6, heads=2, blocks=2, classes=3)
    network = begin_network(config, seed=0)
    head = ProjectionHead(6, 9, np.random.default_rng(0), "head", batch_norm=True)
    weights = [*network.trainable_variables, *head.trainable_variables]
    for weight in weights:
        weight.assign(np.full(weight.shape, 0.5))
    decay = tf.Variable(0.1)
    optimizer = make(weights, decay, warmup=0)
    zeros = [tf.zeros(weight.shape) for weight in weights]

    optimizer.apply(zeros, weights)
    kept = {weight.path for weight in weights if np.all(np.asarray(weight) == 0.5)}
    names = {path.rpartition("/")[2] for path in kept}
    assert names == {"bias", "scale", "cls_token", "position_embedding", "directions"}
    decayed = [weight for weight in weights if weight.path not in kept]
    assert {weight.path.rpartition("/")[2] for weight in decayed} == {"kernel"}
    # Query, key, value, output and two of the MLP in each block; patches, head; three of the
    # projection.
    assert len(decayed) == 2 * 6 + 2 + 3
    for weight in decayed:
        np.testing.assert_allclose(np.asarray(weight), 0.5 * (1 - PEAK * 0.1), rtol=1e-6)

    # The variable counts as it is, and not as it was when the optimiser was made.
    decay.assign(0.0)
    before = [np.asarray(weight) for weight in decayed]
    optimizer.apply(zeros, weights)
    for was, weight in zip(before, decayed, strict=True):
        np.testing.assert_array_equal(was, np.asarray(weight))


def test_gradients_are_clipped_together() -> None:
    first = keras.Variable(np.zeros(2, np.float32), name="kernel")
    second = keras.Variable(np.zeros(1, np.float32), name="bias")
    optimizer = make([first, second], clip=2.0)
    # Of length 13 in all.
    optimizer.apply([tf.constant([3.0, 4.0]), tf.constant([12.0])], [first, second])
    momenta = [np.asarray(each) for each in optimizer.variables if "momentum" in each.path]
    # Adam's first moment after one step is a tenth of the gradient.
    np.testing.assert_allclose(np.concatenate(momenta), np.array([3, 4, 12]) * 0.2 / 13, rtol=1e-5)
