"""Supervised training: cross-entropy with the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import keras
import tensorflow as tf

from vitonnx.models.train._augment import crop, flip, jitter
from vitonnx.models.train._batches import ordered_batches, shuffled_batches
from vitonnx.models.train._network import as_pictures, begin_network, look, make_optimizer
from vitonnx.models.train._training_settings import Settings

if TYPE_CHECKING:
    from vitonnx.data import LabelledPictures, Split

__all__ = ["Supervised"]

WEIGHT_DECAY = 0.05
CLIP = 1.0
WARMUP_SHARE = 0.05
CROPPED_AREA = (0.6, 1.0)
COLOUR_STRENGTH = 0.2


class Supervised:
    """Cross-entropy on lightly augmented pictures, over so many steps in all."""

    measures: ClassVar[tuple[str, ...]] = ("validation_loss", "accuracy")
    highest: ClassVar[str | None] = "accuracy"

    def __init__(self, settings: Settings, classes: int, steps: int) -> None:
        self.settings = settings
        self.network = begin_network(settings.network(classes), settings.seed)
        self.optimizer = make_optimizer(
            self.network.trainable_variables,
            peak=settings.peak_learning_rate,
            warmup=int(WARMUP_SHARE * steps),
            steps=steps,
            weight_decay=WEIGHT_DECAY,
            clip=CLIP,
        )

    def state(self) -> dict[str, keras.Variable | tf.Variable]:
        """Name the variables: the network's and the optimiser's."""
        return {weight.path: weight for weight in self.network.weights} | {
            f"optimizer/{number}": each for number, each in enumerate(self.optimizer.variables)
        }

    def batches(self, split: Split, epoch: int) -> tf.data.Dataset:
        """Return the batches of an epoch, each with what `step` takes first."""
        return shuffled_batches(split, self.settings.batch_size, epoch, self.settings.seed)

    @tf.function(autograph=False)
    def step(self, pictures: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Learn from one batch, and return its loss, a float32 scalar.

        Parameters
        ----------
        pictures : uint8 (batch, size, size, 3)
        labels : int64 (batch,)
        number : int32 scalar
            Steps done before this one: what is drawn depends on it and the seed alone.
        """
        side = self.settings.image_size
        cropping, flipping, colouring = tf.unstack(
            tf.random.split(tf.stack([self.settings.seed, number]), 3)
        )
        x = flip(crop(as_pictures(pictures, side), cropping, side, CROPPED_AREA), flipping)
        x = jitter(x, colouring, COLOUR_STRENGTH, self.settings.hue)
        with tf.GradientTape() as tape:
            loss = cross_entropy(look(self.network, x).logits, labels)
        weights = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    @tf.function(autograph=False)
    def _classify(self, pictures: tf.Tensor) -> tf.Tensor:
        return look(self.network, as_pictures(pictures, self.settings.image_size)).logits

    def measure(self, data: LabelledPictures) -> dict[str, float]:
        """Measure loss and accuracy on the validation pictures as they are."""
        losses, hits = 0.0, 0
        for pictures, labels in ordered_batches(data.validation, self.settings.batch_size):
            logits = self._classify(pictures)
            losses += float(cross_entropy(logits, labels)) * len(labels)
            hits += int(tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.int32)))
        count = len(data.validation)
        return {"validation_loss": losses / count, "accuracy": hits / count}


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of a batch, in nats."""
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
