"""Self-distillation without labels: DINO (Caron et al. 2021, arXiv:2104.14294), small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import keras
import numpy as np
import tensorflow as tf

from vitonnx.models._vit import Dense, gelu
from vitonnx.models.train._augment import blur, crop, flip, jitter, solarise, to_grey
from vitonnx.models.train._batches import ordered_batches
from vitonnx.models.train._neighbours import nearest_neighbours
from vitonnx.models.train._network import (
    as_pictures,
    begin_network,
    computing_in,
    cosine,
    look,
    make_optimizer,
)
from vitonnx.models.train._training_settings import Settings

if TYPE_CHECKING:
    from vitonnx.data import LabelledPictures, Split

__all__ = ["Dino"]

# The paper's numbers (section 3.1 and appendix), but for those that belong to large pictures,
# networks and data: a twentieth of a small picture shows nothing; a training of some thousand
# steps can't wait for a teacher that follows in hundreds.
GLOBAL_AREA, LOCAL_AREA = (0.6, 1.0), (0.3, 0.6)
LOCAL_CROPS = 4
LOCAL_SHARE = 96 / 224  # side of a local crop against a global one's
STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = 0.04
MOMENTUM = 0.99  # of the teacher, at first; 1 at the end
CENTRE_MOMENTUM = 0.9
WEIGHT_DECAYS = (0.04, 0.4)
CLIP = 3.0
WARMUP_SHARE = 0.1
HIDDEN, BOTTLENECK, PROTOTYPES = 512, 128, 512
# Pictures whose labels judge an epoch by their neighbours; no label is used in training.
KNOWN_AT_MOST = 5000


class ProjectionHead(keras.Layer):
    """Map embeddings to scores of prototypes: an MLP, a unit sphere, unit directions."""

    def __init__(self, inputs: int, generator: np.random.Generator, name: str) -> None:
        super().__init__(name=name)
        self.fc1, self.fc2 = Dense(HIDDEN, "fc1"), Dense(HIDDEN, "fc2")
        self.bottleneck = Dense(BOTTLENECK, "bottleneck")
        # Called directions, not kernel: its length doesn't count, and so it doesn't decay.
        self.directions = self.add_weight(name="directions", shape=(BOTTLENECK, PROTOTYPES))
        self(tf.zeros((1, inputs)))
        for weight in self.weights:
            drawn = 0.02 * generator.standard_normal(weight.shape)
            weight.assign(np.zeros(weight.shape) if weight.path.endswith("bias") else drawn)

    def call(self, embedding: tf.Tensor) -> tf.Tensor:
        """(batch, dim) to (batch, prototypes)."""
        x = gelu(self.fc2(gelu(self.fc1(embedding))))
        point = tf.math.l2_normalize(self.bottleneck(x), axis=-1)
        return tf.matmul(point, tf.math.l2_normalize(self.directions, axis=0))


class Dino:
    """A student learns to say of any crop what its moving average says of a large one."""

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
                ProjectionHead(config.dim, np.random.default_rng([settings.seed, 1]), name)
                for name in ("student_head", "teacher_head")
            )
        self.centre = tf.Variable(tf.zeros(PROTOTYPES), name="centre")
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

    @tf.function(autograph=False)
    def step(self, pictures: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Learn from one batch, without its labels, as `Supervised.step` does."""
        large, small = self._crops(
            as_pictures(pictures, self.settings.image_size), tf.stack([self.settings.seed, number])
        )
        taught = self.teacher_head(look(self.network, large).embedding)
        # Centred and sharpened, against the two ways of collapse.
        targets = tf.nn.softmax((taught - self.centre) / TEACHER_TEMPERATURE)
        with tf.GradientTape() as tape:
            seen = [look(self.student, crops).embedding for crops in (large, small)]
            scores = self.student_head(tf.concat(seen, axis=0))
            loss = distillation_loss(scores / STUDENT_TEMPERATURE, targets)
        self._learn(tape.gradient(loss, self.trained), number)
        self.centre.assign(
            CENTRE_MOMENTUM * self.centre + (1 - CENTRE_MOMENTUM) * tf.reduce_mean(taught, axis=0)
        )
        return loss

    def _crops(self, x: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Make two large crops and several small ones of each picture, crop after crop."""
        side, patch = self.settings.image_size, self.settings.patch
        small_side = patch * max(2, round(LOCAL_SHARE * side / patch))
        seeds = tf.unstack(tf.random.split(seed, 2 + LOCAL_CROPS))
        # The two large crops differ in blur and solarisation (Grill et al. 2020, appendix B).
        hue = self.settings.hue
        first = augment(x, seeds[0], side, GLOBAL_AREA, hue=hue, blurred=1.0, solarised=0.0)
        second = augment(x, seeds[1], side, GLOBAL_AREA, hue=hue, blurred=0.1, solarised=0.2)
        small = [
            augment(x, each, small_side, LOCAL_AREA, hue=hue, blurred=0.5, solarised=0.0)
            for each in seeds[2:]
        ]
        return tf.concat([first, second], axis=0), tf.concat(small, axis=0)

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
        momentum = cosine(MOMENTUM, 1.0, number, self.steps)
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


def augment(
    x: tf.Tensor,
    seed: tf.Tensor,
    side: int,
    area: tuple[float, float],
    *,
    hue: float,
    blurred: float,
    solarised: float,
) -> tf.Tensor:
    """Make one crop of each picture, with the colours of BYOL's augmentation."""
    seeds = tf.unstack(tf.random.split(seed, 6))
    x = flip(crop(x, seeds[0], side, area), seeds[1])
    x = jitter(x, seeds[2], strength=0.4, hue=hue, probability=0.8)
    x = to_grey(x, seeds[3], 0.2)
    x = blur(x, seeds[4], blurred)
    return solarise(x, seeds[5], solarised)


def distillation_loss(scores: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy between what the teacher and the student say of different crops, in nats.

    Parameters
    ----------
    scores : float32 (crops * batch, prototypes)
        The student's logits, crop after crop, the two large ones first.
    targets : float32 (2 * batch, prototypes)
        The teacher's probabilities of the large crops.

    References
    ----------
    Caron et al. 2021, equation 3.
    """
    prototypes = scores.shape[-1]
    batch = tf.shape(targets)[0] // 2
    says = tf.reshape(tf.nn.log_softmax(scores), (-1, batch, prototypes))
    told = tf.reshape(targets, (2, batch, prototypes))
    crops = tf.shape(says)[0]
    pairs = -tf.einsum("gbk,cbk->gc", told, says) / tf.cast(batch, tf.float32)
    others = 1 - tf.eye(2, crops)
    return tf.reduce_sum(pairs * others) / tf.reduce_sum(others)
