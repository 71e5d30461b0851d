"""Rules that map each array of a checkpoint to parameters of the tree.

Every rule works in both directions: it tells the shape that the array must have in the file, and
turns the array into parameters. Messages can thus speak the checkpoint's own names and shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.models._config import ViTConfig

__all__ = [
    "BATCHED",
    "CLASS_AND_MEAN",
    "DENSE",
    "HEADS_BIAS",
    "HEADS_IN",
    "HEADS_OUT",
    "PATCHES",
    "QKV",
    "QUERY_ALONE",
    "SAME",
    "Convention",
    "Layout",
    "Rule",
    "count_classes",
    "stacked",
    "torch_dense",
    "torch_norm",
    "torch_positions",
]

Shape = tuple[int, ...]
Array = NDArray[Any]


@dataclass(frozen=True)
class Layout:
    """How an array of the file holds one or several parameters.

    ``stored`` gives the shape in the file, from the shapes of the parameters and the config;
    ``split`` turns the array in the file into the parameters.
    """

    stored: Callable[[Sequence[Shape], ViTConfig], Shape]
    split: Callable[[Array], Sequence[Array]]


@dataclass(frozen=True)
class Rule:
    """Maps an array of the file to parameters of the tree, named as in `ViTConfig.parameters`.

    A parameter that several rules give is their sum.
    """

    source: str
    targets: tuple[str, ...]
    layout: Layout


@dataclass(frozen=True, kw_only=True)
class Convention:
    """Naming convention of a checkpoint.

    Parameters
    ----------
    name : str
        Name for messages.
    marker : str
        Name of the patch embedding, by which the convention is recognised after any prefix. Its
        separator, a dot or a slash, is that of all names.
    rules : function
        Function from the config, and the names without that prefix, to the rules.
    unused : tuple of str
        Patterns (`fnmatch`) of arrays that no ViT of ours needs; they are passed over in silence.
    training : tuple of str
        Patterns of what a training method leaves in checkpoints; it is ignored, with a note.
    unused_without_head : tuple of str
        The same for a model without a head.
    refused : dict of pattern to str
        Patterns of unsupported parts, with the reason.
    head_alone : str
        Prefix of a lone ``weight`` and ``bias`` in a file: that of the head.
    """

    name: str
    marker: str
    rules: Callable[[ViTConfig, Collection[str]], Iterator[Rule]]
    unused: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    unused_without_head: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    head_alone: str = ""

    @property
    def separator(self) -> str:
        """Separator between the parts of a name."""
        return "/" if "/" in self.marker else "."


def _one(shapes: Sequence[Shape]) -> Shape:
    (shape,) = shapes
    return shape


def _in_heads(config: ViTConfig) -> Shape:
    return config.heads, config.dim // config.heads


SAME = Layout(lambda shapes, config: _one(shapes), lambda array: [array])

# With an axis of length one in front, for the batch.
BATCHED = Layout(lambda shapes, config: (1, *_one(shapes)), lambda array: [array[0]])

# PyTorch's dense layers: (out, in).
DENSE = Layout(lambda shapes, config: _one(shapes)[::-1], lambda array: [array.T])

# PyTorch's convolution: (out, in, rows, columns).
PATCHES = Layout(
    lambda shapes, config: (_one(shapes)[3], _one(shapes)[2], *_one(shapes)[:2]),
    lambda array: [array.transpose(2, 3, 1, 0)],
)

# Query, key and value below each other, kernels as in DENSE.
QKV = Layout(
    lambda shapes, config: (len(shapes) * shapes[0][-1], *shapes[0][:-1]),
    lambda array: [part.T for part in np.split(array, 3)],
)

# The query's bias, where the key has none: the softmax would not feel it.
QUERY_ALONE = Layout(lambda shapes, config: shapes[0], lambda array: [array, np.zeros_like(array)])

# The class token's row of the position embedding, for the token itself, then the patches' rows.
CLASS_ROW = Layout(
    lambda shapes, config: (1, shapes[0][0] + shapes[1][0], shapes[1][1]),
    lambda array: [array[0, :1], array[0, 1:]],
)

# DINOv2's linear head, as DENSE: it reads the class token, then the mean patch, which "cls+mean"
# interleaves.
CLASS_AND_MEAN = Layout(
    lambda shapes, config: _one(shapes)[::-1],
    lambda array: [array.T.reshape(2, -1, len(array)).swapaxes(0, 1).reshape(-1, len(array))],
)

# Flax's attention: the width split into (heads, width of a head).
HEADS_IN = Layout(
    lambda shapes, config: (_one(shapes)[0], *_in_heads(config)),
    lambda array: [array.reshape(len(array), -1)],
)
HEADS_BIAS = Layout(lambda shapes, config: _in_heads(config), lambda array: [array.reshape(-1)])
HEADS_OUT = Layout(
    lambda shapes, config: (*_in_heads(config), _one(shapes)[1]),
    lambda array: [array.reshape(-1, array.shape[-1])],
)


def stacked(layout: Layout) -> Layout:
    """Make the layout of all blocks' arrays on top of each other, each in the given layout."""
    return Layout(
        lambda shapes, config: (len(shapes), *layout.stored(shapes[:1], config)),
        lambda array: [part for block in array for part in layout.split(block)],
    )


def torch_dense(source: str, target: str, kernel: Layout = DENSE) -> Iterator[Rule]:
    """Return the rules of a dense layer under PyTorch's names."""
    yield Rule(f"{source}.weight", (f"{target}/kernel",), kernel)
    yield Rule(f"{source}.bias", (f"{target}/bias",), SAME)


def torch_positions(
    source: str, registers: str, config: ViTConfig, names: Collection[str]
) -> Iterator[Rule]:
    """Return the rules of register tokens and positions; the names tell the layout.

    timm calls registers ``reg_token``. DINOv2's authors, and transformers after them, call them
    ``register_tokens``, insert them after adding positions, and keep the class token's row.
    """
    timms = registers.replace("register_tokens", "reg_token")
    yield Rule(registers if registers in names else timms, ("reg_tokens",), BATCHED)
    unplaced = "cls" in config.prefix_tokens and "cls" not in config.position_prefix
    if registers in names and unplaced:
        yield Rule(source, ("cls_token", "position_embedding"), CLASS_ROW)
    else:
        yield Rule(source, ("position_embedding",), BATCHED)


def torch_norm(source: str, target: str) -> Iterator[Rule]:
    """Return the rules of a layer norm under PyTorch's names."""
    yield Rule(f"{source}.weight", (f"{target}/scale",), SAME)
    yield Rule(f"{source}.bias", (f"{target}/bias",), SAME)


def count_classes(shape: Shape, rule: Rule, config: ViTConfig) -> int:
    """Count the outputs of a head's kernel in a file; 0 where it reads another width."""
    width = config.embedding_dim
    classes = math.prod(shape) // width
    return classes if shape == rule.layout.stored([(width, classes)], config) else 0
