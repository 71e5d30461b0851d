"""DINO's projection head: from embeddings to scores of prototypes. Training alone needs it."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from vitonnx.models._vit import Dense, gelu

__all__ = ["ProjectionHead"]

HIDDEN, BOTTLENECK = 512, 128
TINY = 1e-5  # added to variances


class BatchNorm(keras.Layer):
    """Batch normalisation by the batch at hand (Ioffe & Szegedy 2015, arXiv:1502.03167).

    A head that is never used after training needs no running statistics.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")
        self.bias = self.add_weight(name="bias", shape=(shape[-1],), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, axes=[0])
        return tf.nn.batch_normalization(x, mean, variance, self.bias, self.scale, TINY)


class ProjectionHead(keras.Layer):
    """Map embeddings to scores of prototypes: an MLP, a unit sphere, unit directions."""

    def __init__(
        self,
        inputs: int,
        prototypes: int,
        generator: np.random.Generator,
        name: str,
        *,
        batch_norm: bool,
    ) -> None:
        super().__init__(name=name)
        self.hidden = [Dense(HIDDEN, "fc1"), Dense(HIDDEN, "fc2")]
        self.norms = [BatchNorm(name="norm1"), BatchNorm(name="norm2")] if batch_norm else []
        self.bottleneck = Dense(BOTTLENECK, "bottleneck")
        # Called directions, not kernel: its length doesn't count, and so it doesn't decay.
        self.directions = self.add_weight(name="directions", shape=(BOTTLENECK, prototypes))
        self(tf.zeros((1, inputs)))
        drawn = [self.directions, *(layer.kernel for layer in (*self.hidden, self.bottleneck))]
        for weight in drawn:
            weight.assign(0.02 * generator.standard_normal(weight.shape))

    def call(self, embedding: tf.Tensor) -> tf.Tensor:
        """(batch, dim) to (batch, prototypes)."""
        x = embedding
        for number, dense in enumerate(self.hidden):
            x = dense(x)
            x = gelu(self.norms[number](x) if self.norms else x)
        point = tf.math.l2_normalize(self.bottleneck(x), axis=-1)
        return tf.matmul(point, tf.math.l2_normalize(self.directions, axis=0))
