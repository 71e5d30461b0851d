"""How large what a graph computes would be: a few bytes of a file can ask for all memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.errors import ModelFileError
from vitonnx.filenames import shown
from vitonnx.manifest import METADATA_KEY, Manifest

if TYPE_CHECKING:
    import onnx

__all__ = ["refuse_huge"]

LARGEST = 2**29
"""Entries of a value, a picture: 2 GB, as much as the attention of 5,700 tokens in 16 heads."""


def refuse_huge(model: onnx.ModelProto, file: Path) -> None:
    """Refuse a graph with a value that is larger than any that a Vision Transformer needs.

    What can be told without running it is: shapes that follow from constants. A file with a
    manifest may have what its promises need.

    Raises
    ------
    ModelFileError
        If there is one.
    """
    import onnx

    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:
        # A graph that contradicts itself has no sizes; whoever runs it refuses it in their words.
        return
    largest = max(LARGEST, _promised(model))
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        size = math.prod(max(1, side.dim_value) for side in value.type.tensor_type.shape.dim)
        if size > largest:
            raise ModelFileError(
                f"{file} computes {shown(value.name)[:100]!r} with {size:,} entries, more than any "
                "model that fits a machine: it is damaged, or made to fill the memory. Export or "
                "copy it again."
            )


def _promised(model: onnx.ModelProto) -> int:
    """Give the entries that reading the attention of a file with a manifest takes."""
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY not in metadata:
        return 0
    manifest = Manifest.from_metadata(metadata)
    return 2 * manifest.heads * manifest.tokens**2
