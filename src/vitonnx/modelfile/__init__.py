"""Somebody's ONNX file: read in parts, opened as a graph, and nothing in it trusted.

An ONNX file is one protobuf message, which protobuf parses whole or not at all: of 1.2 GB that
takes seconds, and twice as much memory. Here the message is followed by the lengths it states,
the parts that are wanted are given to onnx, and all others stay on the disk. The manifest is read
without onnx, which takes a while to import.

``_wire`` follows messages, ``_outline`` finds out what a file has, ``_parts`` reads its weights;
``_promises`` compares all that with the manifest. ``_places`` says which files a model may read,
and ``_graph`` opens it for whoever looks into it or changes it, and saves it.
"""

from vitonnx.modelfile._graph import check_graph, open_graph, save_graph, to_runtime
from vitonnx.modelfile._model_file import require_model_file, understood
from vitonnx.modelfile._outline import Outline, Tensor, load_outline, load_skeleton
from vitonnx.modelfile._parts import is_ours, load_weights
from vitonnx.modelfile._places import home, weight_files, weight_names
from vitonnx.modelfile._promises import WHOLE, believed, load_manifest

__all__ = [
    "WHOLE",
    "Outline",
    "Tensor",
    "believed",
    "check_graph",
    "home",
    "is_ours",
    "load_manifest",
    "load_outline",
    "load_skeleton",
    "load_weights",
    "open_graph",
    "require_model_file",
    "save_graph",
    "to_runtime",
    "understood",
    "weight_files",
    "weight_names",
]
