"""Models and probes as small graphs, for whoever has a runtime of ONNX and nothing else: a page."""

from vitonnx.portable._answer import answer_of
from vitonnx.portable._describe import describe
from vitonnx.portable._kept import kept_bytes, size_that_fits
from vitonnx.portable._pack import pack

__all__ = ["answer_of", "describe", "kept_bytes", "pack", "size_that_fits"]
