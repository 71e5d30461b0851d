"""The weights of several graphs in one file beside them: what they have alike is there once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
import onnx_ir as ir

__all__ = ["SharedWeights"]

LEAST = 2**10  # bytes; smaller ones stay in the graph


class SharedWeights:
    """A file of weights that graphs in the same folder refer to.

    Parameters
    ----------
    path : path
        The file; it is begun anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[bytes, int] = {}
        self._size = 0
        path.write_bytes(b"")

    def save(self, model: ir.Model, path: Path) -> None:
        """Write a graph, and those of its weights that aren't there yet."""
        proto = ir.to_proto(ir.external_data.load_to_model(model))
        with self.path.open("ab") as file:
            for tensor in proto.graph.initializer:
                if len(tensor.raw_data) < LEAST:
                    continue
                key = hashlib.sha256(tensor.raw_data).digest()
                if key not in self._places:
                    self._places[key] = self._size
                    self._size += file.write(tensor.raw_data)
                self._refer(tensor, self._places[key])
        path.write_bytes(proto.SerializeToString())

    def _refer(self, tensor: onnx.TensorProto, place: int) -> None:
        said = {"location": self.path.name, "offset": place, "length": len(tensor.raw_data)}
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in said.items():
            tensor.external_data.add(key=key, value=str(value))
