"""Make Vision Transformers exported by other tools probe-ready. No TensorFlow in here."""

from vitonnx.tap._recipe_word import split_changes
from vitonnx.tap._tapped import Tapped, tap

__all__ = ["Tapped", "split_changes", "tap"]
