"""Read an ONNX file that somebody else made, and trust nothing in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import onnx_ir as ir

from vitonnx.errors import ModelFileError
from vitonnx.manifest import BAKED_KEY, METADATA_KEY
from vitonnx.modelfile import load_skeleton

if TYPE_CHECKING:
    import onnx

__all__ = ["open_foreign"]

CONTROL_FLOW = frozenset(("If", "Loop", "Scan", "SequenceMap"))


def open_foreign(file: Path) -> ir.Model:
    """Read a graph; its large weights stay in their files until they are asked for.

    Raises
    ------
    ModelFileError
        If it is no ONNX model, is damaged, keeps weights where no model may, or is one of ours.
    """
    proto = load_skeleton(file)
    metadata = {entry.key for entry in proto.metadata_props}
    if metadata & {METADATA_KEY, BAKED_KEY}:
        raise ModelFileError(
            f"{file} needs no tapping: vitonnx made it, and `vitonnx inspect` says what is in it."
        )
    if not proto.graph.node:
        raise ModelFileError(f"{file} is no model: its graph is empty.")
    for tensor in proto.graph.initializer:
        _check_place(tensor, file)
    try:
        model: ir.Model = ir.from_proto(proto)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{file} is no ONNX model, or a damaged one ({error}): export or copy it again."
        ) from error
    ir.external_data.set_base_dir(model.graph, file.absolute().parent)
    return model


def _check_place(tensor: onnx.TensorProto, file: Path) -> None:
    """Refuse a weight that lies outside the model's folder, or isn't where it should be."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if "location" not in entries:
        return
    folder, location = file.absolute().parent, entries["location"]
    place = folder / location
    # A hub's cache keeps files elsewhere, under links: all of a model's in one folder.
    homes = folder.resolve(), file.resolve().parent
    if ".." in Path(location).parts or not any(map(place.resolve().is_relative_to, homes)):
        raise ModelFileError(
            f"{file} wants to read a weight from {location!r}, outside its own folder: that is "
            "refused. Keep a model's files together in one folder."
        )
    if not place.is_file():
        raise ModelFileError(
            f"{file} has weights in {location!r}, which is missing: copy it beside the model."
        )
    offset, length = (_number(entries.get(key, "0"), file) for key in ("offset", "length"))
    if offset + length > place.stat().st_size:
        raise ModelFileError(
            f"{place} is shorter than {file} says: it is damaged or belongs to another model."
        )


def _number(text: str, file: Path) -> int:
    if not text.isdecimal():
        raise ModelFileError(f"{file} is damaged: a weight's place in a file is {text!r}.")
    return int(text)
