"""The Vision Transformer of keras.io's tutorial, in small: no class token, dropout everywhere.

https://keras.io/examples/vision/image_classification_with_vision_transformer
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

GRID, PATCH, DIM, HEADS, BLOCKS, CLASSES = (3, 5), 8, 20, 3, 2, 7
SIZE = GRID[0] * PATCH, GRID[1] * PATCH
PATCHES = GRID[0] * GRID[1]


class Patches(layers.Layer):  # type: ignore[misc]
    def call(self, images: Any) -> Any:
        batch, _, _, channels = ops.shape(images)
        patches = ops.image.extract_patches(images, size=PATCH)
        return ops.reshape(patches, (batch, PATCHES, PATCH * PATCH * channels))


class PatchEncoder(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.projection = layers.Dense(units=DIM)
        self.position_embedding = layers.Embedding(input_dim=PATCHES, output_dim=DIM)

    def call(self, patches: Any) -> Any:
        positions = ops.expand_dims(ops.arange(start=0, stop=PATCHES, step=1), axis=0)
        return self.projection(patches) + self.position_embedding(positions)


def mlp(x: Any, units: list[int], rate: float) -> Any:
    for width in units:
        x = layers.Dense(width, activation=keras.activations.gelu)(x)
        x = layers.Dropout(rate)(x)
    return x


def create(*, training: bool | None = None) -> tuple[Any, Callable[[Any], list[Any]]]:
    """Build the classifier, and a function that gives its attention, by its own layers' word."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape=(*SIZE, 3))
    encoded, attentions, read = PatchEncoder()(Patches()(inputs)), [], []
    for _ in range(BLOCKS):
        x1 = layers.LayerNormalization(epsilon=1e-6)(encoded)
        attention = layers.MultiHeadAttention(num_heads=HEADS, key_dim=DIM, dropout=0.1)
        mixed = attention(x1, x1, training=training)
        attentions.append(attention)
        read.append(x1)
        x2 = layers.Add()([mixed, encoded])
        x3 = layers.LayerNormalization(epsilon=1e-6)(x2)
        encoded = layers.Add()([mlp(x3, [2 * DIM, DIM], 0.1), x2])
    representation = layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(encoded))
    features = mlp(layers.Dropout(0.5)(representation), [32, 16], 0.5)
    model = keras.Model(inputs, layers.Dense(CLASSES)(features))
    random = np.random.default_rng(0)
    for weight in model.trainable_variables:
        # Attention of fresh weights is even.
        weight.assign(weight + 0.2 * random.standard_normal(weight.shape))
    reading = keras.Model(inputs, read)

    def look(pixels: Any) -> list[Any]:
        tokens = reading(pixels, training=False)
        return [
            attention(x, x, return_attention_scores=True, training=False)[1]
            for attention, x in zip(attentions, tokens, strict=True)
        ]

    return model, look
