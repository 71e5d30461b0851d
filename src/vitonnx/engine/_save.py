"""Write a graph with all its weights, however many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.modelfile import understood

if TYPE_CHECKING:
    import onnx_ir as ir

__all__ = ["save_whole"]

LARGEST_MESSAGE = 2**31 - 2**20  # of protobuf, with room for all but the weights


def save_whole(model: ir.Model, path: Path) -> None:
    """Write a graph to one file, or over 2 GB with its weights in a second one, ``<path>.data``."""
    import onnx_ir as ir

    with understood("the graph"):
        model = ir.external_data.load_to_model(model)
        weights = sum(
            value.const_value.nbytes
            for value in model.graph.initializers.values()
            if value.const_value is not None
        )
        beside = f"{path.name}.data" if weights > LARGEST_MESSAGE else None
        ir.save(model, path, external_data=beside)
