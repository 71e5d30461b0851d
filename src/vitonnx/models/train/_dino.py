"""Self-distillation without labels: DINO (Caron et al. 2021, arXiv:2104.14294), for small data.

Of DINOv2 (Oquab et al. 2023, arXiv:2304.07193) it has the targets and the spread of embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import keras
import numpy as np
import tensorflow as tf

from vitonnx.models.train._batches import ordered_batches, shuffled_shots
from vitonnx.models.train._crops import Crops, draw_crops
from vitonnx.models.train._distillation import distillation_loss, koleo, sinkhorn
from vitonnx.models.train._neighbours import nearest_neighbours
from vitonnx.models.train._network import (
    as_pictures,
    begin_network,
    computing_in,
    cosine,
    look,
    make_optimizer,
)
from vitonnx.models.train._projection_head import ProjectionHead
from vitonnx.models.train._training_settings import Settings

if TYPE_CHECKING:
    from vitonnx.data import LabelledPictures, Split

__all__ = ["Dino"]

STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = 0.04  # of centred targets
CENTRE_MOMENTUM = 0.9
WEIGHT_DECAYS = (0.04, 0.4)  # as in the paper: heads of large weights read a patch or two
CLIP = 3.0
WARMUP_SHARE = 0.1
# Pictures whose labels judge an epoch by their neighbours; no label is used in training.
KNOWN_AT_MOST = 5000


class Dino:
    """A student learns to say of one shot of a thing what its moving average says of the other."""

    # The paper takes the last teacher; choosing one by its accuracy would use the labels.
    measures: ClassVar[tuple[str, ...]] = ("neighbour_accuracy",)
    highest: ClassVar[str | None] = None

    def __init__(self, settings: Settings, steps_per_epoch: int, steps: int) -> None:
        self.settings = settings
        self.steps_per_epoch = steps_per_epoch
        self.steps = steps
        config = settings.network(classes=0)
        self.student, self.network = (begin_network(config, settings.seed) for _ in range(2))
        # At first all pictures are told apart by less than bfloat16 tells numbers apart.
        with computing_in("float32"):
            self.student_head, self.teacher_head = (
                ProjectionHead(
                    config.dim,
                    settings.prototypes,
                    np.random.default_rng([settings.seed, 1]),
                    name,
                    batch_norm=settings.batch_norm,
                )
                for name in ("student_head", "teacher_head")
            )
        self.centre = tf.Variable(tf.zeros(settings.prototypes), name="centre")
        self.weight_decay = tf.Variable(WEIGHT_DECAYS[0], name="weight_decay")
        self.trained = [*self.student.trainable_variables, *self.student_head.trainable_variables]
        self.averaged = [*self.network.trainable_variables, *self.teacher_head.trainable_variables]
        self.optimizer = make_optimizer(
            self.trained,
            peak=settings.peak_learning_rate,
            warmup=int(WARMUP_SHARE * steps),
            steps=steps,
            weight_decay=self.weight_decay,
            clip=CLIP,
        )

    def state(self) -> dict[str, keras.Variable | tf.Variable]:
        """Name the variables: student, teacher, centre and the optimiser's."""
        return {
            **{f"student/{number}": each for number, each in enumerate(self.trained)},
            **{f"teacher/{number}": each for number, each in enumerate(self.averaged)},
            "centre": self.centre,
            **{f"optimizer/{number}": each for number, each in enumerate(self.optimizer.variables)},
        }

    def batches(self, split: Split, epoch: int) -> tf.data.Dataset:
        """Return the batches of an epoch, each with what `step` takes first."""
        return shuffled_shots(split, self.settings.batch_size, epoch, self.settings.seed)

    @tf.function(autograph=False)
    def step(self, shots: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Learn from one batch, and return its loss, a float32 scalar.

        Parameters
        ----------
        shots : uint8 (2, batch, size, size, 3)
            Two of each thing; see `vitonnx.data.Split.read_shots`.
        number : int32 scalar
            Steps done before this one: what is drawn depends on it and the seed alone.
        """
        side = self.settings.image_size
        pictures = as_pictures(tf.reshape(shots, (-1, side, side, 3)), side)
        crops = draw_crops(tf.reshape(pictures, (2, -1, side, side, 3)), self.settings, number)
        taught = self.teacher_head(look(self.network, _flat(crops.large)).embedding)
        targets = tf.reshape(self._targets(taught), (2, -1, self.settings.prototypes))
        with tf.GradientTape() as tape:
            loss = self._loss(crops, targets)
        self._learn(tape.gradient(loss, self.trained), number)
        return loss

    def _targets(self, taught: tf.Tensor) -> tf.Tensor:
        """Turn the teacher's scores into probabilities, against the two ways of collapse."""
        if self.settings.targets == "sinkhorn":
            return sinkhorn(taught)
        targets = tf.nn.softmax((taught - self.centre) / TEACHER_TEMPERATURE)
        self.centre.assign(
            CENTRE_MOMENTUM * self.centre + (1 - CENTRE_MOMENTUM) * tf.reduce_mean(taught, axis=0)
        )
        return targets

    def _loss(self, crops: Crops, targets: tf.Tensor) -> tf.Tensor:
        large, small = (
            look(self.student, _flat(each)).embedding for each in (crops.large, crops.small)
        )
        scores = self.student_head(tf.concat([large, small], axis=0)) / STUDENT_TEMPERATURE
        batch = tf.shape(targets)[1]
        says = tf.reshape(scores, (-1, 2, batch, self.settings.prototypes))
        loss = distillation_loss(says, targets)
        if self.settings.koleo:
            shots = tf.split(large, 2)
            loss += self.settings.koleo * tf.add_n([koleo(shot) for shot in shots]) / 2
        return loss

    def _learn(self, gradients: Sequence[tf.Tensor], number: tf.Tensor) -> None:
        """Move the student, and let the teacher follow."""
        thawed = tf.cast(number >= self.steps_per_epoch, tf.float32)
        directions = self.student_head.directions
        gradients = [
            gradient * thawed if weight is directions else gradient
            for gradient, weight in zip(gradients, self.trained, strict=True)
        ]
        self.weight_decay.assign(cosine(*WEIGHT_DECAYS, number, self.steps))
        self.optimizer.apply(gradients, self.trained)
        momentum = cosine(self.settings.momentum, 1.0, number, self.steps)
        for average, weight in zip(self.averaged, self.trained, strict=True):
            average.assign(momentum * average + (1 - momentum) * weight)

    @tf.function(autograph=False)
    def _embed(self, pictures: tf.Tensor) -> tf.Tensor:
        return look(self.network, as_pictures(pictures, self.settings.image_size)).embedding

    def measure(self, data: LabelledPictures) -> dict[str, float]:
        """Measure the teacher: accuracy of its embedding's nearest neighbours."""
        known, labels = self._embeddings(data.train, KNOWN_AT_MOST)
        queries, truth = self._embeddings(data.validation)
        found = nearest_neighbours(known, labels, queries, classes=len(data.classes))
        return {"neighbour_accuracy": float(np.mean(found == truth))}

    def _embeddings(
        self, split: Split, at_most: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        batches = ordered_batches(split, self.settings.batch_size, at_most)
        pairs = [(self._embed(pictures).numpy(), labels.numpy()) for pictures, labels in batches]
        embeddings, labels = zip(*pairs, strict=True)
        return np.concatenate(embeddings), np.concatenate(labels)


def _flat(crops: tf.Tensor) -> tf.Tensor:
    """Make one batch of crops, (…, side, side, 3)."""
    return tf.reshape(crops, (-1, *crops.shape[-3:]))
