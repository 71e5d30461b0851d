"""The Vision Transformer in TensorFlow: one network, configured, for every family.

Dosovitskiy et al. 2021 (arXiv:2010.11929), with DeiT's distillation token (Touvron et al. 2021,
arXiv:2012.12877), registers (Darcet et al. 2024, arXiv:2309.16588) and DINO's readout
(Caron et al. 2021, arXiv:2104.14294).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.models._config import ViTConfig
from vitonnx.positions import resampling_matrix, sincos_table

__all__ = ["ViTOutputs", "VisionTransformer"]

if keras.backend.backend() != "tensorflow":
    raise UsageError(
        f"Keras runs on {keras.backend.backend()}, but the models need TensorFlow: set the "
        "environment variable KERAS_BACKEND to tensorflow before Keras is imported."
    )


class ViTOutputs(NamedTuple):
    """Outputs of the network for a batch, all float32.

    Parameters
    ----------
    logits : (batch, classes) or None
        Class scores; None if the model has no head.
    embedding : (batch, embedding_dim)
        Input of the head.
    attention : tuple of (batch, heads, tokens, tokens)
        Softmax weights of each block, rows sum to 1.
    tokens : tuple of (batch, tokens, dim)
        The residual stream after each block.
    """

    logits: Any
    embedding: Any
    attention: tuple[Any, ...]
    tokens: tuple[Any, ...]


class Dense(keras.Layer):
    """An affine map of the last axis."""

    def __init__(self, outputs: int, name: str) -> None:
        super().__init__(name=name)
        self.outputs = outputs

    def build(self, shape: Sequence[int | None]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(shape[-1], self.outputs), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.outputs,), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x, self.kernel) + self.bias


class LayerNorm(keras.Layer):
    """Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450)."""

    def __init__(self, epsilon: float, name: str) -> None:
        # A variance of many small numbers needs float32, also where the rest is in bfloat16.
        super().__init__(name=name, dtype="float32")
        self.epsilon = epsilon

    def build(self, shape: Sequence[int | None]) -> None:
        self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")
        self.bias = self.add_weight(name="bias", shape=(shape[-1],), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        deviation = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(deviation * deviation, axis=-1, keepdims=True)
        return deviation / tf.sqrt(variance + self.epsilon) * self.scale + self.bias


def gelu(x: tf.Tensor) -> tf.Tensor:
    """Gaussian error linear unit, exact; by `erf`, as tf.nn.gelu's `erfc` has no ONNX operator."""
    return 0.5 * x * (1.0 + tf.math.erf(x * np.float32(np.sqrt(0.5))))


def gelu_tanh(x: tf.Tensor) -> tf.Tensor:
    """Gaussian error linear unit by its tanh approximation (Hendrycks & Gimpel 2016, section 2)."""
    inner = np.float32(np.sqrt(2.0 / np.pi)) * (x + 0.044715 * (x * x * x))
    return 0.5 * x * (1.0 + tf.tanh(inner))


ACTIVATIONS = {"gelu": gelu, "gelu_tanh": gelu_tanh}


