"""Make Vision Transformers exported by other tools probe-ready. No TensorFlow in here."""

from vitonnx.tap._changes import split_changes
from vitonnx.tap._tap import Tapped, tap

__all__ = ["Tapped", "split_changes", "tap"]
