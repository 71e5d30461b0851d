"""Export of checkpoints to probe-ready ONNX files, by TensorFlow and tf2onnx.

Needs the ``export`` extra: ``pip install 'vitonnx[export]'``.
"""

from vitonnx.export._export_model import Parity, export_model
from vitonnx.export._parity import TOLERANCES, verify
from vitonnx.export._saved_model import convert_saved_model

__all__ = ["TOLERANCES", "Parity", "convert_saved_model", "export_model", "verify"]
