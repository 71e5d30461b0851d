"""What a dataset's pictures are said to show, and which of the model's classes that is."""

from vitonnx.evaluate.labels._classes import Classes
from vitonnx.evaluate.labels._known import known_labels, no_labels
from vitonnx.evaluate.labels._labelled import labelled
from vitonnx.evaluate.labels._read_truth import read_truth
from vitonnx.evaluate.labels._truth import ListedTruth, NamedTruth, Truth

__all__ = [
    "Classes",
    "ListedTruth",
    "NamedTruth",
    "Truth",
    "known_labels",
    "labelled",
    "no_labels",
    "read_truth",
]
