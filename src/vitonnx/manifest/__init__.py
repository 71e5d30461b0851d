"""The promises of a probe-ready ONNX file: the JSON under its metadata key ``vitonnx.manifest``.

The manifest holds all that an engine must know about the model, so that one file is all that needs
copying to another machine. It is plain JSON, readable from any language.
"""

from vitonnx.manifest._manifest import (
    BAKED_KEY,
    CONTRACT_VERSION,
    METADATA_KEY,
    Manifest,
    Source,
    round_up,
    safe_name,
)
from vitonnx.manifest._preprocessing import (
    LARGEST_SIDE,
    Fit,
    Padding,
    PilFilter,
    Preprocessing,
    colour_of,
)

__all__ = [
    "BAKED_KEY",
    "CONTRACT_VERSION",
    "LARGEST_SIDE",
    "METADATA_KEY",
    "Fit",
    "Manifest",
    "Padding",
    "PilFilter",
    "Preprocessing",
    "Source",
    "colour_of",
    "round_up",
    "safe_name",
]
