"""The engine: plans and runs probe-ready files on onnxruntime. No TensorFlow in here."""

from vitonnx.engine._archive import save_results, stack_results
from vitonnx.engine._engine import Engine, Picture
from vitonnx.engine._preprocess import Prepared, prepare
from vitonnx.engine._result import Prediction, Result

__all__ = [
    "Engine",
    "Picture",
    "Prediction",
    "Prepared",
    "Result",
    "prepare",
    "save_results",
    "stack_results",
]
