"""What the tests know of a foreign model: its facts, the model itself, and what it computes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

Recipe = tuple[tuple[float, float, float], tuple[float, float, float]]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

CLS = ("cls",)
CLS_DIST = ("cls", "dist")
CLS_REGISTERS = ("cls", "reg0", "reg1", "reg2", "reg3")


@dataclass(frozen=True)
class Facts:
    """What is known of a model before it is exported."""

    framework: str
    family: str
    attention: str  # how the framework computes it: "fused", "eager", "sdpa"
    size: tuple[int, int]  # of a picture: height, width
    patch: int
    prefix: tuple[str, ...]  # names of the prefix tokens, in order
    blocks: int
    heads: int
    dim: int
    classes: int  # 0 where there is no head
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    any_size: bool = False  # whether the model takes pictures of any size
    embedding: str = ""  # without a head: the output that one would read, or "" where none is
    suffix: int = 0  # tokens behind the patches

    @property
    def name(self) -> str:
        return f"{self.framework}-{self.family}-{self.attention}"

    @property
    def grid(self) -> tuple[int, int]:
        return self.size[0] // self.patch, self.size[1] // self.patch

    @property
    def preprocess(self) -> str:
        """The recipe as `tap` reads it: three means, three standard deviations."""
        return ",".join(map(str, (*self.mean, *self.std)))

    def pictures(self) -> NDArray[np.uint8]:
        """Two pictures, the same ones every time: slopes under noise, from black to white."""
        height, width = self.size
        random = np.random.default_rng(11)
        slope = np.linspace(0, 160, height * width).reshape(1, height, width, 1)
        pictures = (slope + random.integers(0, 96, (2, height, width, 3))).astype(np.uint8)
        pictures[:, 0, 0], pictures[:, -1, -1] = 0, 255
        return pictures

    def pixels(self) -> Array:
        """The two pictures as the framework takes them: (2, 3, height, width), normalised."""
        scaled = (self.pictures() / 255.0 - np.array(self.mean)) / np.array(self.std)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)

    def write(self, path: Path) -> None:
        facts = dataclasses.asdict(self) | {"name": self.name, "grid": self.grid}
        path.write_text(json.dumps(facts, indent=2) + "\n")


@dataclass(frozen=True, kw_only=True)
class Family:
    """What is asked of a framework: a kind of model, in small."""

    prefix: tuple[str, ...]
    recipe: Recipe  # mean and standard deviation
    size: tuple[int, int] = (40, 56)
    patch: int = 8
    blocks: int = 2
    heads: int = 3
    dim: int = 48
    classes: int = 0
    any_size: bool = False
    embedding: str = ""
    suffix: int = 0
    options: dict[str, Any] = field(default_factory=dict)  # in the framework's own words

    def facts(self, framework: str, family: str, attention: str) -> Facts:
        return Facts(
            framework=framework,
            family=family,
            attention=attention,
            size=self.size,
            patch=self.patch,
            prefix=self.prefix,
            blocks=self.blocks,
            heads=self.heads,
            dim=self.dim,
            classes=self.classes,
            mean=self.recipe[0],
            std=self.recipe[1],
            any_size=self.any_size,
            embedding=self.embedding,
            suffix=self.suffix,
        )


@dataclass(frozen=True)
class Reference:
    """What the framework itself computes for the two pictures."""

    attention: list[Array]  # a block each: (batch, heads, tokens, tokens)
    tokens: list[Array]  # a block each: (batch, tokens, dim), after the block
    outputs: dict[str, Array]

    def write(self, path: Path, pixels: Array) -> None:
        arrays = {"pixels": pixels}
        for block, (attention, tokens) in enumerate(zip(self.attention, self.tokens, strict=True)):
            arrays[f"block_{block:02d}/attention"] = attention
            arrays[f"block_{block:02d}/tokens"] = tokens
        np.savez(path, allow_pickle=False, **arrays, **self.outputs)


@dataclass(frozen=True)
class Specimen:
    """A model that an exporter can take, and what it computes by its own word."""

    facts: Facts
    model: Any  # a torch module: (batch, 3, height, width) to a tuple of tensors
    outputs: tuple[str, ...]  # their names
    reference: Callable[[], Reference]


def sharpen(model: Any) -> None:
    """Make every weight count, and attention sharp: a fresh model has neither.

    Noise moves biases, norms and layer scales off 0 and 1; doubled queries and keys move attention
    far from uniform.
    """
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = SPREAD.get(parameter.ndim) or parameter[0].numel() ** -0.5
            noise = torch.randn_like(parameter) * spread
            parameter.copy_(parameter + noise if parameter.ndim == 1 else noise)
            if name.endswith(("qkv.weight", "in_proj_weight")):
                parameter[: 2 * len(parameter) // 3].mul_(2)
            elif name.endswith(("q_proj.weight", "k_proj.weight")):
                parameter.mul_(2)


# By the number of axes: vectors, and tokens with their positions. Products keep the magnitude.
SPREAD = {1: 0.2, 3: 0.5}
