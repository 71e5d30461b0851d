"""The structure of a Vision Transformer, its usual sizes, and the parameters that follow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

from vitonnx.errors import UsageError
from vitonnx.models._brief import brief
from vitonnx.positions import Interpolation

__all__ = ["MOST_REGISTERS", "SIZES", "Activation", "Pooling", "ViTConfig"]

Activation = Literal["gelu", "gelu_tanh"]
Pooling = Literal["cls", "cls+dist", "mean", "cls+mean"]

# Configs are untrusted: they must not request gigabytes before a weight is read.
MOST_BLOCKS: Final = 1_000
"""The deepest published ViT has 64, the deepest Transformer that was ever trained a thousand."""

MOST_REGISTERS: Final = 1_000
"""Four are usual; more than a few dozen have not been published."""

MOST_TOKENS: Final = 2**16
"""As of 4096 by 4096 pixels in patches of 16: one head's attention takes 17 GB there."""

WIDEST: Final = 2**16
"""Of the residual stream and the MLP: the widest published ViT, of 22 billion, has 24,576."""


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """A Vision Transformer's architecture and numerics, without its weights.

    Parameters
    ----------
    image_size : (height, width)
        Pixels of the pictures the checkpoint was made for; with the patch size it gives the grid
        of its position embedding.
    patch_size : int
        Side of the square patches, in pixels.
    dim, blocks, heads, mlp_dim : int
        Width of the residual stream, depth, attention heads a block, width of the MLP.
    prefix_tokens : tuple of str
        Tokens in front of the patches, in order: ``cls``, ``dist``, ``reg0``, ``reg1`` …
    position : "learned" or "sincos"
        Whether the position embedding is a parameter, or the fixed table of
        `vitonnx.positions.sincos_table`.
    position_prefix : tuple of str
        Prefix tokens that have a row in the position embedding, in order.
    position_interpolation : str
        How the model's own code resamples its position embedding: see `vitonnx.positions`.
    pooling : "cls", "cls+dist", "mean" or "cls+mean"
        Input of the head: the class token; class and distillation token, with one head each (DeiT);
        the mean of the patch tokens; or class token and mean patch token interleaved channel by
        channel (DINO's linear head on the base models).
    norm_after_pooling : bool
        Whether the last layer norm comes after the pooling (timm's ``fc_norm``).
    classes : int
        Number of outputs of the head; 0 means no head.
    activation : "gelu" or "gelu_tanh"
        The exact GELU (erf), or its tanh approximation.
    epsilon : float
        Epsilon of all layer norms.
    layer_scale : bool
        Whether both branches of a block are scaled channel by channel.
    qkv_bias : bool
        Whether query, key and value have a bias in the checkpoint; without one, it is zero.
    """

    image_size: tuple[int, int] = (224, 224)
    patch_size: int = 16
    dim: int = 768
    blocks: int = 12
    heads: int = 12
    mlp_dim: int = 3072
    prefix_tokens: tuple[str, ...] = ("cls",)
    position: Literal["learned", "sincos"] = "learned"
    position_prefix: tuple[str, ...] = ("cls",)
    position_interpolation: Interpolation = "timm"
    pooling: Pooling = "cls"
    norm_after_pooling: bool = False
    classes: int = 1000
    activation: Activation = "gelu"
    epsilon: float = 1e-6
    layer_scale: bool = False
    qkv_bias: bool = True

    def __post_init__(self) -> None:
        for name in ("patch_size", "dim", "blocks", "heads", "mlp_dim"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for name, most in (("blocks", MOST_BLOCKS), ("dim", WIDEST), ("mlp_dim", WIDEST)):
            if getattr(self, name) > most:
                raise UsageError(f"{name} is {getattr(self, name):,}; it must be at most {most:,}.")
        if self.dim % self.heads:
            raise UsageError(
                f"dim {self.dim} can't be split over {self.heads} heads: "
                "dim must be a multiple of heads."
            )
        if self.position == "sincos" and self.dim % 4:
            raise UsageError(
                f"dim {self.dim} has no sine-cosine table: it must be a multiple of 4."
            )
        if any(side < self.patch_size or side % self.patch_size for side in self.image_size):
            raise UsageError(
                f"image_size {self.image_size[0]}x{self.image_size[1]} is not a multiple of the "
                f"patch size {self.patch_size}."
            )
        if self.registers > MOST_REGISTERS or self.tokens > MOST_TOKENS:
            raise UsageError(
                f"{self.tokens:,} tokens, {self.registers:,} of them registers, are too many (at "
                f"most {MOST_TOKENS:,}, with {MOST_REGISTERS:,} registers): use a smaller "
                "image_size."
            )
        known: list[str] = [token for token in ("cls", "dist") if token in self.prefix_tokens]
        known += [f"reg{number}" for number in range(self.registers)]
        if list(self.prefix_tokens) != known:
            raise UsageError(
                f"prefix_tokens {brief(self.prefix_tokens)} must be some of cls, dist, reg0, "
                "reg1 …, in this order."
            )
        if self.position_prefix != self.prefix_tokens[: len(self.position_prefix)]:
            raise UsageError(
                f"position_prefix {brief(self.position_prefix)} must be a leading part of the "
                f"prefix tokens {brief(self.prefix_tokens)}."
            )
        if self.registers and 0 < self.registers_with_position < self.registers:
            raise UsageError(
                "either all register tokens have a position, or none: set position_prefix "
                "accordingly."
            )
        needed = {"cls": {"cls"}, "cls+dist": {"cls", "dist"}, "mean": set(), "cls+mean": {"cls"}}
        if missing := needed[self.pooling] - set(self.prefix_tokens):
            raise UsageError(
                f"pooling {self.pooling!r} needs the prefix token {', '.join(sorted(missing))}; "
                f"the model has {self.prefix_tokens or 'none'}."
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.image_size[0] // self.patch_size, self.image_size[1] // self.patch_size

    @property
    def positions(self) -> int:
        """Rows of the position embedding."""
        return len(self.position_prefix) + self.grid[0] * self.grid[1]

    @property
    def tokens(self) -> int:
        """Prefix tokens and patches together."""
        return len(self.prefix_tokens) + self.grid[0] * self.grid[1]

    @property
    def embedding_dim(self) -> int:
        """Width of what the head reads."""
        return 2 * self.dim if self.pooling == "cls+mean" else self.dim

    @property
    def registers(self) -> int:
        """Number of register tokens."""
        return sum(token.startswith("reg") for token in self.prefix_tokens)

    @property
    def registers_with_position(self) -> int:
        """Number of register tokens with a row in the position embedding."""
        return sum(token.startswith("reg") for token in self.position_prefix)

    def count_parameters(self) -> int:
        """Count the numbers in all parameters."""
        return sum(math.prod(shape) for shape in self.parameters().values())

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter: the tree that all checkpoint readers fill.

        Kernels of dense layers are (in, out), that of the patch embedding is
        (patch, patch, 3, dim), as TensorFlow holds them.

        Returns
        -------
        dict of str to shape, in the order of the computation

        Examples
        --------
        >>> shapes = ViTConfig(dim=8, heads=2, mlp_dim=32, blocks=1, classes=5).parameters()
        >>> shapes["block_00/mlp/fc1/kernel"], shapes["position_embedding"], shapes["head/bias"]
        ((8, 32), (197, 8), (5,))
        """
        return dict(self._parameters())

    def _parameters(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        dim = self.dim
        yield "patch_embed/kernel", (self.patch_size, self.patch_size, 3, dim)
        yield "patch_embed/bias", (dim,)
        if "cls" in self.prefix_tokens:
            yield "cls_token", (1, dim)
        if "dist" in self.prefix_tokens:
            yield "dist_token", (1, dim)
        if self.registers:
            yield "reg_tokens", (self.registers, dim)
        if self.position == "learned":
            yield "position_embedding", (self.positions, dim)
        for block in range(self.blocks):
            yield from self._block_parameters(f"block_{block:02d}")
        yield from _norm("norm", dim)
        heads = ("head", "head_dist") if self.pooling == "cls+dist" else ("head",)
        for head in heads if self.classes else ():
            yield from _dense(head, self.embedding_dim, self.classes)

    def _block_parameters(self, block: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield from _norm(f"{block}/norm1", self.dim)
        for projection in ("query", "key", "value", "output"):
            yield from _dense(f"{block}/attention/{projection}", self.dim, self.dim)
        if self.layer_scale:
            yield f"{block}/scale1", (self.dim,)
        yield from _norm(f"{block}/norm2", self.dim)
        yield from _dense(f"{block}/mlp/fc1", self.dim, self.mlp_dim)
        yield from _dense(f"{block}/mlp/fc2", self.mlp_dim, self.dim)
        if self.layer_scale:
            yield f"{block}/scale2", (self.dim,)


def _dense(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}/kernel", (inputs, outputs)
    yield f"{name}/bias", (outputs,)


def _norm(name: str, dim: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}/scale", (dim,)
    yield f"{name}/bias", (dim,)


class Size(TypedDict):
    """The fields of `ViTConfig` that a size settles."""

    dim: int
    blocks: int
    heads: int
    mlp_dim: int


SIZES: dict[str, Size] = {
    "tiny": {"dim": 192, "blocks": 12, "heads": 3, "mlp_dim": 768},
    "small": {"dim": 384, "blocks": 12, "heads": 6, "mlp_dim": 1536},
    "base": {"dim": 768, "blocks": 12, "heads": 12, "mlp_dim": 3072},
    "large": {"dim": 1024, "blocks": 24, "heads": 16, "mlp_dim": 4096},
    "huge": {"dim": 1280, "blocks": 32, "heads": 16, "mlp_dim": 5120},
}
