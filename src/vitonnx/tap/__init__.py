"""Tap: Vision Transformers that somebody else exported, made probe-ready. No TensorFlow in here."""

from vitonnx.tap._open import weight_names
from vitonnx.tap._tap import Tapped, tap

__all__ = ["Tapped", "tap", "weight_names"]
