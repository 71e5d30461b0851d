"""Datasets: pictures with ids and labels, shard by shard, wherever they are kept."""

from vitonnx.dataset._dataset import Dataset, as_dataset
from vitonnx.dataset._find import holds_samples
from vitonnx.dataset._listing import SHARD_SIZE, Listing
from vitonnx.dataset._open_dataset import open_dataset
from vitonnx.dataset._shard import Label, Sample, Shard

__all__ = [
    "SHARD_SIZE",
    "Dataset",
    "Label",
    "Listing",
    "Sample",
    "Shard",
    "as_dataset",
    "holds_samples",
    "open_dataset",
]
