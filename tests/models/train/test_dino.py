"""DINO's method, step by step, against formulas of the paper (Caron et al. 2021) in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models.train.easy_pictures import SIDE, TINY, easy_pictures
from vitonnx.models.train._dino import (
    CENTRE_MOMENTUM,
    LOCAL_CROPS,
    MOMENTUM,
    STUDENT_TEMPERATURE,
    TEACHER_TEMPERATURE,
    Dino,
    distillation_loss,
)
from vitonnx.models.train._network import as_pictures, look

Array = NDArray[np.float64]
BATCH, EACH, EPOCHS = 5, 2, 3
STEPS = EACH * EPOCHS


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def slow_loss(student: Array, teacher: Array) -> float:
    """Equation 3: crops of a picture as (crops, batch, prototypes), the global ones first."""
    total, pairs = 0.0, 0
    for x in range(2):
        for x_prime in range(len(student)):
            if x_prime == x:
                continue  # "x' in V, x' != x"
            for picture in range(student.shape[1]):
                log_p = np.log(softmax(student[x_prime, picture]))
                total += -(teacher[x, picture] * log_p).sum()
                pairs += 1
    return total / pairs


@pytest.mark.parametrize("crops", [2, 3, 8])
def test_the_loss_is_equation_3(crops: int) -> None:
    generator = np.random.default_rng(crops)
    student = 3 * generator.standard_normal((crops, BATCH, 7))
    teacher = softmax(5 * generator.standard_normal((2, BATCH, 7)))
    loss = distillation_loss(
        tf.constant(student.reshape(-1, 7), tf.float32),
        tf.constant(teacher.reshape(-1, 7), tf.float32),
    )
    # Some hundred sums of float32.
    assert float(loss) == pytest.approx(slow_loss(student, teacher), rel=1e-5)


@dataclass(frozen=True)
class Step:
    """What was there before a step and after it; names to copies."""

    before: dict[str, Array]
    after: dict[str, Array]
    taught: Array
    scores: Array
    loss: float


@pytest.fixture(scope="module")
def dino() -> Dino:
    settings = replace(TINY, objective="dino", seed=3)
    return Dino(settings, steps_per_epoch=EACH, steps=STEPS)


@pytest.fixture(scope="module")
def steps(dino: Dino) -> list[Step]:
    """All steps of a training, with what teacher and student said; labels tell nothing."""
    pictures, _ = easy_pictures(BATCH).train.read(range(BATCH), 0)
    labels = np.full(BATCH, -1)
    recorded = []
    for number in range(STEPS):
        before = copy_of(dino)
        large, small = dino._crops(as_pictures(pictures, SIDE), tf.constant([3, number]))
        taught = dino.teacher_head(look(dino.network, large).embedding).numpy()
        scores = [
            dino.student_head(look(dino.student, crops).embedding).numpy()
            for crops in (large, small)
        ]
        loss = dino.step(tf.constant(pictures), tf.constant(labels), tf.constant(number))
        recorded.append(Step(before, copy_of(dino), taught, np.concatenate(scores), float(loss)))
    return recorded


def copy_of(dino: Dino) -> dict[str, Array]:
    return {name: np.asarray(each).astype(float) for name, each in dino.state().items()}


def pairs(step: Step) -> list[tuple[str, str]]:
    """Names of the student's and the teacher's variables."""
    students = [name for name in step.before if name.startswith("student/")]
    return [(name, name.replace("student", "teacher")) for name in students]


def test_two_large_crops_and_several_small_ones(dino: Dino) -> None:
    pictures, _ = easy_pictures(BATCH).train.read(range(BATCH), 0)
    large, small = dino._crops(as_pictures(pictures, SIDE), tf.constant([3, 0]))
    assert large.shape == (2 * BATCH, SIDE, SIDE, 3)
    assert small.shape == (LOCAL_CROPS * BATCH, 8, 8, 3)
    first, second = np.split(large.numpy(), 2)
    assert not np.any(np.all(first == second, axis=(1, 2, 3)))
    assert len(np.unique(small.numpy().reshape(len(small), -1), axis=0)) == len(small)


@pytest.mark.parametrize(
    ("side", "patch", "small"), [(48, 8, 24), (64, 8, 24), (32, 8, 16), (16, 8, 16), (42, 7, 21)]
)
def test_small_crops_are_whole_patches_near_the_papers_share(
    side: int, patch: int, small: int
) -> None:
    """96 of 224 pixels in the paper; two patches a side at least."""
    dino = Dino(replace(TINY, objective="dino", image_size=side, patch=patch), 1, 1)
    _, crops = dino._crops(tf.zeros((1, side, side, 3)), tf.constant([0, 0]))
    assert crops.shape == (LOCAL_CROPS, small, small, 3)


def test_a_step_is_of_the_papers_loss(steps: list[Step]) -> None:
    """The teacher's scores are centred, and sharpened more than the student's."""
    assert TEACHER_TEMPERATURE < STUDENT_TEMPERATURE
    for number, step in enumerate(steps):
        targets = softmax((step.taught - step.before["centre"]) / TEACHER_TEMPERATURE)
        shape = (-1, BATCH, targets.shape[1])
        scores = step.scores.reshape(shape) / STUDENT_TEMPERATURE
        expected = slow_loss(scores, targets.reshape(shape))
        # Compiled, and divided by 0.04 in float32.
        assert step.loss == pytest.approx(expected, rel=1e-4), number
    assert len({step.loss for step in steps}) == STEPS


def test_the_centre_follows_what_the_teacher_says(steps: list[Step]) -> None:
    assert np.all(steps[0].before["centre"] == 0)
    for step in steps:
        kept, new = CENTRE_MOMENTUM, 1 - CENTRE_MOMENTUM
        expected = kept * step.before["centre"] + new * step.taught.mean(axis=0)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(step.after["centre"], expected, atol=1e-6)


def test_the_teacher_begins_as_the_student(steps: list[Step]) -> None:
    for student, teacher in pairs(steps[0]):
        np.testing.assert_array_equal(steps[0].before[student], steps[0].before[teacher])


def test_the_teacher_is_the_students_moving_average_and_nothing_else(steps: list[Step]) -> None:
    """So that no gradient reaches it: lambda goes to 1 along a cosine."""
    for number, step in enumerate(steps):
        momentum = 1 - (1 - MOMENTUM) * 0.5 * (1 + np.cos(np.pi * number / STEPS))
        moved = []
        for student, teacher in pairs(step):
            expected = momentum * step.before[teacher] + (1 - momentum) * step.after[student]
            # Weights are 1 at most, and float32's numbers there 6e-8 apart.
            np.testing.assert_allclose(step.after[teacher], expected, atol=2e-7)
            moved.append(np.abs(step.after[teacher] - step.before[teacher]).max())
        # The student moves by some 0.01 a step, and the teacher by a hundredth of that, at first.
        assert max(moved) > (1e-5 if number < STEPS // 2 else 1e-7)


def test_the_last_layer_rests_for_an_epoch(dino: Dino, steps: list[Step]) -> None:
    place = next(
        number
        for number, weight in enumerate(dino.trained)
        if weight is dino.student_head.directions
    )
    name = f"student/{place}"
    for number, step in enumerate(steps):
        moved = np.abs(step.after[name] - step.before[name]).max()
        assert (moved > 1e-4) == (number >= EACH), number
    # All else moves from the first step on.
    still = [
        student
        for student, _ in pairs(steps[0])
        if np.array_equal(steps[0].before[student], steps[0].after[student])
    ]
    # The key's bias can't matter: it adds the same to all scores of a softmax, and so its
    # gradient is rounding alone, which Adam makes a step of all the same.
    assert still == [name]


def test_directions_are_of_any_length_and_points_of_length_one(dino: Dino) -> None:
    x = tf.constant(np.random.default_rng(0).standard_normal((3, 8)), tf.float32)
    scores = dino.student_head(x).numpy()
    assert np.abs(scores).max() <= 1 + 1e-6
    kept = np.asarray(dino.student_head.directions)
    dino.student_head.directions.assign(7 * kept)
    try:
        np.testing.assert_allclose(dino.student_head(x).numpy(), scores, atol=1e-6)
    finally:
        dino.student_head.directions.assign(kept)
