"""Names that every probe-ready file has, whoever reads or writes it: see ``docs/file.md``."""

from __future__ import annotations

import re

__all__ = [
    "EMBEDDING",
    "FINAL_NORM_KEY",
    "FINAL_TOKENS",
    "IMAGES",
    "LOGITS",
    "PATCH_KERNEL",
    "POSITION_EMBEDDING",
    "POSITION_RESAMPLING",
    "QUERIES",
    "RELATIVE_INDEX",
    "RELATIVE_RESAMPLING",
    "RELATIVE_TABLE",
    "ROTARY_COORDINATES",
    "SIDES_KEY",
    "attention_name",
    "block_of",
    "is_derived",
    "logits_name",
    "patch_logits_name",
    "residual_name",
    "tokens_name",
]

# Inputs: the second stands in planned and baked graphs alone, each picture's query token.
IMAGES, QUERIES = "images", "queries"
# Outputs, beside those of the blocks.
LOGITS, EMBEDDING = "logits", "embedding"
# Not an output of the file: a plan finds it in the graph.
FINAL_TOKENS = "final_norm/tokens"
# A planned graph's key of metadata: "tokens" where these are normalised, or "none".
FINAL_NORM_KEY = "vitonnx.final_norm"
DERIVED = re.compile(r"block_\d{2,}/(residual|logits|patch_logits)")
# Initializers: the checkpoint's own values.
PATCH_KERNEL = "patch_embed/kernel"
POSITION_EMBEDDING = "position_embedding"
RELATIVE_TABLE = "relative_position_table_"  # and a number
# What follows from the grid, in files whose positions are no embedding, or are resampled.
POSITION_RESAMPLING = "position_resampling"
RELATIVE_INDEX = "relative_position_index"
RELATIVE_RESAMPLING = "relative_position_resampling"
ROTARY_COORDINATES = "rotary_coordinates"
# A node's key of metadata: which entries of its second input follow from the grid, and how.
SIDES_KEY = "vitonnx.sides"


def attention_name(block: int) -> str:
    """Name the output that holds a block's softmax weights.

    Examples
    --------
    >>> attention_name(3)
    'block_03/attention'
    """
    return f"block_{block:02d}/attention"


def tokens_name(block: int) -> str:
    """Name the output that holds the residual stream after a block.

    Examples
    --------
    >>> tokens_name(11)
    'block_11/tokens'
    """
    return f"block_{block:02d}/tokens"


def residual_name(block: int) -> str:
    """Name the residual stream after a block, of a model whose blocks don't normalise it.

    No output of the file: a plan takes it from the graph.

    Examples
    --------
    >>> residual_name(3)
    'block_03/residual'
    """
    return f"block_{block:02d}/residual"


def logits_name(block: int) -> str:
    """Name the logits that the head would give if it read a block's tokens instead of the last's.

    No output of the file: a plan computes them.

    Examples
    --------
    >>> logits_name(3)
    'block_03/logits'
    """
    return f"block_{block:02d}/logits"


def patch_logits_name(block: int) -> str:
    """Name the logits of a block's patches, each read by the head as if there were no other token.

    No output of the file: a plan computes them.

    Examples
    --------
    >>> patch_logits_name(3)
    'block_03/patch_logits'
    """
    return f"block_{block:02d}/patch_logits"


def block_of(name: str) -> int:
    """Give the block that a name speaks of.

    Examples
    --------
    >>> block_of("block_11/patch_logits")
    11
    """
    return int(name.partition("/")[0].removeprefix("block_"))


def is_derived(name: str) -> bool:
    """Tell whether a name is that of a value which plans find in the graph, and no output.

    Examples
    --------
    >>> is_derived("block_03/patch_logits"), is_derived("block_03/tokens"), is_derived("logits")
    (True, False, False)
    """
    return name == FINAL_TOKENS or bool(DERIVED.fullmatch(name))
