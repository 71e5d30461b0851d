"""DINO's method, step by step, against formulas of the papers in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models.train.easy_pictures import SIDE, TINY, easy_pictures
from models.train.slow_distillation import slow_koleo, slow_loss, slow_sinkhorn, softmax
from vitonnx.models.train._crops import SMALL_CROPS, draw_crops
from vitonnx.models.train._dino import (
    CENTRE_MOMENTUM,
    STUDENT_TEMPERATURE,
    TEACHER_TEMPERATURE,
    Dino,
)
from vitonnx.models.train._network import as_pictures, look

Array = NDArray[np.float64]
BATCH, EACH, EPOCHS = 5, 2, 3
STEPS = EACH * EPOCHS
PROTOTYPES = 7


@dataclass(frozen=True)
class Step:
    """What was there before a step and after it; names to copies."""

    before: dict[str, Array]
    after: dict[str, Array]
    taught: Array  # (2, batch, prototypes)
    scores: Array  # (crops, 2, batch, prototypes)
    embeddings: Array  # of the large crops, (2, batch, dim)
    loss: float


# DINOv2's targets and spread with batch norm, and DINO's without either.
WAYS: dict[str, dict[str, Any]] = {
    "sinkhorn": {"targets": "sinkhorn", "koleo": 0.3, "batch_norm": True, "momentum": 0.8},
    "centred": {"targets": "centred", "koleo": 0.0, "batch_norm": False, "momentum": 0.99},
}


@pytest.fixture(scope="module", params=WAYS)
def dino(request: pytest.FixtureRequest) -> Dino:
    settings = replace(
        TINY, objective="dino", seed=3, prototypes=PROTOTYPES, registers=1, **WAYS[request.param]
    )
    return Dino(settings, steps_per_epoch=EACH, steps=STEPS)


@pytest.fixture(scope="module")
def steps(dino: Dino) -> list[Step]:
    """All steps of a training, with what teacher and student said, one operation at a time."""
    train = easy_pictures(2 * BATCH).train
    shots = np.stack([train.read(range(start, 2 * BATCH, 2), 0)[0] for start in (0, 1)])
    recorded = []
    for number in range(STEPS):
        before = copy_of(dino)
        pictures = tf.reshape(as_pictures(shots.reshape(-1, SIDE, SIDE, 3), SIDE), shots.shape)
        crops = draw_crops(pictures, dino.settings, tf.constant(number))
        large, small = (tf.reshape(each, (-1, *each.shape[-3:])) for each in crops)
        taught = dino.teacher_head(look(dino.network, large).embedding).numpy()
        seen = [look(dino.student, each).embedding for each in (large, small)]
        scores = dino.student_head(tf.concat(seen, axis=0)).numpy()
        loss = dino.step(tf.constant(shots), tf.constant(number))
        recorded.append(
            Step(
                before,
                copy_of(dino),
                taught.astype(float).reshape(2, BATCH, PROTOTYPES),
                scores.astype(float).reshape(1 + SMALL_CROPS, 2, BATCH, PROTOTYPES),
                seen[0].numpy().astype(float).reshape(2, BATCH, -1),
                float(loss),
            )
        )
    return recorded


def copy_of(dino: Dino) -> dict[str, Array]:
    return {name: np.asarray(each).astype(float) for name, each in dino.state().items()}


def pairs(step: Step) -> list[tuple[str, str]]:
    """Names of the student's and the teacher's variables."""
    students = [name for name in step.before if name.startswith("student/")]
    return [(name, name.replace("student", "teacher")) for name in students]


def test_a_step_is_of_the_papers_losses(dino: Dino, steps: list[Step]) -> None:
    """The teacher's scores are balanced or centred; what it says is sharper than the student's."""
    assert TEACHER_TEMPERATURE < STUDENT_TEMPERATURE
    weight = dino.settings.koleo
    for number, step in enumerate(steps):
        if dino.settings.targets == "sinkhorn":
            targets = slow_sinkhorn(step.taught.reshape(-1, PROTOTYPES)).reshape(step.taught.shape)
        else:
            targets = softmax((step.taught - step.before["centre"]) / TEACHER_TEMPERATURE)
        expected = slow_loss(step.scores / STUDENT_TEMPERATURE, targets)
        # Neighbours are those of the same shot: the other's are meant to be near.
        expected += weight * float(np.mean([slow_koleo(shot) for shot in step.embeddings]))
        # Compiled, and divided by a small temperature in float32.
        assert step.loss == pytest.approx(expected, rel=1e-4), number
    assert len({step.loss for step in steps}) == STEPS


def test_the_centre_follows_what_the_teacher_says(dino: Dino, steps: list[Step]) -> None:
    assert np.all(steps[0].before["centre"] == 0)
    for step in steps:
        if dino.settings.targets == "sinkhorn":  # which needs none
            assert np.all(step.after["centre"] == 0)
            continue
        kept, new = CENTRE_MOMENTUM, 1 - CENTRE_MOMENTUM
        expected = kept * step.before["centre"] + new * step.taught.mean(axis=(0, 1))
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(step.after["centre"], expected, atol=1e-6)


def test_the_teacher_begins_as_the_student(steps: list[Step]) -> None:
    for student, teacher in pairs(steps[0]):
        np.testing.assert_array_equal(steps[0].before[student], steps[0].before[teacher])


def test_the_teacher_is_the_students_moving_average_and_nothing_else(
    dino: Dino, steps: list[Step]
) -> None:
    """So that no gradient reaches it: lambda goes to 1 along a cosine."""
    for number, step in enumerate(steps):
        momentum = 1 - (1 - dino.settings.momentum) * 0.5 * (1 + np.cos(np.pi * number / STEPS))
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
