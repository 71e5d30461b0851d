"""Names and metadata that every probe-ready graph has: the contract, version 1."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.manifest import METADATA_KEY, Manifest

__all__ = [
    "IMAGES",
    "PATCH_KERNEL",
    "POSITION_EMBEDDING",
    "POSITION_RESAMPLING",
    "RELATIVE_INDEX",
    "RELATIVE_RESAMPLING",
    "RELATIVE_TABLE",
    "ROTARY_COORDINATES",
    "SIDES_KEY",
    "attention_name",
    "read_manifest",
    "tokens_name",
    "write_manifest",
]

IMAGES = "images"
PATCH_KERNEL = "patch_embed/kernel"
POSITION_EMBEDDING = "position_embedding"
# What follows from the grid, in files whose positions are no embedding, or are resampled.
POSITION_RESAMPLING = "position_resampling"
RELATIVE_INDEX = "relative_position_index"
RELATIVE_RESAMPLING = "relative_position_resampling"
RELATIVE_TABLE = "relative_position_table_"
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


def write_manifest(model: ir.Model, manifest: Manifest) -> None:
    """Put the manifest into the model's metadata, in place of any other."""
    model.metadata_props[METADATA_KEY] = manifest.to_json()


def read_manifest(model: ir.Model) -> Manifest:
    """Read the manifest from the model's metadata.

    Raises
    ------
    ModelFileError
        If there is none, or this version can't honour it.
    """
    return Manifest.from_metadata(model.metadata_props)
