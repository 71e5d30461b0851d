"""Names that every probe-ready file has, whoever reads or writes it: see ``docs/file.md``."""

from __future__ import annotations

import re

__all__ = [
    "ANCHORS",
    "EMBEDDING",
    "FINAL_NORM_KEY",
    "FINAL_TOKENS",
    "GRADIENTS",
    "IMAGES",
    "LOGITS",
    "NOISE",
    "NOISY",
    "NORMALISED",
    "PATCH_KERNEL",
    "POSITION_EMBEDDING",
    "POSITION_RESAMPLING",
    "QUERIES",
    "READOUT_KEY",
    "RELATIVE_INDEX",
    "RELATIVE_RESAMPLING",
    "RELATIVE_TABLE",
    "ROTARY_COORDINATES",
    "SIDES_KEY",
    "TARGET",
    "TARGETS",
    "attention_input_name",
    "attention_name",
    "block_of",
    "gradient_name",
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
# Likewise: tokens that the head reads, as "0:1" or "0:1,5:201".
READOUT_KEY = "vitonnx.readout"
DERIVED = re.compile(r"block_\d{2,}/(residual|logits|patch_logits|attention_input)")
# The pixels as the network sees them: scaled and shifted, float32 (batch, height, width, 3).
NORMALISED = "normalised"
NOISY = "noisy"  # the same, and noise
# Derivatives that plans compute, and what they are told: of each picture the classes, where -1 is
# the likeliest, int64 (pictures or 1, targets); embeddings, float32 (targets, dim); and what is
# added to the pixels, in shares of their range, float32 (height, width, 3).
GRADIENTS = "gradients/"
TARGETS, ANCHORS, NOISE = "targets", "anchors", "noise"
# An input of baked files instead: each picture's class, int64 (batch,).
TARGET = "target"
GRADIENT = re.compile(
    r"gradients/(mean_)?(logit|cosine)_\d+/(normalised|noisy|block_\d{2,}/attention(_input)?)"
)
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


def attention_input_name(block: int) -> str:
    """Name the tokens that a block's attention reads: behind its first norm, where it has one.

    No output of the file: a plan finds them.

    Examples
    --------
    >>> attention_input_name(11)
    'block_11/attention_input'
    """
    return f"block_{block:02d}/attention_input"


def gradient_name(scalar: str, target: int, of: str) -> str:
    """Name the derivative of a number with respect to a value.

    No output of the file: a plan computes it, for each of its targets.

    Parameters
    ----------
    scalar : str
        ``logit``, that of the target's class; ``cosine``, of the embedding with the target's; or
        ``mean_logit`` and ``mean_cosine``, which the head gives for the mean of the tokens of the
        block that `of` belongs to.
    target : int
        Which of the targets.
    of : str
        A block's attention, or what its attention reads, or `NORMALISED`, or `NOISY`.

    Examples
    --------
    >>> gradient_name("logit", 0, attention_name(3))
    'gradients/logit_0/block_03/attention'
    """
    return f"{GRADIENTS}{scalar}_{target}/{of}"


def block_of(name: str) -> int:
    """Give the block that a name speaks of.

    Examples
    --------
    >>> block_of("block_11/patch_logits"), block_of("gradients/logit_0/block_03/attention")
    (11, 3)
    """
    (block,) = re.findall(r"(?:^|/)block_(\d{2,})/", name)
    return int(block)


def is_derived(name: str) -> bool:
    """Tell whether a name is that of a value which plans find in the graph, and no output.

    Examples
    --------
    >>> is_derived("block_03/patch_logits"), is_derived("block_03/tokens"), is_derived("logits")
    (True, False, False)
    """
    return name in (FINAL_TOKENS, NORMALISED) or any(
        form.fullmatch(name) for form in (DERIVED, GRADIENT)
    )
