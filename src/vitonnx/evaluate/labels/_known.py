"""Labels that are known before any picture is read."""

from __future__ import annotations

from collections.abc import Iterable

from vitonnx.dataset import Dataset, Label, Listing
from vitonnx.errors import UsageError
from vitonnx.evaluate.labels._labelled import LabelledShard

__all__ = ["known_labels", "no_labels"]


def known_labels(dataset: Dataset) -> set[Label]:
    """Give the labels of those shards whose pictures are files, listed by their names.

    Raises
    ------
    UsageError
        If no picture of a dataset of such shards alone has one.
    """
    listed = [shard for shard in dataset.shards if _is_listed(shard)]
    found = {
        sample.label for shard in listed for sample in shard.samples() if sample.label is not None
    }
    if not found and len(listed) == len(dataset.shards):
        raise no_labels(shard.name for shard in listed)
    return found


def no_labels(names: Iterable[str]) -> UsageError:
    """Say that pictures have no labels, and how to give them."""
    first = next(iter(names), "the dataset")
    return UsageError(
        f"no picture of {first} has a label: give one folder that has a folder for each class, "
        "a file with --truth, or the label's column or key with --label."
    )


def _is_listed(shard: object) -> bool:
    return isinstance(shard.shard if isinstance(shard, LabelledShard) else shard, Listing)
