"""What a dataset's pictures are said to show, and which of the model's classes that is."""

from vitonnx.evaluate.labels._classes import Classes
from vitonnx.evaluate.labels._labels import Labels
from vitonnx.evaluate.labels._pairs import with_labels
from vitonnx.evaluate.labels._read_truth import read_truth
from vitonnx.evaluate.labels._spellings import spellings_of
from vitonnx.evaluate.labels._truth import ListedTruth, NamedTruth, Truth

__all__ = [
    "Classes",
    "Labels",
    "ListedTruth",
    "NamedTruth",
    "Truth",
    "read_truth",
    "spellings_of",
    "with_labels",
]
