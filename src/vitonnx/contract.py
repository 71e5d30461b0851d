"""Names that every probe-ready file has, whoever reads or writes it: see ``docs/file.md``."""

from __future__ import annotations

__all__ = [
    "EMBEDDING",
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
    "tokens_name",
]

# Inputs: the second stands in planned and baked graphs alone, each picture's query token.
IMAGES, QUERIES = "images", "queries"
# Outputs, beside those of the blocks.
LOGITS, EMBEDDING = "logits", "embedding"
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
