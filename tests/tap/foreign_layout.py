"""What a foreign Vision Transformer is made of, and its random weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tap.foreign_sketch import Floats, Precision


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A plain ViT, written in any of the ways that exporters write it.

    Parameters
    ----------
    prefix : int
        Up to two have positions; of more, the first alone, and the others are put behind it.
    products : "three", "gather", "split" or "slice"
        Of queries, keys and values: three, or one that is then taken apart.
    batched : bool
        Whether heads are folded into the batch: all products are of 3 axes then.
    scale : "before", "inside", "after" or "divided"
        Of the queries; its root of queries and keys; of the scores, as a factor or a divisor.
    bias : bool
        Whether something is added to the scores; some of it shuts tokens out.
    batch : int or None
        None is dynamic.
    places : bool
        Whether prefix tokens have positions.
    rest : (int, int)
        Rows and columns of pixels that no patch covers, at the lower and right edge.
    stride : int or None
        From patch to patch, where it isn't the patch's side.
    said_open : bool
        Whether inputs and outputs say that any batch will do, whatever is in the graph.
    norm_first : bool
        Or else behind each sum, as PyTorch's encoders do by default; there is none at the end then.
    softmax : "last", "keys first", "flattened", "logarithm" or "sum"
        Over the last axis of (queries, keys); over the first but one of (keys, queries), turned
        round behind it, as Keras does; of rows alone; as the exponential of its logarithm; or over
        keys that come first, as an exponential and its sum.
    suffix : int
        Tokens behind the patches, with positions of their own.
    readout : "token", "mean" or "latent"
        The first token; the patches' mean; what one learned query finds, by a cross-attention.
    """

    prefix: int = 1
    grid: tuple[int, int] = (3, 5)
    patch: int = 8
    dim: int = 21
    heads: int = 3
    blocks: int = 2
    mlp_dim: int = 34
    classes: int = 11
    products: Literal["three", "gather", "split", "slice"] = "three"
    batched: bool = False
    scale: Literal["before", "inside", "after", "divided"] = "after"
    bias: bool = False
    batch: int | None = None
    said_open: bool = False
    norm_first: bool = True
    softmax: Literal["last", "keys first", "flattened", "logarithm", "sum"] = "last"
    suffix: int = 0
    opset: int = 17
    precision: Precision = "fp32"
    places: bool = True
    rest: tuple[int, int] = (0, 0)
    stride: int | None = None
    readout: Literal["token", "mean", "latent"] = "token"

    @property
    def size(self) -> tuple[int, int]:
        step = self.stride or self.patch
        height, width = ((count - 1) * step + self.patch for count in self.grid)
        return height + self.rest[0], width + self.rest[1]

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def tokens(self) -> int:
        return self.prefix + self.patches + self.suffix

    @property
    def placed(self) -> int:
        """Prefix tokens that have positions."""
        if not self.places:
            return 0
        return self.prefix if self.prefix <= 2 else 1

    def weights(self) -> dict[str, Floats]:
        """Draw all weights, with scores that make heads look somewhere and not everywhere."""
        random = np.random.default_rng(self.prefix)
        dim, pixels = self.dim, 3 * self.patch**2
        places = self.placed + self.patches + self.suffix
        drawn: dict[str, NDArray[np.float64]] = {}

        def matrix(name: str, inside: int, outside: int, scale: float = 1.0) -> None:
            drawn[name] = scale / math.sqrt(inside) * random.standard_normal((inside, outside))
            drawn[f"{name}.bias"] = 0.1 * random.standard_normal(outside)

        def norm(name: str) -> None:
            drawn[name] = 1 + 0.2 * random.standard_normal(dim)
            drawn[f"{name}.bias"] = 0.1 * random.standard_normal(dim)

        matrix("patch", pixels, dim)
        drawn["patch"] = drawn["patch"].T.reshape(dim, 3, self.patch, self.patch)
        drawn["prefix"] = random.standard_normal((1, self.prefix, dim))
        if self.suffix:
            drawn["suffix"] = random.standard_normal((1, self.suffix, dim))
        drawn["positions"] = 0.5 * random.standard_normal((1, places, dim))
        for block in range(self.blocks):
            norm(f"{block}.norm1")
            matrix(f"{block}.qkv", dim, 3 * dim, scale=1.3)
            matrix(f"{block}.out", dim, dim)
            norm(f"{block}.norm2")
            matrix(f"{block}.up", dim, self.mlp_dim)
            matrix(f"{block}.down", self.mlp_dim, dim)
            heads = 1 if self.batched else self.heads
            drawn[f"{block}.mask"] = _mask(random, heads, self.tokens)
        norm("norm")
        drawn["query"] = random.standard_normal((1, 1, dim))
        for part in ("q", "k", "v"):
            matrix(f"pool.{part}", dim, dim)
        matrix("head", dim, self.classes)
        drawn["head"] = drawn["head"].T
        kept = np.float32 if self.precision == "fp32" else np.float16
        return {name: values.astype(kept) for name, values in drawn.items()}


def _mask(random: np.random.Generator, heads: int, tokens: int) -> NDArray[np.float64]:
    """Add something to every score, and shut out a fifth; nobody is shut out of oneself."""
    mask = random.standard_normal((1, heads, tokens, tokens))
    mask[(random.random(mask.shape) < 0.2) & ~np.eye(tokens, dtype=bool)] = -1e4
    return mask
