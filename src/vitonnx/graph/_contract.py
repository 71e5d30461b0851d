"""Names and metadata that every probe-ready graph has: the contract, version 1."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError

from vitonnx.errors import ModelFileError
from vitonnx.manifest import METADATA_KEY, Manifest, require_model_file

__all__ = [
    "IMAGES",
    "PATCH_KERNEL",
    "POSITION_EMBEDDING",
    "attention_name",
    "load_manifest",
    "read_manifest",
    "tokens_name",
    "write_manifest",
]

IMAGES = "images"
PATCH_KERNEL = "patch_embed/kernel"
POSITION_EMBEDDING = "position_embedding"


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


def load_manifest(file: Path) -> Manifest:
    """Read the manifest of a file, and nothing else of it.

    Raises
    ------
    ModelFileError
        If the file can't be read, is no ONNX model, or has no manifest we can honour.
    """
    require_model_file(file)
    try:
        model = onnx.load(file, load_external_data=False)
    except DecodeError as error:
        raise ModelFileError(
            f"{file} is no ONNX model, or a damaged one: export or copy it again."
        ) from error
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    return Manifest.from_metadata(metadata, file=str(file))
