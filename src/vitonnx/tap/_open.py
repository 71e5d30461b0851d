"""Read an ONNX file that somebody else made, and trust nothing in it."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from vitonnx.errors import ModelFileError
from vitonnx.modelfile import is_ours, open_graph
from vitonnx.tap._erfc import WriteErfc

__all__ = ["open_foreign"]


def open_foreign(file: Path) -> ir.Model:
    """Read a graph; its large weights stay in their files until they are asked for.

    Raises
    ------
    ModelFileError
        If it is no ONNX model, is damaged, keeps weights where no model may, or is one of ours.
    """
    if is_ours(file):
        raise ModelFileError(
            f"{file} needs no tapping: vitonnx made it, and `vitonnx inspect` says what is in it."
        )
    model = open_graph(file)
    if not len(model.graph):
        raise ModelFileError(f"{file} is no model: its graph is empty.")
    WriteErfc()(model)
    return model