class Attention(keras.Layer):
    """Multi-head self-attention that returns its softmax weights too."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(name="attention")
        self.heads = config.heads
        self.head_dim = config.dim // config.heads
        self.query, self.key, self.value, self.output_projection = (
            Dense(config.dim, name) for name in ("query", "key", "value", "output")
        )

    def call(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        tokens = x.shape[1]
        query, key, value = (
            tf.transpose(
                tf.reshape(project(x), (-1, tokens, self.heads, self.head_dim)), (0, 2, 1, 3)
            )
            for project in (self.query, self.key, self.value)
        )
        scale = np.float32(self.head_dim**-0.5)
        weights = tf.nn.softmax(tf.matmul(query * scale, key, transpose_b=True))
        context = tf.transpose(tf.matmul(weights, value), (0, 2, 1, 3))
        merged = tf.reshape(context, (-1, tokens, self.heads * self.head_dim))
        return self.output_projection(merged), weights


class Mlp(keras.Layer):
    """Two dense layers with an activation in between."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(name="mlp")
        self.activation = ACTIVATIONS[config.activation]
        self.fc1 = Dense(config.mlp_dim, "fc1")
        self.fc2 = Dense(config.dim, "fc2")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class Block(keras.Layer):
    """Pre-norm transformer block: attention and MLP, each with a skip connection."""

    def __init__(self, config: ViTConfig, name: str) -> None:
        super().__init__(name=name)
        self.layer_scale = config.layer_scale
        self.norm1 = LayerNorm(config.epsilon, "norm1")
        self.attention = Attention(config)
        self.norm2 = LayerNorm(config.epsilon, "norm2")
        self.mlp = Mlp(config)

    def build(self, shape: Sequence[int | None]) -> None:
        if self.layer_scale:
            self.scale1, self.scale2 = (
                self.add_weight(name=name, shape=(shape[-1],), initializer="ones")
                for name in ("scale1", "scale2")
            )

    def call(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        attended, weights = self.attention(self.norm1(x))
        x = x + (attended * self.scale1 if self.layer_scale else attended)
        expanded = self.mlp(self.norm2(x))
        return x + (expanded * self.scale2 if self.layer_scale else expanded), weights


class PatchEmbedding(keras.Layer):
    """A dense layer on each patch, written as a convolution."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(name="patch_embed")
        self.patch_size = config.patch_size
        self.dim = config.dim

    def build(self, shape: Sequence[int | None]) -> None:
        side = self.patch_size
        self.kernel = self.add_weight(name="kernel", shape=(side, side, 3, self.dim))
        self.bias = self.add_weight(name="bias", shape=(self.dim,), initializer="zeros")

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """(batch, height, width, 3) to (batch, patches, dim)."""
        patches = tf.nn.conv2d(images, self.kernel, strides=self.patch_size, padding="VALID")
        rows, columns = patches.shape[1:3]
        return tf.reshape(patches, (-1, rows * columns, self.dim)) + self.bias


class VisionTransformer(keras.Model):
    """A Vision Transformer that tells every block's tokens and attention.

    Parameters
    ----------
    config : ViTConfig
        Architecture and numerics.

    Attributes
    ----------
    grid : (rows, columns)
        Patches of the pictures it takes; at first the checkpoint's own. For any other grid the
        position embedding is resampled as the model's own code does.

    Notes
    -----
    It takes float32 (batch, height, width, 3), normalised, and returns `ViTOutputs`. Its weights
    bear the names of `ViTConfig.parameters`.

    Examples
    --------
    >>> config = ViTConfig(image_size=(32, 48), dim=8, heads=2, mlp_dim=16, blocks=2, classes=5)
    >>> outputs = VisionTransformer(config)(np.zeros((1, 32, 48, 3), np.float32))
    >>> outputs.logits.shape, outputs.attention[1].shape
    (TensorShape([1, 5]), TensorShape([1, 2, 7, 7]))
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(name="vit")
        self.config = config
        self.grid = config.grid
        self.patch_embed = PatchEmbedding(config)
        self.transformer_blocks = [
            Block(config, f"block_{block:02d}") for block in range(config.blocks)
        ]
        self.norm = LayerNorm(config.epsilon, "norm")
        if config.classes:
            self.head = Dense(config.classes, "head")
            if config.pooling == "cls+dist":
                self.head_dist = Dense(config.classes, "head_dist")

    def build(self, shape: Sequence[int | None]) -> None:
        config = self.config
        trained = {"initializer": keras.initializers.TruncatedNormal(stddev=0.02)}
        self.prefix = [
            self.add_weight(name=name, shape=shape, **trained)
            for name, shape in config.parameters().items()
            if name in ("cls_token", "dist_token", "reg_tokens")
        ]
        if config.position == "sincos":
            table = sincos_table(config.grid, config.dim, prefix=len(config.position_prefix))
            trained = {"initializer": lambda shape, dtype: table, "trainable": False}
        self.position_embedding = self.add_weight(
            name="position_embedding", shape=(config.positions, config.dim), **trained
        )

    def call(self, images: tf.Tensor) -> ViTOutputs:
        x = self.embed(images)
        tokens, attention = [], []
        for block in self.transformer_blocks:
            x, weights = block(x)
            tokens.append(x)
            attention.append(weights)
        logits, embedding = self.read_out(x)
        return ViTOutputs(logits, embedding, tuple(attention), tuple(tokens))

    def embed(self, images: tf.Tensor) -> tf.Tensor:
        """Turn pictures into tokens: patches, with prefix tokens first, and positions added.

        Parameters
        ----------
        images : float32 (batch, height, width, 3)
            Normalised.

        Returns
        -------
        float32 (batch, tokens, dim)
        """
        patches = self.patch_embed(images)
        placed = len(self.config.position_prefix)
        rows = 0
        with_position: list[tf.Tensor] = []
        without_position: list[tf.Tensor] = []
        for weights in self.prefix:
            rows += weights.shape[0]
            group = with_position if rows <= placed else without_position
            group.append(_repeat(weights, patches))
        positions = self._positions()
        if not without_position:
            return _concat([*with_position, patches]) + positions
        if not with_position:
            return _concat([*without_position, patches + positions])
        prefix = _concat(with_position) + positions[:placed]
        return _concat([prefix, *without_position, patches + positions[placed:]])

    def _positions(self) -> tf.Tensor:
        """Return the position embedding for the grid of the pictures, (positions, dim)."""
        if self.grid == self.config.grid:
            return tf.convert_to_tensor(self.position_embedding)
        if self.config.position == "sincos":
            placed = len(self.config.position_prefix)
            table = sincos_table(self.grid, self.config.dim, prefix=placed)
            return tf.cast(table, self.compute_dtype)
        matrix = resampling_matrix(
            self.config.grid,
            self.grid,
            interpolation=self.config.position_interpolation,
            prefix=len(self.config.position_prefix),
        )
        return tf.matmul(tf.cast(matrix, self.compute_dtype), self.position_embedding)

    def read_out(self, x: tf.Tensor) -> tuple[tf.Tensor | None, tf.Tensor]:
        """Compute logits (None without a head) and embedding from the last block's tokens."""
        config = self.config
        if not config.norm_after_pooling:
            x = self.norm(x)
        first, patches = x[:, 0], x[:, len(config.prefix_tokens) :]
        match config.pooling:
            case "cls":
                embedding = first
            case "mean":
                embedding = tf.reduce_mean(patches, axis=1)
            case "cls+mean":
                both = tf.stack([first, tf.reduce_mean(patches, axis=1)], axis=-1)
                embedding = tf.reshape(both, (-1, 2 * config.dim))
            case "cls+dist":
                embedding = 0.5 * (first + x[:, 1])
        if config.norm_after_pooling:
            embedding = self.norm(embedding)
        if not config.classes:
            return None, embedding
        if config.pooling == "cls+dist":
            return 0.5 * (self.head(first) + self.head_dist(x[:, 1])), embedding
        return self.head(embedding), embedding

    def assign(self, parameters: Mapping[str, NDArray[np.float32]]) -> None:
        """Set all weights.

        Parameters
        ----------
        parameters : mapping of name to float32 array
            Every parameter, with the names and shapes of `ViTConfig.parameters`.
        """
        weights = self.named_weights()
        expected = self.config.parameters()
        if missing := [name for name in expected if name not in parameters]:
            raise UsageError(f"the weights lack {', '.join(missing[:5])}: give all of them.")
        for name in expected:
            weights[name].assign(parameters[name])

    def named_weights(self) -> dict[str, keras.Variable]:
        """Return every weight by its name in the tree, including the fixed position table."""
        if not self.built:
            side = self.config.patch_size
            height, width = self.grid[0] * side, self.grid[1] * side
            self(tf.zeros((1, height, width, 3)))
        return {weight.path.removeprefix("vit/"): weight for weight in self.weights}


def _repeat(rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """(count, dim) to (batch, count, dim), the batch of `like`."""
    batch = tf.shape(like, out_type=tf.int64)[:1]
    return tf.broadcast_to(rows, tf.concat([batch, rows.shape], axis=0))


def _concat(tokens: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.concat(tokens, axis=1) if len(tokens) > 1 else tokens[0]
