"""The pictures that a small model is trained on: folders, CIFAR-10's archive, drawn scenes."""

from vitonnx.data._open_data import open_data
from vitonnx.data._split import LabelledPictures, Split

__all__ = ["LabelledPictures", "Split", "open_data"]
