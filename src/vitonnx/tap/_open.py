"""Read an untrusted ONNX file."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from vitonnx.errors import ModelFileError
from vitonnx.modelfile import is_ours, open_graph
from vitonnx.tap._erfc import WriteErfc

__all__ = ["open_foreign"]


def open_foreign(file: Path) -> ir.Model:
    """Read a graph; its large weights stay in their files until needed.

    Raises
    ------
    ModelFileError
        If it is not an ONNX model, is damaged, keeps weights where no model may, or is vitonnx's.
    """
    if is_ours(file):
        raise ModelFileError(
            f"{file} needs no tapping: vitonnx made it. `vitonnx inspect` shows its content."
        )
    model = open_graph(file)
    if not len(model.graph):
        raise ModelFileError(f"{file} is not a model: its graph is empty.")
    WriteErfc()(model)
    return model
