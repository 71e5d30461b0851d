"""The manifest in a graph's metadata."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.manifest import METADATA_KEY, Manifest

__all__ = ["read_manifest", "write_manifest"]


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
